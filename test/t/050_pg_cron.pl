# pg_cron as the way to run without preloading tracer: a job calls
# tracer.correlate(), and the incident appears by itself.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TracerTest;

chomp(my $share = `pg_config --sharedir`);
if (!-f "$share/extension/pg_cron.control")
{
	my $package = 'postgresql-' . ($ENV{TRACER_PG_MAJOR} // 'N') . '-cron';

	# Where it is to be had, that it is missing is an error.
	plan(skip_all => 'there is no pg_cron for this version of PostgreSQL')
	  if system("apt-cache show $package >/dev/null 2>&1") != 0;
	fail("pg_cron is installed ($package)");
	done_testing();
	exit;
}

my $node = new_node(
	'main',
	"shared_preload_libraries = 'pg_cron'",
	"cron.database_name = 'postgres'",
	'cron.use_background_workers = on',
	"cron.timezone = 'UTC'",
	'max_worker_processes = 20');
my $doc = cascades()->{transaction_processing};

$node->safe_psql('postgres', 'CREATE EXTENSION pg_cron');
new_database($node, 'tracing');
declare_cascades($node, 'tracing', $doc);

# Versions from 1.5 on know seconds; before, a minute is the shortest.
my $fine = $node->safe_psql('postgres', q{SELECT string_to_array(extversion, '-')::text[] IS NOT NULL
	AND (regexp_match(extversion, '^(\d+)\.(\d+)'))[1]::int * 100 + (regexp_match(extversion, '^(\d+)\.(\d+)'))[2]::int >= 105
	FROM pg_extension WHERE extname = 'pg_cron'});
my $schedule = $fine eq 't' ? '2 seconds' : '* * * * *';
my $job = $node->safe_psql('postgres',
	"SELECT cron.schedule_in_database('tracer', '$schedule', 'SELECT tracer.correlate()', 'tracing')");
like($job, qr/^\d+$/, "the job is scheduled ($schedule)");

insert_alerts($node, 'tracing', $doc->{alerts});
my $appeared;
foreach (1 .. 85)
{
	$appeared = $node->safe_psql('tracing', 'SELECT count(*) FROM tracer.incidents');
	last if $appeared > 0;
	sleep 1;
}
is($appeared, 1, 'the incident appears without anybody calling for it');
is($node->safe_psql('tracing', 'SELECT root_asset FROM tracer.incidents'),
	$doc->{expect}{origin}, 'with its root cause');
is($node->safe_psql('tracing', "SELECT count(*) FROM tracer.incident_alerts WHERE role = 'symptom'"),
	$doc->{expect}{symptoms}, 'and its symptoms');
ok( $node->poll_query_until(
		'postgres', "SELECT count(*) > 0 FROM cron.job_run_details WHERE jobid = $job AND status = 'succeeded'"),
	'pg_cron calls it a success');
is($node->safe_psql('postgres', "SELECT count(*) FROM cron.job_run_details WHERE status = 'failed'"), 0, 'and no run failed');

$node->stop;
done_testing();
