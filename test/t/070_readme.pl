# Every ```sql block of README.md runs, in order, in one database; and so does
# every one of a page in docs.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TracerTest;

chomp(my $share = `pg_config --sharedir`);
my $cron = -f "$share/extension/pg_cron.control";
my $node = new_node(
	'main',
	$cron
	? ("shared_preload_libraries = 'pg_cron'", "cron.database_name = 'readme'", 'cron.use_background_workers = on')
	: ());
$node->safe_psql('postgres', 'CREATE DATABASE readme');

# Runs the snippets of a file in order; returns how many there are.
sub snippets_run
{
	my ($db, $file) = @_;
	my ($line, $n, $in, $start, $body) = (0, 0, 0);

	foreach (split /\n/, slurp_file(top() . "/$file"))
	{
		$line++;
		if (!$in && /^```sql\s*$/) { ($in, $start, $body) = (1, $line + 1, ''); }
		elsif ($in && /^```\s*$/) { $in = 0; $n++; snippet_runs($db, "$file:$start", $body); }
		elsif ($in) { $body .= "$_\n"; }
	}
	return $n;
}

sub snippet_runs
{
	my ($db, $at, $sql) = @_;

  SKIP:
	{
		skip 'pg_cron is not installed', 1 if !$cron && $sql =~ /cron/;
		my ($rc, $out, $err) = $node->psql($db, $sql, on_error_stop => 1);
		ok($rc == 0 && $err !~ /ERROR/, "the snippet at $at runs") or diag("$sql\n$err");
	}
	return;
}

my $text = slurp_file(top() . '/README.md');
cmp_ok(snippets_run('readme', 'README.md'), '>=', 8, 'the README has snippets');

# Each page of the documentation, in a database of its own in which two things
# have failed one after the other again and again.
foreach my $page (map { s/^.*\///r } sort glob(top() . '/docs/*.md'))
{
	new_database($node, 'mydb');
	$node->safe_psql(
		'mydb', q{INSERT INTO tracer.alert (asset, title, status, fired_at)
		SELECT f.asset, 'failed', s.status::tracer.status, timestamptz '2024-03-01' + n * n % 97 * interval '20 hours' + f.after + s.after
		  FROM generate_series(1, 40) AS n,
		       (VALUES ('orders_daily', interval '0'), ('sales_dashboard', '20 minutes')) AS f (asset, after),
		       (VALUES ('firing', interval '0'), ('resolved', '3 hours')) AS s (status, after)});
	$node->safe_psql('mydb', 'SELECT tracer.correlate()');
	snippets_run('mydb', "docs/$page");
	$node->safe_psql('postgres', 'DROP DATABASE mydb');
}

# What it promises comes true.
is( $node->safe_psql('readme', "SELECT string_agg(root_asset, ',') FROM tracer.incidents WHERE incident_id = 1"),
	'stg.orders', 'the incident that it reads is the one with the root cause that it names');
is($node->safe_psql('readme', 'SELECT status FROM tracer.incidents WHERE incident_id = 1'), 'resolved', 'and is resolved in the end');

# The picture on its first screen is what a user sees, line by line.
my ($picture) = $text =~ /^```text\n(OPEN.*?)^```/ms;
new_database($node, 'picture');
$node->command_ok(
	[
		'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-v', 'data=' . top() . '/test/data/cascades',
		'-f', top() . '/test/lib/load_cascades.sql', 'picture'
	],
	'the cascades load');
$node->safe_psql('picture', 'SELECT tracer.correlate()');
my $report = $node->safe_psql('picture', "SELECT tracer.report(incident_id) FROM tracer.incidents WHERE root_asset = 'spark.daily_transactions_agg'");
my %told = map { s/ \(incident \d+\)$//r => 1 } split /\n/, $report;
is_deeply([ grep { $_ ne '' && !$told{ s/ \(incident \d+\)$//r } } split /\n/, $picture // 'no picture' ],
	[], 'the picture is true') or diag($report);

$node->stop;
done_testing();
