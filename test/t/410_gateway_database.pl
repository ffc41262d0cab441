# contrib/gateway beside a database that fails, and clients that are slow: what
# was answered 2xx is there, what is not there was not answered 2xx, nobody
# waits without end, and one bad body is one bad body.
use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use TracerGateway;
use TracerTest;

my $node = new_node('main', 'fsync = on');
my $db = 'tracing';

gateway_database($node, $db);
my $token = token($node, $db, 'anything');
my $g = start_gateway($node, $db, database_timeout => 3, batch_limit => 32, retry_after => 7);
ok(wait_until(sub { (http($g, 'GET', '/readyz'))[0] == 200 }), 'ready');

# Many clients at once over keep-alive connections, without waiting for each
# other; $body makes the n-th body. Returns the statuses by n.
sub crowd
{
	my ($clients, $requests, $body, $meanwhile) = @_;
	my (%status, %client);
	my $next = 0;
	my $select = IO::Select->new;
	my $send = sub {
		my ($s) = @_;
		my $b;

		if ($next >= $requests || !$s) { $select->remove($s) if $s; return; }
		$b = $body->($next);
		$client{$s} = { n => $next++, in => '' };
		local $SIG{PIPE} = 'IGNORE';
		syswrite($s, "POST /ingest/anything HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $token\r\nContent-Length: " . length($b) . "\r\n\r\n$b");
	};
	my $connect = sub {
		my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $g->{port}, Timeout => 5) or return;
		$select->add($s);
		$send->($s);
	};

	$connect->() foreach 1 .. $clients;
	my $end = time() + 60;
	while ($select->count && time() < $end)
	{
		$meanwhile->(scalar(keys %status)) if $meanwhile;
		foreach my $s ($select->can_read(0.2))
		{
			my $c = $client{$s};

			if (!sysread($s, $c->{in}, 65536, length $c->{in}))
			{
				# Cut off: no answer.
				$status{ $c->{n} } //= 0;
				$select->remove($s);
				$connect->() if $next < $requests;
			}
			elsif ($c->{in} =~ m{^HTTP/1\.1 (\d+) .*?\r\nContent-Length: (\d+)\r\n(?:.*?\r\n)?\r\n(.*)}s && length($3) >= $2)
			{
				$status{ $c->{n} } = $1;
				$send->($s);
			}
		}
	}
	return \%status;
}

# The titles of alerts that are stored, of those whose requests were numbered.
sub stored
{
	my ($prefix) = @_;
	return { map { $_ => 1 } split /\n/, $node->safe_psql($db, "SELECT DISTINCT substr(title, @{[length($prefix) + 1]}) FROM tracer.alert WHERE title LIKE '$prefix%'") };
}

# ---- many share a transaction
my $all = crowd(64, 1000, sub { qq({"title": "crowd $_[0]"}) });
is(scalar(grep { $_ == 200 } values %$all), 1000, '1,000 requests of 64 clients are accepted');
is(scalar(keys %{ stored('crowd ') }), 1000, 'and stored');
my $transactions = $node->safe_psql($db, q(SELECT count(DISTINCT xid) FROM tracer.alert WHERE title LIKE 'crowd %'));
cmp_ok($transactions, '<', 800, "in fewer transactions ($transactions)");

# ---- one bad body is one bad body
# A trigger fails as nothing in a body could: ingest's own promise is broken.
$node->safe_psql($db, q{
	CREATE FUNCTION public.poison() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		IF NEW.title LIKE 'poison%' THEN RAISE EXCEPTION 'poisoned' USING ERRCODE = 'data_exception'; END IF;
		IF NEW.title LIKE 'busy%' THEN RAISE EXCEPTION 'busy' USING ERRCODE = 'serialization_failure'; END IF;
		RETURN NULL;
	END $$;
	CREATE CONSTRAINT TRIGGER poison AFTER INSERT ON tracer.alert DEFERRABLE INITIALLY IMMEDIATE FOR EACH ROW EXECUTE FUNCTION public.poison()});
