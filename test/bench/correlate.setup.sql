-- Half a million alerts over Debian's package dependencies (debian.sql). Popular
-- packages fail as origins at random times of a month, some of what depends on
-- them fails minutes later, and some of what depends on that; half of it is
-- repeated, a good part resolved, and there is noise. The same alerts every time.
SELECT setseed(0.42) \gset
CREATE TABLE bench.numbered AS
SELECT row_number() OVER (ORDER BY upstream, downstream) AS n, upstream, downstream FROM bench.edge;
CREATE UNIQUE INDEX ON bench.numbered (n);

-- An edge drawn at random has a popular package upstream more often.
CREATE TABLE bench.failure AS
SELECT 0 AS hop, n.upstream AS asset, timestamptz '2026-01-01' + o.t * interval '30 days' AS at, o.i AS origin
  FROM (SELECT i, 1 + floor(random() * (SELECT count(*) FROM bench.numbered))::bigint AS n, random() AS t
          FROM generate_series(1, 6000) i) o JOIN bench.numbered n USING (n);
INSERT INTO bench.failure
SELECT 1, downstream, at + (2 + random() * 20) * interval '1 minute', origin
  FROM (SELECT f.*, e.downstream, row_number() OVER (PARTITION BY f.origin ORDER BY hashtext(e.downstream || f.origin)) AS nth
          FROM bench.failure f JOIN bench.edge e ON e.upstream = f.asset) s
 WHERE nth <= 25;
INSERT INTO bench.failure
SELECT 2, downstream, at + (2 + random() * 30) * interval '1 minute', origin
  FROM (SELECT f.*, e.downstream, row_number() OVER (PARTITION BY f.origin, f.asset ORDER BY hashtext(e.downstream || f.origin)) AS nth
          FROM bench.failure f JOIN bench.edge e ON e.upstream = f.asset WHERE f.hop = 1) s
 WHERE nth <= 3;
INSERT INTO bench.failure
SELECT 9, a.name, timestamptz '2026-01-01' + random() * interval '30 days', NULL
  FROM (SELECT name FROM tracer.asset ORDER BY hashtext(name) LIMIT 25000) a;

CREATE TABLE bench.alert AS
SELECT asset, 'tests of ' || asset || ' fail' AS title, (ARRAY['ci', 'autopkgtest', 'monitor'])[1 + abs(hashtext(asset)) % 3] AS source,
       status::tracer.status, at AS fired_at
  FROM (SELECT asset, at, 'firing' AS status FROM bench.failure
        UNION ALL
        SELECT asset, at + random() * interval '1 hour', 'firing' FROM bench.failure WHERE random() < 0.5
        UNION ALL
        SELECT asset, at + (1 + random() * 5) * interval '1 hour', 'resolved' FROM bench.failure WHERE random() < 0.4) s
 ORDER BY fired_at LIMIT 500000;
-- Too few packages for half a million: the rest are repeats.
INSERT INTO bench.alert
SELECT asset, title, source, 'firing', fired_at + interval '7 minutes'
  FROM (SELECT *, row_number() OVER (ORDER BY fired_at, asset) AS n FROM bench.alert WHERE status = 'firing') s,
       generate_series(1, 4)
 ORDER BY n LIMIT greatest(0, 500000 - (SELECT count(*) FROM bench.alert));

INSERT INTO tracer.alert (asset, title, source, status, fired_at)
SELECT asset, title, source, status, fired_at FROM bench.alert ORDER BY fired_at, asset;
VACUUM ANALYZE tracer.alert;

CREATE TABLE bench.alert_key (LIKE tracer.alert_key INCLUDING ALL EXCLUDING IDENTITY);
CREATE TABLE bench.episode (LIKE tracer.episode INCLUDING ALL EXCLUDING IDENTITY);
CREATE TABLE bench.placement (LIKE tracer.placement INCLUDING ALL);
CREATE TABLE bench.incident (LIKE tracer.incident INCLUDING ALL);
CREATE TABLE bench.evidence_row (LIKE tracer.evidence_row INCLUDING ALL);
