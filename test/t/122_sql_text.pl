# tracer.sql_lineage() against PostgreSQL itself, and against rubbish.
#
# First random views: what the server's dependencies say that a view reads must
# be what sql_lineage() reads in its definition, and no column may come from one
# that the view does not depend on. Then mutated texts: rows or an error that
# PostgreSQL's grammar gives, never a crash and never another error.
# TRACER_SEEDS is how many views (300), TRACER_SEED the first (1),
# TRACER_TEXTS how many mutated texts (6000).

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = $ENV{TRACER_TOP} || '.';
my $node = PostgreSQL::Test::Cluster->new('sql_text');
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION tracer; CREATE SCHEMA s; '
	  . join ' ', map { "CREATE TABLE s.t$_ (a int, b int, c$_ int, d$_ int);" } 0 .. 4);

sub pick { return $_[ rand @_ ] }
sub chance { return rand() < $_[0] }

# A query of two columns x and y. ctes: names that it may read.
sub query
{
	my ($depth, @ctes) = @_;
	my $with = '';
	if ($depth > 0 && chance(0.3))
	{
		my $name = 'w' . $depth;
		if (chance(0.3))
		{
			$with = "WITH RECURSIVE $name (x, y) AS (" . query($depth - 1, @ctes) . " UNION ALL SELECT y, x + 1 FROM $name WHERE x < 10) ";
		}
		else { $with = "WITH $name AS (" . query($depth - 1, @ctes) . ') ' }
		# It must be read, as the server counts what stands in it either way.
		return "${with}SELECT q.x, q.y FROM $name q";
	}
	if ($depth > 0 && chance(0.2))
	{
		return '(' . query($depth - 1, @ctes) . ') ' . pick('UNION', 'UNION ALL', 'INTERSECT') . ' (' . query($depth - 1, @ctes) . ')';
	}
	my (@from, @columns);
	for my $i (0 .. int rand 3)
	{
		my $alias = "f${depth}_$i";
		if ($depth > 0 && chance(0.35))
		{
			my $lateral = $i > 0 && chance(0.3) ? pick(@columns) : undef;
			push @from, $lateral ? "LATERAL (SELECT z.x, $lateral AS y FROM (" . query($depth - 1, @ctes) . ") z) $alias" : '(' . query($depth - 1, @ctes) . ") $alias";
			push @columns, "$alias.x", "$alias.y";
		}
		else
		{
			my $t = int rand 5;
			push @from, "s.t$t $alias";
			push @columns, "$alias.a", "$alias.b", "$alias.c$t";
		}
	}
	my $from = shift @from;
	$from .= chance(0.5) || $_ =~ /^LATERAL/ ? ", $_" : " LEFT JOIN $_ ON true" for @from;
	my $value = sub {
		my $c = pick(@columns);
		return chance(0.2) ? "coalesce($c, " . pick(@columns) . ')'
		  : chance(0.1) && $depth > 0 ? "(SELECT max(u.x) + $c FROM (" . query($depth - 1, @ctes) . ') u)'
		  : $c;
	};
	my $where = $depth > 0 && chance(0.2) ? ' WHERE ' . pick(@columns) . ' IN (SELECT u.y FROM (' . query($depth - 1, @ctes) . ') u)' : '';
	return 'SELECT ' . $value->() . ' AS x, ' . $value->() . " AS y FROM $from$where";
}

