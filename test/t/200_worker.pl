# The background worker: alerts become incidents by themselves, in every database
# that has the extension, and the worker is in nobody's way.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);
use TracerTest;

my $node = new_node(
	'main',
	"shared_preload_libraries = 'tracer'",
	'max_worker_processes = 20',
	'max_prepared_transactions = 5',
	'tracer.max_workers = 4');
my $doc = cascades()->{transaction_processing};

# One that looks into a database leaves again.
sub only_workers
{
	my ($list) = @_;
	return $node->poll_query_until('postgres',
		"SELECT string_agg(datname, ' ' ORDER BY datname) IS NOT DISTINCT FROM nullif('$list', '') FROM pg_stat_activity WHERE backend_type = 'tracer correlator'");
}

sub alert
{
	my ($db, $title) = @_;
	$node->safe_psql($db, "INSERT INTO tracer.alert (asset, title) VALUES ('a', " . quoted($title) . ')');
}

# ---- from nothing to incidents -------------------------------------------------------

ok(only_workers(''), 'no database has the extension, and no worker is left in one');
new_database($node, 'one');
ok(wait_for_worker($node, 'one', 'idle'), 'CREATE EXTENSION brings a worker');
declare_cascades($node, 'one', $doc);
insert_alerts($node, 'one', $doc->{alerts});
ok(wait_placed($node, 'one'), 'alerts are placed by themselves');
is($node->safe_psql('one', 'SELECT root_asset FROM tracer.incidents'), $doc->{expect}{origin}, 'with their root cause');

# It is the commit that wakes it: looking around now and then would take 10 s each.
my $start = time;
foreach (1 .. 15)
{
	alert('one', "check $_");
	last unless wait_placed($node, 'one');
}
cmp_ok(time - $start, '<', 75, 'each commit wakes it');
$start = time;
foreach (1 .. 8)
{
	$node->safe_psql('one', "BEGIN; INSERT INTO tracer.alert (title) VALUES ('prepared $_'); PREPARE TRANSACTION 'p$_'");
	$node->safe_psql('one', "COMMIT PREPARED 'p$_'");
	last unless wait_placed($node, 'one');
}
cmp_ok(time - $start, '<', 40, 'so does COMMIT PREPARED');

my $passes_sql = "SELECT passes FROM tracer.workers WHERE database = 'one' AND kind = 'correlator'";
wait_for_worker($node, 'one', 'idle');
$node->safe_psql('one', "BEGIN; INSERT INTO tracer.alert (title) SELECT 'undone' FROM generate_series(1, 100); ROLLBACK");
my $before = $node->safe_psql('one', $passes_sql);
$node->safe_psql('one', join(';', 'BEGIN', map({ "INSERT INTO tracer.alert (title) VALUES ('one of many')" } 1 .. 300), 'COMMIT'));
ok(wait_placed($node, 'one'), 'a transaction of many statements is placed');
cmp_ok($node->safe_psql('one', $passes_sql) - $before, '<', 30, 'and woke the worker once, not once a statement');
is($node->safe_psql('one', 'SELECT alerts_taken = (SELECT count(*) FROM tracer.alert) FROM tracer.workers WHERE database = current_database() AND kind = \'correlator\''),
	't', 'tracer.workers counts what it took');
like($node->safe_psql('one', 'SELECT tracer.metrics()'), qr/^tracer_worker_up\{kind="correlator"\} 1$/m, 'tracer.metrics() says that it is up');
is($node->safe_psql('one', "SELECT count(*) FROM tracer.doctor() WHERE topic = 'worker'"), 0, 'the doctor has nothing to say about it');

# ---- configuration of databases and roles does not reach it ------------------------------

$node->safe_psql('postgres', "ALTER DATABASE one SET default_transaction_isolation = 'serializable'");
$node->safe_psql('postgres', "ALTER DATABASE one SET default_transaction_read_only = on");
$node->safe_psql('postgres', "ALTER DATABASE one SET lock_timeout = '1ms'");
$node->safe_psql('postgres', "ALTER DATABASE one SET search_path = 'nowhere'");
$node->safe_psql('postgres',
	"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'tracer correlator'");
$node->safe_psql('one',
	"SET default_transaction_read_only = off; BEGIN; INSERT INTO tracer.alert (title) VALUES ('odd settings'); COMMIT");
