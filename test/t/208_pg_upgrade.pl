# pg_upgrade with tracer preloaded: nothing of tracer runs in the servers that it
# starts, and the new server is the old one, as armed as before: it goes on with what
# waits and tells nobody anew. From a release to itself, as that needs one server
# only; dump, restore and transaction ids are those of any upgrade.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TracerTest;

my @conf = ("shared_preload_libraries = 'tracer'", 'max_worker_processes = 20');
my $old = new_node('old', @conf);
my $told = "SELECT string_agg(format('%s %s %s', incident_id, event, state), ', ' ORDER BY notification_id) FROM tracer.notification";
my $incidents = "SELECT string_agg(format('%s %s', incident_id, title), ', ' ORDER BY incident_id) FROM tracer.incidents";

new_database($old, 'tracing');
$old->safe_psql('tracing', q{
	SELECT tracer.set('group_wait', '0'), tracer.set('fallback_channel', 'hook'), tracer.set('digest_at', NULL);
	INSERT INTO tracer.channel (name, kind, settings) VALUES ('hook', 'webhook', '{"url": "https://hooks.example.com/"}');
	SELECT tracer.link('raw', 'orders');
	INSERT INTO tracer.alert (asset, title) VALUES ('raw', 'raw is late'), ('elsewhere', 'another')});
ok($old->poll_query_until('tracing', "SELECT count(*) = 2 FROM tracer.notification WHERE state = 'shadow'"), 'the old server tells of its incidents');

# what waits when it is stopped
$old->append_conf('postgresql.conf', "tracer.databases = 'none'");
$old->reload;
ok(wait_for_worker($old, 'tracing', 'none'), 'its processes are off');
$old->safe_psql('tracing', "INSERT INTO tracer.alert (asset, title) VALUES ('third', 'waits')");
my $told_before = $old->safe_psql('tracing', $told);
my $incidents_before = $old->safe_psql('tracing', $incidents);
my $highest = $old->safe_psql('tracing', 'SELECT max(alert_id) FROM tracer.alert');
$old->append_conf('postgresql.conf', "tracer.databases = ''");
$old->stop;

# What pg_upgrade starts, seen from within.
command_ok([ 'pg_ctl', '-w', '-D', $old->data_dir, '-o', '-b', '-l', $old->logfile, 'start' ], 'a server for binary upgrade');
is($old->safe_psql('tracing', "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'tracer%'"), 0, 'runs nothing of tracer');
is($old->safe_psql('tracing', 'SELECT state FROM tracer.workers'), 'not preloaded', 'and says so');
command_ok([ 'pg_ctl', '-w', '-D', $old->data_dir, 'stop' ], 'and stops');

my $new = PostgreSQL::Test::Cluster->new('new');
$new->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$new->append_conf('postgresql.conf', join("\n", "timezone = 'UTC'", 'autovacuum = off', @conf, ''));
my $bin = $old->config_data('--bindir');
chdir PostgreSQL::Test::Utils::tempdir() or die $!;
command_ok([ 'pg_upgrade', '-b', $bin, '-B', $bin, '-d', $old->data_dir, '-D', $new->data_dir,
		'-s', $new->host, '-p', $old->port, '-P', $new->port ], 'pg_upgrade');

$new->start;
ok(wait_placed($new, 'tracing'), 'the new server places what waited');
is($new->safe_psql('tracing', 'SELECT tracer.armed()'), 't', 'it is as armed as the old one');
ok($new->poll_query_until('tracing', "SELECT count(*) = 3 FROM tracer.notification"), 'and tells of that');
is($new->safe_psql('tracing', $incidents), "$incidents_before, 3 waits", 'incidents keep their numbers');
is($new->safe_psql('tracing', $told), "$told_before, 3 opened shadow", 'nobody is told anew of the others');
is($new->safe_psql('tracing', "INSERT INTO tracer.alert (asset, title) VALUES ('orders', 'late, too') RETURNING alert_id"), $highest + 1024, 'ids go on where they were');
ok($new->poll_query_until('tracing', "SELECT count(DISTINCT incident_id) = 1 FROM tracer.incident_alerts WHERE asset IN ('raw', 'orders')"), 'incidents of before take what is theirs');

$new->stop;
done_testing();