$all = crowd(64, 500, sub { my ($i) = @_; my $what = $i % 10 == 0 ? 'poison' : $i % 10 == 5 ? 'busy' : 'good'; qq({"title": "$what $i"}) });
my %by;
$by{ $_ % 10 == 0 ? 'poison' : $_ % 10 == 5 ? 'busy' : 'good' }{ $all->{$_} }++ foreach keys %$all;
is_deeply(\%by, { good => { 200 => 400 }, poison => { 500 => 50 }, busy => { 503 => 50 } }, 'each is answered for itself');
is(scalar(keys %{ stored('good ') }), 400, 'good ones are stored, whoever stood beside them');
is(alert_count($node, $db, q(title LIKE 'poison%' OR title LIKE 'busy%')), '0', 'bad ones are not');
# The same, when it comes out at commit only.
$node->safe_psql($db, 'DROP TRIGGER poison ON tracer.alert');
$node->safe_psql($db, 'CREATE CONSTRAINT TRIGGER poison AFTER INSERT ON tracer.alert DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.poison()');
$all = crowd(64, 200, sub { my ($i) = @_; my $what = $i % 10 == 0 ? 'poison' : 'late'; qq({"title": "$what $i"}) });
%by = ();
$by{ $_ % 10 == 0 ? 'poison' : 'late' }{ int($all->{$_} / 100) }++ foreach keys %$all;
is_deeply(\%by, { late => { 2 => 180 }, poison => { 5 => 20 } }, 'nothing is answered 2xx before its commit succeeded');
is(scalar(keys %{ stored('late ') }), 180, 'and what was is stored');
$node->safe_psql($db, 'DROP TRIGGER poison ON tracer.alert');

# ---- the server is killed in the middle
my $killed = 0;
my $restarted = 0;
$all = crowd(32, 3000, sub { qq({"title": "crash $_[0]"}) }, sub {
		my ($done) = @_;
		if (!$killed && $done > 300)
		{
			$killed = 1;
			$node->stop('immediate');
		}
		elsif ($killed && !$restarted && grep { $_ == 503 } (http($g, 'GET', '/readyz'))[0])
		{
			$restarted = 1;
			$node->start;
		}
	});
ok($killed && $restarted, 'the server was stopped without warning, and started again');
my $stored = stored('crash ');
my @said = grep { $all->{$_} == 200 } keys %$all;
is(join(' ', grep { !$stored->{$_} } @said), '', 'what was answered 200 is there (' . scalar(@said) . ')');
cmp_ok(scalar(grep { $_ == 503 } values %$all), '>', 0, 'others were told to try again');
is(scalar(grep { $_ != 200 && $_ != 503 } values %$all), 0, 'and nobody heard anything else');

ok(wait_until(sub { (http($g, 'GET', '/readyz'))[0] == 200 }), 'it found its database again');
my ($status, $content, $headers) = http($g, 'POST', '/ingest/anything', token => $token, body => '{"title": "again"}');
is($status, 200, 'and takes alerts');

# ---- one of its connections is gone, which nobody has noticed yet
ok($node->poll_query_until($db, q(SELECT count(*) = 2 FROM pg_stat_activity WHERE usename = 'gateway')), 'it has two connections again');
my @heard;
foreach my $i (1 .. 6)
{
	$node->safe_psql($db, q(SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity WHERE usename = 'gateway' ORDER BY backend_start LIMIT 1));
	push @heard, map { (http($g, 'POST', '/ingest/anything', token => $token, body => qq({"title": "one left $i $_"})))[0] } 1 .. 3;
	$node->poll_query_until($db, q(SELECT count(*) = 2 FROM pg_stat_activity WHERE usename = 'gateway'));
}
is(join(' ', @heard), join(' ', (200) x 18), 'the other takes what comes');

# ---- away, from the start
$node->stop;
ok(wait_until(sub { (http($g, 'GET', '/readyz'))[0] == 503 }), 'not ready without a database');
is((http($g, 'GET', '/healthz'))[0], 200, 'but alive');
($status, $content, $headers) = http($g, 'POST', '/ingest/anything', token => $token, body => '{"title": "away"}');
is("$status $headers->{'retry-after'}", '503 7', 'come back later, and when');
is((http($g, 'POST', '/ingest/anything', token => 'x' x 32, body => '1'))[0], 401, 'a stranger is a stranger all the same');
my $early = start_gateway($node, $db);
($status) = http($early, 'POST', '/ingest/anything', token => $token, body => '1');
is($status, 503, 'one that never saw its database does not know strangers yet');
$node->start;
ok(wait_until(sub { (http($early, 'GET', '/readyz'))[0] == 200 }), 'until it does');
is(stop_gateway($early), 0, 'and ends cleanly');
ok(wait_until(sub { (http($g, 'GET', '/readyz'))[0] == 200 }), 'back');