ok(wait_placed($node, 'one'), 'a worker that was terminated comes back, and works under odd settings of its database');
$node->safe_psql('postgres', 'ALTER DATABASE one RESET ALL');

$node->safe_psql('one', q{
	CREATE ROLE writer LOGIN;
	SELECT tracer.grant_access('writer', 'writer');
	SET ROLE writer;
	INSERT INTO tracer.alert (title) VALUES ('by a role that goes');
	RESET ROLE;
	SELECT tracer.revoke_access('writer');
	DROP ROLE writer;});
ok(wait_placed($node, 'one'), 'alerts of a role that was dropped are placed');

# ---- CREATE and DROP EXTENSION --------------------------------------------------------------

$node->safe_psql('one', 'BEGIN; DROP EXTENSION tracer; ROLLBACK');
ok(wait_for_worker($node, 'one', 'idle'), 'DROP EXTENSION rolled back: the worker is back');
alert('one', 'after the rollback');
ok(wait_placed($node, 'one'), 'and works');
$node->safe_psql('one', 'DROP EXTENSION tracer');
ok($node->poll_query_until('postgres', "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = 'one' AND backend_type LIKE 'tracer%')"),
	'DROP EXTENSION: the worker goes');
$node->safe_psql('one', 'CREATE EXTENSION tracer');
ok(wait_for_worker($node, 'one', 'idle'), 'CREATE EXTENSION: it comes back');
alert('one', 'in the new installation');
ok(wait_placed($node, 'one'), 'and works');
$node->safe_psql('postgres', 'CREATE DATABASE without');
ok(only_workers('one'), 'a database without the extension gets no worker');

# ---- DROP, RENAME, TEMPLATE, under load ------------------------------------------------------

foreach my $round (1 .. 3)
{
	my $storm = client($node, 'one', 'storm', random_alerts_sql(60, 20000, 48, 0.1 * $round, "round $round"));

	usleep(300_000);
	$node->safe_psql('postgres', "CREATE DATABASE other_$round");
	finish_client($storm);
	$node->command_ok([ 'psql', '-X', '-q', '-d', $node->connstr('postgres'), '-c', "CREATE DATABASE copy_$round TEMPLATE one" ],
		"round $round: a database with a working worker is copied");
	$node->command_ok([ 'psql', '-X', '-q', '-d', $node->connstr('postgres'), '-c', 'ALTER DATABASE one RENAME TO renamed' ],
		"round $round: and renamed");
	$node->command_ok([ 'psql', '-X', '-q', '-d', $node->connstr('postgres'), '-c', 'ALTER DATABASE renamed RENAME TO one' ],
		"round $round: and renamed back");
	$node->command_ok([ 'psql', '-X', '-q', '-d', $node->connstr('postgres'), '-c', "DROP DATABASE copy_$round" ],
		"round $round: the copy is dropped") if $round > 1;
}
ok(wait_placed($node, 'one'), 'after all that everything is placed');
is(unplaced($node, 'one'), 0, 'in exactly one incident');

ok(wait_for_worker($node, 'copy_1', 'disarmed'), 'the worker leaves the copy alone');
is($node->safe_psql('copy_1', 'SELECT tracer.armed()'), 'f', 'which is disarmed');
is($node->safe_psql('copy_1', "SELECT remedy FROM tracer.doctor() WHERE topic = 'worker'"),
	'SELECT tracer.arm(), if it is to page people.', 'and the doctor says so');
alert('copy_1', 'in the copy');
usleep(1_000_000);
cmp_ok($node->safe_psql('copy_1', 'SELECT n FROM tracer.unplaced_alerts()'), '>', 0, 'alerts wait there');
$node->safe_psql('copy_1', 'SELECT tracer.arm()');
ok(wait_placed($node, 'copy_1'), 'tracer.arm() lets it work');

alert('copy_1', $_) foreach (1 .. 5);
$node->command_ok([ 'psql', '-X', '-q', '-d', $node->connstr('postgres'), '-c', 'DROP DATABASE copy_1' ],
	'a database is dropped while its worker is at work');
