# Missing lineage, against what it is defined by: planted causes are found and
# nothing else, the figures of a suggestion are those that SQL counts from the
# episodes, and neither the order of arrival nor names' order nor ids matter.

use strict;
use warnings;
use TracerTest;
use Test::More;

my $node = new_node('learn', 'jit = off');

# Thirty assets fail at random moments; of three pairs the second follows the
# first, $share of the times, 10 to 40 minutes later. No lineage but a chain.
sub history_sql
{
	my ($seed, $share, $order, $prefix) = @_;

	return qq{
		SELECT setseed($seed);
		SELECT tracer.link('${prefix}x1', '${prefix}x2');
		CREATE TABLE failure AS
		SELECT '${prefix}n' || 1 + i % 30 AS asset, timestamptz '2024-01-01' + random() * interval '60 days' AS at
		  FROM generate_series(1, 450) i;
		INSERT INTO failure
		SELECT '${prefix}' || v.effect, f.at + (10 + 30 * random()) * interval '1 minute'
		  FROM failure f
		  JOIN (VALUES ('n1', 'planted1'), ('n2', 'planted2'), ('n3', 'planted3')) AS v (cause, effect) ON f.asset = '${prefix}' || v.cause
		 WHERE random() < $share;
		INSERT INTO failure SELECT '${prefix}planted' || 1 + i % 3, timestamptz '2024-01-01' + random() * interval '60 days' FROM generate_series(1, 12) i;
		INSERT INTO tracer.alert (asset, title, status, fired_at)
		SELECT f.asset, 'failed', s.status::tracer.status, f.at + s.later
		  FROM failure f, (VALUES ('firing', interval '0'), ('resolved', interval '5 minutes')) AS s (status, later)
		 ORDER BY $order;
		SELECT tracer.correlate();
	};
}

my $pairs = q{SELECT string_agg(regexp_replace(upstream, '^.*_', '') || ' ' || regexp_replace(downstream, '^.*_', ''), ', ' ORDER BY downstream) FROM tracer.suggest_lineage(0.9)};
my $rows = q{SELECT string_agg(concat_ws('|', s.*), E'\n' ORDER BY upstream COLLATE "C", downstream COLLATE "C") FROM tracer.suggest_lineage(0.05) s};
my $planted = 'n1 planted1, n2 planted2, n3 planted3';
my %first;

foreach my $seed (1 .. 6)
{
	my $s = $seed / 10;

	new_database($node, "a$seed");
	$node->safe_psql("a$seed", history_sql($s, 0.8, 'f.at, f.asset', 'a_'));
	is($node->safe_psql("a$seed", $pairs), $planted, "seed $seed: what was planted, and nothing else");
	$first{$seed} = $node->safe_psql("a$seed", $rows);
}

# Nothing planted, nothing found.
foreach my $seed (1 .. 6)
{
	new_database($node, "none$seed");
	$node->safe_psql("none$seed", history_sql($seed / 10, 0, 'f.at, f.asset', 'a_'));
	is($node->safe_psql("none$seed", 'SELECT count(*) FROM tracer.suggest_lineage(0.9)'), 0, "seed $seed: nothing in noise");
}

# Any order of arrival; other names in another order. With other names only
# figures in the words may differ, by ties, so pairs are compared.
new_database($node, 'reversed');
$node->safe_psql('reversed', history_sql(0.1, 0.8, 'f.at DESC, f.asset', 'a_'));
is($node->safe_psql('reversed', $rows), $first{1}, 'the order of arrival does not matter');
is($node->safe_psql('a1', $rows), $first{1}, 'asked again, the same');
new_database($node, 'renamed');
$node->safe_psql('renamed', history_sql(0.1, 0.8, 'f.at, f.asset', 'zz_'));
is($node->safe_psql('renamed', $pairs), $planted, 'nor do names');

# The figures, counted from the episodes by SQL: how often the target failed
# unexplained, and how often within the range of lags after the cause.
my $oracle = q{
	WITH e AS (SELECT k.asset, e.started_at AS at, e.because FROM tracer.episode e JOIN tracer.alert_key k USING (key_id)),
	     s AS (SELECT * FROM tracer.find_lineage(NULL, NULL, NULL))
	SELECT count(*)
	  FROM s
	 WHERE s.unexplained <> (SELECT count(*) FROM e WHERE e.asset = s.downstream AND e.because IN ('o', 's'))
	    OR s.failures <> (SELECT count(*) FROM e WHERE e.asset = s.upstream)
	    OR s.lag NOT BETWEEN s.lag_least AND s.lag_most
	    OR s.support > (SELECT count(*) FROM e
	                     WHERE e.asset = s.downstream
	                       AND EXISTS (SELECT FROM e u WHERE u.asset = s.upstream
	                                      AND e.at - u.at BETWEEN s.lag_least AND s.lag_most))};
is($node->safe_psql("a$_", $oracle), 0, "seed $_: figures are those that SQL counts") foreach 1 .. 6;

# An edge that is declared afterwards explains what was not explained then.
$node->safe_psql('a1', q{SELECT tracer.link('a_n1', 'a_planted1')});
is($node->safe_psql('a1', $pairs), 'n2 planted2, n3 planted3', 'known lineage is not suggested, though the failures are old');

# What two effects have in common is explained by it.
new_database($node, 'common');
$node->safe_psql('common', history_sql(0.3, 0.9, 'f.at, f.asset', 'a_') =~ s/\('n2', 'planted2'\)/('n1', 'planted2')/r);
is($node->safe_psql('common', $pairs), 'n1 planted1, n1 planted2, n3 planted3', 'effects of one cause do not cause each other');

# Accepting through the documented statement; only operators may.
$node->safe_psql('a2', 'SELECT tracer.accept_lineage(upstream, downstream, confidence, why) FROM tracer.suggest_lineage(0.9)');
is($node->safe_psql('a2', q{SELECT count(*) FROM tracer.lineage_edges WHERE source = 'learned'}), 3, 'all accepted at once');
is($node->safe_psql('a2', 'SELECT count(*) FROM tracer.suggest_lineage(0.9)'), 0, 'and not suggested again');
$node->safe_psql('a2', q{CREATE ROLE reader; CREATE ROLE operator; SELECT tracer.grant_access('reader', 'reader'), tracer.grant_access('operator', 'operator')});
my ($rc, $out, $err) = $node->psql('a2', q{SET ROLE reader; SELECT count(*) FROM tracer.suggest_lineage()});
like($err, qr/permission denied for function suggest_lineage/, 'a reader may not');
is($node->safe_psql('a2', q{SET ROLE operator; SELECT tracer.reject_lineage('a_n1', 'a_planted1'); SELECT count(*) FROM tracer.suggest_lineage(0.9)}), "\n0", 'an operator may');

done_testing();
