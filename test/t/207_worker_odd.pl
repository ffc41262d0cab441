# The worker where little goes as usual: the extension comes in a prepared
# transaction or while the launcher is not looking, its owner is no superuser,
# errors are long and not in English, there are many databases, the clock is set
# back, a process is told to leave before it has begun.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);
use TracerTest;

my ($clock, $set_clock) = fake_clock();
local $ENV{LD_PRELOAD} = join(':', grep { $_ } $ENV{LD_PRELOAD}, $clock);

my $node = new_node(
	'main',
	"shared_preload_libraries = 'tracer'",
	'max_worker_processes = 20',
	'max_prepared_transactions = 5',
	'tracer.max_workers = 2');

# ---- how the extension comes ------------------------------------------------------------

# Until no process of ours is in that database; then the launcher knows it to be
# without tracer.
sub wait_left
{
	my ($db) = @_;

	return $node->poll_query_until('postgres',
		"SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = '$db' AND backend_type LIKE 'tracer%'");
}

$node->safe_psql('postgres', 'CREATE DATABASE prepared');
wait_left('prepared');
usleep(300_000);
$node->safe_psql('prepared', "BEGIN; CREATE EXTENSION tracer; PREPARE TRANSACTION 'extension'");
$node->safe_psql('prepared', "COMMIT PREPARED 'extension'");
ok(wait_for_worker($node, 'prepared', 'idle'), 'CREATE EXTENSION in a prepared transaction brings a worker');

# Idle, it is idle: no transaction ids, and so no log for archives and checkpoints.
my $passes = "SELECT passes FROM tracer.workers WHERE database = 'prepared' AND kind = 'correlator'";
my $next_xid = 'SELECT pg_snapshot_xmax(pg_current_snapshot())';
my ($passed, $xid) = map { $node->safe_psql('prepared', $_) } ($passes, $next_xid);
ok($node->poll_query_until('prepared', "SELECT ($passes) > $passed"), 'an idle worker looks around');
is($node->safe_psql('prepared', $next_xid), $xid, 'and uses no transaction id');

# A correlator finds nothing and leaves, the extension comes, and only then does
# the launcher hear of both.
my $launcher = $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = 'tracer launcher'");
kill('STOP', $launcher);
$node->safe_psql('postgres', 'CREATE DATABASE late');
my $lock = $node->background_psql('late');
$lock->query_safe('BEGIN; LOCK pg_extension IN ACCESS EXCLUSIVE MODE');
kill('CONT', $launcher);
my $blocked = "SELECT count(*) = 1 FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
  . "WHERE NOT l.granted AND a.datname = 'late' AND a.backend_type = 'tracer correlator'";
ok($node->poll_query_until('postgres', $blocked), 'a correlator is about to look');
kill('STOP', $launcher);
$lock->quit;
wait_left('late');
$node->safe_psql('late', 'CREATE EXTENSION tracer');
kill('CONT', $launcher);
ok(wait_for_worker($node, 'late', 'idle'), 'an extension that comes just after that is not overlooked');

# ---- many databases ---------------------------------------------------------------------

$node->safe_psql('postgres', "CREATE DATABASE many_$_") foreach (1 .. 12);
my $said = -s $node->logfile;
$node->restart;
ok(wait_for_worker($node, 'late', 'idle') && wait_for_worker($node, 'prepared', 'idle'),
	'those that have tracer are found among many');
unlike(slurp_file($node->logfile, $said), qr/WARNING/, 'looking into many is no shortage of workers');
new_database($node, 'one_too_many');
# What the log said since then, once it has warned of something.
sub warning
{
	foreach (1 .. 300)
	{
		last if slurp_file($node->logfile, $said) =~ /WARNING/;
		usleep(100_000);
	}
	return slurp_file($node->logfile, $said);
}
like(warning(), qr/WARNING: .* databases wait for a worker: all of tracer.max_workers \(2\)/,
	'a third that has it, where two may have a worker, is one');
$node->safe_psql('postgres', 'DROP DATABASE one_too_many');

# The launcher, PostgreSQL's own for logical replication, and one.
$node->append_conf('postgresql.conf', "max_worker_processes = 3\ntracer.databases = 'late, prepared'");
$said = -s $node->logfile;
$node->restart;
like(warning(), qr/WARNING: .* all of max_worker_processes \(3\) are in use/, 'it says where there are too few processes');
$node->append_conf('postgresql.conf', "max_worker_processes = 20\ntracer.databases = ''");
$node->restart;

# ---- errors ------------------------------------------------------------------------------