my ($rc, $out, $err) = $node->psql('one', 'DROP DATABASE one');
isnt($rc, 0, 'what fails anyway fails');
ok(wait_for_worker($node, 'one', 'idle'), 'and the worker is back');
$node->safe_psql('postgres', 'CREATE ROLE nobody_special LOGIN');
my $pid = $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = 'tracer correlator' AND datname = 'one'");
($rc, $out, $err) = $node->psql('postgres', 'SET ROLE nobody_special; DROP DATABASE one');
like($err, qr/must be owner/, 'who may not drop a database cannot');
is($node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = 'tracer correlator' AND datname = 'one'"),
	$pid, 'and does not disturb its worker either');

# What drops the extension by way of its schema or its owner, and what locks all of
# it, has the database to itself, too.
$node->safe_psql('one', 'CREATE ROLE somebody');
foreach my $command ('DROP EXTENSION tracer', 'DROP SCHEMA tracer CASCADE', 'DROP OWNED BY somebody', 'REASSIGN OWNED BY somebody TO somebody')
{
	is($node->safe_psql('one', "BEGIN; $command;
		SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'tracer %' AND datname = current_database(); ROLLBACK"),
		0, "$command meets none of tracer's processes");
}
ok(wait_for_worker($node, 'one', 'idle'), 'they come back when it is rolled back');

# ---- which databases ---------------------------------------------------------------------------

new_database($node, 'two');
ok(wait_for_worker($node, 'two', 'idle'), 'a second database has a worker of its own');
$node->append_conf('postgresql.conf', "tracer.databases = 'two'");
$node->reload;
ok(wait_for_worker($node, 'one', 'none'), 'tracer.databases takes it from the first');
alert('two', 'still served');
ok(wait_placed($node, 'two'), 'and leaves it in the second');
is($node->safe_psql('one', "SELECT problem FROM tracer.doctor() WHERE topic = 'worker'"), 'this database has no worker', 'the doctor sees it');
alert('one', 'waits');
$node->append_conf('postgresql.conf', "tracer.databases = ''");
$node->reload;
ok(wait_placed($node, 'one'), 'what came meanwhile is placed when it is back');

# ---- trouble ------------------------------------------------------------------------------------

$node->safe_psql('one', 'ALTER TABLE tracer.placement RENAME TO hidden');
alert('one', 'cannot be placed');
ok( $node->poll_query_until('one',
		"SELECT state = 'backing off' AND last_error LIKE '%placement%' FROM tracer.worker_status() WHERE database = (SELECT oid FROM pg_database WHERE datname = 'one') AND kind = 'correlator'"),
	'a pass that fails is reported');
alert('two', 'elsewhere');
ok(wait_placed($node, 'two'), 'other databases go on');
$node->safe_psql('one', 'ALTER TABLE tracer.hidden RENAME TO placement');
ok(wait_placed($node, 'one'), 'and it recovers by itself');

$node->safe_psql('one', 'ALTER FUNCTION tracer.next_notification_at() RENAME TO hidden');
alert('one', 'while nothing can be planned');
ok(wait_placed($node, 'one'), 'trouble with notifications holds up no incident');
ok( $node->poll_query_until('one',
		"SELECT state = 'backing off' AND last_error LIKE '%next_notification_at%' FROM tracer.worker_status() WHERE database = (SELECT oid FROM pg_database WHERE datname = 'one') AND kind = 'correlator'"),
	'but it is reported');
$node->safe_psql('one', 'ALTER FUNCTION tracer.hidden() RENAME TO next_notification_at');
ok(wait_for_worker($node, 'one', 'idle'), 'and passes');

# Rows that are odd in every way that a table lets them be.
$node->safe_psql('one', q{
	INSERT INTO tracer.alert (asset, title, severity, status, source, dedup_key, fired_at, labels, run_id, received_at)
	SELECT a.asset, t.title, s.severity, u.status, o.source, o.source, f.at, l.labels, o.source, f.received
	  FROM (VALUES (NULL), (''), (repeat('long', 100000)), (E'\x01\x02'), ('a')) AS a (asset),
	       (VALUES (''), (repeat('word ', 200000)), (E'\n\t''";--')) AS t (title),
	       (VALUES (NULL::tracer.severity), ('critical')) AS s (severity),
	       (VALUES (NULL::tracer.status), ('resolved')) AS u (status),
	       (VALUES (NULL), (''), (repeat('x', 10000))) AS o (source),
	       (VALUES (NULL::timestamptz, now()), ('4713-01-01 00:00:00 BC', now()), ('294276-12-31 00:00:00', 'infinity'), ('0001-01-01', '-infinity')) AS f (at, received),
	       (VALUES (NULL::jsonb), ('[]'), ('"text"')) AS l (labels)
	 WHERE length(t.title) < 100 OR l.labels IS NULL AND o.source IS NULL});
ok(wait_placed($node, 'one'), 'odd rows stop nothing');
is(unplaced($node, 'one'), 0, 'and are placed like any other');
$node->safe_psql('one', "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE backend_type LIKE 'tracer%'") foreach (1 .. 3);
alert('one', 'after a cancel');
ok(wait_placed($node, 'one'), 'a cancelled query does not end it');

$node->safe_psql('one', "UPDATE pg_extension SET extversion = '0.0.1' WHERE extname = 'tracer'");
$pid = $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = 'tracer correlator' AND datname = 'one'");
alert('one', 'of another version');
ok(wait_for_worker($node, 'one', 'other version'), 'a catalog of another version: the worker waits');
is($node->safe_psql('one', "SELECT count(*) FROM tracer.doctor() WHERE topic = 'worker' AND problem LIKE '%different versions%'"), 1, 'the doctor says so');
is($node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = 'tracer correlator' AND datname = 'one'"),
	$pid, 'it has not ended');
$node->safe_psql('one', "UPDATE pg_extension SET extversion = (SELECT default_version FROM pg_available_extensions WHERE name = 'tracer') WHERE extname = 'tracer'");
ok(wait_placed($node, 'one'), 'and goes on when they agree');

$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'tracer launcher'");
ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'tracer launcher'"),
	'the launcher comes back');
