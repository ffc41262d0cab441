# contrib/gateway: every path, every way to say who one is, every refusal, the
# page, and clients that were not written for it.
use strict;
use warnings;

use Compress::Zlib;
use Digest::SHA qw(hmac_sha256_hex);
use JSON::PP;
use MIME::Base64;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TracerGateway;
use TracerTest;

my $node = new_node('main');
my $db = 'tracing';

gateway_database($node, $db);
my %token = map { $_ => token($node, $db, $_) } qw(prometheus alertmanager openlineage pagerduty incident_io opsgenie gitlab cloudwatch anything);

my $secrets = PostgreSQL::Test::Utils::tempdir();
append_to_file("$secrets/github", "old secret\nIt's a Secret to Everybody\n");
append_to_file("$secrets/pagerduty", "pd secret\n");
append_to_file("$secrets/slack", "slack secret\n");
append_to_file("$secrets/circleci", "secret\n");
append_to_file("$secrets/sentry", "sentry secret\n");
append_to_file("$secrets/dbt_cloud", "dbt secret\n");
my $g = start_gateway($node, $db, secrets => $secrets, body_limit => '64kB', links_per_minute => 100000);

ok(wait_until(sub { (http($g, 'GET', '/readyz'))[0] == 200 }), 'ready');
is((http($g, 'GET', '/healthz'))[0], 200, 'alive');

my $n = 0;

# What came of a request: its status, and the source and payload's title of the alert, if there is a new one.
sub comes_of
{
	my ($path, %o) = @_;
	my $title = 'event ' . ++$n;
	my $body = $o{body} // '{"title": "%s"}';
	my $before = alert_count($node, $db);
	$body =~ s/%s/$title/;
	my %headers = ('Content-Type' => 'application/json', $o{headers} ? $o{headers}->($body) : ());
	my ($status, $content) = http($g, 'POST', $path, %o, body => $body, headers => \%headers);
	my $source = $node->safe_psql($db, "SELECT string_agg(source, ',') FROM (SELECT source FROM tracer.alert ORDER BY alert_id OFFSET $before) a");

	diag($content) if $o{show};
	return join(' ', $status, $source || 'nothing');
}

# ---- who is it?
is(comes_of('/ingest/prometheus', token => $token{prometheus}), '200 prometheus', 'a bearer token');
is(comes_of("/t/$token{prometheus}/ingest/prometheus"), '200 prometheus', 'a token in the path');
is(comes_of('/ingest/prometheus', headers => sub { (Authorization => 'Basic ' . encode_base64("anybody:$token{prometheus}", '')) }),
	'200 prometheus', 'a token as the password of basic authentication');
is(comes_of('/ingest/gitlab', headers => sub { ('X-Gitlab-Token' => $token{gitlab}) }), '200 gitlab', 'a token as GitLab sends it');
is(comes_of('/ingest/prometheus'), '401 nothing', 'no token');
is(comes_of('/ingest/prometheus', token => 'x' x 32), '401 nothing', 'a token that there is not');
is(comes_of('/ingest/prometheus', token => ''), '401 nothing', 'an empty token');
is(comes_of('/t//ingest/prometheus'), '401 nothing', 'an empty token in the path');
is(comes_of('/ingest/prometheus', token => "$token{prometheus}0"), '401 nothing', 'a token with something behind it');
is(comes_of('/ingest/prometheus', token => $token{gitlab}), '403 nothing', 'the token of another source');
is(comes_of('/ingest/github'), '401 nothing', 'a source that signs, unsigned');
is(comes_of("/ingest/prometheus'--", token => $token{prometheus}), '403 nothing', 'a source that there is not');

