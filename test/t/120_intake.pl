# The four cascades, each alert sent in its tool's own format and under that
# tool's name for the asset: the same incidents and origins as with plain INSERT,
# in any order, each body delivered twice.
use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;
use TracerTest;

my $node = new_node('main');
my $doc = cascades();
my $json = JSON::PP->new->canonical->utf8(0);

# A time as a tool writes it.
sub iso { my ($t) = @_; $t =~ s/ /T/; $t =~ s/\+00$/Z/; return $t; }

# What a tool sends for an alert: source, body, headers, and what it calls the asset.
sub in_own_format
{
	my ($a) = @_;
	my ($asset, $at, $title, $what) = ($a->{asset}, iso($a->{fired_at}), $a->{title}, $a->{description} // '');
	my $last = $asset =~ s/.*\.//r;
	my %labels = %{ $a->{labels} // {} };

	if ($a->{source} eq 'airflow')
	{
		my ($dag, $task) = $asset =~ /^(?:airflow\.)?([^.]+)\.(.+)$/;
		my $skipped = $title =~ /skipped/;

		return ('airflow', {
				event => $skipped ? 'skipped' : 'failure', dag_id => $dag, task_id => $task, run_id => 'scheduled__2024-01-15', severity => $a->{severity},
				exception => "$title. $what", task_instance => { dag_id => $dag, task_id => $task, run_id => 'scheduled__2024-01-15', end_date => $at, map_index => -1 }
			}, {}, "$dag.$task");
	}
	if ($a->{source} eq 'dbt')
	{
		my @more = $a->{run_id} ? (
			{ unique_id => 'model.shop.fct_orders', status => 'skipped', timing => [] }, { unique_id => 'model.shop.revenue_daily', status => 'skipped', timing => [] },
			{ unique_id => 'model.shop.stg_sessions', status => 'success', timing => [] }) : ();

		return ('dbt', {
				metadata => { dbt_schema_version => 'https://schemas.getdbt.com/dbt/run-results/v5.json', generated_at => $at, invocation_id => "i-$last",
					env => $a->{run_id} ? { AIRFLOW_CTX_DAG_ID => 'nightly', AIRFLOW_CTX_TASK_ID => 'dbt_build', AIRFLOW_CTX_DAG_RUN_ID => 'scheduled__2024-01-15' } : {} },
				results => [ { unique_id => "model.shop.$last", status => 'error', message => "$title\n$what", timing => [ { name => 'execute', completed_at => $at } ] }, @more ]
			}, {}, "model.shop.$last");
	}
	return ('openlineage', { eventType => 'FAIL', eventTime => $at, run => { runId => 'r', facets => { errorMessage => { message => "$title: $what" } } }, job => { namespace => 'spark://prod', name => $last } },
		{}, "spark://prod/$last") if $a->{source} eq 'spark';
	return ('monte_carlo', { type => 'anomalies', payload => { incident_id => "mc-$last", title => $title, severity => 'SEV-2', event_list => [ { full_table_id => "wh:prod.$last", event_generated_time => $at } ] } },
		{}, "wh:prod.$last") if $a->{source} eq 'monte_carlo';
	return ('great_expectations', {
			success => JSON::PP::false, meta => { expectation_suite_name => 's', run_id => { run_name => 'r', run_time => $at }, active_batch_definition => { data_asset_name => "ge_$last" } },
			results => [ { success => JSON::PP::false, expectation_config => { expectation_type => 'expect_column_sum_to_be_between', kwargs => { column => 'amount' } }, result => { observed_value => 3 } } ]
		}, {}, "ge_$last") if $a->{source} eq 'great_expectations';
	return ('datadog', { id => '1', key => "dd-$last", transition => 'Triggered', title => "[Triggered on {service:$last}] $title", scope => "service:$last", date => $at, body => $what }, {}, $last)
	  if $a->{source} eq 'datadog';
	return ('prometheus', [ { labels => { alertname => 'Quality', severity => $a->{severity}, dataset => "prom_$last" }, annotations => { summary => $title }, startsAt => $at, endsAt => '2199-01-01T00:00:00Z' } ], {}, "prom_$last")
	  if $a->{source} eq 'prometheus';
	return ('grafana', { status => 'firing', alerts => [ { status => 'firing', labels => { alertname => 'Stale', severity => $a->{severity}, dashboard => "looker/$last" }, annotations => { summary => $title }, startsAt => $at, endsAt => '0001-01-01T00:00:00Z', fingerprint => "g-$last" } ] }, {}, "looker/$last")
	  if $a->{source} eq 'looker';
	return ('alertmanager', { version => '4', status => 'firing', alerts => [ { status => 'firing', labels => { alertname => 'Model', severity => $a->{severity}, model => "mlflow:$last", %labels }, annotations => { summary => $title, description => $what }, startsAt => $at, fingerprint => "m-$last" } ] }, {}, "mlflow:$last")
	  if $a->{source} eq 'mlflow';
	return ('pagerduty', { event_action => 'trigger', routing_key => 'x', dedup_key => "pd-$last", payload => { summary => $title, severity => 'critical', source => "wd-$last", timestamp => $at } }, {}, "wd-$last")
	  if $a->{source} eq 'workday';
	return ('opsgenie', { action => 'Create', alert => { alias => "og-$last", message => $title, entity => "zd-$last", priority => 'P1', createdAt => $at } }, {}, "zd-$last")
	  if $a->{source} eq 'zendesk';
	return ('cloudevents', { specversion => '1.0', type => 'org.kubeflow.run.failed', source => '/kubeflow', id => "k-$last", subject => "kf-$last", time => $at, data => { message => $title, severity => 'error' } }, {}, "kf-$last")
	  if $a->{source} eq 'kubeflow';
	return;
}

# Incidents as sets of assets above info with their roles.
sub incidents
{
	my ($db) = @_;

	return $node->safe_psql(
		$db, q{
		SELECT string_agg(m.members, E'\n' ORDER BY m.members COLLATE "C")
		  FROM (SELECT string_agg(DISTINCT concat_ws('|', tracer.canonical(i.asset), i.role), '  ' ORDER BY concat_ws('|', tracer.canonical(i.asset), i.role)) AS members
		          FROM tracer.incident_alerts i JOIN tracer.alerts a USING (alert_id)
		         WHERE a.severity > 'info'
		         GROUP BY i.incident_id) AS m});
}

my @names = sort keys %$doc;
my @alerts = map { @{ $doc->{$_}{alerts} } } @names;

new_database($node, 'plain');
declare_cascades($node, 'plain', map { $doc->{$_} } @names);
insert_alerts($node, 'plain', \@alerts);
correlate_all($node, 'plain');
my $expected = incidents('plain');
is(scalar(split /\n/, $expected), 4, 'plain INSERT gives four incidents');
foreach my $d (map { $doc->{$_} } @names)
{
	my ($incident) = grep { /(?:^|  )\Q$d->{expect}{origin}\E\|origin(?:  |$)/ } split /\n/, $expected;

	is(() = ($incident // '') =~ /\|/g, 1 + $d->{expect}{symptoms}, "$d->{name}: its origin and symptoms");
}

# The edges of kind runs come with the dbt results, so that they need not be declared.
new_database($node, 'base');
declare_cascades($node, 'base', map { my %d = %{ $doc->{$_} }; delete $d{runs}; \%d } @names);
$node->safe_psql('base', "INSERT INTO tracer.asset_alias VALUES ('model.shop.fct_orders', 'dbt.fct_orders'), ('model.shop.revenue_daily', 'dbt.revenue_daily'), ('model.shop.stg_sessions', 'dbt.stg_sessions')");

my %sources;
my @bodies;
foreach my $a (@alerts)
{
	my ($source, $body, $headers, $called) = in_own_format($a);

	ok(defined $source, "$a->{source} has a format") or next;
	$sources{$source} = 1;
	$node->safe_psql('base', sprintf('INSERT INTO tracer.asset_alias VALUES (%s, %s) ON CONFLICT DO NOTHING', quoted($called), quoted($a->{asset}))) if $called ne $a->{asset};
	push @bodies, sprintf('SELECT quarantined FROM tracer.ingest(%s, %s, %s);', quoted($source), quoted($json->encode($body)), quoted($json->encode($headers)));
}
cmp_ok(scalar(keys %sources), '>=', 12, 'in twelve formats');

foreach my $seed (0 .. 3)
{
	my $db = "order$seed";
	my @order = $seed ? shuffled($seed, @bodies) : @bodies;

	$node->safe_psql('postgres', "CREATE DATABASE $db TEMPLATE base");
	is($node->safe_psql($db, join("\n", map { $seed % 2 ? ($_, 'SELECT 0 FROM tracer.correlate();') : $_ } @order)) =~ tr/1//, 0, "order $seed: every body is read");
	is($node->safe_psql($db, 'SELECT sum(n) FROM (' . join(' UNION ALL ', map { s/;$//r =~ s/quarantined/alerts + edges AS n/r } @order) . ') AS x'), 0, "order $seed: delivered again, nothing is new");
	correlate_all($node, $db);
	is(incidents($db), $expected, "order $seed: the same four incidents and origins");
	is(unplaced($node, $db), 0, "order $seed: nothing is lost");
	$node->safe_psql('postgres', "DROP DATABASE $db") if $seed;
}
is( $node->safe_psql('order0', q{SELECT string_agg(DISTINCT upstream || ' > ' || downstream, ', ' ORDER BY upstream || ' > ' || downstream) FROM tracer.lineage_edges WHERE kind = 'runs'}),
	'airflow.nightly.dbt_build > dbt.fct_orders, airflow.nightly.dbt_build > dbt.revenue_daily, airflow.nightly.dbt_build > dbt.stg_orders, airflow.nightly.dbt_build > dbt.stg_sessions',
	'what the Airflow task runs are edges of kind runs');
is($node->safe_psql('order0', q{SELECT count(DISTINCT run_id) FROM tracer.alert WHERE run_id LIKE 'nightly/%' AND source IN ('dbt', 'airflow')}), 1, 'a dbt run shares the run of its Airflow task');

# 7,000 green tests are no incidents, and leave nothing behind.
my $green = $json->encode({ metadata => { dbt_schema_version => 'https://schemas.getdbt.com/dbt/run-results/v5.json', generated_at => '2024-01-16T00:00:00Z', env => {} },
		results => [ map { { unique_id => "test.shop.t$_.a", status => 'pass', timing => [] } } 1 .. 7000 ] });
is($node->safe_psql('order0', 'SELECT alerts FROM tracer.ingest(' . quoted('dbt') . ', ' . quoted($green) . ')'), 0, '7,000 green tests are no alerts');

# One event that two connections deliver at once is one alert.
my $once = q{SELECT alerts FROM tracer.ingest('alertmanager', '{"alerts": [{"status": "firing", "labels": {"alertname": "Once"}, "startsAt": "2024-01-15T03:00:00Z", "fingerprint": "once"}]}')};
my $slow = client($node, 'order0', 'slow', "BEGIN; $once; SELECT pg_sleep(1); COMMIT;");
$node->poll_query_until('order0', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(1)%' AND state = 'active' AND pid <> pg_backend_pid()});
my $fast = client($node, 'order0', 'fast', "$once;");
finish_client($_) foreach $slow, $fast;
is($node->safe_psql('order0', q{SELECT count(*) FROM tracer.alert WHERE dedup_key = 'once'}), 1, 'two connections, one alert');

# A writer may ingest; a reader may not; nobody calls what is behind it.
foreach my $role (qw(reader writer))
{
	$node->safe_psql('order0', "CREATE ROLE in_$role LOGIN; SELECT tracer.grant_access('in_$role', '$role')");
}
isnt($node->psql('order0', q{SELECT * FROM tracer.ingest('x', '{"title": "y"}')}, extra_params => [ '-U', 'in_reader' ]), 0, 'a reader may not ingest');
is($node->psql('order0', q{SELECT * FROM tracer.ingest('x', '{"title": "y"}')}, extra_params => [ '-U', 'in_writer' ]), 0, 'a writer may');
foreach my $call (q{tracer.take_body('x', '{}', NULL, '{}', NULL)}, q{tracer.quarantine_body('x', 'y', '\x', '{}')}, q{tracer.call_registered('in_reader', 'a.b')})
{
	my ($rc, $out, $err) = $node->psql('order0', "SELECT * FROM $call", extra_params => [ '-U', 'in_writer' ]);
	like($err, qr/permission denied/, "a writer may not call $call");
}

# A manifest: what it says, said again, and what it no longer says.
sub manifest
{
	my (@models) = @_;
	my %nodes;

	while (my ($name, $up) = splice(@models, 0, 2))
	{
		$nodes{"model.shop.$name"} = { resource_type => 'model', name => $name, database => 'wh', schema => 'dbt', relation_name => qq("wh"."dbt"."$name"), depends_on => { nodes => $up },
			config => { materialized => 'table', meta => { owner => 'sales', tier => 2 } }, tags => ['nightly'], description => "The $name" };
		$nodes{"test.shop.not_null_$name.abc"} = { resource_type => 'test', name => "not_null_$name", depends_on => { nodes => ["model.shop.$name"] } };
	}
	return quoted($json->encode({ metadata => { dbt_schema_version => 'https://schemas.getdbt.com/dbt/manifest/v12.json', project_name => 'shop', generated_at => '2024-01-15T00:00:00Z' }, nodes => \%nodes,
		sources => { 'source.shop.raw.orders' => { resource_type => 'source', name => 'orders', source_name => 'raw', database => 'wh', schema => 'raw', identifier => 'orders' } },
		exposures => { 'exposure.shop.board' => { resource_type => 'exposure', type => 'dashboard', name => 'board', owner => { name => 'bi' }, depends_on => { nodes => ['model.shop.b'] } } } }));
}
new_database($node, 'dbt');
my $full = manifest(a => ['source.shop.raw.orders'], b => ['model.shop.a'], c => ['model.shop.a']);
my $less = manifest(a => ['source.shop.raw.orders'], b => ['model.shop.a']);
is($node->safe_psql('dbt', "SELECT * FROM tracer.ingest('dbt', $full)"), '0|0|4|5|0', 'a manifest declares assets and edges');
is($node->safe_psql('dbt', "SELECT * FROM tracer.ingest('dbt', $full)"), '0|0|0|0|0', 'said again, nothing changes');
is($node->safe_psql('dbt', q{SELECT kind || '|' || owner || '|' || tier FROM tracer.asset WHERE name = tracer.canonical('wh.dbt.a')}), 'dbt model|sales|2', 'a relation is an alias of its model');
is($node->safe_psql('dbt', q{SELECT tracer.canonical('test.shop.not_null_a.abc')}), 'model.shop.a', 'a test stands for what it tests');
$node->safe_psql('dbt', q{SELECT tracer.link('model.shop.c', 'looker.c')});
is($node->safe_psql('dbt', "SELECT * FROM tracer.ingest('dbt', $less)"), '0|1|1|0|0', 'what disappeared is unlinked, and a change');
is($node->safe_psql('dbt', q{SELECT string_agg(downstream, ',') FROM tracer.lineage_edges WHERE 'model.shop.c' IN (upstream, downstream)}), 'looker.c', 'what others said stays');
is($node->safe_psql('dbt', q{SELECT tags ? 'gone_since' FROM tracer.asset WHERE name = 'model.shop.c'}), 't', 'a model that is gone is marked');
is($node->safe_psql('dbt', "SELECT * FROM tracer.ingest('dbt', $less)"), '0|0|0|0|0', 'once');
is($node->safe_psql('dbt', "SELECT * FROM tracer.ingest('dbt', $full)"), '0|0|1|1|0', 'and comes back');

# An asset that is known under another of its names keeps that name.
new_database($node, 'known');
$node->safe_psql('known', "INSERT INTO tracer.asset (name) VALUES ('wh.dbt.a')");
$node->safe_psql('known', "SELECT * FROM tracer.ingest('dbt', $full)");
is($node->safe_psql('known', q{SELECT tracer.canonical('model.shop.a')}), 'wh.dbt.a', 'a table that is known stays what it is called');
is($node->safe_psql('known', q{SELECT count(*) FROM tracer.downstream('wh.dbt.a')}), 3, 'and has the lineage of its model');

$node->stop;
done_testing();