# ---- a statement that does not end, a session that is ended
my $lock = client($node, $db, 'lock', 'BEGIN; LOCK TABLE tracer.alert IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(5); COMMIT;');
ok($node->poll_query_until($db, q(SELECT count(*) > 0 FROM pg_locks WHERE relation = 'tracer.alert'::regclass AND mode = 'AccessExclusiveLock' AND granted)), 'the table is locked');
is((http($g, 'POST', '/ingest/anything', token => $token, body => '{"title": "locked out"}'))[0], 503, 'what takes too long is given up');
finish_client($lock);
is(alert_count($node, $db, q(title = 'locked out')), '0', 'and not stored after all');
my $ended = 0;
$all = crowd(16, 600, sub { qq({"title": "session $_[0]"}) }, sub {
		my ($done) = @_;
		$node->safe_psql($db, q(SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'gateway')), $ended++ if $done > 100 * (1 + $ended) && $ended < 4;
	});
cmp_ok($ended, '>', 0, 'sessions are ended by the administrator');
$stored = stored('session ');
is(join(' ', grep { $all->{$_} == 200 && !$stored->{$_} } keys %$all), '', 'what was answered 200 is there');
is(scalar(grep { $_ != 200 && $_ != 503 } values %$all), 0, 'the others were told to try again');

# ---- slow clients
my $brisk = start_gateway($node, $db, receive_timeout => 2, idle_timeout => 2);
ok(wait_until(sub { (http($brisk, 'GET', '/readyz'))[0] == 200 }), 'one with short timeouts');
my %slow = (
	'sends nothing' => [''],
	'sends half a request line' => ['POST /ing'],
	'drips headers' => [ "POST /ingest/anything HTTP/1.1\r\nHost: x\r\n", ("X-A: b\r\n") x 100 ],
	'drips a body' => [ "POST /ingest/anything HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $token\r\nContent-Length: 1000\r\n\r\n", ('x') x 100 ],
	'goes idle' => ["GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"],
	'drips a second request' => [ "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", split //, 'G' . 'E' x 100 ]);
my (%socket, %since, %open);
foreach my $how (keys %slow)
{
	$socket{$how} = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $brisk->{port}, Blocking => 0);
	$since{$how} = time();
	$open{$how} = 1;
}
my $last = time() + 20;
while (%open && time() < $last)
{
	foreach my $how (keys %open)
	{
		local $SIG{PIPE} = 'IGNORE';
		my $part = shift @{ $slow{$how} };
		my $got = sysread($socket{$how}, my $in, 1000);
		if (defined $got && $got == 0 || !defined $got && !$!{EAGAIN}) { $since{$how} = time() - $since{$how}; delete $open{$how}; next; }
		syswrite($socket{$how}, $part) if defined $part;
	}
	sleep(0.2);
}
ok(!$open{$_} && $since{$_} < 12, "a client that $_ is closed") foreach sort keys %slow;

is((http($brisk, 'POST', '/ingest/anything', token => $token, body => '{"title": "brisk"}'))[0], 200, 'and others are served');
like((http($brisk, 'GET', '/metrics'))[1], qr/^tracer_gateway_slow_clients_total [3-9]$/m, 'they are counted');
is(stop_gateway($brisk), 0, 'it ends cleanly');

# ---- it ends without dropping anybody
my $stopping = 0;
my $exit;
$all = crowd(32, 4000, sub { qq({"title": "stop $_[0]"}) }, sub {
		my ($done) = @_;
		kill('TERM', $g->{pid}) if $done > 500 && !$stopping++;
	}) ;
$stored = stored('stop ');
is(join(' ', grep { $all->{$_} == 200 && !$stored->{$_} } keys %$all), '', 'what was answered before the end is there');
my @unanswered = grep { $stored->{$_} && $all->{$_} != 200 } keys %$stored;
is(scalar(@unanswered), 0, 'and what is there was answered');
is(stop_gateway($g), 0, 'it ended cleanly');

done_testing();
