# TracerTest.pm: what the TAP tests share.
#
# A partition, in these tests, is the set of incidents, each the set of its
# alerts with their roles. It is compared by what alerts are (title, asset,
# time), never by numbers, which depend on the order of arrival.
package TracerTest;

use strict;
use warnings;

use Exporter 'import';
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Time::HiRes qw(usleep);

our @EXPORT = qw(new_node new_database cascades insert_alerts declare_cascades
  partition unplaced correlate_all shuffled random_lineage_sql random_alerts_sql quoted top
  client finish_client worker_state wait_for_worker wait_placed try_psql kill_process wait_up fake_clock);

# Root of the source tree.
sub top { return $ENV{TRACER_TOP} // '.'; }

# A clock that is off by as many seconds as it is told: the library to preload, and
# a function that sets it. (PostgreSQL reads its clock by this function alone.)
sub fake_clock
{
	my $dir = PostgreSQL::Test::Utils::tempdir();
	my $cc = $ENV{CC} || 'cc';
	my $set = sub {
		my ($offset) = @_;
		open(my $f, '>', "$dir/offset.new") or die $!;
		print $f $offset;
		close $f;
		rename("$dir/offset.new", "$dir/offset") or die $!;
	};

	chmod 0755, $dir;
	system("$cc -shared -fPIC -DOFFSET='\"$dir/offset\"' -o $dir/clock.so " . top() . '/test/lib/clock.c') == 0
	  or die 'the clock cannot be built';
	$set->(0);
	return ("$dir/clock.so", $set);
}

# A running node; the options are lines of postgresql.conf.
sub new_node
{
	my ($name, @conf) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
	$node->append_conf('postgresql.conf', join("\n", "timezone = 'UTC'", "autovacuum = off", @conf, ''));
	$node->start;
	return $node;
}

sub new_database
{
	my ($node, $name) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $name");
	$node->safe_psql($name, 'CREATE EXTENSION tracer');
	return;
}

# A text literal, or NULL.
sub quoted
{
	my ($s) = @_;

	return 'NULL' unless defined $s;
	$s =~ s/'/''/g;
	return "E'" . ($s =~ s/\\/\\\\/gr) . "'";
}

# The documents of test/data/cascades, by name.
sub cascades
{
	my %doc;

	foreach my $file (glob(top() . '/test/data/cascades/*.json'))
	{
		my $d = JSON::PP->new->utf8->decode(slurp_file($file));
		$doc{ $d->{name} } = $d;
	}
	return \%doc;
}

# Assets, lineage and changes of the cascades, without their alerts.
sub declare_cascades
{
	my ($node, $db, @docs) = @_;
	my @sql;

	foreach my $d (@docs)
	{
		push @sql,
		  sprintf('INSERT INTO tracer.asset (name, kind, owner, tier) VALUES (%s, %s, %s, %d);',
			quoted($_->{name}), quoted($_->{kind}), quoted($_->{owner}), $_->{tier})
		  foreach @{ $d->{assets} };
		push @sql, sprintf('SELECT tracer.link(%s, %s);', quoted($_->[0]), quoted($_->[1])) foreach @{ $d->{lineage} };
		push @sql, sprintf("SELECT tracer.link(%s, %s, 'runs');", quoted($_->[0]), quoted($_->[1]))
		  foreach @{ $d->{runs} // [] };
		push @sql,
		  sprintf(
			'INSERT INTO tracer.change (asset, kind, title, author, changed_at) VALUES (%s, %s, %s, %s, %s);',
			map { quoted($_) } @$_{qw(asset kind title author changed_at)})
		  foreach @{ $d->{changes} };
	}
	$node->safe_psql($db, join("\n", 'BEGIN;', @sql, 'COMMIT;'));
	return;
}

# One INSERT per alert, each in a transaction of its own; $between runs after
# each of them.
sub insert_alerts
{
	my ($node, $db, $alerts, $between) = @_;
	my @sql;

	foreach my $a (@$alerts)
	{
		push @sql,
		  sprintf(
			'INSERT INTO tracer.alert (asset, title, severity, status, source, fired_at, description, labels, run_id)'
			  . ' VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s);',
			(map { quoted($a->{$_}) } qw(asset title severity status source fired_at description)),
			$a->{labels} ? quoted(JSON::PP->new->encode($a->{labels})) : 'NULL',
			quoted($a->{run_id}));
		push @sql, $between if $between;
	}
	$node->safe_psql($db, join("\n", @sql));
	return;
}

# Fisher-Yates with a generator of our own, so that a seed means the same
# everywhere.
sub shuffled
{
	my ($seed, @list) = @_;
	my $x = $seed * 2654435761 % 4294967296;

	for (my $i = $#list; $i > 0; $i--)
	{
		$x = ($x * 1664525 + 1013904223) % 4294967296;
		my $j = int($x / 65536) % ($i + 1);
		@list[ $i, $j ] = @list[ $j, $i ];
	}
	return @list;
}

# Calls tracer.correlate() until there is nothing left to place.
sub correlate_all
{
	my ($node, $db) = @_;
	my $total = 0;

	while ((my $n = $node->safe_psql($db, 'SELECT tracer.correlate()')) > 0) { $total += $n; }
	return $total;
}

# Starts psql on a script of its own, beside us. Files, not pipes, so that it
# runs without anybody pumping.
my $clients = 0;

sub client
{
	my ($node, $db, $name, $sql, $application) = @_;
	my $base = PostgreSQL::Test::Utils::tempdir() . '/client' . ++$clients;
	my $connstr = $node->connstr($db) . ($application ? " application_name=$application" : '');

	append_to_file("$base.sql", $sql);
	return {
		name => $name,
		base => $base,
		run => IPC::Run::start(
			[ 'psql', '-X', '-A', '-t', '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$base.sql", $connstr ],
			'<', '/dev/null', '>', "$base.out", '2>', "$base.err")
	};
}

# Waits for it; what it said is then in out and err.
sub finish_client
{
	my ($c) = @_;

	$c->{run}->finish;
	$c->{out} = slurp_file("$c->{base}.out");
	$c->{err} = slurp_file("$c->{base}.err");
	return;
}

# psql where the server may go down under it: (exit code, output). Writing to a
# psql that could not connect fails as well.
sub try_psql
{
	my ($node, $db, $sql) = @_;
	my @got = eval { $node->psql($db, $sql) };

	return $@ ? (1, '') : @got[ 0, 1 ];
}

# kill -9; returns once the postmaster knows, so that nobody connects to what is
# about to go down.
sub kill_process
{
	my ($pid) = @_;
	my $hit = $pid =~ /^\d+$/ && kill('KILL', $pid);

	foreach (1 .. 6000)
	{
		last if !$hit || !kill(0, $pid);
		usleep(10_000);
	}
	return $hit;
}

# Waits until the server is back after a crash.
sub wait_up
{
	my ($node) = @_;

	foreach (1 .. 1800)
	{
		my ($rc, $out) = try_psql($node, 'postgres', 'SELECT NOT pg_is_in_recovery()');
		return 1 if $rc == 0 && $out eq 't';
		usleep(100_000);
	}
	return 0;
}

# How the background worker of a database is.
sub worker_state
{
	my ($node, $db) = @_;

	return $node->safe_psql($db,
		"SELECT state FROM tracer.workers WHERE database = current_database() AND kind = 'correlator'");
}

# Waits until it is in one of these states.
sub wait_for_worker
{
	my ($node, $db, @states) = @_;
	my $list = join(', ', map { quoted($_) } @states);

	return $node->poll_query_until($db,
		"SELECT count(*) = 1 FROM tracer.workers WHERE database = current_database() AND kind = 'correlator' AND state IN ($list)");
}

# Waits until the worker has placed every alert.
sub wait_placed
{
	my ($node, $db) = @_;

	return $node->poll_query_until(
		$db, q{
		SELECT NOT EXISTS (SELECT FROM tracer.alert a
		                    WHERE NOT EXISTS (SELECT FROM tracer.placement p WHERE p.alert_id = a.alert_id))});
}

sub partition
{
	my ($node, $db) = @_;

	return $node->safe_psql(
		$db, q{
		SELECT string_agg(m.members, E'\n' ORDER BY m.members COLLATE "C")
		  FROM (SELECT string_agg(concat_ws('|', i.role, a.title, i.asset, extract(epoch FROM a.fired_at)), '  '
		                          ORDER BY a.fired_at, a.title COLLATE "C", i.asset COLLATE "C", i.role) AS members
		          FROM tracer.incident_alerts i
		          JOIN tracer.alert a USING (alert_id)
		         GROUP BY i.incident_id) AS m});
}

# How many committed firing alerts above info are not in exactly one incident.
sub unplaced
{
	my ($node, $db) = @_;

	return $node->safe_psql(
		$db, q{
		SELECT count(*)
		  FROM tracer.alert a
		 WHERE coalesce(a.status, 'firing') = 'firing'
		   AND coalesce(a.severity, 'error') > 'info'
		   AND (SELECT count(*) FROM tracer.incident_alerts i WHERE i.alert_id = a.alert_id) <> 1});
}

# A random lineage over assets a1 .. aN: mostly downwards, a few cycles.
sub random_lineage_sql
{
	my ($assets, $edges, $seed) = @_;

	return qq{
		SELECT setseed($seed);
		SELECT count(tracer.link(ARRAY['a' || u], ARRAY['a' || d]))
		  FROM (SELECT u, 1 + u + (random() * 30)::int AS d
		          FROM (SELECT 1 + (random() * ($assets - 40))::int AS u FROM generate_series(1, $edges)) AS x
		        UNION
		        SELECT 20 * g + 7, 20 * g FROM generate_series(1, $assets / 100) AS g) AS e;};
}

# Random alerts on those assets over $hours hours: repeats, resolves, infos,
# some on assets without lineage, one key on several assets.
sub random_alerts_sql
{
	my ($assets, $alerts, $hours, $seed, $tag) = @_;

	$tag //= '';
	return qq{
		SELECT setseed($seed);
		INSERT INTO tracer.alert (asset, title, severity, status, source, dedup_key, fired_at)
		SELECT CASE WHEN r1 < 0.95 THEN 'a' || (1 + (r2 * $assets)::int) WHEN r1 < 0.98 THEN 'unknown' || (r2 * 9)::int END,
		       'check' || (r3 * 4)::int || ' failed $tag',
		       (enum_range(NULL::tracer.severity))[1 + (r4 * 3)::int],
		       CASE WHEN r5 < 0.2 THEN 'resolved' ELSE 'firing' END::tracer.status,
		       (ARRAY['dbt', 'airflow', 'soda'])[1 + (r6 * 2)::int],
		       CASE WHEN r1 < 0.1 THEN 'key' || (r3 * 3)::int END,
		       timestamptz '2024-03-01 00:00:00+00' + (r7 * $hours * 3600)::int * interval '1 second'
		  FROM (SELECT random() AS r1, random() AS r2, random() AS r3, random() AS r4,
		               random() AS r5, random() AS r6, random() AS r7
		          FROM generate_series(1, $alerts)) AS r;};
}

1;
