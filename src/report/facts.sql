/*
 * Facts: everything that a report on one incident says, as one document.
 *
 * Lists are capped so that an incident over half a warehouse still gives a
 * document that a person can read; each comes with its full count.
 */
CREATE FUNCTION tracer.next_due(due text, after timestamptz, zone text DEFAULT NULL) RETURNS timestamptz
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    part text[] := regexp_match(due, '^\s*(\d{1,2}:\d{2}(?::\d{2})?)(?:\s+(\S+))?\s*$');
    tz   text := coalesce(part[2], zone, current_setting('TimeZone'));
    day  date;
    at   timestamptz;
BEGIN
    IF part IS NULL THEN
        RETURN NULL;
    END IF;
    day := (after AT TIME ZONE tz)::date;
    at := (day + part[1]::time) AT TIME ZONE tz;
    IF at < after THEN
        at := ((day + 1) + part[1]::time) AT TIME ZONE tz;
    END IF;
    RETURN at;
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION tracer.next_due(text, timestamptz, text) IS 'The next moment, at or after a given one, at which the wall clock shows the deadline, such as 08:00 Europe/London. zone stands in where the deadline names none; else it is the session''s. A wall-clock time that a change to summer time skips is taken as if it had not. NULL for a deadline that cannot be read.';

-- Assets that the incident touches: those that alert in it, and all below its
-- roots. A runner below what it ran is no root, so what else it runs is not
-- counted in.
CREATE FUNCTION tracer.affected_assets(incident bigint)
RETURNS TABLE (asset text, owner text, kind text, tier int, due text, runbook_url text, state text, hops int, started_at timestamptz, recovered_at timestamptz)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
WITH live AS (
     SELECT i.incident_id, i.suspect_id,
            CASE WHEN i.reopened_at IS NULL OR i.reopened_at < i.ended_at THEN i.ended_at END AS resolved_at
       FROM tracer.incident i
      WHERE i.incident_id = tracer.live_incident(affected_assets.incident)
), failed AS (
     SELECT k.asset, min(e.started_at) AS started_at,
            CASE WHEN bool_and(e.resolved_at IS NOT NULL) THEN max(e.resolved_at) END AS recovered_at,
            bool_or(e.parent_id IS NULL OR e.because IN ('u', 'p', 'g')) AS top
       FROM live
       JOIN tracer.episode e ON e.incident_id = live.incident_id
       JOIN tracer.alert_key k ON k.key_id = e.key_id
      WHERE k.asset IS NOT NULL
      GROUP BY k.asset
), root AS (
     SELECT s.name FROM live JOIN tracer.asset s ON s.asset_id = live.suspect_id
     UNION ALL
     (SELECT s.name FROM failed f JOIN tracer.asset s ON s.name = f.asset
       WHERE f.top ORDER BY f.started_at, s.name COLLATE "C" LIMIT 20)
), below AS (
     SELECT d.asset, min(d.depth) AS hops
       FROM root r
      CROSS JOIN LATERAL tracer.downstream(r.name) d
      GROUP BY d.asset
)
SELECT n.asset, t.owner, t.kind, t.tier, t.due, t.runbook_url,
       CASE WHEN f.asset IS NULL THEN CASE WHEN n.root THEN 'suspected' ELSE 'quiet' END
            WHEN f.recovered_at IS NULL THEN 'alerting'
            ELSE 'recovered' END,
       n.hops, f.started_at,
       CASE WHEN f.asset IS NULL THEN (SELECT l.resolved_at FROM live l) ELSE f.recovered_at END
  FROM (SELECT u.asset, min(u.hops) AS hops, bool_or(u.root) AS root
          FROM (SELECT b.asset, b.hops, false AS root FROM below b
                UNION ALL SELECT r.name, 0, true FROM root r
                UNION ALL SELECT x.asset, NULL, false FROM failed x) AS u
         GROUP BY u.asset) AS n
  LEFT JOIN failed f ON f.asset = n.asset
  LEFT JOIN tracer.asset t ON t.name = n.asset
$$;
COMMENT ON FUNCTION tracer.affected_assets(bigint) IS 'Every asset that an incident touches: state alerting, recovered (it alerted and was resolved), quiet (below a root, without an alert in it) or suspected (a root without an alert); hops below the nearest root, NULL where lineage has none; started_at and recovered_at NULL where it never alerted or has not recovered.';