new_database($node, 'three');
ok(wait_for_worker($node, 'three', 'idle'), 'and goes on with its work');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'tracer correlator' AND datname = 'one'"),
	1, 'with the workers that it found');

is(scalar(() = slurp_file($node->logfile) =~ /FATAL:  terminating background worker "tracer correlator"/g),
	1, 'commands on databases and extensions ended none with an error');

# A package was updated and the server not restarted: a sender that starts now is of
# another version than the library that was loaded.
{
	my $dir = PostgreSQL::Test::Utils::tempdir();
	my $version = $node->safe_psql('one', "SELECT extversion FROM pg_extension WHERE extname = 'tracer'");
	my ($suffix) = grep { -e $node->config_data('--pkglibdir') . "/tracer_send$_" } qw(.so .dylib);
	open(my $in, '<:raw', $node->config_data('--pkglibdir') . "/tracer_send$suffix") or die $!;
	my $library = do { local $/; <$in> };
	my $other = $version =~ tr/0-9/9/r;

	cmp_ok($library =~ s/\x{0}\Q$version\E\x{0}/\x{0}$other\x{0}/g, '>', 0, 'a sender of another version');
	open(my $out, '>:raw', "$dir/tracer_send$suffix") or die $!;
	print $out $library;
	close($out);
	$node->append_conf('postgresql.conf', "dynamic_library_path = '$dir:\$libdir'");
	$node->reload;
	$node->safe_psql('one', q{INSERT INTO tracer.channel (name, kind, settings) VALUES ('hook', 'webhook', '{"url": "https://hooks.example.com/"}')});
	my $said;
	foreach (1 .. 300)
	{
		last if $said = slurp_file($node->logfile) =~ /"tracer_send" is of version \Q$other\E, and the loaded library of \Q$version\E/;
		usleep(100_000);
	}
	ok($said, 'is turned away, and the log says why');
	$node->append_conf('postgresql.conf', "dynamic_library_path = '\$libdir'");
	$node->reload;
	ok($node->poll_query_until('one', "SELECT state = 'idle' FROM tracer.workers WHERE database = 'one' AND kind = 'sender'"),
		'one of the same version works');
	$node->safe_psql('one', 'DELETE FROM tracer.channel');
}

# ---- a clean end ----------------------------------------------------------------------------------

my $storm = client($node, 'one', 'storm', random_alerts_sql(60, 60000, 48, 0.7, 'last'));
finish_client($storm);
$node->stop('fast');
ok(1, 'a fast shutdown ends it in the middle of a storm');
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|terminated by signal/, 'nothing crashed');
$node->start;
ok(wait_placed($node, 'one'), 'the next start goes on where it was');
is(unplaced($node, 'one'), 0, 'and loses nothing');
$node->stop;
done_testing();