# Tokens that come, go and end, without a restart.
my $brief = token($node, $db, 'prometheus', q('brief', expires_at => now() + interval '4 seconds'));
ok(wait_until(sub { comes_of('/ingest/prometheus', token => $brief) eq '200 prometheus' }, 4), 'a new token is known within seconds');
ok(wait_until(sub { comes_of('/ingest/prometheus', token => $brief) eq '401 nothing' }, 20), 'and ends when it should');
my $dropped = token($node, $db, 'prometheus', q('dropped'));
ok(wait_until(sub { comes_of('/ingest/prometheus', token => $dropped) eq '200 prometheus' }, 10), 'another');
$node->safe_psql($db, q(SELECT tracer.drop_gateway_token('dropped')));
ok(wait_until(sub { comes_of('/ingest/prometheus', token => $dropped) eq '401 nothing' }, 20), 'and ends when it is dropped');

# ---- signatures
my $signed = sub { my ($header, $before, $secret) = @_; return sub { ($header => $before . hmac_sha256_hex($_[0], $secret)) } };
is(comes_of('/ingest/github', headers => $signed->('X-Hub-Signature-256', 'sha256=', "It's a Secret to Everybody")), '200 github', 'GitHub signs');
is(comes_of('/ingest/github', headers => $signed->('X-Hub-Signature-256', 'sha256=', 'old secret')), '200 github', 'with either secret');
is(comes_of('/ingest/github', headers => $signed->('X-Hub-Signature-256', 'sha256=', 'no secret')), '401 nothing', 'with another');
is(comes_of('/ingest/github', headers => $signed->('X-Hub-Signature-256', 'sha1=', 'old secret')), '401 nothing', 'in another way');
is(comes_of('/ingest/github', headers => sub { ('X-Hub-Signature-256' => 'sha256=') }), '401 nothing', 'with nothing');
is(comes_of('/ingest/github', headers => sub { ('X-Hub-Signature-256' => 'sha256=' . hmac_sha256_hex("$_[0] ", 'old secret')) }),
	'401 nothing', 'something else than it sends');
