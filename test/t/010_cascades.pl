# Four real cascades on one day in one database: four incidents, with the
# expected origin, symptoms, category and evidence, whatever the order in which
# the alerts arrive, one by one or all at once, among unrelated alerts.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use TracerTest;

my $node = new_node('main');
my $doc = cascades();

is(scalar(keys %$doc), 4, 'four cascades are there');

# What the demo loads.
new_database($node, 'demo');
$node->command_ok(
	[
		'psql', '-X', '-q', '-v', 'data=' . top() . '/test/data/cascades',
		'-f', top() . '/test/lib/load_cascades.sql', $node->connstr('demo')
	],
	'the demo loads');
is($node->safe_psql('demo', 'SELECT tracer.correlate()'), 36, 'one pass takes every alert');
is($node->safe_psql('demo', 'SELECT tracer.correlate()'), 0, 'and the next none');
is($node->safe_psql('demo', 'SELECT count(*) FROM tracer.incidents WHERE asset_count > 1'),
	4, 'the demo has four incidents of more than one asset');
is($node->safe_psql('demo', 'SELECT count(*) FROM tracer.incidents'), 11, 'and seven alone');
is(unplaced($node, 'demo'), 0, 'nothing is lost');

# What must come of each cascade, whatever else is in the database.
sub check_cascade
{
	my ($db, $d, $how) = @_;
	my $e = $d->{expect};
	my $name = "$d->{name}, $how";
	my $list = join(', ', map { quoted($_->{asset}) } @{ $d->{alerts} });

	my $ids = $node->safe_psql($db, "SELECT DISTINCT incident_id FROM tracer.incident_alerts WHERE asset IN ($list)");
	is(scalar(split /\n/, $ids), $e->{incidents}, "$name: number of incidents");
	my ($id) = split /\n/, $ids;

	is( $node->safe_psql(
			$db, "SELECT string_agg(asset, ',') FROM tracer.incident_alerts WHERE incident_id = $id AND role = 'origin'"),
		$e->{origin},
		"$name: origin");
	is( $node->safe_psql($db, "SELECT count(*) FROM tracer.incident_alerts WHERE incident_id = $id AND role = 'symptom'"),
		$e->{symptoms},
		"$name: symptoms");
	is($node->safe_psql($db, "SELECT root_asset FROM tracer.incidents WHERE incident_id = $id"),
		$e->{origin}, "$name: root cause");
	is($node->safe_psql($db, "SELECT category FROM tracer.incidents WHERE incident_id = $id"),
		$e->{category}, "$name: category");
	is( $node->safe_psql(
			$db,
			"SELECT count(*) > 0 FROM tracer.evidence WHERE incident_id = $id AND asset = "
			  . quoted($e->{origin})
			  . ' AND strpos(detail, '
			  . quoted($e->{evidence})
			  . ') > 0'),
		't',
		"$name: evidence");
	is( $node->safe_psql(
			$db,
			"SELECT asset FROM tracer.root_causes WHERE incident_id = $id AND rank = 1"),
		$e->{origin},
		"$name: first candidate");
	is( $node->safe_psql(
			$db,
			"SELECT count(*) FROM tracer.root_causes r WHERE incident_id = $id AND score IS DISTINCT FROM
			 (SELECT sum(weight) FROM tracer.evidence e WHERE e.incident_id = r.incident_id AND e.asset = r.asset)"),
		0,
		"$name: every score is the sum of its evidence");
	return;
}
check_cascade('demo', $doc->{$_}, 'demo') foreach sort keys %$doc;

# The report names the origin and every team that is paged.
foreach my $name (sort keys %$doc)
{
	my $d = $doc->{$name};
	my $report = $node->safe_psql('demo',
		'SELECT tracer.report(incident_id) FROM tracer.incident_alerts WHERE asset = ' . quoted($d->{expect}{origin}));

	like($report, qr/\Q$d->{expect}{origin}\E/, "$name: the report names the origin");
	my @missing = grep { index($report, $_->{asset}) < 0 } @{ $d->{alerts} };
	is(scalar(@missing), 0, "$name: the report names every asset that alerts");
}

# In many orders. Every database starts as a copy of one that has assets,
# lineage and changes.
new_database($node, 'base');
declare_cascades($node, 'base', map { $doc->{$_} } sort keys %$doc);

my @noise = map {
	{
		asset => $_->[0], title => $_->[1], severity => $_->[2], status => $_->[3], source => 'noise',
		fired_at => "2024-01-15 $_->[4]+00"
	}
} (
	[ 'elsewhere.a', 'Slow', 'warning', 'firing', '03:10' ],
	[ 'elsewhere.a', 'Slow', 'warning', 'resolved', '03:40' ],
	[ 'elsewhere.b', 'Broken', 'critical', 'firing', '06:20' ],
	[ 'elsewhere.c', 'Deployed', 'info', 'firing', '08:50' ],
	[ undef, 'Certificate expires', 'error', 'firing', '02:30' ]);
my @alerts = ((map { @{ $doc->{$_}{alerts} } } sort keys %$doc), @noise);
my $reference;

foreach my $seed (0 .. 11)
{
	my $one_by_one = $seed % 2;
	my $how = "order $seed, " . ($one_by_one ? 'one by one' : 'all at once');
	my $db = "order$seed";

	$node->safe_psql('postgres', "CREATE DATABASE $db TEMPLATE base");
	insert_alerts($node, $db, [ $seed ? shuffled($seed, @alerts) : @alerts ],
		$one_by_one ? 'SELECT tracer.correlate();' : undef);
	correlate_all($node, $db);
	is(unplaced($node, $db), 0, "$how: nothing is lost");

	my $partition = partition($node, $db);
	if (defined $reference)
	{
		is($partition, $reference, "$how: the same incidents");
	}
	else
	{
		$reference = $partition;
		check_cascade($db, $doc->{$_}, $how) foreach sort keys %$doc;
	}
	check_cascade($db, $doc->{ (sort keys %$doc)[ $seed % 4 ] }, $how) if $seed;
	$node->safe_psql('postgres', "DROP DATABASE $db");
}

$node->stop;
done_testing();