# Two-byte characters such that the room for the error ends within one.
$node->safe_psql('late', q{
	CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS
		$$BEGIN RAISE EXCEPTION '%', 'xx' || repeat(chr(228), 400); END$$;
	CREATE TRIGGER refuse BEFORE INSERT ON tracer.placement FOR EACH ROW EXECUTE FUNCTION public.refuse();
	INSERT INTO tracer.alert (title) VALUES ('refused');});
my $error = "FROM tracer.workers WHERE database = 'late' AND last_error LIKE 'xx%'";
ok($node->poll_query_until('late', "SELECT count(*) = 1 $error"), 'a long error that is not ASCII is reported');
is($node->safe_psql('late', "SELECT last_error = 'xx' || repeat(chr(228), 126) $error"), 't', 'as valid text');

# ---- the clock -----------------------------------------------------------------------------

ok($node->poll_query_until('late', "SELECT failures > 5 $error"), 'it waits longer and longer');
$set_clock->(-3600);
$node->safe_psql('late', 'DROP TRIGGER refuse ON tracer.placement');
ok(wait_placed($node, 'late'), 'a clock that is set back by an hour makes it wait no longer');
$set_clock->(0);

# ---- locks ----------------------------------------------------------------------------------

# The user has a lock that a pass waits for, and wants one that the pass has.
my $user = $node->background_psql('late');
$user->query_safe('BEGIN; LOCK tracer.placement');
$node->safe_psql('late', "INSERT INTO tracer.alert (title) VALUES ('waits')");
ok($node->poll_query_until('postgres', $blocked), 'a pass waits for a lock');
usleep(1_500_000);    # it has looked for a deadlock: the next to look, and to lose, is the user
foreach my $drop ('DROP SCHEMA tracer CASCADE', 'DROP EXTENSION tracer')
{
	$user->query_safe("SAVEPOINT s; SET client_min_messages = warning; $drop; ROLLBACK TO s");
	ok(1, "$drop does not meet it half-way");
}
$user->query_safe('ROLLBACK');
$user->quit;
ok(wait_placed($node, 'late'), 'and it is done again afterwards');

# ---- whose rights --------------------------------------------------------------------------

$node->safe_psql('late', q{
	CREATE ROLE owner NOSUPERUSER;
	UPDATE pg_extension SET extowner = 'owner'::regrole WHERE extname = 'tracer';
	GRANT ALL ON SCHEMA tracer TO owner;
	GRANT ALL ON ALL TABLES IN SCHEMA tracer TO owner;
	GRANT ALL ON ALL SEQUENCES IN SCHEMA tracer TO owner;
	GRANT ALL ON ALL FUNCTIONS IN SCHEMA tracer TO owner;
	CREATE TABLE public.ran (at text, by text);
	GRANT ALL ON public.ran TO owner;
	CREATE FUNCTION public.run() RETURNS trigger LANGUAGE plpgsql AS
		$$BEGIN INSERT INTO public.ran VALUES (TG_NAME, current_user); RETURN NULL; END$$;
	CREATE TRIGGER once AFTER INSERT ON tracer.placement FOR EACH ROW EXECUTE FUNCTION public.run();
	CREATE CONSTRAINT TRIGGER in_the_end AFTER INSERT ON tracer.placement DEFERRABLE INITIALLY DEFERRED
		FOR EACH ROW EXECUTE FUNCTION public.run();
	INSERT INTO tracer.alert (title) VALUES ('triggers');});
ok(wait_placed($node, 'late'), 'an owner who is no superuser will do');
is($node->safe_psql('late', "SELECT string_agg(at || ' ' || by, ', ' ORDER BY at) FROM public.ran"),
	'in_the_end owner, once owner', 'and all triggers, deferred ones too, run with his rights');

# ---- told to leave while it starts -------------------------------------------------------------

$ENV{PGOPTIONS} = '-c post_auth_delay=0';
$node->append_conf('postgresql.conf', "post_auth_delay = 1");	# for its processes
new_database($node, 'leaving');
$node->safe_psql('leaving', q{INSERT INTO tracer.channel (name, kind, settings) VALUES ('hook', 'webhook', '{"url": "https://hooks.example.com/"}')});
sub listed { my ($list) = @_; $node->append_conf('postgresql.conf', "tracer.databases = '$list'"); $node->reload; return; }
listed('none');
ok(wait_for_worker($node, 'leaving', 'none'), 'a database that is not listed has no processes');
listed('leaving');
ok($node->poll_query_until('leaving', "SELECT count(*) = 1 FROM tracer.workers WHERE database = 'leaving' AND kind = 'sender' AND state = 'starting'"), 'its sender starts');
listed('none');
ok(wait_for_worker($node, 'leaving', 'none'), 'and leaves with the correlator when it is not wanted after all');

$node->stop;
done_testing();
