-- One incident of a thousand failures: a package that more than that depend on,
-- and of those, the first thousand by name, over the three hours after it.
CREATE TABLE bench.hub AS
SELECT a.name, (SELECT count(*) FROM tracer.downstream(a.name)) AS below
  FROM (SELECT upstream AS name FROM bench.edge GROUP BY upstream ORDER BY count(*) DESC LIMIT 200) a
 ORDER BY abs((SELECT count(*) FROM tracer.downstream(a.name)) - 5000), a.name LIMIT 1;
INSERT INTO tracer.alert (asset, title, fired_at)
SELECT name, 'fails', timestamptz '2026-03-01' FROM bench.hub;
INSERT INTO tracer.alert (asset, title, fired_at)
SELECT d.asset, 'fails', timestamptz '2026-03-01' + row_number() OVER (ORDER BY d.asset) * interval '10 seconds'
  FROM bench.hub, tracer.downstream(name) d WHERE d.asset <> name ORDER BY d.asset LIMIT 999;
INSERT INTO tracer.change (asset, title, kind, changed_at)
SELECT u.asset, 'upload of ' || u.asset, 'release', timestamptz '2026-03-01' - row_number() OVER (ORDER BY u.asset) * interval '1 minute'
  FROM bench.hub, tracer.upstream(name) u ORDER BY u.asset LIMIT 100;
VACUUM ANALYZE tracer.alert;
