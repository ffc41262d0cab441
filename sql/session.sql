-- tracer.session_id: the sessions of a partition, numbered.
\set VERBOSITY default
SET TIME ZONE 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
CREATE EXTENSION tracer;

-- A distance of exactly the gap stays, one microsecond more starts the next.
SELECT ts, tracer.session_id(ts, '10 minutes') OVER (ORDER BY ts) AS session
  FROM (VALUES (timestamptz '2026-01-01 00:00'),
               ('2026-01-01 00:10'),
               ('2026-01-01 00:20:00.000001'),
               ('2026-01-01 00:20:00.000001'),
               ('2026-01-01 00:30:00.000001'),
               ('2026-01-01 12:00')) v (ts)
 ORDER BY ts;

-- Descending order numbers from the other end.
SELECT ts, tracer.session_id(ts, '10 minutes') OVER (ORDER BY ts DESC) AS session
  FROM (VALUES (timestamptz '2026-01-01 00:00'),
               ('2026-01-01 00:10'),
               ('2026-01-01 12:00')) v (ts)
 ORDER BY ts;

-- Out of order every row is held against the one before it, either way.
SELECT n, ts, tracer.session_id(ts, '10 minutes') OVER (ORDER BY n) AS session
  FROM (VALUES (1, timestamptz '2026-01-01 00:00'),
               (2, '2026-01-01 01:00'),
               (3, '2026-01-01 00:55'),
               (4, '2026-01-01 00:00')) v (n, ts)
 ORDER BY n;

-- Partitions count by themselves; an empty one is no error.
SELECT p, ts, tracer.session_id(ts, '1 day') OVER (PARTITION BY p ORDER BY ts) AS session
  FROM (VALUES ('a', timestamptz '2026-01-01'), ('a', '2026-01-05'),
               ('b', '2026-01-02'), ('b', '2026-01-03'), ('b', '2026-01-05')) v (p, ts)
 ORDER BY p, ts;
SELECT tracer.session_id(now(), '1 day') OVER (ORDER BY g) FROM generate_series(1, 0) g;

-- A row without a time is passed over: it starts nothing and hides nothing.
SELECT n, ts, tracer.session_id(ts, '10 minutes') OVER (ORDER BY n) AS session
  FROM (VALUES (1, NULL::timestamptz),
               (2, '2026-01-01 00:00'),
               (3, NULL),
               (4, '2026-01-01 00:09'),
               (5, NULL),
               (6, '2026-01-01 00:20'),
               (7, NULL)) v (n, ts)
 ORDER BY n;

-- Infinities, and the two ends of time, whose distance exceeds an int64.
SELECT ts, tracer.session_id(ts, '100000 years') OVER (ORDER BY ts) AS session,
           tracer.session_id(ts, '178000000 years') OVER (ORDER BY ts) AS widest
  FROM (VALUES (timestamptz '-infinity'), ('-infinity'),
               ('4713-01-01 00:00 BC'), ('294276-12-31 23:59:59.999999'),
               ('infinity'), ('infinity')) v (ts)
 ORDER BY ts;

-- Gaps compare as intervals do: a month is 30 days, a day 24 hours; units of
-- either sign add up; the gap may change from row to row.
SELECT gap, tracer.session_id(ts, gap) OVER (PARTITION BY gap::text ORDER BY ts) AS session
  FROM (VALUES (interval '1 month'), ('30 days'), ('720 hours'), ('29 days 24 hours'),
               ('31 days -24 hours'), ('30 days -00:00:00.000001'),
               ('1 month 00:00:00.000001'), ('-1 month 60 days')) g (gap),
       (VALUES (timestamptz '2026-01-01'), ('2026-01-31'), ('2026-03-02 00:00:00.000001')) v (ts)
 ORDER BY gap, gap::text, ts;
SELECT ts, gap, tracer.session_id(ts, gap) OVER (ORDER BY ts) AS session
  FROM (VALUES (timestamptz '2026-01-01 00:00', interval '1 minute'),
               ('2026-01-01 00:05', '1 hour'),
               ('2026-01-01 00:10', '1 minute'),
               ('2026-01-01 00:15', '5 minutes')) v (ts, gap)
 ORDER BY ts;

-- What is no gap.
SELECT tracer.session_id(now(), NULL) OVER ();
SELECT tracer.session_id(now(), '0') OVER ();
SELECT tracer.session_id(now(), '-1 second') OVER ();
SELECT tracer.session_id(now(), '1 day -24 hours') OVER ();
SELECT tracer.session_id(now(), '1 month -31 days 23:59:59') OVER ();
SELECT tracer.session_id(now(), '-1 year 1 microsecond') OVER ();
SELECT tracer.session_id(NULL, '0') OVER ();
SELECT tracer.session_id(now(), '1 day');

