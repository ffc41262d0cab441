/*
 * Random scenarios for the rule, each a function of its seed.
 *
 * oracle.generate(seed) empties tracer's tables and fills those that users
 * write. Small numbers of assets, checks, run ids and times on coarse grids
 * make what is rare in life common: ties, cycles, nested runners, shared keys,
 * events exactly at the edge of a window and one microsecond beside it. The url
 * of an alert holds its number within the scenario, whatever its id.
 */

/* A whole number from lo to hi, both included. */
CREATE FUNCTION oracle.pick(lo int, hi int) RETURNS int LANGUAGE sql VOLATILE
RETURN lo + floor(random() * (hi - lo + 1))::int;

CREATE FUNCTION oracle.chance(p float) RETURNS boolean LANGUAGE sql VOLATILE
RETURN random() < p;

CREATE FUNCTION oracle.one_of(VARIADIC a text[]) RETURNS text LANGUAGE sql VOLATILE
RETURN a[oracle.pick(1, cardinality(a))];

/* Empties every table, those that correlation fills included. */
CREATE FUNCTION oracle.reset() RETURNS void LANGUAGE sql AS $$
    DELETE FROM tracer.alert; DELETE FROM tracer.lineage; DELETE FROM tracer.asset; DELETE FROM tracer.asset_alias; DELETE FROM tracer.alias_rule;
    DELETE FROM tracer.change; DELETE FROM tracer.source; DELETE FROM tracer.setting_override; DELETE FROM tracer.decision;
    DELETE FROM tracer.group_rule;
$$;
CREATE FUNCTION oracle.forget() RETURNS void LANGUAGE sql AS $$
    TRUNCATE tracer.alert_key, tracer.episode, tracer.placement, tracer.incident, tracer.evidence_row,
             tracer.incident_event, tracer.correlate_state;
$$;

-- The scenario being made: what its parts share.
CREATE UNLOGGED TABLE oracle.made_check (n int PRIMARY KEY, source text, asset text, dedup_key text, title text, severity text);

