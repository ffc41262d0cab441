# pg_dump and restore, into the same cluster, into one with a lower transaction
# counter and into one with a higher: what was placed keeps its number, what was
# not yet placed is, and new alerts go on working.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TracerTest;

my $doc = cascades();
my @docs = map { $doc->{$_} } sort keys %$doc;

# The source's counter is well above a new cluster's.
my $source = new_node('source');
$source->safe_psql('postgres', "SELECT pg_current_xact_id();\n" x 3000);

# The higher one is epochs ahead.
my $higher = PostgreSQL::Test::Cluster->new('higher');
$higher->init;
$higher->append_conf('postgresql.conf', "timezone = 'UTC'");
command_ok([ 'pg_resetwal', '-e', '3', '-f', $higher->data_dir ], 'a cluster three epochs ahead');
$higher->start;
my $lower = new_node('lower');

cmp_ok($lower->safe_psql('postgres', 'SELECT pg_current_xact_id()') + 2000,
	'<', $source->safe_psql('postgres', 'SELECT pg_current_xact_id()'), 'one counter is lower');
cmp_ok($higher->safe_psql('postgres', 'SELECT pg_current_xact_id()'),
	'>', 3 * 2**32, 'and one higher');

# Two databases: one to dump in the middle, one that is never dumped.
foreach my $db ('original', 'undisturbed')
{
	new_database($source, $db);
	declare_cascades($source, $db, @docs);
}
my @alerts = shuffled(5, map { @{ $_->{alerts} } } @docs);
my @before = @alerts[ 0 .. 11 ];
my @waiting = @alerts[ 12 .. 16 ];
my @after = @alerts[ 17 .. $#alerts ];

insert_alerts($source, 'original', \@before, 'SELECT tracer.correlate();');
$source->safe_psql('original', "SELECT tracer.set('horizon', '5 hours')");
insert_alerts($source, 'original', \@waiting);
my $numbers_sql = q{
	SELECT string_agg(format('%s: %s', incident_id, asset), ', ' ORDER BY incident_id, asset)
	  FROM (SELECT DISTINCT incident_id, asset FROM tracer.incident_alerts) AS x};
my $numbers = $source->safe_psql('original', $numbers_sql);
my $unplaced = unplaced($source, 'original');
cmp_ok($unplaced, '>', 0, 'some alerts are not placed when the dump is made');

# as on a release that still had it
$source->safe_psql('original', "SET check_function_bodies = off; INSERT INTO tracer.team VALUES ('ops', '{pager}', NULL, 'Mars/Olympus')");

# what must not be in it
$source->safe_psql('original', q{
	INSERT INTO tracer.channel (name, kind, settings) VALUES ('hook', 'webhook', '{"url": "https://hooks.example.com/"}');
	SELECT tracer.set_secret('hook', 'token', 'sesame-sesame'), tracer.set_gateway('https://tracer.example.com')});
my $link_key = $source->safe_psql('original', "SELECT encode(inner_key, 'hex') FROM tracer.gateway_link");

my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump.sql';
$source->command_ok([ 'pg_dump', '-f', $dump, $source->connstr('original') ], 'the dump is made');
unlike(slurp_file($dump), qr/sesame|$link_key/, 'without secrets');

# What must come of it in the end.
$source->safe_psql('undisturbed', "SELECT tracer.set('horizon', '5 hours')");
insert_alerts($source, 'undisturbed', \@alerts);
correlate_all($source, 'undisturbed');
my $reference = partition($source, 'undisturbed');

foreach my $case ([ $source, 'the same cluster' ], [ $lower, 'a lower counter' ], [ $higher, 'a higher counter' ])
{
	my ($node, $name) = @$case;

	$node->safe_psql('postgres', 'CREATE DATABASE restored');
	$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $node->connstr('restored') ],
		"$name: the dump restores");
	is($node->safe_psql('restored', 'SELECT count(*) FROM tracer.alert'),
		scalar(@before) + scalar(@waiting), "$name: every alert is there");
	is($node->safe_psql('restored', q{SELECT page FROM tracer.team WHERE time_zone = 'Mars/Olympus'}), '{pager}',
		"$name: so is a team whose time zone is unknown here");
	is($node->safe_psql('restored', "SELECT tracer.get('horizon')"), '05:00:00', "$name: settings survive");
	is($node->safe_psql('restored', $numbers_sql), $numbers, "$name: incidents keep their numbers and members");
	cmp_ok($node->safe_psql('restored', 'SELECT tracer.correlate()'), '>=', scalar(@waiting), "$name: what was waiting is taken");
	correlate_all($node, 'restored');
	is(unplaced($node, 'restored'), 0, "$name: and placed");

	my $highest = $node->safe_psql('restored', 'SELECT max(alert_id) FROM tracer.alert');
	insert_alerts($node, 'restored', \@after, 'SELECT tracer.correlate();');
	correlate_all($node, 'restored');
	is(unplaced($node, 'restored'), 0, "$name: new alerts are placed");
	is($node->safe_psql('restored', "SELECT count(*) FROM tracer.alert WHERE alert_id > $highest"),
		scalar(@after), "$name: ids go on where they were");
	is(partition($node, 'restored'), $reference, "$name: the same incidents as without a dump");
	is($node->safe_psql('restored', 'SELECT tracer.correlate()'), 0, "$name: and then nothing is left");
}

# A dump of a restored database restores as well.
$higher->command_ok([ 'pg_dump', '-f', $dump, $higher->connstr('restored') ], 'a second dump');
$lower->safe_psql('postgres', 'CREATE DATABASE again');
$lower->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $lower->connstr('again') ],
	'a dump of a restored database restores');
correlate_all($lower, 'again');
is(partition($lower, 'again'), $reference, 'with the same incidents');

$_->stop foreach ($source, $lower, $higher);
done_testing();