CREATE FUNCTION tracer.recovery_order(incident bigint, assets text[]) RETURNS text[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rest   text[] := assets;
    ready  text[];
    result text[] := '{}';
    above  text[];
    below  text[];
BEGIN
    -- What a runner runs is re-run for itself, so edges of kind runs say
    -- nothing about order; that a run's failure follows from a model's does.
    SELECT array_agg(x.u), array_agg(x.d) INTO above, below
      FROM (SELECT u.name AS u, d.name AS d
              FROM tracer.asset u
              JOIN tracer.lineage l ON l.upstream = u.asset_id AND l.kind <> 'runs'
              JOIN tracer.asset d ON d.asset_id = l.downstream
             WHERE u.name = ANY (assets) AND d.name = ANY (assets)
            UNION
            SELECT pk.asset, k.asset
              FROM tracer.episode e
              JOIN tracer.alert_key k ON k.key_id = e.key_id
              JOIN tracer.episode p ON p.episode_id = e.parent_id
              JOIN tracer.alert_key pk ON pk.key_id = p.key_id
             WHERE e.incident_id = incident AND e.because = 'r'
               AND pk.asset = ANY (assets) AND k.asset = ANY (assets)) AS x
     WHERE x.u <> x.d;
    WHILE cardinality(rest) > 0 LOOP
        SELECT array_agg(r.asset ORDER BY r.n) INTO ready
          FROM unnest(rest) WITH ORDINALITY AS r (asset, n)
         WHERE NOT EXISTS (SELECT FROM unnest(above, below) AS e (u, d)
                            WHERE e.d = r.asset AND e.u = ANY (rest));
        -- A cycle: begin it where the caller's order does.
        ready := coalesce(ready, rest[1:1]);
        result := result || ready;
        SELECT coalesce(array_agg(r.asset ORDER BY r.n), '{}') INTO rest
          FROM unnest(rest) WITH ORDINALITY AS r (asset, n)
         WHERE r.asset <> ALL (ready);
    END LOOP;
    RETURN result;
END
$$;
COMMENT ON FUNCTION tracer.recovery_order(bigint, text[]) IS 'The given assets of an incident in an order in which nothing comes before what feeds it; otherwise in the order given. A lineage cycle begins with whichever of its members was given first.';

-- Not compiled (jit): that takes longer than all of it, and its cost is a guess.
CREATE FUNCTION tracer.incident_facts(incident bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET jit = off
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    number     bigint := tracer.live_incident(incident);
    i          record;
    root       record;
    result     jsonb;
    part       jsonb;
    in_order   text[];
    root_alert record;
BEGIN
    SELECT * INTO STRICT i FROM tracer.incidents v WHERE v.incident_id = number;
    SELECT t.asset_id, t.name, t.kind, t.owner, t.tier, t.due, t.description, t.runbook_url INTO root
      FROM (SELECT coalesce(i.root_asset, i.origin_asset) AS name) AS o
      LEFT JOIN tracer.asset t ON t.name = o.name;
    SELECT a.description, a.url, a.source INTO root_alert
      FROM tracer.incident_alerts a
     WHERE a.incident_id = number AND a.role = 'origin'
     ORDER BY a.fired_at, a.alert_id
     LIMIT 1;

    result := jsonb_build_object(
        'incident', number, 'asked', incident,
        'status', i.status, 'severity', i.severity, 'title', i.title,
        'opened_at', i.opened_at, 'last_alert_at', i.last_alert_at, 'resolved_at', i.resolved_at,
        'time_zone', current_setting('TimeZone'),
        'alert_count', i.alert_count, 'asset_count', i.asset_count, 'team_count', i.team_count,
        'open_count', i.open_count, 'category', i.category,
        'acknowledged_at', i.acknowledged_at, 'acknowledged_by', i.acknowledged_by,
        'resolution', i.resolution,
        'root', jsonb_build_object(
            'asset', coalesce(i.root_asset, i.origin_asset), 'named', i.root_asset IS NOT NULL,
            'confirmed', tracer.confirmed_root(number) IS NOT NULL,
            'origin_asset', i.origin_asset, 'suspect', i.suspect, 'placed', i.placed,
            'confidence', round(i.confidence::numeric, 2),
            'min_confidence', tracer.get('min_confidence')::numeric,
            'owner', root.owner, 'kind', root.kind, 'description', root.description,
            'runbook_url', root.runbook_url,
            'alert_description', root_alert.description, 'alert_url', root_alert.url,
            'why', (SELECT c.why FROM tracer.root_causes c
                     WHERE c.incident_id = number AND c.asset = coalesce(i.root_asset, i.origin_asset, '(no asset)'))));

    -- Candidates with their evidence.
    SELECT coalesce(jsonb_agg(to_jsonb(c) ORDER BY c.rank), '[]') INTO part
      FROM (SELECT c.rank, c.asset, c.owner, c.score, c.why,
                   (SELECT jsonb_agg(to_jsonb(e) - 'n' ORDER BY e.n)
                      FROM (SELECT v.kind, v.fact, v.weight, v.detail, v.at, v.url,
                                   row_number() OVER (ORDER BY v.weight DESC, v.at, v.detail COLLATE "C") AS n
                              FROM tracer.evidence v
                             WHERE v.incident_id = number AND v.asset = c.asset) AS e
                     WHERE e.n <= 20) AS evidence
              FROM tracer.root_causes c
             WHERE c.incident_id = number AND c.rank <= 5) AS c;
    result := result || jsonb_build_object('candidates', part);

    -- The cascade: episodes in the order of a tree that is read from the top.
    WITH RECURSIVE member AS (
        SELECT e.*, k.asset, k.asset_id, k.source,
               row_number() OVER (ORDER BY e.started_at, k.source COLLATE "C", k.dedup_key COLLATE "C", k.asset COLLATE "C") AS n
          FROM tracer.episode e
          JOIN tracer.alert_key k ON k.key_id = e.key_id
         WHERE e.incident_id = number
    ), tree AS (
        SELECT m.episode_id, m.n, NULL::bigint AS parent_n, CASE WHEN i.suspect THEN 1 ELSE 0 END AS depth, ARRAY[m.n] AS path
          FROM member m
         WHERE m.parent_id IS NULL OR m.because = 'u'
            OR NOT EXISTS (SELECT FROM member p WHERE p.episode_id = m.parent_id)
        UNION ALL
        SELECT m.episode_id, m.n, t.n, t.depth + 1, t.path || m.n
          FROM tree t
          JOIN member m ON m.parent_id = t.episode_id AND m.because <> 'u'
    )
    SELECT coalesce(jsonb_agg(jsonb_build_object(
               'n', t.n, 'parent', t.parent_n, 'depth', t.depth, 'asset', m.asset, 'title', a.title,
               'severity', m.severity, 'source', m.source, 'owner', s.owner,
               'at', m.started_at, 'after_seconds', round(extract(epoch FROM m.started_at - i.opened_at)),
               'resolved_at', m.resolved_at, 'repeats', m.alert_count,
               'because', tracer.because_words(m.because), 'url', a.url) ORDER BY t.path), '[]')
      INTO part
      FROM (SELECT * FROM tree ORDER BY path LIMIT 200) AS t
      JOIN member m ON m.episode_id = t.episode_id
      LEFT JOIN tracer.alert a ON a.alert_id = m.first_alert_id
      LEFT JOIN tracer.asset s ON s.asset_id = m.asset_id;
    result := result || jsonb_build_object('cascade', part,
        'cascade_count', (SELECT count(*) FROM tracer.episode e WHERE e.incident_id = number));

    -- What it touches, in one look at it: affected assets, deadlines, runbooks,
    -- and what to bring back in which order.
    WITH a AS MATERIALIZED (
        SELECT * FROM tracer.affected_assets(number)
    ), due AS (
        SELECT a.asset, a.owner, a.due, a.state, d.due_at, a.recovered_at,
               CASE WHEN a.recovered_at <= d.due_at THEN 'met'
                    WHEN a.recovered_at > d.due_at OR now() > d.due_at THEN 'missed'
                    ELSE 'ahead' END AS outcome
          FROM a
          LEFT JOIN tracer.team t ON t.name = a.owner
         CROSS JOIN LATERAL tracer.next_due(a.due, i.opened_at, tracer.known_zone(t.time_zone)) AS d (due_at)
         WHERE a.due IS NOT NULL AND d.due_at IS NOT NULL
    ), numbered AS (
        SELECT a.asset, a.owner, a.kind, a.tier, a.state, a.hops, a.started_at, a.due, a.runbook_url,
               row_number() OVER (ORDER BY a.state = 'quiet', a.hops IS NULL, a.tier NULLS LAST, a.hops, a.started_at, a.asset COLLATE "C") AS n
          FROM a
    )
    SELECT jsonb_build_object(
             'affected', jsonb_build_object(
               'alerting_count', (SELECT count(*) FROM a WHERE a.state = 'alerting' AND a.asset <> i.origin_asset),
               'recovered_count', (SELECT count(*) FROM a WHERE a.state = 'recovered' AND a.asset <> i.origin_asset),
               'quiet_count', (SELECT count(*) FROM a WHERE a.state = 'quiet'),
               'alerting', (SELECT coalesce(jsonb_agg(jsonb_build_object('asset', n.asset, 'owner', n.owner, 'kind', n.kind, 'tier', n.tier, 'hops', n.hops, 'since', n.started_at, 'state', n.state) ORDER BY n.n), '[]')
                              FROM (SELECT * FROM numbered n WHERE n.state IN ('alerting', 'recovered') AND n.asset <> i.origin_asset ORDER BY n.n LIMIT 100) AS n),
               'quiet', (SELECT coalesce(jsonb_agg(jsonb_build_object('asset', n.asset, 'owner', n.owner, 'kind', n.kind, 'tier', n.tier, 'hops', n.hops, 'due', n.due) ORDER BY n.n), '[]')
                           FROM (SELECT * FROM numbered n WHERE n.state = 'quiet' ORDER BY n.n LIMIT 100) AS n)),
             'recovery_count', (SELECT count(*) FROM a),
             'deadlines', (SELECT coalesce(jsonb_agg(jsonb_build_object('asset', d.asset, 'owner', d.owner, 'due', d.due, 'due_at', d.due_at, 'outcome', d.outcome, 'state', d.state,
                                  'seconds_left', CASE d.outcome WHEN 'ahead' THEN round(extract(epoch FROM d.due_at - now())) END) ORDER BY d.n), '[]')
                             FROM (SELECT due.*, row_number() OVER (ORDER BY due.outcome = 'met', due.due_at, due.asset COLLATE "C") AS n FROM due) AS d
                            WHERE d.n <= 20),
             'runbooks', (SELECT coalesce(jsonb_agg(jsonb_build_object('asset', n.asset, 'url', n.runbook_url) ORDER BY n.n), '[]')
                            FROM (SELECT * FROM numbered n WHERE n.runbook_url IS NOT NULL AND n.state <> 'quiet' ORDER BY n.asset <> i.origin_asset, n.n LIMIT 5) AS n)),
           (SELECT array_agg(n.asset ORDER BY n.n) FROM numbered n WHERE n.n <= 100)
      INTO part, in_order;
    result := result || part;

    in_order := tracer.recovery_order(number, in_order);
    SELECT jsonb_build_object('recovery', coalesce(jsonb_agg(jsonb_build_object(
             'asset', o.asset, 'owner', t.owner, 'kind', t.kind,
             'state', CASE WHEN k.asset IS NULL AND i.suspect AND o.asset = i.origin_asset THEN 'suspected'
                           WHEN k.asset IS NULL THEN 'quiet' WHEN k.open THEN 'alerting' ELSE 'recovered' END) ORDER BY o.n), '[]'))
      INTO part
      FROM unnest(in_order) WITH ORDINALITY AS o (asset, n)
      LEFT JOIN tracer.asset t ON t.name = o.asset
      LEFT JOIN (SELECT k.asset, bool_or(e.resolved_at IS NULL) AS open
                   FROM tracer.episode e
                   JOIN tracer.alert_key k ON k.key_id = e.key_id
                  WHERE e.incident_id = number
                  GROUP BY k.asset) AS k ON k.asset = o.asset;
    result := result || part;

    SELECT jsonb_build_object('teams', coalesce(jsonb_agg(jsonb_build_object(
             'team', o.owner, 'assets', o.assets, 'page', t.page, 'inform', t.inform) ORDER BY o.first, o.owner COLLATE "C"), '[]'))
      INTO part
      FROM (SELECT s.owner, count(DISTINCT s.asset_id) AS assets, min(e.started_at) AS first
              FROM tracer.episode e
              JOIN tracer.alert_key k ON k.key_id = e.key_id
              JOIN tracer.asset s ON s.asset_id = k.asset_id
             WHERE e.incident_id = number AND s.owner IS NOT NULL
             GROUP BY s.owner) AS o
      LEFT JOIN tracer.team t ON t.name = o.owner;
    result := result || part;

    -- The timeline; of a very long one the beginning and the end.
    SELECT jsonb_build_object('timeline_count', coalesce(max(t.total), 0),
             'timeline', coalesce(jsonb_agg(jsonb_build_object('at', t.at, 'kind', t.kind, 'asset', t.asset, 'what', t.what, 'who', t.who) ORDER BY t.n)
                                    FILTER (WHERE t.n <= 100 OR t.n > t.total - 100), '[]'))
      INTO part
      FROM (SELECT v.*, count(*) OVER () AS total,
                   row_number() OVER (ORDER BY v.at, v.kind COLLATE "C", v.asset COLLATE "C", v.what COLLATE "C") AS n
              FROM tracer.timeline v
             WHERE v.incident_id = number) AS t;
    result := result || part;

    -- Earlier incidents that began in the same place.
    SELECT jsonb_build_object('similar', coalesce(jsonb_agg(jsonb_build_object(
             'incident', x.incident_id, 'title', x.title, 'opened_at', x.opened_at, 'resolved_at', x.ended_at,
             'note', x.resolution ->> 'note', 'fix_url', x.resolution ->> 'fix_url',
             'category', x.resolution ->> 'category', 'by', x.resolution ->> 'by') ORDER BY x.opened_at DESC), '[]'))
      INTO part
      FROM (SELECT p.*
              FROM tracer.incident p
             WHERE p.incident_id IN (
                     SELECT e.incident_id
                       FROM tracer.alert_key k
                       JOIN tracer.episode e ON e.key_id = k.key_id
                       JOIN tracer.incident o ON o.incident_id = e.incident_id AND o.origin_id = e.episode_id
                      WHERE k.asset_id = root.asset_id AND o.suspect_id IS NULL
                     UNION
                     SELECT o.incident_id FROM tracer.incident o WHERE o.suspect_id = root.asset_id
                     UNION
                     SELECT e.incident_id
                       FROM tracer.decision d
                       JOIN tracer.placement l ON l.alert_id = d.alert_id
                       JOIN tracer.episode e ON e.episode_id = l.episode_id
                      WHERE d.kind = 'root' AND d.root_asset = root.name)
               AND p.merged_into IS NULL
               AND p.incident_id <> number
               AND p.opened_at < i.opened_at
             ORDER BY p.resolution IS NULL, p.opened_at DESC
             LIMIT 3) AS x;
    result := result || part;

    -- What to type next.
    part := '[]';
    IF i.status = 'resolved' THEN
        part := part || jsonb_build_object('what', 'open it again, if it is not over', 'sql', format('SELECT tracer.reopen(%s);', number));
    ELSE
        IF i.acknowledged_at IS NULL THEN
            part := part || jsonb_build_object('what', 'say that you have it', 'sql', format('SELECT tracer.acknowledge(%s);', number));
        END IF;
        part := part || jsonb_build_object('what', 'write down what you find', 'sql', format('SELECT tracer.note(%s, ''...'');', number));
    END IF;
    IF NOT i.placed AND i.origin_asset IS NOT NULL AND i.root_asset IS NULL THEN
        part := part || jsonb_build_object('what', 'tell tracer what feeds it', 'sql', format('SELECT tracer.link(''<upstream>'', %s);', tracer.sql_string(i.origin_asset)));
    ELSIF i.origin_asset IS NOT NULL AND tracer.confirmed_root(number) IS NULL THEN
        part := part || jsonb_build_object('what', 'confirm the root cause, or name the right one', 'sql', format('SELECT tracer.confirm(%s, %s);', number, tracer.sql_string(i.origin_asset)));
    END IF;
    IF i.status <> 'resolved' THEN
        part := part || jsonb_build_object('what', 'close it with what fixed it', 'sql',
                  format('SELECT tracer.resolve(%s, note => ''...''%s);', number, coalesce(', category => ' || quote_literal(i.category), '')));
    END IF;
    RETURN result || jsonb_build_object('next_steps', part);
END
$$;
COMMENT ON FUNCTION tracer.incident_facts(bigint) IS 'Everything that a report on an incident says, as one JSON document: what the json format of tracer.report() prints. Lists are capped, with their full count beside them. Error: undefined_object for an unknown incident.';
