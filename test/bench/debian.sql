-- Debian's package dependencies as lineage: what a package depends on is upstream
-- of it.
CREATE SCHEMA bench;
CREATE TABLE bench.dep (package text, needs text);
COPY bench.dep FROM :'file';
DELETE FROM bench.dep WHERE package = needs;
CREATE TABLE bench.edge AS
SELECT DISTINCT d.needs AS upstream, d.package AS downstream
  FROM bench.dep d
 WHERE d.needs IN (SELECT package FROM bench.dep WHERE package IS NOT NULL);
INSERT INTO tracer.asset (name)
SELECT DISTINCT package FROM bench.dep ORDER BY 1;
INSERT INTO tracer.lineage (upstream, downstream)
SELECT u.asset_id, d.asset_id
  FROM bench.edge e JOIN tracer.asset u ON u.name = e.upstream JOIN tracer.asset d ON d.name = e.downstream;
CREATE INDEX ON bench.edge (upstream, downstream);
ANALYZE bench.edge;
VACUUM ANALYZE tracer.asset;
VACUUM ANALYZE tracer.lineage;
