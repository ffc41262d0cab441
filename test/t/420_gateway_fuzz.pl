# contrib/gateway under requests that no client would send, for a bounded time
# (TRACER_SECONDS): damaged request lines, headers, chunks, lengths, gzip,
# tokens, signatures and links, pipelined, cut off, half closed. It must not
# fall, the sanitizers must find nothing, no memory may be left behind, and a
# well-behaved client beside them must not notice.
use strict;
use warnings;

use Compress::Zlib;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TracerGateway;
use TracerTest;

my $node = new_node('main');
my $db = 'tracing';
my $seconds = $ENV{TRACER_SECONDS} || 12;
my $seed = $ENV{TRACER_SEED} || time() & 0xffff;

gateway_database($node, $db);
my $token = token($node, $db, 'anything');
my $routing_key = token($node, $db, 'pagerduty');
my $secrets = PostgreSQL::Test::Utils::tempdir();
append_to_file("$secrets/$_", "secret\n") foreach qw(github slack pagerduty);
my $g = start_gateway($node, $db, secrets => $secrets, receive_timeout => 2, body_limit => '64kB');
ok(wait_until(sub { (http($g, 'GET', '/readyz'))[0] == 200 }), 'ready');
srand($seed);
note("seed $seed");

sub pick { return $_[ int(rand(@_)) ]; }

my $json = '{"routing_key": "' . $routing_key . '", "event_action": "trigger", "title": "fuzz", "payload": {"summary": "s \" } ] \\\\", "a": [1, {"b": null}]}}';
my @body = ('', '{', '[', '"', $json, '[' x 5000, '{"a":' x 2000, '{"routing_key"', '{"routing_key":', '{"routing_key":"', '{"routing_key":"\\',
	'payload=%7B%22title%22%3A1%7D', 'payload=%', 'payload=%4', 'payload', "\0\0\0", "\xff" x 100, 'x' x 70000,
	Compress::Zlib::memGzip($json), Compress::Zlib::memGzip('x' x 5000000), substr(Compress::Zlib::memGzip($json), 0, 20), "\x1f\x8b\x08" . "\xff" x 40);
my @path = ('/ingest/anything', '/ingest/github', '/ingest/', '/ingest/%00', '/ingest/%ff%fe', '/api/v2/alerts', '/api/v1/lineage', '/v2/enqueue',
	'/v2/change/enqueue', '/v2/alert_events/http/' . $token, '/v3/pagerduty', '/slack/actions', '/healthz', '/readyz', '/metrics', '/',
	"/t/$token/ingest/anything", '/t/', '/t//', '/t/x', "/t/$token", "/t/$token/t/$token/metrics", '/incidents/1', '/incidents/1?until=1&signature=00',
	'/incidents/999999999999999999?until=999999999999999999&signature=' . 'f' x 64, '/incidents/-1?until=&signature', '/../../etc/passwd', '*', 'http://x/metrics', '/' . 'a' x 5000);
my @header = ("Authorization: Bearer $token", 'Authorization: Bearer', 'Authorization: Basic ' . 'QUFB' x 200, 'Authorization: Basic !', 'Authorization: ' . 'a' x 64,
	'Content-Encoding: gzip', 'Content-Encoding: identity', 'Content-Encoding: br', 'Expect: 100-continue', 'Connection: close', 'Connection: upgrade',
	'Transfer-Encoding: chunked', 'Transfer-Encoding: gzip, chunked', 'Content-Length: 0', 'Content-Length: -1', 'Content-Length: 99999999999999999999', 'Content-Length: 7',
	'X-Hub-Signature-256: sha256=' . '0' x 64, 'X-Hub-Signature-256: ,,,=,sha256=', 'X-Slack-Signature: v0=' . 'f' x 64, 'X-Slack-Request-Timestamp: ' . time(),
	'X-Slack-Request-Timestamp: 99999999999999999999', 'X-PagerDuty-Signature: v1=' . 'a' x 63 . ', v1=' . '0' x 64, "X-Odd: \x01\xff\"\\", 'X' x 300 . ': 1', ': empty', 'NoColon', ' folded', 'Cookie: ' . 'c=d; ' x 50);

sub request
{
	my $body = pick(@body);
	my @h = ('Host: x', map { pick(@header) } 1 .. int(rand(5)));

	push @h, "Authorization: Bearer $token" if rand() < 0.5;
	push @h, 'Content-Length: ' . length($body) if rand() < 0.7;
	if (rand() < 0.15)
	{
		push @h, 'Transfer-Encoding: chunked';
		$body = join('', map { my $p = 'x' x int(rand(50)); sprintf("%x\r\n%s\r\n", length($p) + (rand() < 0.1), $p) } 1 .. 5) . (rand() < 0.8 ? "0\r\n\r\n" : '');
	}
	my $r = pick(qw(POST POST POST GET HEAD PUT OPTIONS), 'P' x 100) . ' ' . pick(@path) . ' ' . pick('HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/9.9', '') . "\r\n" . join("\r\n", @h) . "\r\n\r\n" . $body;
	# Damage, now and then.
	if (rand() < 0.3)
	{
		substr($r, int(rand(length $r)), 1) = chr(int(rand(256))) foreach 1 .. 1 + int(rand(4));
	}
	$r = substr($r, 0, int(rand(length $r))) if rand() < 0.15;
	return $r;
}

my ($requests, $neighbours, $fell) = (0, 0, '');
my $end = time() + $seconds;
my %status;
while (time() < $end)
{
	foreach (1 .. 20)
	{
		my $bytes = join('', map { request() } 1 .. pick(1, 1, 1, 3));
		# Nobody waits for an answer to half a request: half the time the other side is told that no more will come.
		my $answer = raw_http($g, $bytes . (rand() < 0.5 ? "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" : ''), half_close => 1, seconds => 0.3);
		$requests++;
		$status{$1}++ while defined $answer && $answer =~ m{^HTTP/1\.[01] (\d+)}mg;
	}
	my ($s) = http($g, 'POST', '/ingest/anything', token => $token, body => qq({"title": "neighbour $requests"}));
	if ($s == 200) { $neighbours++; } else { $fell = "status $s after $requests requests, seed $seed"; last; }
}
note("$requests requests, " . join(', ', map { "$status{$_} of status $_" } sort keys %status));
is($fell, '', "a neighbour is served through $requests odd requests");
is(alert_count($node, $db, q(title LIKE 'neighbour %')), $neighbours, 'and all that it was told is stored');
is(join(' ', grep { /^5/ && $_ != 505 && $_ != 501 } sort keys %status), '', 'nothing that clients sent was an error of ours');
# A length too large makes the next request part of a body; that is the client's word, not ours.
my $ours = "LIKE '%$token%' AND x.words !~ '(Bearer|HTTP/[0-9])'";
is($node->safe_psql($db, "SELECT count(*) FROM (SELECT a::text FROM tracer.alert a UNION ALL SELECT q.headers::text FROM tracer.quarantine q
	UNION ALL SELECT encode(q.body, 'escape') FROM tracer.quarantine q) AS x (words) WHERE x.words $ours"), '0', 'no token is stored');
ok(wait_until(sub { my ($s, $m) = http($g, 'GET', '/metrics'); $m =~ /^tracer_gateway_body_bytes 0$/m && $m =~ /^tracer_gateway_requests_in_flight 1$/m }), 'no request and no memory is left');
is(stop_gateway($g), 0, 'a clean end, and nothing that the sanitizers mind');
done_testing();
