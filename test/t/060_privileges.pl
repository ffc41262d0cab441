# Nothing is granted to PUBLIC; tracer.grant_access() hands out four levels, each
# of which can do what it is for and nothing of the next.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TracerTest;

my $node = new_node('main');
my $doc = cascades()->{transaction_processing};

new_database($node, 'tracing');
declare_cascades($node, 'tracing', $doc);
insert_alerts($node, 'tracing', $doc->{alerts});
$node->safe_psql('tracing', 'SELECT tracer.correlate()');
my $id = $node->safe_psql('tracing', 'SELECT incident_id FROM tracer.incidents');

# PUBLIC: by the catalog, defaults included.
is( $node->safe_psql(
		'tracing', q{
		SELECT string_agg(o.what, ', ')
		  FROM (SELECT 'schema' AS what, coalesce(nspacl, acldefault('n', nspowner)) AS acl FROM pg_namespace WHERE nspname = 'tracer'
		        UNION ALL
		        SELECT oid::regclass::text, coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's'::"char" ELSE 'r' END, relowner))
		          FROM pg_class WHERE relnamespace = 'tracer'::regnamespace AND relkind IN ('r', 'v', 'm', 'S', 'p')
		        UNION ALL
		        SELECT oid::regprocedure::text, coalesce(proacl, acldefault('f', proowner))
		          FROM pg_proc WHERE pronamespace = 'tracer'::regnamespace) AS o
		 WHERE EXISTS (SELECT FROM aclexplode(o.acl) AS a WHERE a.grantee = 0)}),
	'', 'no schema, relation or function is open to PUBLIC');

my @levels = qw(reader writer operator admin);
foreach my $role ('stranger', @levels)
{
	$node->safe_psql('tracing', "CREATE ROLE $role LOGIN");
	$node->safe_psql('tracing', "SELECT tracer.grant_access('$role', '$role')") if $role ne 'stranger';
}

# What the lowest level is that may do it.
my @deeds = (
	[ 0, 'read incidents', 'SELECT count(*) FROM tracer.incidents' ],
	[ 0, 'read a report', "SELECT tracer.report($id)" ],
	[ 0, 'walk lineage', "SELECT count(*) FROM tracer.downstream('lake.raw_transactions')" ],
	[ 0, 'see evidence', 'SELECT count(*) FROM tracer.evidence' ],
	[ 1, 'send an alert', "INSERT INTO tracer.alert (asset, title) VALUES ('a', 'broken')" ],
	[ 1, 'declare an asset', "INSERT INTO tracer.asset (name) VALUES ('new ' || clock_timestamp())" ],
	[ 1, 'declare lineage', "SELECT tracer.link('up ' || clock_timestamp(), 'down')" ],
	[ 1, 'record a change', "INSERT INTO tracer.change (asset, title) VALUES ('a', 'deployed')" ],
	[ 1, 'record a metric', "INSERT INTO tracer.metric (asset, name, value) VALUES ('a', 'row_count', 1)" ],
	[ 2, 'correlate', 'SELECT tracer.correlate()' ],
	[ 2, 'try other settings', q(SELECT count(*) FROM tracer.backtest(settings => '{"horizon": "1 hour"}')) ],
	[ 2, 'acknowledge', "SELECT tracer.acknowledge($id)" ],
	[ 2, 'write a note', "SELECT tracer.note($id, 'looking')" ],
	[ 3, 'name a team', "INSERT INTO tracer.team (name) VALUES ('team ' || clock_timestamp())" ],
	[ 3, 'change settings', "SELECT tracer.set('horizon', '6 hours')" ]);

foreach my $who ('stranger', @levels)
{
	my ($rung) = grep { $levels[$_] eq $who } 0 .. $#levels;

	$rung //= -1;
	foreach my $deed (@deeds)
	{
		my ($lowest, $what, $sql) = @$deed;
		my ($rc, $out, $err) = $node->psql('tracing', $sql, extra_params => [ '-U', $who ]);

		if ($rung >= $lowest)
		{
			is($err, '', "$who may $what");
		}
		else
		{
			like($err, qr/permission denied/, "$who may not $what");
		}
	}
}

# Nobody passes on what he has, and a level can be lowered.
my ($rc, $out, $err) = $node->psql('tracing', "SELECT tracer.grant_access('stranger', 'reader')", extra_params => [ '-U', 'admin' ]);
isnt($node->psql('tracing', 'SELECT count(*) FROM tracer.incidents', extra_params => [ '-U', 'stranger' ]),
	0, 'an admin gives nobody access');
$node->safe_psql('tracing', "SELECT tracer.grant_access('operator', 'reader')");
($rc, $out, $err) = $node->psql('tracing', "SELECT tracer.acknowledge($id)", extra_params => [ '-U', 'operator' ]);
like($err, qr/permission denied/, 'a level can be lowered');
isnt($node->psql('tracing', "SELECT tracer.grant_access('reader', 'emperor')"), 0, 'an unknown level is an error');

# Whoever made the schema before the extension came into it has nothing of it, and can
# slip nothing in: tracer.doctor() would call this one, with its caller's rights.
$node->safe_psql('postgres', 'CREATE DATABASE squatted');
$node->safe_psql(
	'squatted', q{
	CREATE ROLE squatter; CREATE ROLE friend;
	GRANT CREATE ON DATABASE squatted TO squatter;
	SET ROLE squatter;
	CREATE SCHEMA tracer;
	GRANT ALL ON SCHEMA tracer TO friend WITH GRANT OPTION;
	CREATE FUNCTION tracer.span(numeric) RETURNS text LANGUAGE sql AS 'SELECT current_user::text'});
($rc, $out, $err) = $node->psql('squatted', 'CREATE EXTENSION tracer');
like($err, qr/schema tracer is not empty: there is function tracer\.span\(numeric\)/, 'no extension among what others made');
like($err, qr/HINT: /, 'it says what to do');
$node->safe_psql('squatted', 'DROP FUNCTION tracer.span(numeric); CREATE EXTENSION tracer');
foreach my $role ('squatter', 'friend')
{
	($rc, $out, $err) = $node->psql('squatted', "SET ROLE $role; CREATE FUNCTION tracer.span(numeric) RETURNS text LANGUAGE sql AS 'SELECT current_user::text'");
	like($err, qr/permission denied for schema tracer/, "the $role of before creates nothing in it");
}
is($node->safe_psql('squatted', q(SELECT nspowner::regrole || ' ' || (SELECT count(*) FROM aclexplode(nspacl) WHERE grantee <> nspowner) FROM pg_namespace WHERE nspname = 'tracer')),
	$node->safe_psql('squatted', 'SELECT current_user') . ' 0', 'the schema is that of the extension');

$node->stop;
done_testing();
