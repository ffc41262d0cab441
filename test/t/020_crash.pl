# kill -9 of a backend in the middle of correlating: the server restarts, nothing
# is lost, and the incidents are those of a database that was never killed.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);
use TracerTest;

my $node = new_node('main', 'restart_after_crash = on', 'fsync = on', 'max_prepared_transactions = 5');
my ($assets, $alerts) = (400, 24000);

foreach my $db ('killed', 'spared', 'once')
{
	new_database($node, $db);
	$node->safe_psql($db, random_lineage_sql($assets, 900, 0.25));
	$node->safe_psql($db, random_alerts_sql($assets, $alerts, 24 * 20, 0.5));
}
$node->safe_psql('postgres', 'CHECKPOINT');

# A client that correlates in batches until it is done or cut off.
my $script = join("\n", ('SELECT tracer.correlate(1500);') x 40);
my $kills = 0;
my $mid = 0;

foreach my $round (1 .. 6)
{
	my $client = client($node, 'killed', 'victim', $script, 'victim');

	my $pid = '';
	foreach (1 .. 1000)
	{
		$pid = $node->safe_psql('postgres',
			"SELECT pid FROM pg_stat_activity WHERE application_name = 'victim' AND state = 'active' AND query LIKE '%correlate%'");
		last if $pid ne '';
		usleep(2000);
	}
	# Each round dies a little later, so that different phases are hit.
	usleep(15_000 * $round * $round);
	$kills++ if kill_process($pid);
	finish_client($client);
	$mid++ if $client->{err} =~ /server closed the connection|terminating connection|connection to server was lost/;

	ok(wait_up($node), "round $round: the server is back");
	is($node->safe_psql('killed', 'SELECT count(*) FROM tracer.alert'), $alerts, "round $round: every alert is there");
}
cmp_ok($kills, '>=', 3, 'backends were killed');
cmp_ok($mid, '>=', 3, 'in the middle of correlating');

# The same batches without a kill, and everything in one pass.
while ($node->safe_psql('spared', 'SELECT tracer.correlate(1500)') > 0) { }
correlate_all($node, $_) foreach ('killed', 'once');
foreach my $db ('killed', 'spared', 'once')
{
	is(unplaced($node, $db), 0, "$db: nothing is lost, nothing counted twice");
}
my $killed = partition($node, 'killed');
ok($killed eq partition($node, 'spared'), 'the same incidents as in a database that was never killed');
ok($killed eq partition($node, 'once'), 'and as in one that placed everything in one pass');
cmp_ok(length($killed), '>', 10000, 'and they are many');

$node->stop;
done_testing();