-- Against the same in SQL, in order, in reverse and in no order.
CREATE TABLE events AS
SELECT n,
       n % 7 AS p,
       CASE WHEN n % 13 = 0 THEN NULL
            ELSE timestamptz '2026-01-01' + (hashint4(n) & 1048575) * interval '7.3 seconds' END AS ts
  FROM generate_series(1, 20000) n;
ANALYZE events;

CREATE FUNCTION disagreements(ordering text, gap interval) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
BEGIN
    -- The row before is the latest with a time: the number of times up to a
    -- row groups it with its follower.
    EXECUTE format($q$
        WITH numbered AS (
            SELECT p, ts, row_number() OVER (PARTITION BY p ORDER BY %1$s) AS r,
                   tracer.session_id(ts, $1) OVER (PARTITION BY p ORDER BY %1$s) AS ours
              FROM events
        ), distances AS (
            SELECT p, r, ts - lag(ts) OVER (PARTITION BY p ORDER BY r) AS d
              FROM numbered WHERE ts IS NOT NULL
        ), sums AS (
            SELECT p, r, ours,
                   coalesce(sum(CASE WHEN ts IS NULL THEN 0
                                     WHEN d IS NULL OR greatest(d, -d) > $1 THEN 1
                                     ELSE 0 END) OVER (PARTITION BY p ORDER BY r), 0) AS theirs
              FROM numbered LEFT JOIN distances USING (p, r)
        )
        SELECT count(*) FROM sums WHERE ours IS DISTINCT FROM theirs$q$, ordering)
    INTO n USING gap;
    RETURN n;
END
$$;
SELECT ordering, gap, disagreements(ordering, gap)
  FROM (VALUES ('ts, n'), ('ts DESC NULLS FIRST, n'), ('ts DESC NULLS LAST, n'), ('n')) o (ordering),
       (VALUES (interval '1 microsecond'), ('20 minutes'), ('1 hour'), ('1 month')) g (gap)
 ORDER BY ordering, gap;
SELECT count(DISTINCT session) > 100 AS not_trivial
  FROM (SELECT tracer.session_id(ts, '1 minute') OVER (ORDER BY ts) AS session FROM events) s;

-- A filter from above ends the scan: a Run Condition, and the rows beyond are
-- never asked for.
CREATE FUNCTION plan(query text) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    result jsonb;
BEGIN
    EXECUTE 'EXPLAIN (ANALYZE, FORMAT JSON) ' || query INTO result;
    RETURN result #> '{0,Plan}';
END
$$;
SELECT filter,
       jsonb_path_exists(p, '$.**."Run Condition"') AS run_condition,
       (p #>> '{Plans,0,Actual Rows}')::numeric < 100 AS stopped_early,
       (p ->> 'Actual Rows')::numeric::int AS rows
  FROM (VALUES ('session <= 3'), ('session < 3'), ('session = 3'), ('3 >= session'), ('session >= 3')) f (filter),
       LATERAL plan(format('SELECT * FROM (SELECT ts, tracer.session_id(ts, ''1 hour'') OVER (ORDER BY ts) AS session
                                             FROM (SELECT timestamptz ''2026-01-01'' + n * interval ''31 minutes'' + n / 5 * interval ''1 day'' AS ts
                                                     FROM generate_series(0, 9999) n) e) s
                             WHERE %s', filter)) p;

-- The filter finds the same rows whether or not the scan ends early, with
-- rows without time at the start, in the middle and at the end.
CREATE FUNCTION kept(ordering text, fence text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
BEGIN
    EXECUTE format($q$
        SELECT count(*)
          FROM (SELECT tracer.session_id(ts, '5 minutes') OVER (PARTITION BY p ORDER BY %s) AS session
                  FROM events %s) s
         WHERE session <= 30$q$, ordering, fence)
    INTO n;
    RETURN n;
END
$$;
SELECT ordering, kept(ordering, '') = kept(ordering, 'OFFSET 0') AS same, kept(ordering, '') > 0 AS some
  FROM (VALUES ('ts NULLS FIRST'), ('ts NULLS LAST'), ('ts DESC NULLS FIRST'), ('n')) o (ordering)
 ORDER BY ordering;

DROP FUNCTION disagreements, plan, kept;
DROP TABLE events;
DROP EXTENSION tracer;
