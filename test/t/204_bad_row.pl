# One alert that cannot be placed, whatever the reason, must not keep the others
# waiting: it is set aside, said so, and tried again. What keeps all of them from
# being placed sets none aside.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TracerTest;

my $node = new_node('main', "shared_preload_libraries = 'tracer'", 'max_worker_processes = 20');
new_database($node, 'live');
sub sql { my ($query) = @_; return $node->safe_psql('live', $query); }

# all but the bad ones
sub others_placed
{
	return $node->poll_query_until('live', q{
		SELECT NOT EXISTS (SELECT FROM tracer.alert a WHERE a.title !~ 'bad'
		                      AND NOT EXISTS (SELECT FROM tracer.placement p WHERE p.alert_id = a.alert_id))});
}

# A trigger of the owner's that refuses what a pass writes about some titles.
sql(q{
	CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS
	'BEGIN IF NEW.dedup_key ~ ''bad'' THEN RAISE EXCEPTION ''no place for %'', left(NEW.dedup_key, 20); END IF; RETURN NEW; END';
	CREATE TRIGGER refuse BEFORE INSERT ON tracer.alert_key FOR EACH ROW EXECUTE FUNCTION public.refuse()});
ok(wait_for_worker($node, 'live', 'idle'), 'a worker');
my $many = 3000;
sql("INSERT INTO tracer.alert (asset, title) SELECT 'a' || i, CASE i WHEN 700 THEN 'bad one' WHEN 2900 THEN 'bad two' ELSE 'fine' END FROM generate_series(1, $many) i");
sql("INSERT INTO tracer.alert (asset, title) VALUES ('b', 'after it')");
ok(others_placed(), 'the others are placed');
ok($node->poll_query_until('live', 'SELECT count(*) = 2 FROM tracer.set_aside'), 'both bad ones are set aside');
is(sql('SELECT count(*) FROM tracer.placement'), $many - 1, 'nothing else is');
is(sql("SELECT string_agg(problem, ';' ORDER BY problem) FROM tracer.doctor() WHERE topic = 'correlation'"),
	'it cannot be placed and was set aside: no place for a2900:bad two;it cannot be placed and was set aside: no place for a700:bad one',
	'the doctor says which and why');
like(sql('SELECT tracer.metrics()'), qr/^tracer_alerts_set_aside 2$/m, 'so do the metrics');
sql("INSERT INTO tracer.alert (asset, title) VALUES ('b', 'later')");
ok(wait_for_worker($node, 'live', 'idle'), 'the worker is well again');
ok(others_placed(), 'and places what comes');

sql("UPDATE tracer.set_aside SET tried_at = '-infinity'");
ok($node->poll_query_until('live', 'SELECT bool_and(isfinite(tried_at)) FROM tracer.set_aside'), 'they are tried again when asked for');
is(sql('SELECT count(*) FROM tracer.set_aside'), 2, 'and stay where they are while nothing has changed');
sql("DROP TRIGGER refuse ON tracer.alert_key; UPDATE tracer.set_aside SET tried_at = '-infinity'");
ok(wait_placed($node, 'live'), 'once nothing stands in the way, they are placed');
is(sql('SELECT count(*) FROM tracer.set_aside'), 0, 'nothing is set aside any more');
is(unplaced($node, 'live'), 0, 'each alert is in one incident');

# ---- an alert that cannot even be read ------------------------------------------------
sql(q{
	ALTER FUNCTION tracer.derived_names(text[]) RENAME TO derived_names_of_ours;
	CREATE FUNCTION tracer.derived_names(names text[]) RETURNS TABLE (called text, name text) LANGUAGE plpgsql STABLE AS
	'BEGIN IF ''bad name'' = ANY (names) THEN RAISE EXCEPTION ''cannot read this name''; END IF;
	 RETURN QUERY SELECT x.called, x.name FROM tracer.derived_names_of_ours(names) x; END'});
sql("INSERT INTO tracer.alert (asset, title) SELECT CASE i WHEN 7 THEN 'bad name' ELSE 'c' || i END, CASE i WHEN 7 THEN 'bad' ELSE 'fine' END FROM generate_series(1, 20) i");
ok(others_placed(), 'an alert that cannot be read does not stop the others');
ok($node->poll_query_until('live', 'SELECT count(*) = 1 FROM tracer.set_aside'), 'and is set aside');
sql(q{DROP FUNCTION tracer.derived_names(text[]); ALTER FUNCTION tracer.derived_names_of_ours(text[]) RENAME TO derived_names;
	UPDATE tracer.set_aside SET tried_at = '-infinity'});
ok(wait_placed($node, 'live'), 'until it can be read');

# ---- trouble that is not an alert's ------------------------------------------------------
my $correlator = "kind = 'correlator' AND database = (SELECT oid FROM pg_database WHERE datname = 'live')";
my $failures = sql("SELECT failures FROM tracer.worker_status() WHERE $correlator");
sql('ALTER TABLE tracer.placement RENAME TO hidden');
sql("INSERT INTO tracer.alert (title) SELECT 'innocent ' || chr(96 + i) FROM generate_series(1, 20) i");
ok($node->poll_query_until('live',
		"SELECT failures >= $failures + 5 FROM tracer.worker_status() WHERE $correlator"),
	'passes fail for another reason, down to one alert');
is(sql('SELECT count(*) FROM tracer.set_aside'), 0, 'no alert is set aside for it');
sql('ALTER TABLE tracer.hidden RENAME TO placement');
ok(wait_placed($node, 'live'), 'and all are placed when it is over');
# one alert alone: nothing proves that it is to blame, and it stops nobody
sql(q{CREATE TRIGGER refuse BEFORE INSERT ON tracer.alert_key FOR EACH ROW EXECUTE FUNCTION public.refuse();
	INSERT INTO tracer.alert (title) VALUES ('bad, alone')});
ok($node->poll_query_until('live', "SELECT state = 'backing off' FROM tracer.workers WHERE kind = 'correlator' AND database = 'live'"), 'a bad alert alone');
sql('DROP TRIGGER refuse ON tracer.alert_key');
ok(wait_placed($node, 'live'), 'is tried until it works');
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|terminated by signal/, 'nothing crashed');
$node->stop;
done_testing();
