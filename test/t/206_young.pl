# A database that is minutes old: the worker's first plans are made while its tables
# are known to be empty, and nobody analyzes them before the first storm. Each of its
# alerts must still cost what it touches, not what there is; however many alerts came
# before the storm, and whether correlator or sender writes down what is to be told.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TracerTest;

my $storm = 3_000;
my $node = new_node('main', "shared_preload_libraries = 'tracer'", 'max_worker_processes = 20', 'autovacuum = off');

# Rows read so far of what grows with the number of incidents, by processes that have
# told the statistics so: they do that when they are idle.
sub read_rows
{
	my ($db) = @_;
	ok(wait_placed($node, $db) && $node->poll_query_until($db, 'SELECT coalesce(tracer.next_notification_at() > now(), true)'), "$db: all is done");
	foreach my $kind ('correlator', 'sender')
	{
		$node->poll_query_until($db, "SELECT count(*) = 0 FROM tracer.workers WHERE database = '$db' AND kind = '$kind' AND pid IS NOT NULL AND state <> 'idle'");
	}
	sleep 3;
	return $node->safe_psql($db, "SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)) FROM pg_stat_user_tables
		WHERE schemaname = 'tracer' AND relname IN ('incident', 'thread', 'notification', 'notify_timer', 'episode', 'alert_key')");
}

sub storm
{
	my ($db, $early) = @_;

	# In shadow mode all is decided and written down that would be sent; and a setting
	# that changes makes it look whether there is anything to decide, and plan for that.
	$node->safe_psql($db, "INSERT INTO tracer.channel (name, kind, settings) VALUES ('hook', 'webhook', '{\"url\": \"https://hooks.example.com/\"}');
		INSERT INTO tracer.team (name, page) VALUES ('team', '{hook}');
		INSERT INTO tracer.asset (name, owner) SELECT 'asset ' || i, 'team' FROM generate_series(1, $storm) i;
		ANALYZE;");
	$node->safe_psql($db, "SELECT tracer.set('group_wait', '0'), tracer.set('digest_at', NULL)");
	ok($node->poll_query_until($db, 'SELECT NOT EXISTS (SELECT FROM tracer.notify_news)'), "$db: the settings are known");
	foreach my $i (1 .. $early)
	{
		$node->safe_psql($db, "INSERT INTO tracer.alert (asset, title) VALUES ('asset $i', 'late')");
		wait_placed($node, $db);
	}
	my $before = read_rows($db);
	$node->safe_psql($db, "INSERT INTO tracer.alert (asset, title) SELECT 'asset ' || i, 'late' FROM generate_series($early + 1, $storm) i");
	my $read = (read_rows($db) - $before) / ($storm - $early);
	is($node->safe_psql($db, 'SELECT count(*) FROM tracer.notification'), $storm, "$db: each incident would have been told");
	cmp_ok($read, '<', 100, "$db: an alert of a storm reads few rows of what is there");
	return;
}

foreach my $early (1, 3, 6)
{
	foreach my $deliver ('on', 'off')
	{
		my $db = "early_${early}_$deliver";
		new_database($node, $db);
		$node->append_conf('postgresql.conf', "tracer.deliver = $deliver");
		$node->reload;
		storm($db, $early);
		$node->safe_psql('postgres', "DROP DATABASE $db WITH (FORCE)");
	}
}

done_testing();
