-- One million assets in ten layers, four million edges from each layer to the
-- next, drawn at random. bench.edge holds the same edges as a user would keep
-- them for a recursive query: integers and one covering index.
SET session_replication_role = replica;     -- no foreign-key check for each edge
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_trigger WHERE tgname = 'lineage_replicated') THEN
        ALTER TABLE tracer.lineage DISABLE TRIGGER lineage_replicated;
    END IF;
END
$$;
SELECT setseed(0.42) \gset

INSERT INTO tracer.asset (asset_id, name)
SELECT n, format('warehouse.schema_%s.table_%s', n % 1000, n)
  FROM generate_series(1, 1000000) n;

CREATE SCHEMA bench;
CREATE TABLE bench.edge AS
SELECT DISTINCT downstream, ((downstream - 1) / 100000 - 1) * 100000 + 1 + floor(random() * 100000)::int AS upstream
  FROM (SELECT 100001 + floor(random() * 900000)::int AS downstream FROM generate_series(1, 4000000)) s;

INSERT INTO tracer.lineage (upstream, downstream)
SELECT upstream, downstream FROM bench.edge ORDER BY downstream, upstream;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_trigger WHERE tgname = 'lineage_replicated') THEN
        ALTER TABLE tracer.lineage ENABLE REPLICA TRIGGER lineage_replicated;
    END IF;
END
$$;
RESET session_replication_role;

CREATE UNIQUE INDEX ON bench.edge (downstream, upstream);
VACUUM ANALYZE bench.edge;
VACUUM ANALYZE tracer.asset;
VACUUM ANALYZE tracer.lineage;

-- Whose closures to ask for: the nearest to the size wanted among a sample.
CREATE TABLE bench.pick AS
SELECT w.name, p.asset_id, a.name AS asset, p.size
  FROM (VALUES ('big', 190000, 900001, 200), ('rows', 16000, 700001, 500), ('small', 195, 300001, 1000))
            w (name, wanted, first, sample),
       LATERAL (SELECT n AS asset_id, tracer.upstream_count(b.name) AS size
                  FROM generate_series(first, first + sample - 1) n JOIN tracer.asset b ON b.asset_id = n
                 ORDER BY abs(tracer.upstream_count(b.name) - wanted), n LIMIT 1) p
  JOIN tracer.asset a USING (asset_id);
