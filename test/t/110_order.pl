# Stream equals batch: the same alerts in any order, one by one or in batches,
# with rollbacks in between and with lineage, aliases, changes and settings that
# arrive late or are taken back, and with people who decide in between, end in
# the same incidents as all at once, which are those of test/lib/oracle.sql. After
# every pass nothing is lost, counts are right, and every number handed out still
# leads to a live incident.
#
# TRACER_ORDER_SEEDS is how many scenarios (40), TRACER_SEED the first (1).

use strict;
use warnings;
use List::Util qw(max min shuffle);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = $ENV{TRACER_TOP} || '.';
my $node = PostgreSQL::Test::Cluster->new('order');
$node->init;
$node->append_conf('postgresql.conf', "jit = off\nautovacuum = off\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION tracer');
$node->safe_psql('postgres', slurp_file("$top/test/lib/$_.sql")) for qw(oracle random compare);

sub chance { return rand() < shift }
sub one_of { return $_[ int rand @_ ] }

# The script of one seed: SQL whose output is one line per thing that is wrong.
sub script
{
	my ($seed, %n) = @_;
	my $style = one_of(qw(single batch wild wild));

	# Edited lineage re-places what is younger than max_incident_age, so where
	# anything but alerts and changes is late, that covers the whole scenario.
	my $late = chance(0.5);
	my $sql = '';
	my (@ops, @last);
	if ($late)
	{
		$sql .= "DELETE FROM oracle.kept_setting WHERE name = 'max_incident_age';\nSELECT tracer.set('max_incident_age', '60 days');\n";
	}
	for my $what (qw(setting source alias rule group lineage change))
	{
		for my $i (1 .. $n{$what})
		{
			my $op = "SELECT oracle.bring('$what', $i);\n";
			if (chance(0.4) && ($late || $what eq 'change')) { push @ops, $op }
			else { $sql .= $op }
		}
	}
	if ($late && chance(0.7)) { push @ops, "SELECT oracle.bring('assets', 0);\n" }
	else { $sql .= "SELECT oracle.bring('assets', 0);\n" }
	if ($late)
	{
		# Edges and aliases that are taken back, settings that go to and fro.
		for (1 .. int rand 4)
		{
			my $kind = one_of(qw(data data runs));
			push @ops, "INSERT INTO tracer.lineage (upstream, downstream, kind, source) SELECT u.asset_id, d.asset_id, '$kind', 'extra' FROM (SELECT asset_id FROM tracer.asset ORDER BY random() LIMIT 1) u, (SELECT asset_id FROM tracer.asset ORDER BY random() LIMIT 1) d ON CONFLICT DO NOTHING;\n";
			push @ops, "DELETE FROM tracer.lineage WHERE source = 'extra';\n";
		}
		if (chance(0.3))
		{
			push @ops, "INSERT INTO tracer.asset_alias SELECT 'undeclared1', name FROM tracer.asset ORDER BY random() LIMIT 1 ON CONFLICT DO NOTHING;\n";
			push @ops, "DELETE FROM tracer.asset_alias WHERE alias = 'undeclared1';\n";
			push @last, "DELETE FROM tracer.asset_alias WHERE alias = 'undeclared1';\n";
		}
		if (chance(0.3))
		{
			# A rule for a while, and a name that is ambiguous for a while.
			push @ops, "INSERT INTO tracer.alias_rule (name, pattern, template, position) VALUES ('brief', '[0-9]+\$', '1', 0) ON CONFLICT DO NOTHING;\n";
			push @ops, "DELETE FROM tracer.alias_rule WHERE name = 'brief';\n";
			push @last, "DELETE FROM tracer.alias_rule WHERE name = 'brief';\n";
			push @ops, "INSERT INTO tracer.asset_alias SELECT 'A.7', name FROM tracer.asset ORDER BY random() LIMIT 1 ON CONFLICT DO NOTHING;\n";
			push @last, "DELETE FROM tracer.asset_alias WHERE alias = 'A.7'; INSERT INTO tracer.asset_alias SELECT alias, asset FROM oracle.kept_alias WHERE alias = 'A.7';\n";
		}
		if (chance(0.4))
		{
			my ($name, @values) = @{ one_of([ 'horizon', '1 hour', '1 day' ], [ 'detection_lag', '0', '2 hours' ], [ 'max_hops', '1', '2' ], [ 'quiet_after', '1 hour', '4 days' ]) };
			push @ops, "SELECT tracer.set('$name', '$_');\n" for @values;
			push @last, "SELECT tracer.set('$name', NULL); SELECT tracer.set(name, value) FROM oracle.kept_setting WHERE name = '$name';\n";
		}
		push @last, "DELETE FROM tracer.lineage WHERE source = 'extra';\n";
	}
	push @ops, map { "SELECT oracle.bring('alert', $_);\n" } 1 .. $n{alert};
	@ops = shuffle @ops;
	# Decisions keep their order, and come after the alerts that they speak of.
	my $after = 0;
	for my $i (1 .. $n{decision})
	{
		for my $nr (@{ $n{speaks}[ $i - 1 ] })
		{
			my ($at) = grep { $ops[$_] eq "SELECT oracle.bring('alert', $nr);\n" } 0 .. $#ops;
			$after = max($after, $at + 1);
		}
		$after += int rand(@ops - $after + 1);
		# Each is a pass of its own.
		splice @ops, $after++, 0,
		  "SELECT oracle.bring('decision', $i);\nSELECT 'broken by decision $i: ' || b FROM oracle.broken(false) b;\n";
	}

	my $step = 0;
	my $check = sub {
		my ($whole) = @_;
		$step++;
		return "SELECT 'broken at step $step: ' || b FROM oracle.broken($whole) b;\n";
	};
	my $pass = sub {
		my $limit = $style ne 'single' && chance(0.4) ? 1 + int rand 5 : 'NULL';
		my $out = '';
		$out .= "BEGIN; SELECT tracer.correlate($limit); ROLLBACK;\n" if $style eq 'wild' && chance(0.2);
		if ($style eq 'wild' && chance(0.1))
		{
			$out .= "BEGIN; SAVEPOINT s; SELECT tracer.correlate(); ROLLBACK TO s; SELECT tracer.correlate($limit); COMMIT;\n";
		}
		else { $out .= "SELECT tracer.correlate($limit);\n" }
		return $out . $check->($limit eq 'NULL' ? 'true' : 'false');
	};
	while (@ops)
	{
		my @now = splice @ops, 0, $style eq 'single' ? 1 : 1 + int rand 8;
		if ($style eq 'wild' && chance(0.2))
		{
			# All for nothing, then in earnest.
			$sql .= join '', "BEGIN;\n", @now, chance(0.5) ? "SELECT tracer.correlate();\n" : '', "ROLLBACK;\n";
			$sql .= $pass->() if chance(0.5);
		}
		if ($style ne 'single' && chance(0.3)) { $sql .= join '', "BEGIN;\n", @now, "COMMIT;\n" }
		else { $sql .= join '', @now }
		$sql .= $pass->();
	}
	$sql .= join '', @last;
	$sql .= "SELECT tracer.correlate();\n" . $check->('true');
	$sql .= "SELECT 'in the end: ' || alert || ': ' || difference FROM oracle.differences();\n";
	$sql .= "SELECT coalesce(oracle.line('placed'), '') AS stream \\gset\n";
	$sql .= "SELECT oracle.forget(); SELECT tracer.correlate();\n";
	$sql .= "SELECT 'stream: ' || :'stream' || ', batch: ' || oracle.line('placed') WHERE :'stream' <> coalesce(oracle.line('placed'), '');\n";
	return ("-- $style" . ($late ? ', late' : '') . "\n" . $sql);
}

my $first = $ENV{TRACER_SEED} // 1;
my $count = $ENV{TRACER_ORDER_SEEDS} // 40;
my @kept = (68, 78 .. 81, 153);    # once went wrong
for my $seed (@kept, $first .. $first + $count - 1)
{
	# Every other scenario is made worse.
	my $make = "SELECT oracle.generate($seed); " . ($seed % 2 ? "SELECT oracle.worsen($seed); " : '')
	  . 'SELECT oracle.forget(); TRUNCATE oracle.handed_out; SELECT oracle.set_aside();';
	my $got = $node->safe_psql('postgres', $make);
	$got =~ /\{([\d,]+)\}/ or die "no scenario: $got";
	my %n;
	@n{qw(alert lineage change alias source setting rule group decision)} = split /,/, $1;
	$n{speaks} = [ map { [ split /,/ ] } split /\n/, $node->safe_psql('postgres',
		"SELECT string_agg(a.n::text, ',') FROM oracle.kept_decision d JOIN oracle.kept_alert a ON a.url IN (d.alert, d.other) GROUP BY d.n ORDER BY d.n") ];
	srand($seed);
	my $script = script($seed, %n);
	my ($rc, $out, $err) = $node->psql('postgres', $script, on_error_stop => 1);
	my @bad = grep { /^(broken|in the end|stream)/ } split /\n/, $out;
	my ($style) = $script =~ /^-- (.*)/;
	next if ok($rc == 0 && !@bad, "seed $seed ($style)");

	if (my $dir = $ENV{TRACER_KEEP_SCRIPTS})
	{
		open my $fh, '>', "$dir/order_$seed.sql" or die $!;
		print $fh "$make\n", $script;
	}
	diag(join "\n", grep { $_ } $err, @bad[ 0 .. min($#bad, 30) ]);
	BAIL_OUT("the server crashed at seed $seed") if $rc == 2 || !$node->poll_query_until('postgres', 'SELECT true');
	diag($node->safe_psql('postgres', 'SELECT oracle.describe()'));
}

$node->stop;
done_testing();
