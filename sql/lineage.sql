-- Lineage: names, edges, walks, and the graph that a session keeps.
CREATE EXTENSION tracer;
\set VERBOSITY terse

-- Linking declares what it does not find and counts what is new or changed.
SELECT tracer.link('raw', 'staging') AS new,
       tracer.link('raw', 'staging') AS known;
SELECT tracer.link('staging', 'mart', lag => '1.5 seconds') AS new;
SELECT tracer.link('staging', 'mart') AS keeps_the_lag;
SELECT tracer.link('staging', 'mart', lag => '1 hour 0.1 seconds') AS changed;
SELECT tracer.link(ARRAY['mart','mart','mart'], ARRAY['board','report','board']) AS bulk;
SELECT tracer.link('nightly', 'staging', 'runs', 'airflow') AS runner;
INSERT INTO tracer.asset_alias VALUES ('public.raw', 'raw'), ('dangling', 'no such asset');
SELECT tracer.link('public.raw', 'staging') AS by_alias, tracer.link('public.raw', 'audit') AS by_alias_new;
SELECT upstream, downstream, kind, source, lag FROM tracer.lineage_edges ORDER BY 1, 2;
SELECT n, tracer.canonical(n) FROM unnest(ARRAY['raw', 'public.raw', 'dangling', 'unheard of', NULL]) n;

-- Walking.
SELECT * FROM tracer.upstream('board') ORDER BY depth, asset;
SELECT * FROM tracer.upstream('board', 1);
SELECT * FROM tracer.downstream('public.raw', 2) ORDER BY depth, asset;
SELECT tracer.downstream_count('raw'), tracer.upstream_count('board'), tracer.downstream_count('raw', 1) AS one_hop;
SELECT * FROM tracer.upstream_roots('board') ORDER BY 1;
SELECT * FROM tracer.upstream_roots('nightly');
SELECT tracer.lineage_path('public.raw', 'board'), tracer.lineage_path('board', 'raw') AS against_the_edges,
       tracer.lineage_path('raw', 'public.raw') AS itself, tracer.lineage_path('raw', NULL) AS nothing;
SELECT count(*) FROM tracer.upstream(NULL);
SELECT tracer.upstream_count(NULL), tracer.upstream_count('board', 0);
SELECT count(*) FROM tracer.upstream('board', 0);

-- Cycles: the start is left out; a cycle with nothing above it is a root.
SELECT tracer.link(ARRAY['c1','c2','c3','c3'], ARRAY['c2','c3','c1','leaf']);
SELECT * FROM tracer.downstream('c1') ORDER BY depth, asset;
SELECT * FROM tracer.upstream_roots('leaf') ORDER BY depth, asset;
SELECT * FROM tracer.upstream_roots('c2') ORDER BY depth, asset;
INSERT INTO tracer.lineage (upstream, downstream) SELECT asset_id, asset_id FROM tracer.asset WHERE name = 'raw';
SELECT * FROM tracer.upstream_roots('raw');
SELECT tracer.upstream_count('raw') AS self_loop;
SELECT tracer.unlink('raw', 'raw');

-- What is wrong is refused.
SELECT * FROM tracer.upstream('unheard of');
SELECT tracer.lineage_path('raw', 'unheard of');
SELECT * FROM tracer.upstream('raw', -1);
SELECT tracer.downstream_count('raw', -1);
SELECT tracer.link('raw', 'raw');
SELECT tracer.link('raw', 'public.raw');
SELECT tracer.link(NULL, 'raw');
SELECT tracer.link('', 'raw');
SELECT tracer.link(ARRAY['a'], ARRAY['b', 'c']);
SELECT tracer.link(ARRAY[['a', 'b']], ARRAY[['c', 'd']]);
SELECT tracer.unlink(ARRAY[['a', 'b']], ARRAY[['c', 'd']]);
SELECT tracer.link('a', 'b', lag => '-1 second');
SELECT tracer.link('a', 'b', lag => '11 years');
SELECT tracer.link('a', 'b', kind => NULL);
SELECT count(*) AS undeclared FROM tracer.asset WHERE name IN ('a', 'b', 'c', '');
DO $$ BEGIN PERFORM tracer.link('raw', 'public.raw'); EXCEPTION WHEN invalid_parameter_value THEN RAISE NOTICE 'refused'; END $$;
DO $$ BEGIN PERFORM tracer.upstream_count('x'); EXCEPTION WHEN undefined_object THEN RAISE NOTICE 'refused'; END $$;
\set VERBOSITY terse