my $first = $ENV{TRACER_SEED} // 1;
my $count = $ENV{TRACER_SEEDS} // 300;
my $sql = "SET search_path = pg_catalog;\n";
for my $seed ($first .. $first + $count - 1)
{
	srand($seed);
	my $def = query(3);
	$sql .= "CREATE VIEW s.v AS $def;\n" . <<"SQL";
WITH said AS (SELECT * FROM tracer.sql_lineage(pg_get_viewdef('s.v'::regclass))),
     read AS (SELECT * FROM tracer.sql_lineage(\$\$CREATE VIEW s.v AS $def\$\$)),
     known AS (SELECT 's.' || c.relname AS source, a.attname::text AS source_column
                 FROM pg_rewrite r JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
                 JOIN pg_class c ON c.oid = d.refobjid AND c.relkind = 'r'
                 LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid AND a.attnum > 0
                WHERE r.ev_class = 's.v'::regclass)
SELECT 'seed $seed: ' || x FROM (
    SELECT 'tables differ: ' || string_agg(DISTINCT source, ' ') AS x FROM ((SELECT source FROM said EXCEPT SELECT source FROM known) UNION ALL (SELECT source FROM known EXCEPT SELECT source FROM said)) t HAVING count(*) > 0
    UNION ALL SELECT 'columns out of nowhere: ' || string_agg(source || '.' || source_column, ' ') FROM (SELECT source, source_column FROM said WHERE source_column IS NOT NULL EXCEPT SELECT * FROM known) t HAVING count(*) > 0
    UNION ALL SELECT 'the text says otherwise than its definition' WHERE EXISTS ((SELECT source, target_column, source_column FROM said EXCEPT SELECT source, target_column, source_column FROM read) UNION ALL (SELECT source, target_column, source_column FROM read EXCEPT SELECT source, target_column, source_column FROM said))
    ) y;
DROP VIEW s.v;
SQL
}
my ($rc, $out, $err) = $node->psql('postgres', $sql, on_error_stop => 1);
is($rc, 0, "$count random views are made") or diag($err);
is($out, '', 'their lineage is what the server depends on') or diag($sql);

# Rubbish: pieces of real statements put together at random.
srand($first);
my $text = slurp_file("$top/sql/sql_lineage.sql");
$text =~ s/[^\x00-\x7f]+/e/g;      # words below are bytes
my @corpus = grep { length > 25 } map { s/''/'/gr } $text =~ /'((?:[^']|'')*)'/g;
push @corpus, map { query(3) } 1 .. 30;
my @word = map { /\s+|\w+|[^\w\s]/g } @corpus;
my @texts;
for (1 .. $ENV{TRACER_TEXTS} // 6000)
{
	my @t = pick(@corpus) =~ /\s+|\w+|[^\w\s]/g;
	for (0 .. int rand 4)
	{
		my ($at, $n) = (int rand @t, 1 + int rand 6);
		my $how = int rand 4;
		if ($how == 0) { splice @t, $at, $n }
		elsif ($how == 1) { splice @t, $at, 0, @t[ $at .. ($at + $n > $#t ? $#t : $at + $n) ] }
		elsif ($how == 2) { $t[$at] = pick(@word) }
		else { my $from = int rand @word; splice @t, $at, 0, grep { defined } @word[ $from .. $from + 2 * $n ] }
		last unless @t;
	}
	push @texts, join '', grep { defined } @t;
}
$sql = "CREATE TABLE text (t text);\n" . join '', map { my $q = s/'/''/gr; $q =~ s/\\/\\\\/g; "INSERT INTO text VALUES (E'$q');\n" } @texts;
$node->safe_psql('postgres', $sql);
my $got = $node->safe_psql('postgres', <<'SQL');
SET client_min_messages = error;
CREATE FUNCTION judge(t text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM count(*) FROM tracer.sql_lineage(t, 's');
    RETURN 'read';
EXCEPTION
    WHEN syntax_error OR feature_not_supported OR reserved_name OR invalid_parameter_value OR too_many_columns THEN RETURN 'refused';
    WHEN OTHERS THEN RETURN format('%s %s: %s', SQLSTATE, SQLERRM, t);
END $$;
SELECT judge(t), count(*) FROM text GROUP BY 1 ORDER BY 1;
SQL
like($got, qr/^read\|\d+\nrefused\|\d+$/, 'mutated texts are read or refused') or diag($got);
note($got);

$node->stop;
done_testing();