# The example of GitHub's own documentation.
is( comes_of('/ingest/github', body => 'Hello, World!',
		headers => sub { ('X-Hub-Signature-256' => 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17') }),
	'200 github', "GitHub's own example");
is(comes_of('/ingest/circleci', headers => sub { ('Circleci-Signature' => 'v1=' . hmac_sha256_hex($_[0], 'secret') . ',v2=abc') }), '200 circleci', 'CircleCI signs');
is(comes_of('/ingest/sentry', headers => $signed->('Sentry-Hook-Signature', '', 'sentry secret')), '200 sentry', 'Sentry signs');
is(comes_of('/ingest/dbt_cloud', headers => $signed->('Authorization', '', 'dbt secret')), '200 dbt_cloud', 'dbt Cloud signs');
is( comes_of('/v3/pagerduty', headers => sub { ('X-PagerDuty-Signature' => 'v1=' . ('0' x 64) . ', v1=' . uc(hmac_sha256_hex($_[0], 'pd secret'))) }),
	'200 pagerduty', 'PagerDuty signs, one of two being right');
is(comes_of('/v3/pagerduty', headers => $signed->('X-PagerDuty-Signature', 'v1=', 'github secret')), '401 nothing', 'with a secret of another tool');

$node->safe_psql($db, q(INSERT INTO tracer.alert (asset, title) VALUES ('clicked', 'wait for a click')));
correlate_all($node, $db);
my $clicked = $node->safe_psql($db, q(SELECT incident_id FROM tracer.incident_alerts WHERE asset = 'clicked'));
my $slack_body = 'ignored=1&payload=' . qq({"type": "block_actions", "user": {"name": "night+shift"}, "actions": [{"action_id": "tracer_acknowledge", "value": "$clicked"}]})
  =~ s/([^A-Za-z0-9 ])/sprintf('%%%02X', ord $1)/ger =~ tr/ /+/r;
sub slack
{
	my ($at, $secret, $signed_at) = @_;
	return comes_of('/slack/actions', body => $slack_body,
		headers => sub {
			(   'Content-Type' => 'application/x-www-form-urlencoded', 'X-Slack-Request-Timestamp' => $at,
				'X-Slack-Signature' => 'v0=' . hmac_sha256_hex('v0:' . ($signed_at // $at) . ":$_[0]", $secret));
		});
}
is(slack(time(), 'other secret'), '401 nothing', 'Slack signs: not with another secret');
is($node->safe_psql($db, "SELECT acknowledged_by IS NULL FROM tracer.incidents WHERE incident_id = $clicked"), 't', 'nothing happens');
is(slack(time(), 'slack secret'), '200 nothing', 'Slack signs, with a time');
is($node->safe_psql($db, "SELECT acknowledged_by FROM tracer.incidents WHERE incident_id = $clicked"), 'night+shift', 'its form is taken apart, and the click has its effect');
is(slack(time() - 3600, 'slack secret'), '401 nothing', 'an hour ago');
is(slack(time() + 3600, 'slack secret'), '401 nothing', 'in an hour');
is(slack(time(), 'slack secret', time() - 3600), '401 nothing', 'at another time than it says');
is(slack('now', 'slack secret'), '401 nothing', 'at no time');

# Secrets are read again on SIGHUP.
append_to_file("$secrets/github", "newest\n");
kill('HUP', $g->{pid});
ok( wait_until(sub { comes_of('/ingest/github', headers => $signed->('X-Hub-Signature-256', 'sha256=', 'newest')) eq '200 github' }),
	'a new secret after SIGHUP');

# ---- paths of others
my ($status, $content, $headers) = http($g, 'POST', '/api/v2/alerts', token => $token{prometheus}, body => '[{"labels": {"alertname": "A"}}, {"labels": {"alertname": "B"}}]');
is("$status$content", '200', 'Prometheus hears what Alertmanager would say');
is(alert_count($node, $db, q(title IN ('A', 'B') AND source = 'prometheus')), '2', 'and both alerts are there');
is(comes_of('/api/v1/lineage', token => $token{openlineage}), '201 openlineage', 'OpenLineage clients');
my $event = sub { my (%o) = @_; return encode_json({ event_action => 'trigger', payload => { summary => 's', source => 'x', severity => 'error' }, title => 'pd', %o }) };
($status, $content) = http($g, 'POST', '/v2/enqueue', body => $event->(routing_key => $token{pagerduty}, dedup_key => "k\"\n1"));
is("$status " . decode_json($content)->{dedup_key}, "202 k\"\n1", "PagerDuty clients, their key in the body");
($status, $content) = http($g, 'POST', '/v2/enqueue', body => $event->(routing_key => $token{pagerduty}));
my $key = decode_json($content)->{dedup_key};
like($key, qr/^[0-9a-f]{32}$/, 'an event without dedup_key gets one');
is(decode_json((http($g, 'POST', '/v2/enqueue', body => $event->(routing_key => $token{pagerduty}, dedup_key => $key, event_action => 'resolve')))[1])->{status}, 'success', 'by which it can be resolved');
is($node->safe_psql($db, "SELECT count(*) FROM tracer.alert WHERE source = 'pagerduty' AND dedup_key = '$key'"), '2', 'because it is the one stored');
is((http($g, 'POST', '/v2/enqueue', body => $event->(routing_key => 'x' x 32)))[0], 401, 'a key that there is not');
is((http($g, 'POST', '/v2/enqueue', body => $event->()))[0], 401, 'no key');
is((http($g, 'POST', '/v2/enqueue', body => 'routing_key'))[0], 401, 'no JSON');
is((http($g, 'POST', '/v2/enqueue', body => $event->(), token => $token{pagerduty}))[0], 202, 'but a header will do');
is((http($g, 'POST', '/ingest/pagerduty', body => $event->(routing_key => "PagerDuty's own"), token => $token{pagerduty}))[0], 200, 'an event that was meant for PagerDuty');
is($node->safe_psql($db, q(SELECT count(*) FROM tracer.alert WHERE payload::text LIKE '%PagerDuty''s own%')), '0', 'is stored without its key');
is((http($g, 'POST', '/v2/change/enqueue', body => $event->(routing_key => $token{pagerduty})))[0], 202, 'PagerDuty change events');
is((http($g, 'POST', '/v2/enqueue', body => qq({"routing_key": "$token{pagerduty}", "event": "of no kind"})))[0], 202, 'what is no event is kept');
is($node->safe_psql($db, q(SELECT convert_from(body, 'UTF8') FROM tracer.quarantine WHERE source = 'pagerduty' AND position('of no kind' IN convert_from(body, 'UTF8')) > 0)), qq({"routing_key": "@{['*' x 32]}", "event": "of no kind"}), 'without the key');
is($node->safe_psql($db, "SELECT (SELECT count(*) FROM tracer.alert a WHERE a::text LIKE '%$token{pagerduty}%') + (SELECT count(*) FROM tracer.quarantine q WHERE convert_from(q.body, 'LATIN1') LIKE '%$token{pagerduty}%')"), '0', 'which is stored nowhere');
($status, $content) = http($g, 'POST', "/v2/alert_events/http/$token{incident_io}", body => '{"title": "i", "deduplication_key": "d1"}');
is("$status " . decode_json($content)->{deduplication_key}, '202 d1', 'incident.io senders, the token in the path');
is(comes_of('/v2/alert_events/http/01ABC', token => $token{incident_io}), '202 incident_io', 'or in a header, as theirs');
is(comes_of("/v2/alert_events/http/01ABC?token=$token{incident_io}"), '202 incident_io', 'or in the query');
is(comes_of("/ingest/incident_io?token=$token{incident_io}"), '401 nothing', 'which other paths do not look at');

# Opsgenie clients: their scheme, and what the path says of the alert.
sub opsgenie
{
	my ($path, $body, %more) = @_;
	my ($status, $content) = http($g, 'POST', $path, body => $body, headers => { 'Content-Type' => 'application/json', Authorization => "GenieKey $token{opsgenie}", %more });
	return $status;
}
is(opsgenie('/v2/alerts', '{"message": "Loader down", "alias": "load/er \"1\"", "entity": "loader"}'), 202, 'Opsgenie clients');
is(opsgenie('/v2/alerts/load%2Fer%20%221%22/acknowledge?identifierType=alias', '{"user": "a"}'), 202, 'what says nothing to tracer');
is(opsgenie('/v2/alerts/load%2Fer%20%221%22/close?identifierType=alias', '{"user": "a"}', 'X-Opsgenie-Alias' => 'another'), 202, 'close by alias');
is($node->safe_psql($db, q(SELECT string_agg(status || ' ' || dedup_key, ', ' ORDER BY alert_id) FROM tracer.alert WHERE source = 'opsgenie')), 'firing load/er "1", resolved load/er "1"', 'one key, whatever a header says');
is(opsgenie($_, '{}'), 404, "nothing at $_") foreach '/v2/alerts/', '/v2/alerts/a', '/v2/alerts/a/', '/v2/alerts//close', '/v2/alertsx';

# ---- what is no request of ours
is((http($g, 'POST', '/'))[0], 404, 'no path');
is((http($g, 'POST', '/ingest/a/b', token => $token{prometheus}))[0], 404, 'too long a path');
is((http($g, 'GET', '/api/v2/alerts'))[0], 405, 'the wrong method');
is((http($g, 'DELETE', '/metrics'))[0], 405, 'another');
($status, $content, $headers) = http($g, 'POST', '/ingest/prometheus', token => $token{prometheus}, body => '[' . ' ' x 65536 . ']');
is($status, 200, "a token's limit counts, not the general one");
my $small = token($node, $db, 'prometheus', q('small', '1kB', 2));
ok(wait_until(sub { comes_of('/ingest/prometheus', token => $small) eq '200 prometheus' }, 10), 'a token with limits');
is(comes_of('/ingest/prometheus', token => $small, body => '"' . 'x' x 2000 . '"'), '413 nothing', 'too large a body');
($status, $content, $headers) = http($g, 'POST', '/ingest/prometheus', token => $small, body => '1');
is("$status $headers->{'retry-after'}", '429 5', 'too many requests, and when to try again');
is(comes_of('/ingest/github', body => '"' . 'x' x 70000 . '"', headers => $signed->('X-Hub-Signature-256', 'sha256=', 'newest')), '413 nothing', 'a signed body above the general limit');

# Chunks tell no length before.
my $chunked = "POST /ingest/anything HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $token{anything}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
like(raw_http($g, $chunked . "5\r\n{\"tit\r\n10\r\nle\": \"in chunks\"\r\n1\r\n}\r\n0\r\n\r\n"), qr{^HTTP/1.1 200 }, 'a body in chunks');
is(alert_count($node, $db, q(title = 'in chunks')), '1', 'is put together');
my $megabyte = 'ffff0' . "\r\n" . ' ' x 0xffff0 . "\r\n";
unlike(raw_http($g, $chunked . $megabyte x 9 . "0\r\n\r\n"), qr{^HTTP/1.1 2}, 'endless chunks end');

# ---- gzip
my $zipped = sub { my $z = Compress::Zlib::memGzip($_[0]); return (body => $z, headers => { 'Content-Encoding' => 'gzip' }) };
my $gz = sub { (http($g, 'POST', '/ingest/anything', token => $token{anything}, @_))[0] };
is($gz->($zipped->('{"title": "compressed"}')), 200, 'a compressed body');
is(alert_count($node, $db, q(title = 'compressed')), '1', 'is decompressed');
is($gz->(body => Compress::Zlib::memGzip('{"title": ') . Compress::Zlib::memGzip('"two members"}'), headers => { 'Content-Encoding' => 'gzip' }), 200, 'of two members');
is(alert_count($node, $db, q(title = 'two members')), '1', 'is put together');
is($gz->($zipped->(' ' x (6 * 1024 * 1024))), 413, 'a bomb');
is($gz->(body => substr(Compress::Zlib::memGzip('{"title": "broken off"}'), 0, -6), headers => { 'Content-Encoding' => 'gzip' }), 400, 'one that breaks off');
is($gz->(body => 'not gzip', headers => { 'Content-Encoding' => 'gzip' }), 400, 'no gzip at all');
is($gz->(body => 'x', headers => { 'Content-Encoding' => 'br' }), 415, 'another compression');
is(alert_count($node, $db, q(title = 'broken off')), '0', 'nothing of them is stored');

# ---- whatever the body, it is kept
is(http_quarantined('{"title": '), 1, 'no JSON');
is(http_quarantined(''), 1, 'nothing');
is(http_quarantined("\xff\xfe\x00"), 1, 'no UTF-8');
sub http_quarantined
{
	my ($s, $c) = http($g, 'POST', '/ingest/prometheus', token => $token{prometheus}, body => $_[0]);
	return $s == 200 ? decode_json($c)->{quarantined} : "status $s";
}
# With its headers, but none that lets somebody in.
like( raw_http($g, "POST /ingest/cloudwatch HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $token{cloudwatch}\r\nCookie: x=y\r\n"
		  . "X-Amz-Sns-Message-Type: a \"b\"\\ \xe9\r\nContent-Length: 14\r\nConnection: close\r\n\r\nno json either"),
	qr{^HTTP/1.1 200 }, 'headers with anything in them');
my $kept = decode_json($node->safe_psql($db, q(SELECT headers FROM tracer.quarantine WHERE body = 'no json either')));
is($kept->{'x-amz-sns-message-type'}, "a \"b\"\\ \x{e9}", 'headers are handed on');
is(join(',', grep { /auth|cookie/ } keys %$kept), '', 'but secrets');

# ---- the page
declare_cascades($node, $db, values %{ cascades() });
insert_alerts($node, $db, [ map { @{ $_->{alerts} } } values %{ cascades() } ]);
$node->safe_psql($db, q(INSERT INTO tracer.alert (asset, title, description) VALUES ('<i>evil</i>', '<script>alert(1)</script> & "quotes"', '</p></li>')));
correlate_all($node, $db);
$node->safe_psql($db, "SELECT tracer.set_gateway('http://127.0.0.1:$g->{port}')");
my ($pages, $bad) = (0, '');
foreach my $row (split /\n/, $node->safe_psql($db, 'SELECT incident_id, tracer.incident_link(incident_id) FROM tracer.incidents'))
{
	my ($id, $link) = split /\|/, $row;
	my ($s, $page, $h) = http($g, 'GET', $link =~ s{^http://[^/]*}{}r);

	$pages++ if $s == 200 && $page =~ /incident $id\b/ && $h->{'content-type'} eq 'text/html; charset=utf-8';
	$bad .= "incident $id: " . unbalanced($page) . "\n" if unbalanced($page);
	$bad .= "incident $id: policy\n" if $h->{'content-security-policy'} !~ /default-src 'none'/ || $h->{'referrer-policy'} ne 'no-referrer';
}
is($pages, $node->safe_psql($db, 'SELECT count(*) FROM tracer.incidents'), 'every incident has a page');
is($bad, '', 'well-formed, of harmless elements only, whatever the words');

# What of a page is not well-formed or should not be there.
sub unbalanced
{
	my ($page) = @_;
	my @open;

	$page =~ s{<style>.*?</style>}{}s;
	while ($page =~ m{<(/?)([a-zA-Z!]+[12]?)([^<>]*)>|([<>])}g)
	{
		my ($end, $name, $rest, $stray) = ($1, $2, $3, $4);

		return "stray $stray" if defined $stray;
		return "element $name" if $name !~ /^(?:!DOCTYPE|html|head|body|meta|title|p|span|small|h[12]|d[ltd]|ul|ol|li|b|a|br|code|pre|details|summary)$/;
		return "attributes$rest" if $rest !~ /^(?: (?:lang|charset|name|content|class|style|href|html)(?:="[^"]*")?)*$/ || $rest =~ /javascript:/;
		next if $name =~ /^(?:!DOCTYPE|meta|br)$/;
		if (!$end) { push @open, $name; }
		elsif (pop(@open) ne $name) { return "</$name>"; }
	}
	return @open ? "@open left open" : '';
}
my $link = $node->safe_psql($db, 'SELECT tracer.incident_link(min(incident_id)) FROM tracer.incidents') =~ s{^http://[^/]*}{}r;
foreach my $wrong ($link =~ s/incidents\/\d+/incidents\/999999/r, $link =~ s/until=\d/until=9/r, $link =~ s/.$/x/r, $link =~ s/&.*//r,
	"$link&x=1" =~ s/signature/sig/r, $link =~ s/\d+\?/%27?/r, '/incidents/1')
{
	is((http($g, 'GET', $wrong))[0], 404, "no page at $wrong");
}
is((http($g, 'HEAD', $link))[0], 200, 'a preview asks for the head only');

# Who tries many links is told to wait; whoever sends alerts is not.
{
	my $few = start_gateway($node, $db, links_per_minute => 3);

	ok(wait_until(sub { (http($few, 'GET', '/readyz'))[0] == 200 }), 'a gateway with a limit for links');
	is(join(' ', map { (http($few, 'GET', $_))[0] } $link, '/incidents/1', $link), '200 404 200', 'as many as it says');
	my ($status, $content, $headers) = http($few, 'GET', $link);
	is($status, 429, 'and no more');
	like($content, qr/^<!DOCTYPE html>.*Try again in a moment/, 'in words for people');
	ok($headers->{'retry-after'}, 'with a time');
	is((http($few, 'GET', '/healthz'))[0], 200, 'other paths go on');
	is((http($few, 'POST', '/ingest/prometheus', token => $token{prometheus}, body => '[]'))[0], 200, 'so do alerts');
	stop_gateway($few);
}

# ---- clients that were not written for it
SKIP:
{
	my $amtool = `which amtool 2>/dev/null` =~ s/\s+$//r;
	skip 'there is no amtool', 2 if !$amtool;

	is(system($amtool, '--alertmanager.url=' . url($g, "/t/$token{prometheus}"), 'alert', 'add', 'alertname=FromAmtool', 'asset=raw.orders'), 0, 'amtool adds an alert');
	is(alert_count($node, $db, q(title = 'FromAmtool' AND asset = 'raw.orders')), '1', 'which is there');
}
SKIP:
{
	my $alertmanager = `which prometheus-alertmanager 2>/dev/null` =~ s/\s+$//r;
	skip 'there is no Alertmanager', 2 if !$alertmanager;
	my $dir = PostgreSQL::Test::Utils::tempdir();
	my $port = PostgreSQL::Test::Cluster::get_free_port();

	append_to_file("$dir/am.yml", "route: {receiver: tracer, group_wait: 0s, group_interval: 1s}\nreceivers:\n- name: tracer\n  webhook_configs:\n  - url: "
		  . url($g, '/ingest/alertmanager') . "\n    send_resolved: true\n    http_config: {authorization: {credentials: $token{alertmanager}}}\n");
	my $am = IPC::Run::start([ $alertmanager, "--config.file=$dir/am.yml", "--storage.path=$dir/am", "--web.listen-address=127.0.0.1:$port", '--cluster.listen-address=' ],
		'<', '/dev/null', '>', "$dir/am.log", '2>', "$dir/am.err");
	my $client = HTTP::Tiny->new(timeout => 5);
	my $runs = wait_until(sub {
			slurp_file("$dir/am.err") =~ /failed to parse templates/
			  || $client->post("http://127.0.0.1:$port/api/v2/alerts", { headers => { 'Content-Type' => 'application/json' }, content => '[{"labels": {"alertname": "FromAlertmanager", "asset": "raw.orders"}}]' })->{success};
		}, 60);
	# Newer ones need a template below /usr/share, where only an installed package has it.
	skip 'this Alertmanager runs only where it is installed', 2 if slurp_file("$dir/am.err") =~ /failed to parse templates/;
	ok($runs, 'Alertmanager runs') or diag(slurp_file("$dir/am.err"));
	ok(wait_until(sub { $node->safe_psql($db, q(SELECT count(*) FROM tracer.alert WHERE source = 'alertmanager' AND (title LIKE '%FromAlertmanager%' OR payload::text LIKE '%FromAlertmanager%'))) > 0 }, 60),
		'and its webhook arrives');
	$am->kill_kill;
}
SKIP:
{
	my $curl = `which curl 2>/dev/null` =~ s/\s+$//r;
	skip 'there is no curl', 2 if !$curl;
	my $dir = PostgreSQL::Test::Utils::tempdir();

	# Expect: 100-continue, and a refusal before the body is sent.
	append_to_file("$dir/large.json", '{"title": "large", "x": "' . 'x' x (4 * 1024 * 1024) . '"}');
	is(`$curl -s -o /dev/null -w '%{http_code}' -H 'Authorization: Bearer $token{prometheus}' --data-binary \@$dir/large.json @{[url($g, '/ingest/prometheus')]}`, '200', 'curl sends 4 MB');
	is(`$curl -s -o /dev/null -w '%{http_code} %{size_upload}' --data-binary \@$dir/large.json @{[url($g, '/ingest/prometheus')]}`, '401 0', 'and hears a refusal before it sends them');
}

# ---- metrics
($status, $content) = http($g, 'GET', '/metrics');
my $alerts = () = $content =~ /^tracer_gateway_rows_total\{kind="alerts"\} (\d+)$/m ? $1 : -1;
like($content, qr/^tracer_gateway_requests_total\{route="ingest",code="401"\} [1-9]/m, 'refusals are counted');
like($content, qr/^tracer_gateway_requests_in_flight 1$/m, 'no request is left but this');
like($content, qr/^tracer_gateway_body_bytes 0$/m, 'and no memory in bodies');
my @wrong = grep { !/^(?:# (?:HELP|TYPE) .*|[a-z_]+(?:\{[a-z]+="[^"]*"(?:,[a-z]+="[^"]*")*\})? [0-9.]+)$/ } split /\n/, $content;
is("@wrong", '', 'every line is one of the text format');

is(stop_gateway($g), 0, 'a clean end, and nothing that the sanitizers mind');
unlike(slurp_file($g->{log}), qr/$_/, 'no token in the log') foreach values %token;
done_testing();
