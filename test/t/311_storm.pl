# Ten thousand incidents at once: each is announced once, updates are grouped as
# configured, and the sender's memory does not grow with them.
use strict;
use warnings;

use List::Util qw(min);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TracerHttp;
use TracerTest;

my $n = $ENV{TRACER_INCIDENTS} || 10_000;
my $round = 2_000;
my $url = 'http://127.0.0.1:' . start_server('receiver', 'receiver.py');
my $node = new_node('main', "shared_preload_libraries = 'tracer'", 'max_worker_processes = 20', 'shared_buffers = 256MB', 'fsync = on',
	'tracer.allow_private_addresses = on');
new_database($node, 'live');
sub sql { my ($query) = @_; return $node->safe_psql('live', $query); }

# The messages that each channel got: key, incident, whether it tells of symptoms.
# Read as text, as there are many.
sub messages
{
	my %got = (rounds => [], pages => [], chat => []);
	open(my $log, '<', "$PostgreSQL::Test::Utils::tmp_check/receiver.log") or die $!;
	while (<$log>)
	{
		my ($channel) = m{"path": ?"/(\w+)\?full"} or next;
		my ($key) = /"key": ?"([^"]+)"/;
		my ($incident) = /\\"incident\\": ?(\d+)/;
		push @{ $got{$channel} }, [ $key, $incident, scalar(/tracer\.incident\.symptoms/) ];
	}
	close $log;
	return \%got;
}

# What is its own, without the pages of shared buffers that it has touched.
sub rss
{
	my $pid = sql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'tracer sender'");
	my ($kb) = slurp_file("/proc/$pid/status") =~ /RssAnon:\s+(\d+)/;
	return $kb;
}

sub all_sent
{
	my ($channel, $count) = @_;
	return wait_until(sub { sql("SELECT count(*) FROM tracer.notification WHERE channel = '$channel' AND state = 'sent'") == $count }, "$channel: $count", 150);
}

# Incidents that have nothing to do with each other, and their pages.
sub send_round
{
	my ($k) = @_;
	sql("INSERT INTO tracer.alert (asset, title) SELECT 'round ' || i, 'empty too' FROM generate_series(($k - 1) * $round + 1, $k * $round) i");
	return all_sent('rounds', $k * $round);
}

# Every tenth root has something downstream of it that fails, too.
sql("INSERT INTO tracer.channel (name, kind, settings) SELECT c, 'webhook', jsonb_build_object('url', '$url/' || c || '?full') FROM unnest('{rounds,pages,chat}'::text[]) c;
	INSERT INTO tracer.team (name, page, inform) VALUES ('rounds', '{rounds}', NULL), ('roots', '{pages}', NULL), ('downs', NULL, '{chat}');
	INSERT INTO tracer.asset (name, owner) SELECT 'round ' || i, 'rounds' FROM generate_series(1, 4 * $round) i
	UNION ALL SELECT 'root ' || i, 'roots' FROM generate_series(1, $n) i;
	SELECT count(tracer.link(ARRAY['root ' || i], ARRAY['down ' || i])) FROM generate_series(10, $n, 10) i;
	UPDATE tracer.asset SET owner = 'downs' WHERE name LIKE 'down %';
	SELECT tracer.set('mode', 'live'), tracer.set('group_wait', '0'), tracer.set('digest_at', NULL), tracer.set('suppress_confidence', '0');
	ANALYZE;");
ok(send_round(1), "$round incidents to warm up");
my $warm = rss();

sql("INSERT INTO tracer.alert (asset, title) SELECT 'root ' || i, 'empty' FROM generate_series(1, $n) i
	UNION ALL SELECT 'down ' || i, 'late' FROM generate_series(10, $n, 10) i");
ok(all_sent('pages', $n), "$n incidents are announced");
ok(all_sent('chat', $n / 10), 'and their symptoms');
is(sql("SELECT count(*) FROM tracer.incidents WHERE title = 'empty' AND asset_count = CASE WHEN right(root_asset, 1) = '0' THEN 2 ELSE 1 END"), $n, 'in as many incidents');

my $got = messages();
my (%incident, %key);
foreach (@{ $got->{pages} })
{
	$key{ $_->[0] }++;
	$incident{ $_->[1] }++;
}
is(scalar(keys %incident), $n, 'each was announced');
is(scalar(grep { $_ > 1 } values %incident), 0, 'once');
is(scalar(keys %key), $n, 'under a key of its own');
is(scalar(@{ $got->{chat} }), $n / 10, 'owners of symptoms are told once');

# What a burst takes stays with the process, and how much that is depends on how many
# answers came late. But it has far fewer in its hands at a time than there are, and
# what leaks with every message leaks in every round.
my @kb = (rss());
cmp_ok($kb[0] - $warm, '<', 16_384, 'what the sender has in its hands is bounded');
foreach (2 .. 4)
{
	ok(send_round($_), "another $round");
	push @kb, rss();
}
cmp_ok(min(map { $kb[$_] - $kb[ $_ - 1 ] } 1 .. 3), '<', 256, 'the sender\'s memory is flat') or diag("kB: $warm @kb");

# More symptoms of some, one after the other: one message, when its time has come.
my $some = 200;
sql("SELECT count(tracer.link(ARRAY['root ' || i], ARRAY['more ' || i || '.' || j])) FROM generate_series(1, $some) i, generate_series(1, 3) j");
foreach my $j (1 .. 3)
{
	sql("INSERT INTO tracer.alert (asset, title) SELECT 'more ' || i || '.$j', 'late' FROM generate_series(1, $some) i");
	wait_placed($node, 'live');
}
ok($node->poll_query_until('live', 'SELECT count(*) = 0 FROM tracer.notify_news'), 'all is planned');
is(sql("SELECT count(*) FROM tracer.notification WHERE channel = 'pages'"), $n, 'updates wait for group_interval');
# as if it had passed
sql("UPDATE tracer.thread SET said_at = said_at - interval '10 minutes';
	UPDATE tracer.notify_timer SET next_at = next_at - interval '10 minutes';
	INSERT INTO tracer.alert (title, severity) VALUES ('wakes the worker', 'info')");
ok(all_sent('pages', $n + $some), 'and are sent');
is(scalar(grep { $_->[2] } @{ messages()->{pages} }), $some, 'as one for each incident');
$node->stop;
done_testing();
