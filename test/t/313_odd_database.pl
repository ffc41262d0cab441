# Delivery from databases where something is unlike elsewhere: texts that cannot be
# said in UTF-8, somebody's trigger on the outbox that fails for some rows, a server
# that logs each statement with its plan, settings from another age. No message stops
# another, and no secret shows.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TracerHttp;
use TracerTest;

my $url = 'http://127.0.0.1:' . start_server('receiver', 'receiver.py');
my $node = new_node('main', "shared_preload_libraries = 'tracer, auto_explain'", 'max_worker_processes = 20', 'tracer.allow_private_addresses = on');

# A database with two channels and an asset of each, "good" and "bad".
sub database
{
	my ($name, $encoding) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $name TEMPLATE template0 ENCODING $encoding LOCALE 'C'");
	$node->safe_psql($name, "CREATE EXTENSION tracer;
		INSERT INTO tracer.channel (name, kind, settings) SELECT c, 'webhook', jsonb_build_object('url', '$url/' || current_database() || '/' || c || '?full')
		  FROM unnest('{good,bad}'::text[]) c;
		INSERT INTO tracer.team (name, page) SELECT name, ARRAY[name] FROM tracer.channel;
		INSERT INTO tracer.asset (name, owner) SELECT name || i, name FROM tracer.channel, generate_series(1, 9) i;
		SELECT tracer.set('mode', 'live'), tracer.set('group_wait', '0'), tracer.set('digest_at', NULL);");
	return;
}

sub alert { my ($db, $asset, $title) = @_; $node->safe_psql($db, "INSERT INTO tracer.alert (asset, title) VALUES ('$asset', " . ($title // "'late'") . ')'); return; }

# What became of an asset's page: state, attempts, error.
sub sent
{
	my ($db, $asset) = @_;
	my $query = "SELECT concat_ws('|', n.state, n.attempts, n.error) FROM tracer.notifications n JOIN tracer.incidents i USING (incident_id) WHERE i.origin_asset = '$asset'";

	wait_until(sub { $node->safe_psql($db, $query) =~ /^(sent|dead)/ }, "the page for $asset in $db", 20);
	return $node->safe_psql($db, $query);
}

# ---- what is no text in UTF-8 ----------------------------------------------------
foreach my $encoding ('SQL_ASCII', 'WIN1252', 'LATIN1')
{
	my $db = lc $encoding;
	local $ENV{PGCLIENTENCODING} = $encoding;

	database($db, $encoding);
	alert($db, 'bad1', q{E'na\xefve \x81 caf\xc3\xa9'});
	is(sent($db, 'bad1'), 'sent|1', "$encoding: bytes of any kind are sent");
	alert($db, 'good1');
	is(sent($db, 'good1'), 'sent|1', "$encoding: and stop no other message");
}
my %title = map { ($_->{path} =~ m{^/(\w+)/bad})[0] => ($_->{body} =~ /"title": "(.*?)"/)[0] } grep { $_->{path} =~ m{/bad} } server_log('receiver');
is($title{sql_ascii}, "na?ve ? caf\x{e9}", 'SQL_ASCII: what is UTF-8 is sent as it is, and the rest as question marks');
is($title{win1252}, "na\x{ef}ve ? caf\x{c3}\x{a9}", 'WIN1252: translated, but for what has no translation');
is($title{latin1}, "na\x{ef}ve \x{81} caf\x{c3}\x{a9}", 'LATIN1: translated');

# ---- what cannot be recorded -----------------------------------------------------
database('live', 'UTF8');
sub sql { my ($query) = @_; return $node->safe_psql('live', $query); }
sql(q{CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		IF EXISTS (SELECT FROM tracer.notification n WHERE n.notification_id = NEW.notification_id AND n.channel = 'bad') THEN
			RAISE EXCEPTION 'not this one, on %', TG_TABLE_NAME;
		END IF;
		RETURN NEW;
	END$$;
	CREATE TRIGGER refuse BEFORE INSERT ON tracer.delivery_attempt FOR EACH ROW EXECUTE FUNCTION public.refuse()});
sql("INSERT INTO tracer.alert (asset, title) SELECT 'bad' || i, 'late' FROM generate_series(1, 5) i");
is(sent('live', "bad$_"), 'sent|1|the attempt could not be recorded: not this one, on delivery_attempt', "number $_ is known to be sent, and says what is missing") foreach (1 .. 5);
alert('live', 'good1');
is(sent('live', 'good1'), 'sent|1', 'the other channel goes on');
is(sql("SELECT string_agg(n.channel, ' ') FROM tracer.delivery_attempt d JOIN tracer.notification n USING (notification_id)"), 'good', 'what can be recorded is');

sql(q{DROP TRIGGER refuse ON tracer.delivery_attempt;
	CREATE TRIGGER refuse AFTER UPDATE ON tracer.notification FOR EACH ROW WHEN (NEW.state = 'sent') EXECUTE FUNCTION public.refuse()});
alert('live', 'bad6');
is(sent('live', 'bad6'), 'sent|1|the attempt could not be recorded: not this one, on notification', 'a trigger on the outbox that fails does not run for that row');
sql('DROP TRIGGER refuse ON tracer.notification; ALTER TABLE tracer.delivery_attempt RENAME TO hidden');
alert('live', 'bad7');
ok($node->poll_query_until('live', "SELECT failures >= 4 FROM tracer.workers WHERE database = 'live' AND kind = 'sender'"), 'trouble that is not one row\'s');
sql('ALTER TABLE tracer.hidden RENAME TO delivery_attempt');
is(sent('live', 'bad7'), 'sent|1', 'waits until it is over');
is(sql("SELECT response FROM tracer.delivery_attempt ORDER BY recorded_at DESC LIMIT 1"), '{"ok":true}', 'and leaves nothing out');

# ---- what cannot be written to the outbox --------------------------------------------
sql(q{CREATE FUNCTION public.refuse_one() RETURNS trigger LANGUAGE plpgsql AS
	$$BEGIN IF NEW.channel = 'bad' THEN RAISE EXCEPTION 'not to this one'; END IF; RETURN NEW; END$$;
	CREATE TRIGGER refuse BEFORE INSERT ON tracer.notification FOR EACH ROW EXECUTE FUNCTION public.refuse_one();
	INSERT INTO tracer.alert (asset, title) VALUES ('bad9', 'late'), ('good3', 'late')});
is(sent('live', 'good3'), 'sent|1', 'an incident whose message is refused stops no other');
alert('live', 'good4');
is(sent('live', 'good4'), 'sent|1', 'nor one that comes later');
like(sql("SELECT subject || ': ' || problem FROM tracer.doctor() WHERE severity = 'error' AND topic = 'channels'"),
	qr/^incident \d+: what is to be told of it cannot be written to the outbox: not to this one$/, 'the doctor says which and why');
sql("DROP TRIGGER refuse ON tracer.notification; UPDATE tracer.notify_timer SET next_at = now()");
is(sent('live', 'bad9'), 'sent|1', 'it is told when nothing stands in the way any more');
is(sql('SELECT count(*) FROM tracer.notify_timer WHERE problem IS NOT NULL'), 0, 'and the doctor is content');

# ---- settings of the database ------------------------------------------------------
# Slack's answers are read with regular expressions, which have backslashes.
sql(qq{ALTER DATABASE live SET standard_conforming_strings = off;
	INSERT INTO tracer.channel (name, kind, settings) VALUES ('slack', 'slack', '{"channel": "C0123456789", "api_url": "$url/slack"}');
	SELECT tracer.set_secret('slack', 'token', 'xoxb-secret');});
$node->restart;
sql("SET standard_conforming_strings = on; SELECT tracer.test_channel('slack')");
wait_until(sub { sql("SELECT state FROM tracer.notifications WHERE channel = 'slack'") =~ /sent|dead/ }, 'Slack is told', 20);
is(sql("SELECT state FROM tracer.notifications WHERE channel = 'slack'"), 'sent', 'what string literals mean here is nothing to the worker');
sql('ALTER DATABASE live RESET standard_conforming_strings');

# ---- what is logged ---------------------------------------------------------------
sql("SELECT tracer.set_secret('good', 'token', 'hunter2-hunter2'), tracer.set_secret('good', 'signing_key', 'hunter2-hunter2'),
	tracer.set_secret('bad', 'url', '$url/echo/hunter2-path')");
$node->append_conf('postgresql.conf', $_)
  foreach ('log_statement = all', 'log_min_duration_statement = 0', 'auto_explain.log_min_duration = 0', 'auto_explain.log_nested_statements = on',
	'auto_explain.log_analyze = on', 'auto_explain.log_verbose = on');
my $said = -s $node->logfile;
$node->restart;
alert('live', 'good8');
alert('live', 'bad8');
is(sent('live', "${_}8"), 'sent|1', "$_ is sent") foreach ('good', 'bad');
is(sql("SELECT count(*) FROM tracer.channels WHERE state = 'working'"), 3, 'all work');
sql('SELECT count(*) FROM tracer.doctor()');
sql("SELECT tracer.preview('good', min(incident_id)) FROM tracer.incidents");
my $log = slurp_file($node->logfile, $said);
ok($log =~ /fill_secrets\(/, 'the server logs what the functions do');
is(join("\n", grep { /hunter2|aHVudGVyM|h1bnRlcj|odW50ZXIy/ } split(/\n/, $log)), '', 'and no secret with it');

$node->stop;
done_testing();
