# From an alert to the request that arrives, with the real processes: what slow,
# broken and throttling endpoints do to it, how a sender ends, and what is left of
# it after kill -9 of the sender and of the postmaster again and again.
#
# TRACER_KILLS=n makes n kills instead of a dozen.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep time);
use TracerHttp;
use TracerTest;

my $kills = $ENV{TRACER_KILLS} || 12;
my $port = start_server('receiver', 'receiver.py');
my $url = "http://127.0.0.1:$port";
my $node = new_node('main', "shared_preload_libraries = 'tracer'", 'restart_after_crash = on', 'fsync = on',
	'max_worker_processes = 20', 'tracer.allow_private_addresses = on', 'log_statement = none', "tracer.heartbeat_url = '$url/beat'");
new_database($node, 'live');

sub sql { my ($query) = @_; return $node->safe_psql('live', $query); }

# What arrived under a path, by key: how often.
sub arrived
{
	my ($path) = @_;
	my %n;
	$n{ $_->{key} }++ foreach grep { $_->{path} eq $path } server_log('receiver');
	return \%n;
}

# channel(name, path, team...): a channel with a team and an asset of the same name.
sub channel
{
	my ($name, $path) = @_;
	sql("INSERT INTO tracer.channel (name, kind, settings) VALUES ('$name', 'webhook', '{\"url\": \"$url$path\", \"timeout_ms\": 3000}');
		INSERT INTO tracer.team (name, page) VALUES ('$name', '{$name}');
		INSERT INTO tracer.asset (name, owner) VALUES ('$name', '$name');");
	return;
}

sub alert { my ($asset, $title) = @_; sql("INSERT INTO tracer.alert (asset, title) VALUES ('$asset', '$title')"); return; }

sub sender_pid { return sql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'tracer sender'"); }

sub states
{
	my ($channel) = @_;
	return sql("SELECT string_agg(state || ' ' || n, ', ' ORDER BY state) FROM
		(SELECT state, count(*) AS n FROM tracer.notifications WHERE channel = '$channel' GROUP BY state) s");
}

# ---- an alert becomes a request ------------------------------------------------
channel('orders', '/ok?full');
sql("SELECT tracer.set('mode', 'live'), tracer.set('group_wait', '0'), tracer.set('digest_at', NULL)");
alert('orders', 'orders is late');
ok(wait_until(sub { states('orders') eq 'sent 1' }, 'the notification is sent'), 'an alert is sent');
my ($request) = grep { $_->{path} eq '/ok?full' } server_log('receiver');
like($request->{body}, qr/orders is late/, 'and says what it is about');
is($request->{key}, sql("SELECT key FROM tracer.notifications"), 'under its key');
is(sql("SELECT outcome, status, error IS NULL, total_ms > 0 FROM tracer.delivery_attempt"), 'sent|200|t|t', 'the attempt is on record');

my @maps = map { slurp_file("/proc/$_/maps") } split /\n/, sql("SELECT pid FROM pg_stat_activity WHERE backend_type NOT IN ('client backend', 'autovacuum worker')");
is(scalar(grep { /libcurl/ } @maps), 1, 'one process has loaded libcurl');
like(slurp_file('/proc/' . sender_pid() . '/maps'), qr/libcurl/, 'the sender');

# ---- endpoints of all sorts ------------------------------------------------------
my %path = (
	flaky => '/flaky/2', throttled => '/retry/2', never => '/never', garbage => '/garbage', refused => '/status/403',
	huge => '/huge/3000000', cut => '/cut', echo => '/echo', drop => '/drop', fine => '/ok');
channel($_, $path{$_}) foreach sort keys %path;
sql("SELECT tracer.set_secret('echo', 'signing_key', 'hunter2-hunter2'), tracer.set_secret('echo', 'token', 'sesame-sesame')");
my $t0 = time;
alert($_, "$_ is late") foreach sort keys %path;
ok(wait_until(sub { states('fine') eq 'sent 1' }, 'fine is sent', 20), 'a good endpoint is reached beside the bad ones');
ok(wait_until(sub { states('flaky') eq 'sent 1' }, 'flaky is sent', 40), 'an endpoint that fails twice is reached');
is(join(' ', values %{ arrived('/flaky/2') }), '3', 'in three attempts under one key');
is(states('refused'), 'dead 1', '403 is not tried again');
is(scalar(keys %{ arrived('/status/403') }), 1, 'it was tried');
is(states('huge'), 'sent 1', 'a huge answer counts by its status');
is(states('cut'), 'sent 1', 'so does one that breaks off');
is(states('echo'), 'sent 1', 'an answer that repeats the request is recorded');
is(sql("SELECT count(*) FROM tracer.delivery_attempt d WHERE to_jsonb(d)::text ~ 'hunter2|sesame'"), 0, 'without its secrets');
ok(wait_until(sub { scalar(grep { $_->{path} eq '/retry/2' } server_log('receiver')) >= 2 }, 'throttled again', 20), 'a throttled request is repeated');
my @at = map { $_->{at} } grep { $_->{path} eq '/retry/2' } server_log('receiver');
cmp_ok($at[1] - $at[0], '>=', 1.9, 'not before Retry-After');
ok(wait_until(sub { sql("SELECT count(*) FROM tracer.delivery_attempt d JOIN tracer.notification n USING (notification_id) WHERE n.channel = 'never'") > 0 }, 'never has timed out', 20), 'an answer that does not come is given up');
like(sql("SELECT d.error FROM tracer.delivery_attempt d JOIN tracer.notification n USING (notification_id) WHERE n.channel = 'never' LIMIT 1"),
	qr/^timed out after 3\d\d\d ms while waiting for the answer/, 'the record says in which phase time ran out');

ok(wait_until(sub { keys %{ arrived('/beat') } }, 'heartbeat', 20), 'the heartbeat is sent');

# ---- what a kind of one's own leaves behind in the sender ----------------------------
sql("CREATE ROLE guest; CREATE SCHEMA guest AUTHORIZATION guest;
	CREATE FUNCTION guest.locks(incident jsonb, event jsonb, channel jsonb) RETURNS jsonb LANGUAGE plpgsql AS
	'BEGIN PERFORM pg_advisory_lock(4711); IF channel ->> ''name'' = ''fails'' THEN RAISE assert_failure; END IF; RETURN channel -> ''settings''; END';
	INSERT INTO tracer.channel_kind (name, function, owner) VALUES ('locks', 'guest.locks', 'guest');
	INSERT INTO tracer.channel VALUES ('locks', 'locks', '{\"url\": \"$url/ok\"}'), ('fails', 'locks', '{}');
	SELECT tracer.test_channel('locks'), tracer.test_channel('fails')");
ok(wait_until(sub { states('locks') eq 'sent 1' && states('fails') eq 'dead 1' }, 'sent and failed', 20), 'a kind of one\'s own is asked for its requests');
is(sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711"), 0, 'and leaves no lock behind');

# ---- a dead endpoint with a backlog delays no other ---------------------------------
sql("INSERT INTO tracer.asset (name, owner) SELECT 'never' || i, 'never' FROM generate_series(1, 800) i;
	INSERT INTO tracer.alert (asset, title) SELECT 'never' || i, 'never' || i || ' is late' FROM generate_series(1, 800) i");
ok(wait_until(sub { sql("SELECT count(*) FROM tracer.notifications WHERE channel = 'never'") > 800 }, 'the backlog is there'), 'a backlog to an endpoint that says nothing');
alert('fine', 'fine is late again, beside a backlog');
sql("INSERT INTO tracer.asset (name, owner) VALUES ('fine2', 'fine')");
alert('fine2', 'fine2 is late');
ok(wait_until(sub { sql("SELECT count(*) FROM tracer.notifications WHERE channel = 'fine' AND state = 'sent'") >= 2 }, 'the other channel', 20), 'another channel is reached');
cmp_ok(sql("SELECT count(*) FROM tracer.notification WHERE channel = 'never' AND attempt = 0"), '>', 0, 'before the backlog was through once');
sql("UPDATE tracer.notification SET state = 'dropped' WHERE channel IN ('never', 'drop', 'garbage', 'throttled') AND state IN ('due', 'sending')");
sql("DELETE FROM tracer.channel WHERE name IN ('never', 'drop', 'garbage', 'throttled')");

# ---- told to end, it waits for answers and records ---------------------------------
channel('slow', '/delay/700/ok');
# the receiver may be busy for seconds with what is left of the backlog
sql("UPDATE tracer.channel SET settings = settings || '{\"timeout_ms\": 20000}' WHERE name = 'slow'");
alert('slow', 'slow is late');
ok(wait_until(sub { keys %{ arrived('/delay/700/ok') } }, 'the request is out'), 'a request is on its way');
my $pid = sender_pid();
sql("SELECT pg_terminate_backend($pid)");
ok(wait_until(sub { states('slow') eq 'sent 1' }, 'slow is sent', 10), 'a sender that is told to end records the answer that it waits for');
ok(wait_until(sub { my $p = sender_pid(); $p ne '' && $p ne $pid }, 'another sender', 30), 'and another one starts');
is(join(' ', values %{ arrived('/delay/700/ok') }), '1', 'nothing is sent twice');

# ---- a sender that has to wait has not waited for an answer -------------------------
channel('patient', '/delay/1500/ok');
alert('patient', 'while somebody holds it up');
ok(wait_until(sub { keys %{ arrived('/delay/1500/ok') } }, 'the request is out'), 'a request is out');
my $holder = client($node, 'live', 'holder', 'BEGIN; SELECT tracer.hold_planner(); SELECT pg_sleep(5); COMMIT;');
ok($node->poll_query_until('live', "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"), 'somebody holds up the planner');
alert('orders', 'orders is late again');
finish_client($holder);
ok(wait_until(sub { states('patient') eq 'sent 1' }, 'the answer is recorded'), 'its answer counts, however late it is read');
is(sql("SELECT attempt FROM tracer.notification WHERE channel = 'patient'"), '1', 'and nothing is sent twice');

# ---- told to leave while it records, it records -------------------------------------
channel('leaving', '/delay/1600/ok');
alert('leaving', 'while somebody copies the database');
ok(wait_until(sub { keys %{ arrived('/delay/1600/ok') } }, 'the request is out'), 'a request is out');
$holder = client($node, 'live', 'holder', 'BEGIN; SELECT tracer.hold_planner(); SELECT pg_sleep(9); COMMIT;');
ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'tracer sender' AND wait_event_type = 'Lock'"), 'it waits to record the answer');
# which asks the sender to leave; whether it is a copy in the end is not the question
$node->psql('postgres', 'CREATE DATABASE other TEMPLATE live');
$node->psql('postgres', 'DROP DATABASE IF EXISTS other WITH (FORCE)');
finish_client($holder);
ok(wait_until(sub { states('leaving') eq 'sent 1' }, 'the answer is recorded', 40), 'the answer is recorded');
is(sql("SELECT attempt FROM tracer.notification WHERE channel = 'leaving'"), '1', 'and nothing is sent twice');

# ---- an answer that cannot be recorded stops no other ---------------------------------
sql("CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS
	'BEGIN IF NEW.response ~ ''poison'' THEN RAISE EXCEPTION ''cannot record this''; END IF; RETURN NEW; END';
	CREATE TRIGGER refuse BEFORE INSERT ON tracer.delivery_attempt FOR EACH ROW EXECUTE FUNCTION public.refuse();
	INSERT INTO tracer.asset (name, owner) SELECT 'fine.' || i, 'fine' FROM generate_series(1, 20) i UNION ALL SELECT 'echo2', 'echo';
	INSERT INTO tracer.alert (asset, title) SELECT 'fine.' || i, 'late beside poison' FROM generate_series(1, 20) i
	UNION ALL SELECT 'echo2', 'poison'");
ok(wait_until(sub { sql("SELECT count(*) FROM tracer.notifications n JOIN tracer.incidents USING (incident_id)
		WHERE title IN ('poison', 'late beside poison') AND n.state = 'sent'") == 21 }, 'all are sent', 30), 'an answer that cannot be recorded is recorded without its words, and the others with theirs');
is(sql("SELECT count(*) FROM tracer.delivery_attempt d JOIN tracer.notification n USING (notification_id) WHERE n.channel = 'echo' AND d.response IS NULL"), 1, 'once');
is(scalar(grep { $_ > 1 } values %{ arrived('/echo') }), 0, 'and nothing is sent twice for it');
sql('DROP TRIGGER refuse ON tracer.delivery_attempt');

# ---- what is not allowed --------------------------------------------------------------
$node->append_conf('postgresql.conf', 'tracer.allow_private_addresses = off');
$node->reload;
usleep(300_000);
sql("INSERT INTO tracer.asset (name, owner) VALUES ('private', 'fine')");
alert('private', 'private is late');
ok(wait_until(sub { sql("SELECT count(*) FROM tracer.delivery_attempt WHERE error LIKE '%is not public%'") > 0 }, 'refused'), 'private addresses are refused from the next request on, kept connections too');
$node->append_conf('postgresql.conf', 'tracer.allow_private_addresses = on');
$node->reload;
ok(wait_until(sub { states('fine') =~ /^sent \d+$/ }, 'fine is sent', 60), 'and what was refused is sent once they are allowed');

# ---- a sender that hangs: news do not wait for it to decide what is to be told -----------
sql("INSERT INTO tracer.asset (name, owner) VALUES ('left', 'fine')");
wait_until(sub { sql("SELECT state FROM tracer.workers WHERE database = current_database() AND kind = 'sender'") eq 'idle' }, 'the sender is idle');
my $hung = sender_pid();
my $left = "SELECT state FROM tracer.notifications WHERE reason LIKE 'left %'";
kill('STOP', $hung) or BAIL_OUT('the sender cannot be stopped');
alert('left', 'left is late');
ok(wait_until(sub { sql($left) eq 'due' }, 'it is decided', 30), 'where the sender hangs, the correlator decides');
kill('CONT', $hung);
ok(wait_until(sub { sql($left) eq 'sent' }, 'it is sent', 60), 'and what it decided is sent');

# ---- kill -9, again and again ------------------------------------------------------------
channel('storm', '/delay/5');
my ($sender_kills, $postmaster_kills, $incidents) = (0, 0, 0);

my $received = "$PostgreSQL::Test::Utils::tmp_check/receiver.log";

# Its children hold on to the shared memory until they notice.
sub kill_postmaster
{
	$node->kill9;
	foreach (1 .. 100)
	{
		last if system_log('pg_ctl', '-D', $node->data_dir, '-l', $node->logfile, '-w', 'start') == 0;
		usleep(200_000);
	}
	$node->_update_pid(1);
	return;
}

foreach my $round (1 .. $kills)
{
	my $from = $incidents + 1;
	my $victim = '';
	$incidents += 300;
	wait_until(sub { ($victim = sender_pid()) ne '' }, 'a sender', 30);
	sql("INSERT INTO tracer.asset (name, owner) SELECT 'storm' || i, 'storm' FROM generate_series($from, $incidents) i");
	my $before = -s $received;
	sql("INSERT INTO tracer.alert (asset, title) SELECT 'storm' || i, 'storm' || i || ' is late' FROM generate_series($from, $incidents) i");
	foreach (1 .. 4000)
	{
		last if -s $received > $before + 5000;
		usleep(1000);
	}
	# Somewhere between claiming, sending and recording.
	usleep(int(rand(40_000)));
	if ($round % 4 == 0)
	{
		kill_postmaster();
		$postmaster_kills++;
	}
	else
	{
		$sender_kills++ if kill_process($victim);
	}
	wait_up($node) or BAIL_OUT('the server does not come back');
}
note("killed the sender $sender_kills times and the postmaster $postmaster_kills times");
cmp_ok($sender_kills + $postmaster_kills, '>=', $kills * 0.7, 'the kills hit');
ok(wait_until(sub { states('storm') eq "sent $incidents" }, 'everything is sent', 120), 'after all the kills everything is sent')
  or diag(states('storm'));
my $arrived = arrived('/delay/5');
is(scalar(keys %$arrived), $incidents, 'each notification arrived, under one key');
my $keys = join(',', sort keys %$arrived);
is($keys, sql("SELECT string_agg(key, ',' ORDER BY key COLLATE \"C\") FROM tracer.notifications WHERE channel = 'storm'"), 'which is its own');
my $twice = grep { $_ > 1 } values %$arrived;
my $lost = sql("SELECT count(DISTINCT d.notification_id) FROM tracer.delivery_attempt d JOIN tracer.notification n USING (notification_id)
	WHERE n.channel = 'storm' AND d.outcome IN ('lost', 'retry')");
note("$twice arrived twice; $lost were in a dead sender's hands");
cmp_ok($lost, '>', 0, 'a sender died with something in its hands');
cmp_ok($twice, '<=', $lost, 'only what a sender had in its hands when it died arrived twice');
ok(slurp_file($node->logfile) !~ /hunter2|sesame/, 'no secret in the server log');

# ---- what the sender cannot do, the doctor says ---------------------------------------------
$node->safe_psql('postgres', "ALTER SYSTEM SET tracer.allowed_hosts = '*bad*'");
$node->safe_psql('postgres', 'SELECT pg_reload_conf()');
ok(wait_until(sub { sql("SELECT count(*) FROM tracer.doctor() WHERE topic = 'worker' AND severity = 'error' AND problem ~ 'tracer.allowed_hosts'") > 0 },
		'the doctor tells of the hosts', 90), 'the doctor tells of a list of hosts that cannot be read');

$node->stop;
done_testing();
