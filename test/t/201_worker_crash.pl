# kill -9 of the worker in a loop during a storm of alerts, and of the postmaster:
# the server comes back each time, nothing is lost, and the incidents are those of
# a database that was never killed.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);
use TracerTest;

my $node = new_node(
	'main',
	"shared_preload_libraries = 'tracer'",
	'restart_after_crash = on',
	'fsync = on',
	'max_worker_processes = 20');
my ($assets, $batches, $alerts) = (300, 12, 1500);

# What no worker touches, to compare with.
new_database($node, 'spared');
$node->append_conf('postgresql.conf', "tracer.databases = 'killed'");
$node->reload;
ok(wait_for_worker($node, 'spared', 'none'), 'one database is left to itself');
new_database($node, 'killed');
$node->safe_psql($_, random_lineage_sql($assets, 700, 0.25)) foreach ('killed', 'spared');

# The storm: batches of alerts, each tried until it is in. A batch that came in
# although its connection broke is known by its tag.
sub send_batch
{
	my ($n) = @_;
	my $sql = random_alerts_sql($assets, $alerts, 24 * 12, $n / 100, "batch $n");

	foreach (1 .. 100)
	{
		my ($rc, $there) = try_psql($node, 'killed', "SELECT count(*) FROM tracer.alert WHERE title LIKE '%batch $n'");
		if ($rc == 0)
		{
			return if $there > 0;
			($rc) = try_psql($node, 'killed', "BEGIN; $sql COMMIT");
			next if $rc == 0;
		}
		usleep(100_000);
	}
	die "batch $n does not go in";
}

my ($kills, $at_work) = (0, 0);
foreach my $n (1 .. $batches)
{
	send_batch($n);
	foreach (1 .. 2)
	{
		my ($rc, $row);
		foreach (1 .. 200)
		{
			($rc, $row) = try_psql($node, 'killed',
				"SELECT pid, state FROM tracer.workers WHERE database = 'killed' AND kind = 'correlator' AND pid IS NOT NULL");
			last if $rc == 0 && $row ne '';
			usleep(20_000);
		}
		# each time a little later, so that different steps are hit
		usleep(($n * 7919) % 60 * 1000);
		my ($pid, $state) = split(/\|/, $row);
		if (kill_process($pid // '')) { $kills++; $at_work++ if $state eq 'working'; }
	}
	if ($n % 4 == 0)
	{
		wait_up($node);
		$node->stop('immediate');
		$node->start;
	}
}
cmp_ok($kills, '>=', $batches, "the worker was killed ($kills times)");
cmp_ok($at_work, '>=', 3, "often at work ($at_work times)");

ok(wait_up($node), 'the server is back');
ok(wait_placed($node, 'killed'), 'everything is placed in the end');
is($node->safe_psql('killed', 'SELECT count(*) FROM tracer.alert'), $batches * $alerts, 'every alert is there');
is(unplaced($node, 'killed'), 0, 'each in exactly one incident');

$node->safe_psql('spared', random_alerts_sql($assets, $alerts, 24 * 12, $_ / 100, "batch $_")) foreach (1 .. $batches);
correlate_all($node, 'spared');
is(unplaced($node, 'spared'), 0, 'as in a database that was spared');
ok(partition($node, 'killed') eq partition($node, 'spared'), 'and the incidents are the same');

$node->stop;
done_testing();
