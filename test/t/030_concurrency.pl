# Concurrent writers with rollbacks and prepared transactions, a transaction left
# open in another database, two sessions that correlate in a loop: in the end
# every committed alert is in exactly one incident, and the incidents are those
# of a database that got the same alerts at once.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TracerTest;

my $node = new_node('main', 'max_prepared_transactions = 50');
my $assets = 150;

foreach my $db ('busy', 'calm')
{
	new_database($node, $db);
	$node->safe_psql($db, random_lineage_sql($assets, 300, 0.125));
}
$node->safe_psql('postgres', 'CREATE DATABASE elsewhere');

# Holds back every xmin of the cluster for as long as it lives.
my $idle = $node->background_psql('elsewhere');
$idle->query_safe('BEGIN');
$idle->query_safe('SELECT pg_current_xact_id()');

# What one writer does: short transactions that commit, roll back, or are
# prepared and finished later, out of order.
sub writer_sql
{
	my ($w) = @_;
	my @sql;

	foreach my $i (1 .. 60)
	{
		my $seed = ($w * 100 + $i) / 1000;
		my $rows = 1 + ($w * 7 + $i * 13) % 12;
		my $body = random_alerts_sql($assets, $rows, 48, $seed, "by $w");

		$body =~ s/SELECT setseed\((.*?)\);/DO 'BEGIN PERFORM setseed($1); END';/;
		if ($i % 7 == 3)
		{
			push @sql, "BEGIN; $body ROLLBACK;";
		}
		elsif ($i % 7 == 5)
		{
			push @sql, "BEGIN; $body PREPARE TRANSACTION 'w${w}_$i';";
		}
		elsif ($i % 7 == 6)
		{
			push @sql, "BEGIN; SAVEPOINT a; $body ROLLBACK TO a; $body SELECT pg_sleep(0.01); COMMIT;";
		}
		else
		{
			push @sql, "BEGIN; $body COMMIT;";
		}
		# Finish an older prepared one; one in three rolls back. The last few stay.
		if ($i % 7 == 2 && $i > 14 && $i < 50)
		{
			my $p = $i - 11;
			push @sql, ($p % 3 ? 'COMMIT' : 'ROLLBACK') . " PREPARED 'w${w}_$p';";
		}
	}
	return join("\n", @sql) . "\n";
}

my @writers = map { client($node, 'busy', "writer $_", writer_sql($_)) } 1 .. 4;
my @correlators =
  map { client($node, 'busy', "correlator $_", "SELECT tracer.correlate(); SELECT pg_sleep(0.03);\n" x 120) } 1 .. 2;

foreach my $c (@writers, @correlators)
{
	finish_client($c);
	is($c->{err}, '', "$c->{name} met no error");
}

# Prepared transactions that are still open are older than all the rest.
my @open = split /\n/, $node->safe_psql('busy', "SELECT gid FROM pg_prepared_xacts ORDER BY gid");
cmp_ok(scalar(@open), '>', 3, 'some transactions are still prepared');

# What committed in the meantime is placed although these and another
# database's transaction are open.
correlate_all($node, 'busy');
is(unplaced($node, 'busy'), 0, 'nothing waits for open transactions');

my $i = 0;
$node->safe_psql('busy', ($i++ % 3 ? 'COMMIT' : 'ROLLBACK') . " PREPARED '$_'") foreach @open;
cmp_ok($node->safe_psql('busy', 'SELECT tracer.correlate()'), '>', 0, 'their alerts are found when they commit');
correlate_all($node, 'busy');
is(unplaced($node, 'busy'), 0, 'nothing is lost');

# Taken over: how many alerts the passes took adds up.
my $taken = 0;
foreach my $c (@correlators) { $taken += $_ foreach grep { /^\d+$/ } split /\n/, $c->{out}; }
cmp_ok($taken, '>', 0, 'the passes in between took alerts');
cmp_ok($taken, '<=', $node->safe_psql('busy', 'SELECT count(*) FROM tracer.alert'), 'none of them twice');

# The same alerts at once.
my $columns = 'asset, title, severity, status, source, dedup_key, fired_at';
my ($file) = (PostgreSQL::Test::Utils::tempdir() . '/alerts');
$node->safe_psql('busy', "\\copy (SELECT $columns FROM tracer.alert ORDER BY fired_at, title) TO '$file'");
$node->safe_psql('calm', "\\copy tracer.alert ($columns) FROM '$file'");
correlate_all($node, 'calm');
is(unplaced($node, 'calm'), 0, 'from scratch: nothing is lost');
is(partition($node, 'busy'), partition($node, 'calm'), 'the same incidents as from scratch');

# What a transaction inserts after it has correlated itself is not taken for seen,
# although a later transaction ended before.
my $own = $node->background_psql('calm');
$own->query_safe(q{BEGIN; INSERT INTO tracer.alert (title, asset) VALUES ('before', 'own')});
$node->safe_psql('calm', 'CREATE TABLE public.later ()');
$own->query_safe('SELECT tracer.correlate()');
$own->query_safe(q{INSERT INTO tracer.alert (title, asset) VALUES ('after', 'own'); COMMIT});
$own->quit;
correlate_all($node, 'calm');
is(unplaced($node, 'calm'), 0, 'an alert inserted after a pass in one transaction is placed');

$idle->quit;
$node->stop;
done_testing();