-- Taking back.
SELECT tracer.unlink('mart', 'report') AS one, tracer.unlink('mart', 'report') AS gone,
       tracer.unlink('nightly', 'staging', source => 'manual') AS other_source,
       tracer.unlink(ARRAY['nightly', 'public.raw'], ARRAY['staging', 'audit']) AS bulk,
       tracer.unlink('unheard of', 'raw') AS unknown;
SELECT tracer.upstream_count('report'), tracer.upstream_count('staging');

-- The graph of a session, and what makes it right again. A small question does
-- not build it; the budget makes a bigger one do so, so force it here.
TRUNCATE tracer.lineage, tracer.asset, tracer.lineage_log;
\c -
INSERT INTO tracer.asset (name) SELECT 'n' || i FROM generate_series(0, 20000) i;
INSERT INTO tracer.lineage (upstream, downstream)
SELECT a.asset_id, b.asset_id FROM generate_series(0, 19999) i
  JOIN tracer.asset a ON a.name = 'n' || i JOIN tracer.asset b ON b.name = 'n' || (i + 1);
SELECT tracer.upstream_count('n50');
SELECT state, nodes, builds FROM tracer.lineage_cache();
SELECT tracer.upstream_count('n20000');
SELECT state, nodes, edges, delta, builds, patches FROM tracer.lineage_cache();

CREATE FUNCTION pg_temp.look() RETURNS text LANGUAGE plpgsql VOLATILE AS
$$ DECLARE n bigint := tracer.upstream_count('n20000');
   BEGIN RETURN (SELECT format('%s above, %s builds, %s patches', n, builds, patches) FROM tracer.lineage_cache()); END $$;
SELECT pg_temp.look();
SELECT tracer.link('new', 'n20000');
SELECT pg_temp.look();
BEGIN;
SELECT tracer.link('own', 'n20000');
SELECT pg_temp.look() AS own_row;
ROLLBACK;
SELECT pg_temp.look() AS rolled_back;
BEGIN;
SAVEPOINT s;
SELECT tracer.link('own', 'n20000');
SELECT pg_temp.look() AS own_row;
ROLLBACK TO s;
SELECT pg_temp.look() AS rolled_back_to;
SAVEPOINT t;
SELECT tracer.link('own', 'n20000');
RELEASE t;
SELECT pg_temp.look() AS released;
COMMIT;
SELECT pg_temp.look() AS committed;
-- Rolled back to without looking, then committed.
BEGIN;
SAVEPOINT s;
SELECT tracer.link('own2', 'n20000');
SELECT pg_temp.look() AS own_row;
ROLLBACK TO s;
COMMIT;
SELECT pg_temp.look() AS not_kept;
-- Taken back and rolled back.
BEGIN;
SELECT tracer.unlink('n19999', 'n20000');
SELECT pg_temp.look() AS cut;
ROLLBACK;
SELECT pg_temp.look() AS whole;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT pg_temp.look();
SELECT tracer.link('rr', 'n20000');
SELECT pg_temp.look() AS own_row;
ROLLBACK;
SELECT pg_temp.look();
-- Deleting an asset cascades.
DELETE FROM tracer.asset WHERE name = 'new';
SELECT pg_temp.look() AS asset_deleted;
-- Housekeeping rebuilds nothing.
VACUUM tracer.lineage;
ANALYZE tracer.lineage;
SELECT pg_temp.look() AS after_vacuum;
-- Renamed assets show their new names.
SELECT asset FROM tracer.upstream('n20000', 1) ORDER BY 1;
UPDATE tracer.asset SET name = 'renamed' WHERE name = 'own';
SELECT asset FROM tracer.upstream('n20000', 1) ORDER BY 1;
BEGIN;
UPDATE tracer.asset SET name = 'renamed again' WHERE name = 'renamed';
SELECT asset FROM tracer.upstream('n20000', 1) ORDER BY 1;
ROLLBACK;
SELECT asset FROM tracer.upstream('n20000', 1) ORDER BY 1;
-- Trimming the log: what was seen before needs no rebuild, what was not does.
SELECT tracer.trim_lineage_log() > 0 AS trimmed;
SELECT tracer.link('late', 'n20000');
SELECT pg_temp.look() AS patched;
SELECT tracer.link('later', 'n20000');
SELECT tracer.trim_lineage_log() > 0 AS trimmed;
SELECT pg_temp.look() AS rebuilt;
-- Rows that arrive by replication fire no statement triggers.
SET session_replication_role = replica;
INSERT INTO tracer.lineage (upstream, downstream)
SELECT a.asset_id, b.asset_id FROM tracer.asset a, tracer.asset b WHERE a.name = 'new2' OR (a.name = 'n20000' AND b.name = 'late');
SELECT pg_temp.look() AS cycle_seen;
SELECT tracer.upstream_count('late');
DELETE FROM tracer.lineage l USING tracer.asset a WHERE a.asset_id = l.upstream AND a.name = 'n20000';
SELECT tracer.upstream_count('late');
RESET session_replication_role;
-- Many pairs at once: one row in the log, one build.
DELETE FROM tracer.lineage_log;
DELETE FROM tracer.lineage l USING tracer.asset a WHERE a.asset_id = l.upstream AND length(a.name) >= 5 AND a.name <> 'n19999';
SELECT count(*), count(upstream) FROM tracer.lineage_log;
SELECT pg_temp.look() AS rebuilt;
TRUNCATE tracer.lineage;
SELECT pg_temp.look() AS truncated;

