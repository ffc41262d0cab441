/*
 * A second implementation of docs/correlation.md, in plain SQL and PL/pgSQL.
 *
 * It shares no code with the extension and reads only what users write: alerts,
 * assets, aliases, lineage, changes, sources, settings and decisions. Every
 * step of the page is one function that fills one or two scratch tables which
 * can be looked at afterwards, in the words of the page. Clarity is all that
 * counts here; it is quadratic and meant for scenarios of a few dozen alerts.
 *
 * Conventions: times and spans are bigint microseconds; assets are names; comp
 * is what stands for a lineage cycle, the bytewise smallest name in it (the
 * asset's own name where it is in none).
 */
CREATE SCHEMA oracle;

CREATE FUNCTION oracle.us(t timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE
RETURN (extract(epoch FROM t) * 1000000)::bigint;

CREATE FUNCTION oracle.us(i interval) RETURNS bigint LANGUAGE sql IMMUTABLE
RETURN (extract(epoch FROM i) * 1000000)::bigint;

-- Settings as read at the start: their text, and their span where they are intervals.
CREATE UNLOGGED TABLE oracle.knob (name text PRIMARY KEY, value text, span bigint);

CREATE FUNCTION oracle.read_settings() RETURNS void LANGUAGE sql AS $$
    DELETE FROM oracle.knob;
    INSERT INTO oracle.knob
    SELECT name, value, CASE WHEN type = 'interval' THEN oracle.us(value::interval) END FROM tracer.setting;
$$;

CREATE FUNCTION oracle.setting(wanted text) RETURNS text LANGUAGE sql STABLE
AS 'SELECT value FROM oracle.knob WHERE name = wanted';

CREATE FUNCTION oracle.span(wanted text) RETURNS bigint LANGUAGE sql STABLE
AS 'SELECT span FROM oracle.knob WHERE name = wanted';

CREATE FUNCTION oracle.canonical(called text) RETURNS text LANGUAGE sql STABLE
AS $$
WITH rule AS (
    SELECT regexp_replace(called, pattern, template) AS made
      FROM tracer.alias_rule
     WHERE called ~ pattern AND regexp_replace(called, pattern, template) <> ''
     ORDER BY position, name COLLATE "C" LIMIT 1
), spelt AS (   -- quotes around the parts of the names tests use, and case
    SELECT array_agg(DISTINCT canonical) AS names
      FROM (SELECT name AS says, name AS canonical FROM tracer.asset
            UNION ALL SELECT alias, asset FROM tracer.asset_alias) n
     WHERE lower(replace(says, '"', '')) = lower(replace(coalesce((SELECT made FROM rule), called), '"', ''))
)
SELECT coalesce((SELECT name FROM tracer.asset WHERE name = called),
                (SELECT asset FROM tracer.asset_alias WHERE alias = called),
                (SELECT name FROM tracer.asset WHERE name = (SELECT made FROM rule)),
                (SELECT asset FROM tracer.asset_alias WHERE alias = (SELECT made FROM rule)),
                (SELECT names[1] FROM spelt WHERE cardinality(names) = 1),
                (SELECT made FROM rule),
                called)
$$;

-- Lineage ---------------------------------------------------------------------

-- Edges between assets, one per pair, none from an asset to itself; runs only if
-- every row of the pair is and the two are in no cycle. And each asset's component.
CREATE UNLOGGED TABLE oracle.raw_edge (u text COLLATE "C", d text COLLATE "C", runs boolean, lag bigint);
CREATE UNLOGGED TABLE oracle.component (asset text COLLATE "C" PRIMARY KEY, comp text COLLATE "C");
-- Edges between components, one per pair.
CREATE UNLOGGED TABLE oracle.edge (u text COLLATE "C", d text COLLATE "C", lag bigint);
-- Proper ancestors: hops of a shortest path and the largest lag along those.
CREATE UNLOGGED TABLE oracle.above (a text COLLATE "C", d text COLLATE "C", hops int, lag bigint);
-- Runners, what they reach along `runs` edges alone, and in how many of them: assets,
-- not components.
CREATE UNLOGGED TABLE oracle.closure (r text COLLATE "C", c text COLLATE "C", hops int);
-- a leads to R! in the widened lineage.
CREATE UNLOGGED TABLE oracle.leads (a text COLLATE "C", r text COLLATE "C");

CREATE FUNCTION oracle.read_lineage() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM oracle.raw_edge; DELETE FROM oracle.component; DELETE FROM oracle.edge;
    DELETE FROM oracle.above; DELETE FROM oracle.closure; DELETE FROM oracle.leads;

    INSERT INTO oracle.raw_edge
    SELECT u.name, d.name, bool_and(l.kind = 'runs'),
           max(coalesce(ceil(oracle.us(l.lag) / 1000000.0) * 1000000, 0))
      FROM tracer.lineage l
      JOIN tracer.asset u ON u.asset_id = l.upstream
      JOIN tracer.asset d ON d.asset_id = l.downstream
     WHERE l.upstream <> l.downstream
     GROUP BY 1, 2;

    WITH RECURSIVE reach(a, b) AS (
        SELECT u, d FROM oracle.raw_edge
        UNION
        SELECT a, d FROM reach JOIN oracle.raw_edge ON u = b)
    INSERT INTO oracle.component
    SELECT s.name, least(s.name COLLATE "C",
                         (SELECT min(x.b COLLATE "C") FROM reach x JOIN reach y ON y.a = x.b AND y.b = x.a
                           WHERE x.a = s.name))
      FROM tracer.asset s;

    UPDATE oracle.raw_edge SET runs = false
      FROM oracle.component cu, oracle.component cd
     WHERE cu.asset = u AND cd.asset = d AND cu.comp = cd.comp;

    INSERT INTO oracle.edge
    SELECT cu.comp, cd.comp, max(lag)
      FROM oracle.raw_edge
      JOIN oracle.component cu ON cu.asset = u
      JOIN oracle.component cd ON cd.asset = d
     WHERE cu.comp <> cd.comp
     GROUP BY 1, 2;

    -- Breadth first: a component enters at its distance and at no other.
    INSERT INTO oracle.above SELECT u, d, 1, lag FROM oracle.edge;
    FOR n IN 1 .. 1000 LOOP
        INSERT INTO oracle.above
        SELECT p.a, e.d, n + 1, max(p.lag + e.lag)
          FROM oracle.above p JOIN oracle.edge e ON e.u = p.d
         WHERE p.hops = n
           AND NOT EXISTS (SELECT FROM oracle.above o WHERE o.a = p.a AND o.d = e.d)
         GROUP BY 1, 2;
        EXIT WHEN NOT FOUND;
    END LOOP;
    UPDATE oracle.above SET lag = least(lag, oracle.span('max_incident_age'));

    INSERT INTO oracle.closure SELECT u, d, 1 FROM oracle.raw_edge WHERE runs;
    FOR n IN 1 .. 1000 LOOP
        INSERT INTO oracle.closure
        SELECT DISTINCT p.r, e.d, n + 1
          FROM oracle.closure p JOIN oracle.raw_edge e ON e.u = p.c AND e.runs
         WHERE p.hops = n
           AND NOT EXISTS (SELECT FROM oracle.closure o WHERE o.r = p.r AND o.c = e.d);
        EXIT WHEN NOT FOUND;
    END LOOP;

    -- R! is written as the pair (R, true), an ordinary asset as (c, false).
    WITH RECURSIVE
    runner AS (SELECT DISTINCT u AS r FROM oracle.raw_edge WHERE runs),
    inside AS (SELECT r, r AS c FROM runner UNION SELECT r, c FROM oracle.closure),
    wide(u, ux, d, dx) AS (
        SELECT u, false, d, false FROM oracle.raw_edge
        UNION SELECT r, false, r, true FROM runner
        UNION SELECT d, false, u, true FROM oracle.raw_edge WHERE runs
        UNION SELECT d, true, u, true FROM oracle.raw_edge JOIN runner ON r = d WHERE runs
        UNION SELECT i.r, true, e.d, false
                FROM inside i JOIN oracle.raw_edge e ON e.u = i.c
               WHERE NOT EXISTS (SELECT FROM inside o WHERE o.r = i.r AND o.c = e.d)),
    reach(a, x, xx) AS (
        SELECT u, d, dx FROM wide WHERE NOT ux
        UNION
        SELECT a, d, dx FROM reach JOIN wide ON u = x AND ux = xx)
    INSERT INTO oracle.leads SELECT a, x FROM reach WHERE xx;
END
$$;

-- 1. Episodes -----------------------------------------------------------------

-- Alerts with their effective values. Without an asset, the key stands for one.
CREATE UNLOGGED TABLE oracle.event (
    alert_id bigint PRIMARY KEY, source text COLLATE "C", dedup_key text COLLATE "C", asset text COLLATE "C",
    comp text COLLATE "C", severity tracer.severity, firing boolean, t bigint, run_id text);

CREATE FUNCTION oracle.read_alerts() RETURNS void LANGUAGE sql AS $$
    DELETE FROM oracle.event;
    INSERT INTO oracle.event
    SELECT alert_id, e.source, key, name, coalesce(comp, name, format('(%s %s)', e.source, key)),
           coalesce(severity, 'error'), coalesce(status, 'firing') = 'firing',
           oracle.us(coalesce(fired_at, received_at)), run_id
      FROM tracer.alert a
     CROSS JOIN LATERAL oracle.canonical(a.asset) AS name
     CROSS JOIN LATERAL (SELECT CASE WHEN a.source = 'tracer' AND status = 'resolved' THEN coalesce(labels ->> 'source', 'tracer')
                                     ELSE coalesce(a.source, 'sql') END AS source,
                                coalesce(dedup_key, coalesce(name, '') || ':' || regexp_replace(title, '[0-9]', '', 'g')) AS key) e
      LEFT JOIN oracle.component ON component.asset = name;
$$;

CREATE UNLOGGED TABLE oracle.episode (
    ep int PRIMARY KEY, source text COLLATE "C", dedup_key text COLLATE "C", asset text COLLATE "C",
    comp text COLLATE "C", t bigint, last bigint, ended bigint, quiet_after bigint,
    severity tracer.severity, runs text[] NOT NULL DEFAULT '{}', chronic_from bigint,
    tie bigint, wrapped boolean NOT NULL DEFAULT false);
CREATE UNLOGGED TABLE oracle.member (alert_id bigint PRIMARY KEY, ep int);

CREATE FUNCTION oracle.fold_episodes() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    k    record;
    a    record;
    f    record;
    w    record;
    n    int := 0;
    cur  int;       -- the open episode, NULL for none
    last bigint;    -- its last firing
BEGIN
    DELETE FROM oracle.episode; DELETE FROM oracle.member;

    FOR k IN SELECT DISTINCT e.source, e.dedup_key, e.asset, e.comp,
                    oracle.us(coalesce(s.quiet_after, oracle.setting('quiet_after')::interval)) AS quiet_after
               FROM oracle.event e LEFT JOIN tracer.source s ON s.name = e.source
              WHERE firing
    LOOP
        cur := NULL;
        FOR a IN SELECT * FROM oracle.event e
                  WHERE e.source = k.source AND e.dedup_key = k.dedup_key
                    AND (e.asset IS NOT DISTINCT FROM k.asset OR e.asset IS NULL AND NOT e.firing)
                  ORDER BY e.t, e.firing DESC
        LOOP
            IF NOT a.firing THEN
                UPDATE oracle.episode x SET ended = a.t
                 WHERE x.source = k.source AND x.dedup_key = k.dedup_key
                   AND x.asset IS NOT DISTINCT FROM k.asset AND x.ended IS NULL;
                cur := NULL;
                CONTINUE;
            END IF;
            IF cur IS NULL OR a.t > last + k.quiet_after THEN
                n := n + 1;
                cur := n;
                INSERT INTO oracle.episode (ep, source, dedup_key, asset, comp, t, last, quiet_after, severity)
                VALUES (n, k.source, k.dedup_key, k.asset, k.comp, a.t, a.t, k.quiet_after, a.severity);
            END IF;
            last := a.t;
            UPDATE oracle.episode x
               SET last = a.t, severity = greatest(x.severity, a.severity),
                   runs = CASE WHEN a.run_id IS NULL OR a.run_id = ANY (x.runs) THEN x.runs ELSE x.runs || a.run_id END
             WHERE x.ep = cur;
            INSERT INTO oracle.member VALUES (a.alert_id, cur);
        END LOOP;
    END LOOP;

    -- Ties between keys. Two episodes of one key differ in start.
    UPDATE oracle.episode e SET tie = r.tie
      FROM (SELECT ep, dense_rank() OVER (ORDER BY source, dedup_key, asset NULLS FIRST) AS tie FROM oracle.episode) r
     WHERE r.ep = e.ep;

    -- Chronic from the first firing at which the last ten alerts say so.
    FOR k IN SELECT * FROM oracle.episode LOOP
        FOR f IN SELECT e.t, e.alert_id FROM oracle.event e JOIN oracle.member USING (alert_id)
                  WHERE ep = k.ep ORDER BY e.t, e.alert_id
        LOOP
            SELECT count(*) AS n, count(*) FILTER (WHERE firing) AS firings, min(t) AS oldest INTO w
              FROM (SELECT e.firing, e.t FROM oracle.event e
                     WHERE e.source = k.source AND e.dedup_key = k.dedup_key
                       AND e.asset IS NOT DISTINCT FROM k.asset
                       AND e.t >= k.t - oracle.us(interval '30 days')
                       AND (e.t < f.t OR e.t = f.t AND e.firing AND e.alert_id <= f.alert_id)
                     ORDER BY e.t DESC, e.firing, e.alert_id DESC LIMIT 10) ten;
            IF w.n >= 5 AND 2 * w.firings > w.n
               AND (w.oldest < k.t OR f.t - w.oldest >= oracle.us(interval '3 days')) THEN
                UPDATE oracle.episode SET chronic_from = f.t WHERE ep = k.ep;
                EXIT;
            END IF;
        END LOOP;
    END LOOP;
END
$$;

/* p is firing at t. */
CREATE FUNCTION oracle.firing_at(p oracle.episode, t bigint) RETURNS boolean LANGUAGE sql IMMUTABLE
RETURN p.t <= t AND t <= p.last + p.quiet_after AND (p.ended IS NULL OR t < p.ended);

-- 3. Runners ------------------------------------------------------------------

-- m is within r; worthy if it may also explain it.
CREATE UNLOGGED TABLE oracle.within (m int, r int, hops int, worthy boolean);

CREATE FUNCTION oracle.wrap_runners() RETURNS void LANGUAGE sql AS $$
    DELETE FROM oracle.within;
    INSERT INTO oracle.within
    SELECT m.ep, r.ep, c.hops,
           m.severity > 'info' AND (m.severity >= 'error' OR m.severity >= r.severity)
      FROM oracle.closure c
      JOIN oracle.episode m ON m.asset = c.c
      JOIN oracle.episode r ON r.asset = c.r
     WHERE abs(m.t - r.t) <= oracle.span('max_incident_age')
       AND CASE WHEN m.runs = '{}' OR r.runs = '{}'
                THEN m.t BETWEEN r.t - oracle.span('horizon') AND r.t
                     AND (m.ended IS NULL OR m.ended > r.t)
                ELSE m.runs && r.runs END;
    UPDATE oracle.episode SET wrapped = true WHERE ep IN (SELECT r FROM oracle.within WHERE worthy);
$$;

-- 2. Who may explain whom -------------------------------------------------------

CREATE UNLOGGED TABLE oracle.candidate (e int, p int, near boolean, proper boolean, hops int);

CREATE FUNCTION oracle.find_candidates() RETURNS void LANGUAGE sql AS $$
    DELETE FROM oracle.candidate;
    INSERT INTO oracle.candidate
    WITH place AS (     -- by lineage and by the order in time
        SELECT e.ep AS e, p.ep AS p, true AS proper, a.hops, a.lag
          FROM oracle.above a
          JOIN oracle.episode p ON p.comp = a.a
          JOIN oracle.episode e ON e.comp = a.d
         WHERE e.t >= p.t - (oracle.span('detection_lag') >> least(a.hops - 1, 62))
           AND (NOT p.wrapped
                OR NOT EXISTS (SELECT FROM oracle.closure c WHERE c.r = p.asset AND c.c = e.asset)
                   AND NOT EXISTS (SELECT FROM oracle.leads l WHERE l.a = e.asset AND l.r = p.asset))
        UNION ALL
        SELECT e.ep, p.ep, false, 0, 0
          FROM oracle.episode p
          JOIN oracle.episode e ON e.comp = p.comp
         WHERE (p.t, p.tie) < (e.t, e.tie)
           AND (NOT p.wrapped OR e.wrapped AND e.asset = p.asset)
    ), timed AS (
        SELECT place.*, sign.t <= cause.t + oracle.span('horizon') + lag AS near,
               oracle.firing_at(cause, sign.t) AND (cause.chronic_from IS NULL OR cause.chronic_from > sign.t)
               AND sign.t - cause.t <= oracle.span('max_incident_age') AS firing
          FROM place
          JOIN oracle.episode cause ON cause.ep = place.p
          JOIN oracle.episode sign ON sign.ep = place.e
         WHERE cause.severity > 'info'
           AND NOT EXISTS (SELECT FROM oracle.within w WHERE w.m = sign.ep AND w.r = cause.ep)
           AND hops <= coalesce(oracle.setting('max_hops')::int, hops)
    )
    SELECT e, p, near, proper, hops FROM timed WHERE near OR firing
    UNION ALL
    SELECT r, m, true, true, hops FROM oracle.within WHERE worthy;
$$;

-- 4. Parent, 5. Origin ----------------------------------------------------------

CREATE UNLOGGED TABLE oracle.fate (ep int PRIMARY KEY, parent int, origin int, because text, suspect text COLLATE "C");

CREATE FUNCTION oracle.choose_parents() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    e      oracle.episode;
    p      oracle.episode;
    best   oracle.candidate;
    other  oracle.candidate;
    before int;
BEGIN
    DELETE FROM oracle.fate;
    LOOP
        SELECT count(*) INTO before FROM oracle.fate;
        FOR e IN SELECT * FROM oracle.episode x
                  WHERE NOT EXISTS (SELECT FROM oracle.fate f WHERE f.ep = x.ep)
                    AND NOT EXISTS (SELECT FROM oracle.candidate c
                                     WHERE c.e = x.ep AND NOT EXISTS (SELECT FROM oracle.fate f WHERE f.ep = c.p))
        LOOP
            best := oracle.best_candidate(e, NULL, NULL);
            LOOP
                EXIT WHEN best.p IS NULL;
                SELECT * INTO p FROM oracle.episode WHERE ep = best.p;
                EXIT WHEN p.ended IS NULL OR e.ended <= p.ended + oracle.span('detection_lag');
                other := oracle.best_candidate(e, p.ep, p.ended);
                EXIT WHEN (other.near, other.proper, other.hops) IS DISTINCT FROM (best.near, best.proper, best.hops);
                best := other;
            END LOOP;
            INSERT INTO oracle.fate
            SELECT e.ep, best.p,
                   CASE WHEN best.p IS NOT NULL THEN (SELECT origin FROM oracle.fate WHERE ep = best.p)
                        WHEN e.severity > 'info' THEN e.ep END,
                   CASE WHEN best.p IS NULL THEN CASE WHEN e.severity > 'info' THEN 'origin' ELSE 'info' END
                        ELSE CASE WHEN best.near THEN 'near' ELSE 'firing' END
                             || CASE WHEN best.proper THEN ' proper' ELSE ' same' END END;
        END LOOP;
        EXIT WHEN (SELECT count(*) FROM oracle.fate) = before;
    END LOOP;
    IF before < (SELECT count(*) FROM oracle.episode) THEN
        RAISE EXCEPTION 'the relation "may explain" has a circle among episodes %',
            (SELECT array_agg(ep) FROM oracle.episode WHERE ep NOT IN (SELECT ep FROM oracle.fate));
    END IF;
END
$$;

/* The best candidate of an episode; with at, of those other than one that fire then. */
CREATE FUNCTION oracle.best_candidate(sign oracle.episode, other_than int, at bigint)
RETURNS oracle.candidate LANGUAGE sql STABLE AS $$
    SELECT c.*
      FROM oracle.candidate c
      JOIN oracle.episode cause ON cause.ep = c.p
      JOIN oracle.fate f ON f.ep = c.p
      JOIN oracle.episode o ON o.ep = f.origin
     WHERE c.e = sign.ep
       AND sign.t - o.t <= oracle.span('max_incident_age')
       AND (at IS NULL OR c.p <> other_than AND oracle.firing_at(cause, at))
     ORDER BY c.near DESC, c.proper DESC, c.hops, cause.t DESC, cause.tie
     LIMIT 1
$$;

-- 6. Suspects -------------------------------------------------------------------

CREATE FUNCTION oracle.name_suspects() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    best record;
BEGIN
    LOOP
        WITH origin AS (    -- that no suspect has taken, on assets with lineage
            SELECT x.* FROM oracle.episode x JOIN oracle.fate f ON f.ep = x.ep
             WHERE f.origin = x.ep AND f.suspect IS NULL
               AND EXISTS (SELECT FROM oracle.edge WHERE x.comp IN (u, d))
        ), pair AS (
            SELECT s.asset AS s, s.comp AS sc, o.ep AS o, o.t, o.tie, o.asset,
                   o.t - oracle.span('detection_lag') AS w0, o.t + oracle.span('horizon') AS w1
              FROM origin o
              JOIN oracle.above a ON a.d = o.comp
              JOIN oracle.component s ON s.comp = a.a
             WHERE NOT EXISTS (SELECT FROM oracle.episode x
                                WHERE x.comp = a.a AND x.severity > 'info'
                                  AND x.t BETWEEN o.t - oracle.span('detection_lag') AND o.t + oracle.span('horizon'))
        ), covered AS (
            SELECT pair.*, q.ep AS q, q.comp, a.hops
              FROM pair
              JOIN oracle.above a ON a.a = pair.sc
              JOIN origin q ON q.comp = a.d
             WHERE q.t <= pair.t + oracle.span('horizon') + a.lag
               AND (q.t, q.tie) >= (pair.t, pair.tie)
        ), summed AS (
            SELECT s, o, t, tie, asset, w0, w1, array_agg(q) AS qs, count(*) AS n, sum(hops) AS hops
              FROM covered
             GROUP BY 1, 2, 3, 4, 5, 6, 7
            HAVING count(*) >= 2 AND count(DISTINCT comp) >= 2
        ), consumer AS (    -- those outside the cycle, if any, of what they consume
            SELECT DISTINCT u AS s, d AS asset
              FROM oracle.raw_edge
              JOIN oracle.component cu ON cu.asset = u
              JOIN oracle.component cd ON cd.asset = d
             WHERE cu.comp <> cd.comp
        )
        SELECT * INTO best FROM summed
         WHERE EXISTS (SELECT FROM consumer WHERE consumer.s = summed.s AND consumer.asset = summed.asset)
               AND (SELECT count(*) FILTER (WHERE fails) >= 2
                           AND 8 * count(*) FILTER (WHERE fails) > 3 * count(*) + (SELECT count(*) FROM consumer w WHERE w.s = summed.s)
                      FROM (SELECT EXISTS (SELECT FROM oracle.episode x
                                            WHERE x.asset = c.asset AND x.severity > 'info' AND x.t BETWEEN w0 AND w1) AS fails
                              FROM consumer c
                             WHERE c.s = summed.s
                               AND EXISTS (SELECT FROM oracle.episode x
                                            WHERE x.asset = c.asset AND x.severity > 'info' AND x.t <= w1
                                              AND x.last >= summed.t - oracle.us(interval '30 days'))) b)
            OR EXISTS (SELECT FROM tracer.change c
                        WHERE oracle.canonical(c.asset) = summed.s
                          AND oracle.us(coalesce(c.changed_at, c.received_at))
                              BETWEEN summed.t - oracle.span('change_lookback')
                                  AND summed.t + oracle.span('detection_lag'))
         ORDER BY n DESC, hops, s, t, tie
         LIMIT 1;
        EXIT WHEN NOT FOUND;

        -- The first origin covered stands for the suspect: the others become its symptoms.
        UPDATE oracle.fate SET suspect = best.s, because = 'suspect', parent = nullif(best.o, ep)
         WHERE ep = ANY (best.qs);
        UPDATE oracle.fate SET origin = best.o WHERE origin = ANY (best.qs);
    END LOOP;
END
$$;

-- 7. Grouping by labels ----------------------------------------------------------

/* The episode above all others of e, by parents alone. */
CREATE FUNCTION oracle.top(e int) RETURNS int LANGUAGE sql STABLE AS $$
    WITH RECURSIVE up(ep, parent) AS (
        SELECT ep, parent FROM oracle.fate WHERE ep = e
        UNION ALL
        SELECT f.ep, f.parent FROM up JOIN oracle.fate f ON f.ep = up.parent)
    SELECT ep FROM up WHERE parent IS NULL
$$;

CREATE FUNCTION oracle.group_by_labels() RETURNS void LANGUAGE sql AS $$
    WITH origin AS (    -- as suspects left them
        SELECT x.* FROM oracle.episode x JOIN oracle.fate f ON f.ep = x.ep
         WHERE f.origin = x.ep AND f.suspect IS NULL
    ), labelled AS (    -- once for each firing that begins an episode, if these differ
        SELECT DISTINCT g.name COLLATE "C" AS rule, g."window", o.ep, o.t, o.tie,
               ARRAY(SELECT (coalesce(a.labels ->> l, '')) COLLATE "C" FROM unnest(g.labels) WITH ORDINALITY x(l, n) ORDER BY n) AS vals
          FROM origin o
          JOIN oracle.member m ON m.ep = o.ep
          JOIN oracle.event e ON e.alert_id = m.alert_id AND e.t = o.t
          JOIN tracer.alert a ON a.alert_id = m.alert_id
          JOIN tracer.group_rule g ON (g.source IS NULL OR g.source = e.source) AND a.labels ?& g.labels
    ), joined AS (      -- each to the latest before it, by the first rule and value that has one
        SELECT DISTINCT ON (b.ep) b.ep, before.ep AS parent
          FROM labelled b
          JOIN LATERAL (SELECT a.ep, a.t FROM labelled a
                         WHERE a.rule = b.rule AND a.vals = b.vals AND (a.t, a.tie) < (b.t, b.tie)
                         ORDER BY a.t DESC, a.tie DESC LIMIT 1) before ON b.t <= before.t + oracle.us(b."window")
         ORDER BY b.ep, b.rule, b.vals
    )
    UPDATE oracle.fate f SET parent = j.parent, because = 'label' FROM joined j WHERE f.ep = j.ep;
    UPDATE oracle.fate f SET origin = t.top
      FROM (SELECT ep, oracle.top(origin) AS top FROM oracle.fate WHERE origin IS NOT NULL) t
     WHERE t.ep = f.ep AND f.origin <> t.top;
$$;

-- 8. People ---------------------------------------------------------------------

CREATE FUNCTION oracle.obey() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    d record;
    o int;
BEGIN
    IF NOT EXISTS (SELECT FROM tracer.decision) THEN
        RETURN;
    END IF;
    FOR d IN SELECT kind, x.ep AS e, y.ep AS other
               FROM tracer.decision
               JOIN oracle.member x USING (alert_id)
               LEFT JOIN oracle.member y ON y.alert_id = other_id
              WHERE kind <> 'root' OR root_asset IS NULL
              ORDER BY decision_id
    LOOP
        o := oracle.top(d.e);
        IF d.kind = 'join' THEN
            -- A circle closes if the other descends from this one.
            CONTINUE WHEN d.other IS NULL OR d.e IN (
                WITH RECURSIVE up(ep) AS (
                    SELECT d.other UNION ALL SELECT f.parent FROM up JOIN oracle.fate f ON f.ep = up.ep WHERE f.parent IS NOT NULL)
                SELECT ep FROM up);
            UPDATE oracle.fate SET parent = d.other, because = 'person' WHERE ep = d.e;
        ELSE
            UPDATE oracle.fate SET parent = NULL, suspect = NULL, because = 'person' WHERE ep = d.e;
            IF d.kind = 'root' AND o <> d.e THEN
                UPDATE oracle.fate SET parent = d.e, because = 'person' WHERE ep = o;
            END IF;
        END IF;
    END LOOP;
    UPDATE oracle.fate SET origin = oracle.top(ep);
    -- Info opens no incident, but what a person put under it is not lost.
    UPDATE oracle.fate SET origin = NULL
     WHERE origin NOT IN (SELECT f.origin FROM oracle.fate f JOIN oracle.episode USING (ep) WHERE severity > 'info');
END
$$;

-- The answer --------------------------------------------------------------------

/*
 * One row per firing alert. An episode is represented by the smallest id of its
 * firings. Info without parent: origin_alert is NULL. Scratch tables keep how
 * the answer came about.
 */
CREATE FUNCTION oracle.partition()
RETURNS TABLE (alert_id bigint, episode_no int, origin_alert bigint, parent_alert bigint, because text, suspect text)
LANGUAGE plpgsql SET jit = off AS $$
BEGIN
    PERFORM oracle.read_settings();
    PERFORM oracle.read_lineage();
    PERFORM oracle.read_alerts();
    PERFORM oracle.fold_episodes();
    PERFORM oracle.wrap_runners();
    PERFORM oracle.find_candidates();
    PERFORM oracle.choose_parents();
    PERFORM oracle.name_suspects();
    PERFORM oracle.group_by_labels();
    PERFORM oracle.obey();
    RETURN QUERY
    WITH face AS (SELECT m.ep, min(m.alert_id) AS a FROM oracle.member m GROUP BY 1)
    SELECT m.alert_id, m.ep, o.a, p.a, f.because, t.suspect::text
      FROM oracle.member m
      JOIN oracle.fate f ON f.ep = m.ep
      LEFT JOIN oracle.fate t ON t.ep = f.origin
      LEFT JOIN face o ON o.ep = f.origin
      LEFT JOIN face p ON p.ep = f.parent
     ORDER BY 1;
END
$$;
