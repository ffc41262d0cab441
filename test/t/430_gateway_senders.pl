# contrib/airflow and contrib/dbt: what they post reaches tracer, as what it is,
# and what they wrap ends as it would without them.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TracerGateway;
use TracerTest;

my $node = new_node('main');
my $db = 'tracing';

gateway_database($node, $db);
my %token = map { $_ => token($node, $db, $_) } qw(airflow dbt circleci);
my $g = start_gateway($node, $db);
ok(wait_until(sub { (http($g, 'GET', '/readyz'))[0] == 200 }), 'ready');

my $dir = PostgreSQL::Test::Utils::tempdir();
my $top = top();
$ENV{TRACER_URL} = url($g, '/');

sub alerts { return $node->safe_psql($db, "SELECT concat_ws(' ', asset, status, severity, run_id) FROM tracer.alert WHERE source = '$_[0]' ORDER BY alert_id"); }

SKIP:
{
	skip 'there is no Python', 5 if system('python3 -c 1 2>/dev/null') != 0;
	append_to_file("$dir/task.py", <<'END');
import sys
from types import SimpleNamespace as Thing
from datetime import datetime
import tracer_callback
tracer_callback.time.sleep = lambda seconds: None
ti = Thing(dag_id="daily", task_id="load", run_id="scheduled__1", map_index=-1, state="failed", try_number=2, operator="BashOperator")
context = {"task_instance": ti, "dag": Thing(tags={"b", "a"}), "task": Thing(owner="data", inlets=[Thing(uri="s3://lake/raw"), object()], outlets=[Thing(name="orders")]), "run_id": "scheduled__1",
           "logical_date": datetime(2026, 1, 1), "exception": ValueError('a "quoted"\nmessage'), "conf": object()}
getattr(tracer_callback, sys.argv[1])(context)
getattr(tracer_callback, sys.argv[1])({})
END
	$ENV{PYTHONPATH} = "$top/contrib/airflow";
	$ENV{PYTHONDONTWRITEBYTECODE} = 1;
	$ENV{TRACER_TOKEN} = $token{airflow};
	is(system('python3', "$dir/task.py", 'on_failure'), 0, 'a failure');
	is(system('python3', "$dir/task.py", 'on_success'), 0, 'and a success');
	is(alerts('airflow'), "daily.load firing error daily/scheduled__1\ndaily.load resolved info daily/scheduled__1", 'are told');
	is($node->safe_psql($db, q(SELECT string_agg(upstream || ' > ' || downstream, ', ' ORDER BY upstream) FROM tracer.lineage_edges)), 'daily.load > orders, s3://lake/raw > daily.load', 'and what the task reads and writes');
	$ENV{TRACER_TOKEN} = 'wrong';
	is(system('python3', "$dir/task.py", 'on_failure'), 0, 'a task does not fail because nobody listens');
}

SKIP:
{
	skip 'there is no curl', 5 if system('curl --version >/dev/null 2>&1') != 0;

	# What dbt leaves behind, from one that fails.
	mkdir "$dir/bin";
	append_to_file("$dir/bin/dbt", <<'END');
#!/bin/sh
mkdir -p target
cat > target/manifest.json <<'M'
{"metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json", "invocation_id": "i1"},
 "nodes": {"model.shop.orders": {"unique_id": "model.shop.orders", "resource_type": "model", "name": "orders", "database": "db", "schema": "shop", "alias": "orders", "depends_on": {"nodes": ["source.shop.raw.orders"]}, "config": {}}},
 "sources": {"source.shop.raw.orders": {"unique_id": "source.shop.raw.orders", "resource_type": "source", "name": "orders", "source_name": "raw", "database": "db", "schema": "raw", "identifier": "orders"}},
 "exposures": {}, "metrics": {}, "parent_map": {"model.shop.orders": ["source.shop.raw.orders"]}, "child_map": {}}
M
cat > target/run_results.json <<'M'
{"metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/run-results/v6.json", "invocation_id": "i1", "generated_at": "2026-01-01T00:00:00Z"},
 "results": [{"unique_id": "model.shop.orders", "status": "error", "message": "Database Error", "timing": [], "execution_time": 1, "thread_id": "t", "adapter_response": {}, "failures": null}], "elapsed_time": 1, "args": {}}
M
exit 3
END
	chmod(0755, "$dir/bin/dbt");
	$ENV{PATH} = "$dir/bin:$ENV{PATH}";
	$ENV{TRACER_TOKEN} = $token{dbt};
	$ENV{AIRFLOW_CTX_DAG_ID} = 'daily';
	$ENV{AIRFLOW_CTX_TASK_ID} = 'load';
	$ENV{AIRFLOW_CTX_DAG_RUN_ID} = 'scheduled__1';
	is(system("cd '$dir' && sh '$top/contrib/dbt/tracer-dbt' build") >> 8, 3, "dbt's status is kept");
	like(alerts('dbt'), qr{orders firing error daily/scheduled__1}, "a failed model is told, in Airflow's run");
	is($node->safe_psql($db, q(SELECT count(*) FROM tracer.lineage_edges WHERE source LIKE 'dbt%' AND kind = 'data' AND downstream LIKE '%orders')), '1', 'and its lineage');

	local @ENV{qw(CIRCLE_PROJECT_REPONAME CIRCLE_BRANCH CIRCLE_JOB CIRCLE_WORKFLOW_ID TRACER_TOKEN)} = ('ware"house\\', 'main', 'dbt_hourly', 'w1', $token{circleci});
	is(system('sh', "$top/contrib/dbt/tracer-ci", 'firing') + system('sh', "$top/contrib/dbt/tracer-ci", 'success'), 0, 'a CI job that fails, and succeeds');
	is(alerts('circleci'), "ware\"house\\ firing error circleci/w1\nware\"house\\ resolved info circleci/w1", 'is told');
}

is(stop_gateway($g), 0, 'a clean end');
done_testing();