-- Random graphs with cycles, self-loops and duplicates, against the recursive
-- query: cached, without a cache, and with row-level security.
-- Compiling these queries would take ten times as long as running them.
SET jit = off;
CREATE FUNCTION pg_temp.rnd(seed int, i int, n int) RETURNS int LANGUAGE sql IMMUTABLE AS
$$ SELECT (abs(hashint8(seed * 1000003::bigint + i)::bigint) % n)::int $$;
CREATE TABLE public.oracle AS SELECT ''::text AS start, ''::text AS asset, 0 AS depth WITH NO DATA;
GRANT ALL ON public.oracle TO PUBLIC;
CREATE FUNCTION pg_temp.make_graph(seed int, nodes int, edges int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM tracer.lineage;
    DELETE FROM tracer.asset;
    INSERT INTO tracer.asset (name) SELECT 'g' || i FROM generate_series(0, nodes - 1) i;
    INSERT INTO tracer.lineage (upstream, downstream, kind, source)
    SELECT u.asset_id, d.asset_id, CASE WHEN pg_temp.rnd(seed, 3 * i, 4) = 0 THEN 'runs' ELSE 'data' END,
           's' || pg_temp.rnd(seed, 3 * i + 1, 3)
      FROM generate_series(1, edges) i
      JOIN tracer.asset u ON u.name = 'g' || pg_temp.rnd(seed, 5 * i + 7, nodes)
      JOIN tracer.asset d ON d.name = 'g' || pg_temp.rnd(seed, 7 * i + 90001, nodes)
        ON CONFLICT DO NOTHING;
END $$;
-- Shortest distances, up from every asset.
CREATE FUNCTION pg_temp.solve() RETURNS void LANGUAGE plpgsql AS $$
DECLARE d int := 0; n bigint;
BEGIN
    TRUNCATE public.oracle;
    INSERT INTO public.oracle SELECT name, name, 0 FROM tracer.asset;
    LOOP
        INSERT INTO public.oracle
        SELECT DISTINCT o.start, u.name, d + 1
          FROM public.oracle o JOIN tracer.asset a ON a.name = o.asset
          JOIN tracer.lineage l ON l.downstream = a.asset_id
          JOIN tracer.asset u ON u.asset_id = l.upstream
         WHERE o.depth = d
           AND NOT EXISTS (SELECT FROM public.oracle p WHERE p.start = o.start AND p.asset = u.name);
        GET DIAGNOSTICS n = ROW_COUNT;
        EXIT WHEN n = 0;
        d := d + 1;
    END LOOP;
END $$;
CREATE FUNCTION pg_temp.mismatches() RETURNS TABLE (up bigint, down bigint, counts bigint, roots bigint, paths bigint) LANGUAGE sql VOLATILE AS $$
WITH up AS MATERIALIZED (
    SELECT a.name AS start, u.asset, u.depth FROM tracer.asset a, tracer.upstream(a.name) u
), down AS MATERIALIZED (
    SELECT u.asset AS start, a.name AS asset, u.depth FROM tracer.asset a, tracer.downstream(a.name) u
), truth AS MATERIALIZED (
    SELECT * FROM public.oracle WHERE depth > 0
), root AS MATERIALIZED (
    -- nothing above it but what it is above of itself
    SELECT o.start, o.asset, o.depth FROM public.oracle o
     WHERE NOT EXISTS (SELECT FROM public.oracle x WHERE x.start = o.asset
                          AND NOT EXISTS (SELECT FROM public.oracle y WHERE y.start = x.asset AND y.asset = o.asset))
), found AS MATERIALIZED (
    SELECT a.name AS start, r.asset, r.depth FROM tracer.asset a, tracer.upstream_roots(a.name) r
)
SELECT (SELECT count(*) FROM ((TABLE up EXCEPT ALL TABLE truth) UNION ALL (TABLE truth EXCEPT ALL TABLE up)) x),
       (SELECT count(*) FROM ((TABLE down EXCEPT ALL TABLE truth) UNION ALL (TABLE truth EXCEPT ALL TABLE down)) x),
       (SELECT count(*) FROM tracer.asset a
         WHERE tracer.upstream_count(a.name) <> (SELECT count(*) FROM truth t WHERE t.start = a.name)
            OR tracer.downstream_count(a.name) <> (SELECT count(*) FROM truth t WHERE t.asset = a.name)
            OR tracer.upstream_count(a.name, 2) <> (SELECT count(*) FROM truth t WHERE t.start = a.name AND t.depth <= 2)
            OR (SELECT count(*) FROM tracer.downstream(a.name, 2)) <> (SELECT count(*) FROM truth t WHERE t.asset = a.name AND t.depth <= 2)),
       (SELECT count(*) FROM ((TABLE found EXCEPT ALL TABLE root) UNION ALL (TABLE root EXCEPT ALL TABLE found)) x),
       (SELECT count(*) FROM tracer.asset a CROSS JOIN tracer.asset b
          LEFT JOIN LATERAL (SELECT tracer.lineage_path(a.name, b.name) AS path) p ON true
          LEFT JOIN public.oracle o ON o.start = b.name AND o.asset = a.name
         WHERE cardinality(p.path) - 1 IS DISTINCT FROM o.depth
            OR EXISTS (SELECT FROM generate_series(1, cardinality(p.path) - 1) i
                        WHERE NOT EXISTS (SELECT FROM tracer.lineage_edges e WHERE e.upstream = p.path[i] AND e.downstream = p.path[i + 1])))
$$;
CREATE FUNCTION pg_temp.trial(seed int, nodes int, edges int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE m text;
BEGIN
    PERFORM pg_temp.make_graph(seed, nodes, edges);
    PERFORM pg_temp.solve();
    SELECT format('%s %s %s %s %s', up, down, counts, roots, paths) INTO m FROM pg_temp.mismatches();
    RETURN m;
END $$;
SELECT state <> 'empty' AS cached FROM tracer.lineage_cache();
SELECT m AS mismatches, count(*) FROM (SELECT pg_temp.trial(seed, nodes, edges) AS m
  FROM generate_series(1, 6) seed, (VALUES (1, 3), (6, 9), (20, 22), (30, 60)) g(nodes, edges)) t GROUP BY 1;
-- The same graph patched edge by edge, in one transaction and then after it.
SELECT count(*) FROM (SELECT tracer.link('g' || pg_temp.rnd(77, i, 30), 'h' || pg_temp.rnd(78, i, 9)),
                             tracer.link('h' || pg_temp.rnd(79, i, 9), 'g' || pg_temp.rnd(80, i, 30)),
                             tracer.unlink('g' || pg_temp.rnd(81, i, 30), 'g' || pg_temp.rnd(82, i, 30))
                        FROM generate_series(1, 40) i) t;
SELECT pg_temp.solve();
SELECT * FROM pg_temp.mismatches();
SELECT patches > 50 AS patched FROM tracer.lineage_cache();
SET tracer.graph_cache_size = 0;
SELECT * FROM pg_temp.mismatches();
SELECT pg_temp.trial(9, 25, 40) AS mismatches_without_cache;
RESET tracer.graph_cache_size;

-- Whoever may not read lineage sees nothing, cached or not.
CREATE ROLE regress_tracer_reader;
GRANT USAGE ON SCHEMA tracer TO regress_tracer_reader;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA tracer TO regress_tracer_reader;
GRANT SELECT ON tracer.asset, tracer.asset_alias, tracer.lineage_edges TO regress_tracer_reader;
SELECT tracer.upstream_count('g1') >= 0 AS owner_may;
SET ROLE regress_tracer_reader;
SELECT tracer.upstream_count('g1');
SELECT * FROM tracer.downstream('g1');
RESET ROLE;
GRANT SELECT ON tracer.lineage TO regress_tracer_reader;
REVOKE SELECT ON tracer.asset FROM regress_tracer_reader;
SET ROLE regress_tracer_reader;
SELECT tracer.upstream_count('g1');
RESET ROLE;
GRANT SELECT ON tracer.asset TO regress_tracer_reader;
SET ROLE regress_tracer_reader;
SELECT * FROM pg_temp.mismatches();
RESET ROLE;
-- Row-level security: the user's own view of the graph decides.
ALTER TABLE tracer.lineage ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_rows ON tracer.lineage USING (true);
SET ROLE regress_tracer_reader;
SELECT * FROM pg_temp.mismatches();
RESET ROLE;
DROP POLICY all_rows ON tracer.lineage;
SELECT sum(tracer.upstream_count(name)) > 0 AS owner_sees FROM tracer.asset;
SET ROLE regress_tracer_reader;
SELECT sum(tracer.upstream_count(name)) AS reader_sees FROM tracer.asset;
RESET ROLE;
ALTER TABLE tracer.lineage DISABLE ROW LEVEL SECURITY;
ALTER TABLE tracer.asset ENABLE ROW LEVEL SECURITY;
CREATE POLICY no_g2 ON tracer.asset USING (name <> 'g2');
SET ROLE regress_tracer_reader;
SELECT tracer.upstream_count('g2');
SELECT count(*) FROM tracer.asset a, tracer.upstream(a.name) u WHERE u.asset = 'g2';
RESET ROLE;
DROP POLICY no_g2 ON tracer.asset;
ALTER TABLE tracer.asset DISABLE ROW LEVEL SECURITY;

-- The planner learns from the cached graph.
SELECT tracer.link(array_agg('hub'::text), array_agg('spoke' || i)) FROM generate_series(1, 500) i;
SELECT tracer.downstream_count('hub');
CREATE FUNCTION pg_temp.estimate(query text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE j json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO j;
    RETURN j->0->'Plan'->>'Plan Rows';
END $$;
SELECT pg_temp.estimate($$SELECT * FROM tracer.downstream('hub')$$) AS down,
       pg_temp.estimate($$SELECT * FROM tracer.upstream('hub')$$) AS up,
       pg_temp.estimate($$SELECT * FROM tracer.downstream('no such asset')$$) AS unknown;

-- The extension made anew in one session.
DROP TABLE public.oracle;
DROP OWNED BY regress_tracer_reader;
DROP ROLE regress_tracer_reader;
DROP EXTENSION tracer;
CREATE EXTENSION tracer;
SELECT tracer.link('a', 'b');
SELECT * FROM tracer.upstream('b');
SELECT tracer.upstream_count('g1');
DROP EXTENSION tracer;
