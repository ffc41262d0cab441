# Every ```sql block of README.md runs, in order, in one database.
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

my $text = slurp_file(top() . '/README.md');
my ($line, $n) = (1, 0);
my @blocks;
my ($in, $start, $body) = (0);

foreach (split /\n/, $text)
{
	if (!$in && /^```sql\s*$/) { ($in, $start, $body) = (1, $line + 1, ''); }
	elsif ($in && /^```\s*$/) { $in = 0; push @blocks, [ $start, $body ]; }
	elsif ($in) { $body .= "$_\n"; }
	$line++;
}
cmp_ok(scalar(@blocks), '>=', 8, 'the README has snippets');

foreach my $b (@blocks)
{
	my ($at, $sql) = @$b;

  SKIP:
	{
		skip "no pg_cron here", 1 if !$cron && $sql =~ /cron/;
		my ($rc, $out, $err) = $node->psql('readme', $sql, on_error_stop => 1);
		ok($rc == 0 && $err !~ /ERROR/, "the snippet at line $at runs") or diag("$sql\n$err");
	}
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
