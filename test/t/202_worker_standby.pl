# A standby: nothing of tracer runs on it; once promoted, it goes on where the
# primary was. And alerts that come by logical replication wake the worker.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);
use TracerTest;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 'logical');
$primary->append_conf('postgresql.conf',
	"timezone = 'UTC'\nautovacuum = off\nshared_preload_libraries = 'tracer'\nmax_worker_processes = 20\n");
$primary->start;
new_database($primary, 'tracing');
$primary->safe_psql('tracing', random_lineage_sql(100, 200, 0.3));
$primary->safe_psql('tracing', random_alerts_sql(100, 3000, 100, 0.4, 'before'));
ok(wait_placed($primary, 'tracing'), 'the primary places alerts');

$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;
$primary->wait_for_catchup($standby);
is($standby->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'tracer%'"),
	0, 'on a standby nothing of tracer runs');
is(worker_state($standby, 'tracing'), 'standby', 'and tracer.workers says why');
like($standby->safe_psql('tracing', 'SELECT tracer.metrics()'), qr/^tracer_unplaced_alerts 0$/m, 'metrics can be read there');
is($standby->safe_psql('tracing', "SELECT count(*) FROM tracer.doctor() WHERE topic = 'worker' AND severity = 'error'"),
	0, 'a standby is no trouble to the doctor');

# Alerts that the standby has and that nobody placed before the primary died.
$primary->append_conf('postgresql.conf', "tracer.databases = 'none'");
$primary->reload;
ok(wait_for_worker($primary, 'tracing', 'none'), 'the worker of the primary is off');
$primary->safe_psql('tracing', random_alerts_sql(100, 3000, 100, 0.6, 'last words'));
$primary->wait_for_catchup($standby);
$primary->stop('immediate');
$standby->promote;
ok(wait_placed($standby, 'tracing'), 'promoted, it places what it has received');
is(unplaced($standby, 'tracing'), 0, 'and loses nothing');
is($standby->safe_psql('tracing', 'SELECT count(*) FROM tracer.alert'), 6000, 'of all that was committed');
is($standby->safe_psql('tracing', "SELECT tracer.armed()"), 't', 'it is armed');
is(worker_state($standby, 'tracing') =~ /idle|working/ ? 1 : 0, 1, 'and its worker runs');

# ---- gathered from other servers by logical replication ---------------------------------------

my $gathering = new_node('gathering', "shared_preload_libraries = 'tracer'", 'max_worker_processes = 20');
new_database($gathering, 'tracing');
ok(wait_for_worker($gathering, 'tracing', 'idle'), 'a server that gathers alerts');
$standby->safe_psql('tracing', "CREATE PUBLICATION alerts FOR TABLE tracer.alert");
my $connstr = quoted($standby->connstr('tracing'));
$gathering->safe_psql('tracing', "CREATE SUBSCRIPTION alerts CONNECTION $connstr PUBLICATION alerts");
$gathering->wait_for_subscription_sync($standby, 'alerts', 'tracing');
ok(wait_placed($gathering, 'tracing'), 'what was copied first is placed');
is(unplaced($gathering, 'tracing'), 0, 'all of it');
my $start = time;
foreach my $i (1 .. 8)
{
	$standby->safe_psql('tracing', "INSERT INTO tracer.alert (asset, title) VALUES ('a1', 'replicated $i')");
	$standby->wait_for_catchup('alerts');
	last unless wait_placed($gathering, 'tracing');
}
is($gathering->safe_psql('tracing', "SELECT count(*) FROM tracer.alert WHERE title LIKE 'replicated%'"), 8, 'more arrive');
cmp_ok(time - $start, '<', 45, 'and each wakes the worker, which looks around by itself only every 10 s');

$_->stop foreach ($gathering, $standby);
done_testing();
