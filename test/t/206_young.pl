# A database that is minutes old: the worker's first plans are made while its tables
# are known to be empty, and nobody analyzes them before the first storm. Each of its
# alerts must still cost what it touches, not what there is.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TracerTest;

my $storm = 3_000;
my $node = new_node('main', "shared_preload_libraries = 'tracer'", 'max_worker_processes = 20', 'autovacuum = off');
new_database($node, 'young');
sub sql { my ($query) = @_; return $node->safe_psql('young', $query); }

# Rows read so far of what grows with the number of incidents, by processes that have
# told the statistics so: they do that when they are idle.
sub read_rows
{
	ok(wait_placed($node, "young") && $node->poll_query_until("young", 'SELECT coalesce(tracer.next_notification_at() > now(), true)'), "all is done");
	foreach my $kind ('correlator', 'sender')
	{
		$node->poll_query_until('young', "SELECT count(*) = 0 FROM tracer.workers WHERE database = 'young' AND kind = '$kind' AND pid IS NOT NULL AND state <> 'idle'");
	}
	sleep 3;
	return sql("SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)) FROM pg_stat_user_tables
		WHERE schemaname = 'tracer' AND relname IN ('incident', 'thread', 'notification', 'notify_timer', 'episode', 'alert_key')");
}

sub alert { my ($i) = @_; sql("INSERT INTO tracer.alert (asset, title) VALUES ('asset $i', 'late')"); return wait_placed($node, 'young'); }

# In shadow mode all is decided and written down that would be sent; and a setting
# that changes makes it look whether there is anything to decide, and plan for that.
sql("INSERT INTO tracer.channel (name, kind, settings) VALUES ('hook', 'webhook', '{\"url\": \"https://hooks.example.com/\"}');
	INSERT INTO tracer.team (name, page) VALUES ('team', '{hook}');
	INSERT INTO tracer.asset (name, owner) SELECT 'asset ' || i, 'team' FROM generate_series(1, $storm) i;
	ANALYZE;");
sql("SELECT tracer.set('group_wait', '0'), tracer.set('digest_at', NULL)");
ok($node->poll_query_until('young', 'SELECT NOT EXISTS (SELECT FROM tracer.notify_news)'), 'the settings are known');
alert($_) foreach 1 .. 3;
my $before = read_rows();
sql("INSERT INTO tracer.alert (asset, title) SELECT 'asset ' || i, 'late' FROM generate_series(4, $storm) i");
my $read = (read_rows() - $before) / ($storm - 3);
is(sql('SELECT count(*) FROM tracer.notification'), $storm, 'each incident would have been told');
cmp_ok($read, '<', 100, 'an alert of a storm reads few rows of what is there');

done_testing();
