# Dump and restore while workers run: a restored database is disarmed, and nothing
# touches it until tracer.arm(). And rows that bring the transaction ids of
# another time or server are placed like any other.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TracerTest;

my $node = new_node('main', "shared_preload_libraries = 'tracer'", 'max_worker_processes = 20');
my $doc = cascades();
my @docs = map { $doc->{$_} } sort keys %$doc;

new_database($node, 'original');
declare_cascades($node, 'original', @docs);
insert_alerts($node, 'original', [ map { @{ $_->{alerts} } } @docs ]);
ok(wait_placed($node, 'original'), 'the original is placed');
my $partition = partition($node, 'original');
my $numbers_sql = q{
	SELECT string_agg(format('%s: %s', incident_id, asset), ', ' ORDER BY incident_id, asset)
	  FROM (SELECT DISTINCT incident_id, asset FROM tracer.incident_alerts) AS x};
my $numbers = $node->safe_psql('original', $numbers_sql);

my $dir = PostgreSQL::Test::Utils::tempdir();
$node->command_ok([ 'pg_dump', '-f', "$dir/plain", $node->connstr('original') ], 'a plain dump');
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$dir/custom", $node->connstr('original') ], 'a custom dump');
my %restore = (
	plain => sub { [ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$dir/plain", $node->connstr($_[0]) ] },
	custom => sub { [ 'pg_restore', '--exit-on-error', '-d', $node->connstr($_[0]), "$dir/custom" ] },
	'custom in one transaction' => sub { [ 'pg_restore', '-1', '-d', $node->connstr($_[0]), "$dir/custom" ] });

my $n = 0;
foreach my $how (sort keys %restore)
{
	my $db = 'restored' . ++$n;

	$node->safe_psql('postgres', "CREATE DATABASE $db");
	$node->command_ok($restore{$how}->($db), "$how: restores while a worker could start");
	ok(wait_for_worker($node, $db, 'disarmed'), "$how: the restored database is disarmed");
	is($node->safe_psql($db, $numbers_sql), $numbers, "$how: incidents are as they were");
	$node->safe_psql($db, "INSERT INTO tracer.alert (asset, title) VALUES ('somewhere', 'after the restore')");
	cmp_ok($node->safe_psql($db, 'SELECT n FROM tracer.unplaced_alerts()'), '>', 0, "$how: new alerts wait");
	is($node->safe_psql($db, "SELECT count(*) FROM tracer.doctor() WHERE problem LIKE '%restored, copied or disarmed, and tracer does nothing%'"),
		1, "$how: the doctor says why");
	$node->safe_psql($db, 'SELECT tracer.arm()');
	ok(wait_placed($node, $db), "$how: tracer.arm() lets the worker act");
	is(unplaced($node, $db), 0, "$how: nothing is lost");
	$node->safe_psql($db, "DELETE FROM tracer.installation WHERE false");
	is($node->safe_psql($db, 'SELECT tracer.armed()'), 't', "$how: and it stays armed");

	# a dump of that one is disarmed again
	$node->command_ok([ 'pg_dump', '-f', "$dir/again", $node->connstr($db) ], "$how: it can be dumped again");
	$node->safe_psql('postgres', 'CREATE DATABASE again');
	$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$dir/again", $node->connstr('again') ], "$how: and restored");
	is($node->safe_psql('again', 'SELECT tracer.armed()'), 'f', "$how: disarmed");
	$node->safe_psql('postgres', 'DROP DATABASE again');
}

# ---- ids of other transactions, in a database at work -----------------------------------------------

new_database($node, 'lively');
$node->safe_psql('lively', "INSERT INTO tracer.alert (title) VALUES ('own')");
ok(wait_placed($node, 'lively'), 'a database at work');
$node->safe_psql('lively', "SELECT pg_current_xact_id();\n" x 50);
foreach my $case (
	[ 'old', "'5'" ],
	[ 'future', "'4000000000'" ],
	[ 'mixed', "CASE WHEN i % 2 = 0 THEN '7'::xid8 ELSE pg_current_xact_id() END" ])
{
	my ($name, $xid) = @$case;

	$node->safe_psql('lively', "INSERT INTO tracer.alert (title, xid) SELECT '$name ' || chr(96 + i), $xid FROM generate_series(1, 10) AS i");
	ok(wait_placed($node, 'lively'), "rows with $name transaction ids are placed");
	is($node->safe_psql('lively', 'SELECT count(*) FROM tracer.foreign_row'), 0, 'once: no mark is left');
}
is(unplaced($node, 'lively'), 0, 'each once');
$node->safe_psql('lively', "CREATE TABLE kept AS SELECT * FROM tracer.alert");
$node->safe_psql('lively', "UPDATE kept SET alert_id = nextval('tracer.alert_id'), title = 'kept ' || alert_id");
$node->safe_psql('lively', 'SET session_replication_role = replica; INSERT INTO tracer.alert SELECT * FROM kept');
ok(wait_placed($node, 'lively'), 'so are rows copied from another table, under session_replication_role = replica, too');
$node->safe_psql('lively', "INSERT INTO tracer.change (asset, title, xid) VALUES ('a', 'an old change', '5')");
ok($node->poll_query_until('lively', 'SELECT count(*) = 0 FROM tracer.foreign_row'), 'and changes are taken up');

$node->stop;
done_testing();