/* One alert of a check, or of an asset by a check of its own. */
CREATE FUNCTION oracle.emit(c oracle.made_check, at timestamptz, st text, run text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    n     int := 1 + coalesce((SELECT max(url::int) FROM tracer.alert), 0);
    src   text := c.source;
    a     text := c.asset;
    sev   text := c.severity;
    lab   jsonb;
    title text := c.title;
    late  boolean := oracle.chance(0.03);
BEGIN
    IF oracle.chance(0.15) THEN sev := oracle.one_of('info', 'warning', 'error', 'critical', NULL); END IF;
    IF oracle.chance(0.3) THEN title := title || ' ' || oracle.pick(0, 99); ELSE title := title || ' '; END IF;
    IF st = 'resolved' AND oracle.chance(0.15) THEN a := NULL; END IF;
    IF st = 'resolved' AND oracle.chance(0.1) THEN
        lab := jsonb_build_object('source', coalesce(src, 'sql'));
        src := 'tracer';
    END IF;
    IF st = 'firing' AND oracle.chance(0.1) THEN st := NULL; END IF;
    INSERT INTO tracer.alert (alert_id, asset, title, severity, status, source, dedup_key, fired_at, received_at, labels, url, run_id)
    VALUES (n * 1024, a, title, sev::tracer.severity, st::tracer.status, src, c.dedup_key,
            CASE WHEN NOT late THEN at END, CASE WHEN late THEN at ELSE at + interval '1 day' END, lab, n::text, run);
END
$$;

-- A name as another tool may spell it.
CREATE FUNCTION oracle.respelt(name text) RETURNS text LANGUAGE sql VOLATILE AS $$
SELECT CASE oracle.pick(0, 11)
           WHEN 0 THEN upper(name)
           WHEN 1 THEN '"' || replace(name, '.', '"."') || '"'
           WHEN 2 THEN 'db/' || name
           WHEN 3 THEN 'db/' || lower('"' || replace(name, '.', '"."') || '"')
           ELSE name END
$$;

CREATE FUNCTION oracle.generate(seed int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    base     constant timestamptz := '2024-03-08 00:00:00+00';
    names    text[] := '{}';
    kinds    text;
    runners  boolean;
    na       int;
    nc       int;
    nt       int;
    i        int;
    j        int;
    r        int;
    grid     interval;
    steps    int;
    style    int;
    at       timestamptz;
    c        oracle.made_check;
    x        record;
    spans    text[];
    run      text;
    silent   boolean;
BEGIN
    PERFORM setseed(((seed::bigint * 7919) % 1000003) / 1000003.0);
    PERFORM oracle.reset();
    DELETE FROM oracle.made_check;

    -- Settings, mostly the defaults.
    IF oracle.chance(0.3) THEN PERFORM tracer.set('horizon', oracle.one_of('10 minutes', '1 hour', '2 days')); END IF;
    IF oracle.chance(0.3) THEN PERFORM tracer.set('detection_lag', oracle.one_of('0', '5 minutes', '3 hours')); END IF;
    IF oracle.chance(0.2) THEN PERFORM tracer.set('max_hops', oracle.one_of('1', '2', '3')); END IF;
    IF oracle.chance(0.3) THEN PERFORM tracer.set('max_incident_age', oracle.one_of('2 hours', '1 day', '3 days')); END IF;
    IF oracle.chance(0.3) THEN PERFORM tracer.set('quiet_after', oracle.one_of('30 minutes', '3 hours', '3 days')); END IF;
    IF oracle.chance(0.2) THEN PERFORM tracer.set('change_lookback', oracle.one_of('0', '1 hour')); END IF;
    spans := ARRAY[tracer.get('horizon'), tracer.get('detection_lag'), tracer.get('quiet_after'),
                   tracer.get('max_incident_age'), '-' || tracer.get('detection_lag'), '0', '1 hour'];

    -- Assets; capitals and underscores sort differently by byte and by language.
    na := CASE WHEN oracle.chance(0.5) THEN oracle.pick(2, 8) ELSE oracle.pick(6, 30) END;
    FOR i IN 1 .. na LOOP
        names := names || (substr('aB_cZd', 1 + i % 6, 1) || '.' || i);
        INSERT INTO tracer.asset (asset_id, name) VALUES (i * 1024, names[i]);
    END LOOP;
    FOR i IN 1 .. oracle.pick(0, 3) LOOP
        INSERT INTO tracer.asset_alias VALUES ('alias' || i, CASE WHEN oracle.chance(0.8) THEN names[oracle.pick(1, na)] ELSE 'undeclared1' END);
    END LOOP;
    IF oracle.chance(0.2) THEN  -- a name wins over an alias of the same spelling
        INSERT INTO tracer.asset_alias VALUES (names[1], names[na]) ON CONFLICT DO NOTHING;
    END IF;

    -- Lineage.
    style := oracle.pick(0, 4);
    runners := oracle.chance(0.5);
    FOR i IN 2 .. na LOOP
        IF style = 0 THEN       -- sparse
            j := oracle.pick(0, 2);
        ELSIF style = 1 THEN    -- hubs: the first two
            j := 1;
        ELSE
            j := oracle.pick(1, 3);
        END IF;
        FOR r IN 1 .. j LOOP
            INSERT INTO tracer.lineage (upstream, downstream, kind, source, lag)
            VALUES (CASE style WHEN 1 THEN oracle.pick(1, least(2, i - 1)) WHEN 2 THEN oracle.pick(greatest(1, i - 4), i - 1)
                               ELSE oracle.pick(1, i - 1) END * 1024,
                    i * 1024, oracle.one_of('data', 'data', 'data', 'feeds'), oracle.one_of('manual', 'dbt'),
                    CASE WHEN oracle.chance(0.15) THEN oracle.one_of('10 minutes', '1 hour', '5 hours', '8 days', '1.5 seconds')::interval END)
            ON CONFLICT DO NOTHING;
        END LOOP;
    END LOOP;
    IF style = 4 OR oracle.chance(0.15) THEN     -- cycles, and edges to oneself
        FOR r IN 1 .. oracle.pick(1, 3) LOOP
            i := oracle.pick(1, na);
            j := oracle.pick(1, na);
            CONTINUE WHEN i = j AND oracle.chance(0.5);
            INSERT INTO tracer.lineage (upstream, downstream, lag)
            VALUES (i * 1024, j * 1024, CASE WHEN oracle.chance(0.3) THEN interval '2 hours' END) ON CONFLICT DO NOTHING;
        END LOOP;
    END IF;
    IF runners THEN
        FOR r IN 1 .. oracle.pick(1, 4) LOOP
            i := oracle.pick(1, na);
            FOR k IN 1 .. oracle.pick(1, 5) LOOP
                j := oracle.pick(1, na);
                -- Mostly downwards, so that most runners stay out of cycles.
                CONTINUE WHEN j = i OR j < i AND oracle.chance(0.8);
                IF oracle.chance(0.8) THEN
                    DELETE FROM tracer.lineage WHERE upstream = i * 1024 AND downstream = j * 1024;
                END IF;
                INSERT INTO tracer.lineage (upstream, downstream, kind, lag)
                VALUES (i * 1024, j * 1024, 'runs', CASE WHEN oracle.chance(0.1) THEN interval '2 hours' END) ON CONFLICT DO NOTHING;
            END LOOP;
        END LOOP;
        IF oracle.chance(0.3) THEN    -- a task above that runs the first runner
            INSERT INTO tracer.asset (asset_id, name) VALUES ((na + 1) * 1024, 'Task.' || (na + 1));
            INSERT INTO tracer.lineage (upstream, downstream, kind)
            SELECT (na + 1) * 1024, upstream, 'runs' FROM (SELECT DISTINCT upstream FROM tracer.lineage WHERE kind = 'runs' ORDER BY 1 LIMIT 2) u;
            na := na + 1;
            names := names || ('Task.' || na);
        END IF;
    END IF;

    -- Sources and checks.
    IF oracle.chance(0.4) THEN INSERT INTO tracer.source VALUES ('dbt', oracle.one_of('10 minutes', '2 hours', '5 days')::interval); END IF;
    IF oracle.chance(0.2) THEN INSERT INTO tracer.source VALUES ('sql', interval '1 hour'), ('Air', NULL); END IF;
    nc := oracle.pick(2, 14);
    FOR i IN 1 .. nc LOOP
        INSERT INTO oracle.made_check VALUES (i, oracle.one_of('dbt', 'dbt', 'Air', 'zeta', NULL),
            CASE WHEN oracle.chance(0.85) THEN names[oracle.pick(1, na)]
                 ELSE oracle.one_of('alias1', 'alias2', 'undeclared1', 'undeclared2', NULL) END,
            CASE WHEN oracle.chance(0.6) THEN NULL ELSE oracle.one_of('k1', 'k2', 'K1', '') END,
            oracle.one_of('stale', 'rows missing', 'Failed'),
            oracle.one_of('info', 'warning', 'warning', 'error', 'error', 'critical', NULL));
    END LOOP;

    -- Times lie on a grid, over minutes, hours or days.
    i := oracle.pick(1, 4);
    grid := (ARRAY['1 minute', '10 minutes', '1 hour', '6 hours'])[i]::interval;
    steps := (ARRAY[120, 60, 72, 40])[i];
    nt := oracle.pick(2, 25);

    -- Cascades: a cause, perhaps silent, and some of what is below it.
    FOR k IN 1 .. oracle.pick(0, 3) LOOP
        at := base + grid * oracle.pick(0, steps);
        i := oracle.pick(1, greatest(1, na / 3)) * 1024;
        silent := oracle.chance(0.4);
        run := CASE WHEN oracle.chance(0.3) THEN 'run' || k END;
        FOR x IN WITH RECURSIVE d(a, depth) AS (
                     SELECT i::bigint, 0 UNION SELECT l.downstream, depth + 1 FROM d JOIN tracer.lineage l ON l.upstream = a WHERE depth < 3)
                 SELECT a, min(depth) AS depth FROM d GROUP BY a ORDER BY 2, 1 LIMIT 9
        LOOP
            CONTINUE WHEN silent AND x.depth = 0 OR oracle.chance(0.3);
            c := ROW(0, oracle.one_of('dbt', 'Air', NULL), names[x.a / 1024], NULL, 'broken', oracle.one_of('warning', 'error', 'critical'));
            PERFORM oracle.emit(c, at + x.depth * least(grid, interval '20 minutes') * oracle.pick(-1, 3), 'firing', run);
            IF oracle.chance(0.3) THEN PERFORM oracle.emit(c, at + grid * oracle.pick(1, 5), 'resolved', NULL); END IF;
            -- A history within the month before, so that there is a habit to judge by.
            IF oracle.chance(0.2) THEN
                PERFORM oracle.emit(c, base - interval '1 day' * oracle.pick(1, 29), 'firing', NULL);
            END IF;
        END LOOP;
        IF silent AND oracle.chance(0.5) THEN
            INSERT INTO tracer.change (asset, title, changed_at)
            VALUES (names[i / 1024], 'deploy', at - oracle.one_of('0', '1 hour', tracer.get('change_lookback'))::interval);
        END IF;
    END LOOP;

    -- A run: a runner and some of what it reaches, in one run or in none.
    FOR k IN 1 .. CASE WHEN runners THEN oracle.pick(0, 3) ELSE 0 END LOOP
        SELECT upstream INTO i FROM tracer.lineage WHERE kind = 'runs' ORDER BY (upstream * 31 + downstream * 17 + k * 12345) % 1009, 1 LIMIT 1;
        CONTINUE WHEN i IS NULL;
        at := base + grid * oracle.pick(0, steps);
        run := CASE WHEN oracle.chance(0.6) THEN 'build' || oracle.pick(1, 2) END;
        FOR x IN WITH RECURSIVE d(a) AS (
                     SELECT i::bigint UNION SELECT l.downstream FROM d JOIN tracer.lineage l ON l.upstream = a)
                 SELECT a FROM d ORDER BY (a = i) DESC, a LIMIT 7
        LOOP
            CONTINUE WHEN oracle.chance(0.3);
            c := ROW(0, oracle.one_of('dbt', 'Air'), names[x.a / 1024], NULL, 'run failed', oracle.one_of('warning', 'error', 'critical'));
            PERFORM oracle.emit(c, CASE WHEN x.a = i THEN at ELSE at - grid * oracle.pick(-1, 3) END, 'firing',
                                CASE WHEN oracle.chance(0.8) THEN run END);
        END LOOP;
    END LOOP;

    -- Anything, anywhere.
    FOR k IN 1 .. nt LOOP
        i := oracle.pick(1, nc);
        SELECT * INTO c FROM oracle.made_check WHERE n = i;
        at := base + grid * oracle.pick(0, steps);
        IF oracle.chance(0.3) THEN  -- at the edge of a window of another, or just beside it
            i := oracle.pick(1, (SELECT count(*)::int FROM tracer.alert));
            SELECT coalesce(fired_at, received_at) INTO at FROM tracer.alert WHERE alert_id = i * 1024;
            at := coalesce(at, base) + spans[oracle.pick(1, cardinality(spans))]::interval + interval '1 microsecond' * oracle.pick(-1, 1);
        END IF;
        PERFORM oracle.emit(c, at, CASE WHEN oracle.chance(0.7) THEN 'firing' ELSE 'resolved' END,
                            CASE WHEN oracle.chance(0.25) THEN oracle.one_of('build1', 'build2', 'run1') END);
    END LOOP;

    -- A stale warning: the same every day; and a check that mostly fails.
    FOR k IN 1 .. oracle.pick(0, 1) LOOP
        SELECT * INTO c FROM oracle.made_check ORDER BY n LIMIT 1;
        FOR d IN 0 .. oracle.pick(2, 9) LOOP
            PERFORM oracle.emit(c, base + interval '1 day' * d, 'firing', NULL);
        END LOOP;
    END LOOP;
    FOR k IN 1 .. oracle.pick(0, 1) LOOP
        SELECT * INTO c FROM oracle.made_check ORDER BY n DESC LIMIT 1;
        FOR d IN 0 .. oracle.pick(3, 9) LOOP
            PERFORM oracle.emit(c, base + grid * d, CASE WHEN oracle.chance(0.25) THEN 'resolved' ELSE 'firing' END, NULL);
        END LOOP;
    END LOOP;

    FOR k IN 1 .. oracle.pick(0, 4) LOOP
        INSERT INTO tracer.change (asset, title, changed_at, received_at)
        SELECT CASE WHEN oracle.chance(0.9) THEN names[oracle.pick(1, na)] ELSE 'alias1' END, 'commit',
               CASE WHEN oracle.chance(0.9) THEN base + grid * oracle.pick(-5, steps) END, base;
    END LOOP;

    -- People, in one scenario of four. They speak of what fired.
    IF seed % 4 = 0 THEN
        FOR k IN 1 .. oracle.pick(1, 4) LOOP
            INSERT INTO tracer.decision (kind, alert_id, other_id, decided_by)
            SELECT kind, a.alert_id, CASE kind WHEN 'join' THEN b.alert_id END, 'someone'
              FROM oracle.one_of('join', 'join', 'part', 'root') AS kind,
                   (SELECT alert_id FROM tracer.alert WHERE status IS DISTINCT FROM 'resolved' ORDER BY random(), alert_id LIMIT 1) a,
                   (SELECT alert_id FROM tracer.alert WHERE status IS DISTINCT FROM 'resolved' ORDER BY random(), alert_id LIMIT 1) b;
        END LOOP;
    END IF;

    -- Last, so that the rest is the same without it: names as other tools spell them.
    IF oracle.chance(0.15) THEN -- an alias that makes a spelling ambiguous
        INSERT INTO tracer.asset_alias VALUES ('"' || replace(upper(names[oracle.pick(1, na)]), '.', '"."') || '"', names[na]) ON CONFLICT DO NOTHING;
        INSERT INTO tracer.asset_alias VALUES (lower(names[oracle.pick(1, na)]), names[na]) ON CONFLICT DO NOTHING;
    END IF;
    IF oracle.chance(0.5) THEN  -- a namespace, and a rule for part of it that comes first
        INSERT INTO tracer.alias_rule (name, pattern, template) VALUES ('all', '^db/(.*)$', '\1');
        IF oracle.chance(0.4) THEN
            INSERT INTO tracer.alias_rule (name, pattern, template, position)
            VALUES ('some', '^db/[a-z].*\.([0-3])$', oracle.one_of('undeclared1', names[1], 'nothing.\1', ''), 1);
        END IF;
    END IF;
    UPDATE tracer.alert SET asset = oracle.respelt(asset);
    UPDATE tracer.change SET asset = oracle.respelt(asset);
END
$$;

/*
 * Makes the scenario at hand worse, as a function of its seed: more cycles and
 * runners, several failing consumers of something silent, the same check on and
 * off, one moment for many alerts, label rules, and people who contradict each
 * other.
 */
CREATE FUNCTION oracle.worsen(seed int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    names  text[];
    na     int;
    i      bigint;
    x      record;
    c      oracle.made_check;
    at     timestamptz;
    first  timestamptz;
    spans  constant interval[] := ARRAY['1 minute', '30 minutes', '6 hours', '3 days'];
BEGIN
    PERFORM setseed(((seed::bigint * 104729) % 1000003) / 1000003.0);
    SELECT array_agg(name ORDER BY asset_id), count(*) INTO names, na FROM tracer.asset;

    FOR k IN 1 .. oracle.pick(0, 5) LOOP
        INSERT INTO tracer.lineage (upstream, downstream, kind, source, lag)
        SELECT u.asset_id, d.asset_id, oracle.one_of('data', 'data', 'data', 'runs'), 'worse',
               CASE WHEN oracle.chance(0.2) THEN oracle.one_of('1 hour', '2 days')::interval END
          FROM (SELECT asset_id FROM tracer.asset ORDER BY random(), asset_id LIMIT 1) u,
               (SELECT asset_id FROM tracer.asset ORDER BY random(), asset_id LIMIT 1) d
        ON CONFLICT DO NOTHING;
    END LOOP;

    SELECT min(coalesce(fired_at, received_at)) INTO first FROM tracer.alert;
    first := coalesce(first, '2024-03-08 00:00:00+00');
    -- Consumers of one asset fail about together; it, or its cycle, is heard of or not.
    FOR k IN 1 .. oracle.pick(0, 3) LOOP
        SELECT upstream INTO i FROM tracer.lineage GROUP BY 1 ORDER BY count(*) * random() DESC, 1 LIMIT 1;
        CONTINUE WHEN i IS NULL;
        at := first + interval '1 hour' * oracle.pick(-30, 60);
        IF oracle.chance(0.6) THEN
            DELETE FROM tracer.alert a USING tracer.asset s WHERE s.asset_id = i AND oracle.canonical(a.asset) = s.name;
        END IF;
        FOR x IN SELECT d.name FROM tracer.lineage l JOIN tracer.asset d ON d.asset_id = l.downstream WHERE l.upstream = i ORDER BY 1 LIMIT 8 LOOP
            CONTINUE WHEN oracle.chance(0.2);
            c := ROW(0, oracle.one_of('dbt', 'Air', NULL), x.name, NULL, 'starved', oracle.one_of('warning', 'error', 'error'));
            PERFORM oracle.emit(c, at + interval '5 minutes' * oracle.pick(0, 12), 'firing', NULL);
        END LOOP;
        IF oracle.chance(0.5) THEN
            INSERT INTO tracer.change (asset, title, changed_at)
            SELECT name, 'deploy', at - interval '1 hour' * oracle.pick(-1, 26) FROM tracer.asset WHERE asset_id = i;
        END IF;
    END LOOP;

    -- One moment for what was apart; another severity; the same again a little later.
    FOR x IN SELECT alert_id, n FROM (SELECT alert_id, row_number() OVER (ORDER BY alert_id) AS n FROM tracer.alert) a LOOP
        IF oracle.chance(0.1) THEN
            UPDATE tracer.alert SET fired_at = (SELECT coalesce(b.fired_at, b.received_at) FROM tracer.alert b ORDER BY random(), b.alert_id LIMIT 1)
             WHERE alert_id = x.alert_id;
        END IF;
        IF oracle.chance(0.1) THEN
            UPDATE tracer.alert SET severity = oracle.one_of('info', 'warning', 'critical')::tracer.severity WHERE alert_id = x.alert_id;
        END IF;
        IF oracle.chance(0.15) THEN
            INSERT INTO tracer.alert (alert_id, asset, title, severity, status, source, dedup_key, fired_at, received_at, labels, url, run_id)
            SELECT m.n * 1024, asset, title, severity, oracle.one_of('firing', 'resolved')::tracer.status, source, dedup_key,
                   coalesce(fired_at, received_at) + oracle.one_of('0', '1 hour', '7 hours', '1 day', '3 days', tracer.get('quiet_after'))::interval,
                   received_at, labels, m.n::text, run_id
              FROM tracer.alert, (SELECT 1 + max(url::int) AS n FROM tracer.alert) m
             WHERE alert_id = x.alert_id;
        END IF;
    END LOOP;
    -- A person's resolve keeps its label; the rest may get some.
    IF oracle.chance(0.5) THEN
        UPDATE tracer.alert SET labels = jsonb_strip_nulls(jsonb_build_object(
                   'cluster', oracle.one_of('c1', 'c1', 'C2', '', NULL), 'zone', oracle.one_of('a', 'b', NULL)))
         WHERE labels IS NULL AND oracle.chance(0.7);
        INSERT INTO tracer.group_rule (name, labels, source, "window")
        SELECT 'rule' || n, CASE oracle.pick(0, 2) WHEN 0 THEN '{cluster}' WHEN 1 THEN '{zone,cluster}' ELSE '{zone}' END::text[],
               oracle.one_of('dbt', 'sql', NULL, NULL), spans[oracle.pick(1, 4)]
          FROM generate_series(1, oracle.pick(1, 2)) n;
    END IF;

    IF oracle.chance(0.5) THEN
        FOR k IN 1 .. oracle.pick(1, 6) LOOP
            INSERT INTO tracer.decision (kind, alert_id, other_id, root_asset, decided_by)
            SELECT kind, a.alert_id, CASE kind WHEN 'join' THEN b.alert_id END,
                   CASE WHEN kind = 'root' AND oracle.chance(0.2) THEN names[1] END, 'someone'
              FROM oracle.one_of('join', 'join', 'part', 'root') AS kind,
                   (SELECT alert_id FROM tracer.alert WHERE status IS DISTINCT FROM 'resolved' ORDER BY random(), alert_id LIMIT 1) a,
                   (SELECT alert_id FROM tracer.alert WHERE status IS DISTINCT FROM 'resolved' ORDER BY random(), alert_id LIMIT 1) b;
        END LOOP;
    END IF;
END
$$;

-- A scenario set aside, to be brought in again piece by piece -------------------

CREATE UNLOGGED TABLE oracle.kept_alert (n int PRIMARY KEY, LIKE tracer.alert);
CREATE UNLOGGED TABLE oracle.kept_lineage (n int PRIMARY KEY, LIKE tracer.lineage);
CREATE UNLOGGED TABLE oracle.kept_change (n int PRIMARY KEY, LIKE tracer.change);
CREATE UNLOGGED TABLE oracle.kept_alias (n int PRIMARY KEY, alias text, asset text);
CREATE UNLOGGED TABLE oracle.kept_rule (n int PRIMARY KEY, LIKE tracer.alias_rule);
CREATE UNLOGGED TABLE oracle.kept_source (n int PRIMARY KEY, LIKE tracer.source);
CREATE UNLOGGED TABLE oracle.kept_setting (n int PRIMARY KEY, name text, value text);
CREATE UNLOGGED TABLE oracle.kept_group (n int PRIMARY KEY, LIKE tracer.group_rule);
-- Of alerts, the number in their url.
CREATE UNLOGGED TABLE oracle.kept_decision (n int PRIMARY KEY, kind text, alert text, other text, root_asset text);
CREATE UNLOGGED TABLE oracle.kept_asset (asset_id bigint PRIMARY KEY, name text);

/* Moves the scenario aside; returns how many of each, in the order of the tables above. */
CREATE FUNCTION oracle.set_aside() RETURNS int[] LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM oracle.kept_alert; DELETE FROM oracle.kept_lineage; DELETE FROM oracle.kept_change; DELETE FROM oracle.kept_alias; DELETE FROM oracle.kept_rule;
    DELETE FROM oracle.kept_source; DELETE FROM oracle.kept_setting; DELETE FROM oracle.kept_asset;
    DELETE FROM oracle.kept_group; DELETE FROM oracle.kept_decision;
    INSERT INTO oracle.kept_alert SELECT row_number() OVER (ORDER BY alert_id), * FROM tracer.alert;
    INSERT INTO oracle.kept_lineage SELECT row_number() OVER (ORDER BY upstream, downstream, kind, source), * FROM tracer.lineage;
    INSERT INTO oracle.kept_change SELECT row_number() OVER (ORDER BY change_id), * FROM tracer.change;
    INSERT INTO oracle.kept_alias SELECT row_number() OVER (ORDER BY alias), alias, asset FROM tracer.asset_alias;
    INSERT INTO oracle.kept_rule SELECT row_number() OVER (ORDER BY name), * FROM tracer.alias_rule;
    INSERT INTO oracle.kept_source SELECT row_number() OVER (ORDER BY name), * FROM tracer.source;
    INSERT INTO oracle.kept_setting SELECT row_number() OVER (ORDER BY name), name, value FROM tracer.setting_override;
    INSERT INTO oracle.kept_asset SELECT asset_id, name FROM tracer.asset;
    INSERT INTO oracle.kept_group SELECT row_number() OVER (ORDER BY name), * FROM tracer.group_rule;
    INSERT INTO oracle.kept_decision
    SELECT row_number() OVER (ORDER BY decision_id), kind, a.url, o.url, root_asset
      FROM tracer.decision JOIN tracer.alert a USING (alert_id) LEFT JOIN tracer.alert o ON o.alert_id = other_id;
    PERFORM oracle.reset();
    RETURN ARRAY[(SELECT count(*) FROM oracle.kept_alert), (SELECT count(*) FROM oracle.kept_lineage),
                 (SELECT count(*) FROM oracle.kept_change), (SELECT count(*) FROM oracle.kept_alias),
                 (SELECT count(*) FROM oracle.kept_source), (SELECT count(*) FROM oracle.kept_setting),
                 (SELECT count(*) FROM oracle.kept_rule), (SELECT count(*) FROM oracle.kept_group),
                 (SELECT count(*) FROM oracle.kept_decision)];
END
$$;

/* Brings one piece back. Alerts get new ids, in the order in which they come. */
CREATE FUNCTION oracle.bring(what text, nr int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF what = 'alert' THEN
        INSERT INTO tracer.alert (asset, title, severity, status, source, dedup_key, fired_at, received_at, labels, url, run_id)
        SELECT asset, title, severity, status, source, dedup_key, fired_at, received_at, labels, url, run_id FROM oracle.kept_alert WHERE n = nr;
    ELSIF what = 'lineage' THEN
        -- Assets come with their first edge.
        INSERT INTO tracer.asset (asset_id, name)
        SELECT a.asset_id, a.name FROM oracle.kept_asset a JOIN oracle.kept_lineage l ON a.asset_id IN (l.upstream, l.downstream) WHERE n = nr
        ON CONFLICT DO NOTHING;
        INSERT INTO tracer.lineage (upstream, downstream, kind, source, lag)
        SELECT upstream, downstream, kind, source, lag FROM oracle.kept_lineage WHERE n = nr;
    ELSIF what = 'change' THEN
        INSERT INTO tracer.change (asset, title, changed_at, received_at)
        SELECT asset, title, changed_at, received_at FROM oracle.kept_change WHERE n = nr;
    ELSIF what = 'alias' THEN
        INSERT INTO tracer.asset_alias SELECT alias, asset FROM oracle.kept_alias WHERE n = nr;
    ELSIF what = 'rule' THEN
        INSERT INTO tracer.alias_rule SELECT name, pattern, template, position FROM oracle.kept_rule WHERE n = nr;
    ELSIF what = 'source' THEN
        INSERT INTO tracer.source (name, quiet_after) SELECT name, quiet_after FROM oracle.kept_source WHERE n = nr;
    ELSIF what = 'group' THEN
        INSERT INTO tracer.group_rule SELECT name, labels, source, "window" FROM oracle.kept_group WHERE n = nr;
    ELSIF what = 'decision' THEN
        -- As the functions that people call do it; its alerts must be there.
        INSERT INTO tracer.decision (kind, alert_id, other_id, root_asset, decided_by)
        SELECT kind, a.alert_id, o.alert_id, root_asset, 'someone'
          FROM oracle.kept_decision k JOIN tracer.alert a ON a.url = k.alert LEFT JOIN tracer.alert o ON o.url = k.other WHERE n = nr;
        PERFORM tracer.regroup(array_remove(ARRAY[a.alert_id, o.alert_id], NULL))
          FROM oracle.kept_decision k JOIN tracer.alert a ON a.url = k.alert LEFT JOIN tracer.alert o ON o.url = k.other WHERE n = nr;
    ELSIF what = 'setting' THEN
        PERFORM tracer.set(name, value) FROM oracle.kept_setting WHERE n = nr;
    ELSIF what = 'assets' THEN
        INSERT INTO tracer.asset (asset_id, name) SELECT asset_id, name FROM oracle.kept_asset ON CONFLICT DO NOTHING;
    END IF;
END
$$;
