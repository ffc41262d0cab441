# The correlator's memory over many alerts: after warming up it stays where it is.
#
# TRACER_ALERTS=n takes n alerts instead of 200,000; a million needs minutes.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TracerTest;

my $alerts = $ENV{TRACER_ALERTS} || 200_000;
my $waves = 20;
my $wave = int($alerts / $waves);
my $node = new_node('main', "shared_preload_libraries = 'tracer'", 'max_worker_processes = 20', 'shared_buffers = 256MB', 'autovacuum = on', 'fsync = off');
new_database($node, 'live');
$node->safe_psql('live', random_lineage_sql(400, 1200, 0.5));
$node->safe_psql('live', "SELECT tracer.set(name, value) FROM (VALUES ('horizon', '1 hour'), ('change_lookback', '1 hour'), ('max_incident_age', '1 day')) AS s (name, value)");

# What is its own, without the pages of shared buffers that it has touched.
sub rss
{
	my $pid = $node->safe_psql('live', "SELECT pid FROM pg_stat_activity WHERE backend_type = 'tracer correlator' AND datname = 'live'");
	my ($kb) = slurp_file("/proc/$pid/status") =~ /RssAnon:\s+(\d+)/;
	return $kb;
}

# A wave is a day of event time: what a pass looks back on is soon as much as it
# will ever be.
my @rss;
foreach my $i (1 .. $waves)
{
	$node->safe_psql('live', qq{
		SELECT setseed($i / 100.0);
		INSERT INTO tracer.alert (asset, title, status, source, fired_at)
		SELECT 'a' || 1 + (random() * 399)::int, 'check failed', CASE WHEN random() < 0.4 THEN 'resolved' ELSE 'firing' END::tracer.status, 'dbt',
		       timestamptz '2024-03-01 00:00:00+00' + interval '$i days' + random() * interval '1 day'
		  FROM generate_series(1, $wave)});
	wait_placed($node, 'live') or BAIL_OUT('alerts are not placed');
	wait_for_worker($node, 'live', 'idle');
	push @rss, rss();
}
note('kB after each wave: ' . join(' ', @rss));
is($node->safe_psql('live', 'SELECT count(*) FROM tracer.placement'), $wave * $waves, 'all alerts are placed');
my ($early, $late) = map { my $m = 0; $m = $_ > $m ? $_ : $m foreach @$_; $m } [ @rss[ 0 .. $waves / 2 - 1 ] ], [ @rss[ $waves / 2 .. $waves - 1 ] ];
cmp_ok($late, '<', $early * 1.1 + 4096, 'the second half needs no more memory than the first');
$node->stop;
done_testing();
