/*
 * tracer.ingest(): one body, one transaction, no loss.
 *
 * Reading happens in a block that writes nothing, so that whatever goes wrong
 * with a body or its reader is caught there. What is then written has passed
 * through checks that leave no room for errors of data. Errors that say "not
 * now" (deadlock, out of memory, shutdown) are let through: the sender tries
 * again, and what it sends is recognised.
 *
 * A body is small, though the planner cannot know: nothing here is compiled, nor
 * shared out to parallel workers, which would cost more than all of the reading.
 */
CREATE FUNCTION tracer.source_formats()
RETURNS TABLE (format text, asset_labels text[], max_bytes bigint, repeats boolean, successes boolean, description text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
VALUES
  ('alertmanager', ARRAY['asset', 'dataset', 'table', 'model', 'dag_id', 'dashboard', 'pipeline', 'job_name', 'service', 'app'], 5000000, true, false, 'Prometheus Alertmanager: webhook, versions 3 and 4'),
  ('prometheus', ARRAY['asset', 'dataset', 'table', 'model', 'dag_id', 'dashboard', 'pipeline', 'job_name', 'service', 'app'], 5000000, true, false, 'Prometheus: POST /api/v2/alerts'),
  ('grafana', ARRAY['asset', 'dataset', 'table', 'model', 'dag_id', 'dashboard', 'pipeline', 'job_name', 'service', 'app'], 5000000, true, false, 'Grafana: webhook of unified and of legacy alerting'),
  ('pagerduty', ARRAY['asset', 'dataset', 'table', 'model', 'dag_id', 'dashboard', 'pipeline', 'job_name', 'service', 'app'], 5000000, false, false, 'PagerDuty: Events API v2, change events, webhooks v3'),
  ('opsgenie', ARRAY['asset', 'dataset', 'table', 'model', 'dag_id', 'dashboard', 'pipeline', 'job_name', 'service', 'app'], 5000000, false, false, 'Opsgenie: create and close requests, webhook'),
  ('incident_io', ARRAY['asset', 'dataset', 'table', 'model', 'dag_id', 'dashboard', 'pipeline', 'job_name', 'service', 'app'], 5000000, false, false, 'incident.io: alert events, as its HTTP sources take them'),
  ('datadog', ARRAY['asset', 'dataset', 'table', 'model', 'dag_id', 'dashboard', 'pipeline', 'job_name', 'service', 'app'], 5000000, false, false, 'Datadog: webhook, the default payload or the one of docs/intake.md'),
  ('cloudwatch', ARRAY['asset', 'dataset', 'table', 'model', 'dag_id', 'dashboard', 'pipeline', 'job_name', 'service', 'app'], 5000000, false, false, 'Amazon CloudWatch: alarms through SNS or EventBridge'),
  ('dbt', NULL::text[], 200000000, false, true, 'dbt: run_results.json, sources.json, manifest.json, told apart by dbt_schema_version'),
  ('dbt_cloud', NULL::text[], 5000000, false, true, 'dbt Cloud: webhooks'),
  ('airflow', NULL::text[], 5000000, false, true, 'Airflow: callback context, REST objects, DAGs, datasets and assets'),
  ('openlineage', NULL::text[], 5000000, false, true, 'OpenLineage: run, job and dataset events'),
  ('great_expectations', ARRAY['asset', 'dataset', 'table', 'model', 'dag_id', 'dashboard', 'pipeline', 'job_name', 'service', 'app'], 50000000, false, true, 'Great Expectations: validation and checkpoint results'),
  ('soda', ARRAY['asset', 'dataset', 'table', 'model', 'dag_id', 'dashboard', 'pipeline', 'job_name', 'service', 'app'], 50000000, false, true, 'Soda: scan results and Soda Cloud''s webhook'),
  ('monte_carlo', ARRAY['asset', 'dataset', 'table', 'model', 'dag_id', 'dashboard', 'pipeline', 'job_name', 'service', 'app'], 5000000, false, false, 'Monte Carlo: webhook'),
  ('sentry', ARRAY['asset', 'dataset', 'table', 'model', 'dag_id', 'dashboard', 'pipeline', 'job_name', 'service', 'app'], 5000000, false, false, 'Sentry: webhooks of issues, errors, issue and metric alerts'),
  ('github', NULL::text[], 25000000, false, true, 'GitHub: push, pull_request, deployment, deployment_status, workflow_run, check_run'),
  ('gitlab', NULL::text[], 25000000, false, true, 'GitLab: push, pipeline, deployment, merge request'),
  ('circleci', NULL::text[], 5000000, false, true, 'CircleCI: webhooks, and what a job posts itself'),
  ('cloudevents', ARRAY['asset', 'dataset', 'table', 'model', 'dag_id', 'dashboard', 'pipeline', 'job_name', 'service', 'app'], 5000000, false, true, 'CloudEvents 1.0, structured or batched; CDEvents'),
  ('slack', NULL::text[], 5000000, false, false, 'Slack: clicks on the buttons of tracer''s messages'),
  ('generic', ARRAY['asset', 'dataset', 'table', 'model', 'dag_id', 'dashboard', 'pipeline', 'job_name', 'service', 'app'], 5000000, false, true, 'Anything else: fields by JSON paths')
$$;
COMMENT ON FUNCTION tracer.source_formats() IS 'The formats that tracer.ingest() reads: name, which is also the name of a source until tracer.source says otherwise; labels that name the asset, in order (NULL: the reader names it); largest body in bytes; whether the tool repeats an alert that goes on with its first time; whether it reports successes.';

CREATE FUNCTION tracer.quarantine_body(source text, reason text, body bytea, headers jsonb) RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
INSERT INTO tracer.quarantine AS q (source, reason, body, headers, digest)
VALUES (quarantine_body.source, quarantine_body.reason, quarantine_body.body, quarantine_body.headers,
        md5(convert_to(quarantine_body.source || E'\n' || quarantine_body.reason || E'\n', 'UTF8') || quarantine_body.body)::uuid)
ON CONFLICT (digest) DO UPDATE SET times = q.times + 1, last_at = now()
RETURNING quarantine_id
$$;
COMMENT ON FUNCTION tracer.quarantine_body(text, text, bytea, jsonb) IS 'Keeps a body that could not be read and returns its id; the same one again is counted. Not for users.';

CREATE FUNCTION tracer.unreadable(source text, reason text, body text, quarantined bigint) RETURNS tracer.intake_row
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT tracer.an_alert(
         title       => coalesce('Unreadable: ' || s.title, format('Unreadable body from %s', unreadable.source)),
         severity    => 'error',
         dedup_key   => 'unreadable:' || coalesce(s.title, regexp_replace(split_part(unreadable.reason, ': ', 1), '\d+', '', 'g')),
         description => format(E'%s (kept as quarantine_id %s)\n\n%s', unreadable.reason, unreadable.quarantined, left(unreadable.body, 1000)),
         labels      => jsonb_build_object('quarantine_id', unreadable.quarantined))
  FROM (SELECT (regexp_match(left(unreadable.body, 100000), '"(?:title|summary|alertname|alert_name|subject|message|name)"\s*:\s*"([^"\\]{3,200})'))[1] AS title) AS s
$$;
COMMENT ON FUNCTION tracer.unreadable(text, text, text, bigint) IS 'The alert that stands for a body that could not be read: with what looks like its title, and where it is kept. Not for users.';

-- Alerts: what is new among them becomes rows of tracer.alert. One after the
-- other, as most bodies hold one, and an event without a time is told apart by
-- what came before it.
CREATE FUNCTION tracer.take_alerts(source text, items tracer.intake_row[], asset_labels text[], repeats boolean) RETURNS bigint
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_variable
DECLARE
    i        tracer.intake_row;
    label    text;
    place    text;
    standing tracer.status;
    event    uuid;
    said     text;
    first    boolean;
    taken    bigint := 0;
BEGIN
    FOREACH i IN ARRAY items LOOP
        CONTINUE WHEN i.what <> 'alert';
        place := NULL;
        IF i.labels IS NOT NULL AND asset_labels IS NOT NULL THEN
            FOREACH label IN ARRAY asset_labels LOOP
                place := nullif(i.labels ->> label, '');
                EXIT WHEN place IS NOT NULL;
            END LOOP;
        END IF;
        place := coalesce(place, nullif(i.asset, ''));
        standing := CASE WHEN i.status = 'resolved' THEN 'resolved' ELSE 'firing' END;
        IF i.at IS NULL OR NOT isfinite(i.at) THEN
            -- The same once more counts after a while; anything else always does.
            i.at := NULL;
            event := md5(concat_ws(E'\x1f', source, coalesce(i.dedup_key, i.title), place))::uuid;
            said := md5(concat_ws(E'\x1f', standing, i.severity, i.title, i.description));
        ELSE
            event := md5(concat_ws(E'\x1f', source, coalesce(i.dedup_key, i.title), place, standing, extract(epoch FROM i.at)))::uuid;
            said := NULL;
        END IF;
        INSERT INTO tracer.intake_event AS e (event_id, state, seen_at)
        VALUES (event, said, clock_timestamp())
        ON CONFLICT (event_id) DO UPDATE SET state = excluded.state, seen_at = excluded.seen_at
         WHERE CASE WHEN said IS NULL THEN repeats AND standing = 'firing' AND e.seen_at < excluded.seen_at - tracer.sign_of_life(source)
                    ELSE e.state IS DISTINCT FROM said OR e.seen_at < excluded.seen_at - interval '5 minutes' END
        RETURNING xmax = 0 INTO first;
        CONTINUE WHEN NOT FOUND;
        INSERT INTO tracer.alert (asset, title, severity, status, source, dedup_key, fired_at, description, labels, url, payload, run_id)
        VALUES (place, coalesce(nullif(i.title, ''), 'Alert without a title'), coalesce(tracer.severity_of(i.severity), 'error'), standing, source, i.dedup_key,
                CASE WHEN first THEN coalesce(i.at, clock_timestamp()) ELSE clock_timestamp() END,
                i.description, i.labels, i.url, i.payload, i.run_id);
        taken := taken + 1;
    END LOOP;
    RETURN taken;
END
$$;
COMMENT ON FUNCTION tracer.take_alerts(text, tracer.intake_row[], text[], boolean) IS 'Writes the alerts among these rows that are new, and returns how many. Not for users.';

CREATE FUNCTION tracer.sign_of_life(source text) RETURNS interval
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT coalesce((SELECT s.quiet_after FROM tracer.source s WHERE s.name = sign_of_life.source), tracer.get('quiet_after')::interval) / 2 $$;
COMMENT ON FUNCTION tracer.sign_of_life(text) IS 'How often an alert that its tool repeats unchanged is written again, so that its episode does not turn quiet: half of quiet_after. Not for users.';

-- Successes become resolves where their check ever failed, and nothing otherwise.
-- A failure that arrives after a later success is followed by that success.
CREATE FUNCTION tracer.settle_successes(source text, items tracer.intake_row[]) RETURNS tracer.intake_row[]
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET enable_nestloop = off
AS $$
#variable_conflict use_column
DECLARE
    resolves tracer.intake_row[];
BEGIN
    WITH said AS MATERIALIZED (
        SELECT i.n, i.what, i.asset, i.title, i.status, i.dedup_key, coalesce(i.at, clock_timestamp()) AS at, i.run_id,
               md5(settle_successes.source || E'\x1f' || i.dedup_key)::uuid AS check_id
          FROM unnest(items) WITH ORDINALITY AS i (what, asset, title, severity, status, dedup_key, at, description, labels, url,
                                                   payload, run_id, kind, author, upstream, origin, details, n)
         WHERE i.what IN ('alert', 'success') AND i.dedup_key IS NOT NULL
    ), noted AS (
        INSERT INTO tracer.intake_check AS c (check_id, fired, succeeded_at)
        SELECT s.check_id, bool_or(s.what = 'alert'), max(s.at) FILTER (WHERE s.what = 'success')
          FROM said s
         GROUP BY s.check_id
         ORDER BY s.check_id
        ON CONFLICT (check_id) DO UPDATE
           SET fired = c.fired OR excluded.fired, succeeded_at = greatest(c.succeeded_at, excluded.succeeded_at)
        RETURNING c.check_id, c.fired, c.succeeded_at
    )
    SELECT array_agg(r.item ORDER BY r.n) INTO resolves
      FROM (SELECT s.n, tracer.an_alert(s.title, s.asset, 'info', 'resolved', s.dedup_key, s.at, run_id => s.run_id) AS item
              FROM said s
              JOIN noted c USING (check_id)
             WHERE s.what = 'success'
               AND (c.fired OR EXISTS (SELECT FROM tracer.alert_key k
                                        WHERE hashtextextended(k.dedup_key, 0) = hashtextextended(s.dedup_key, 0)
                                          AND hashtextextended(k.source, 0) = hashtextextended(settle_successes.source, 0)
                                          AND k.dedup_key = s.dedup_key AND k.source = settle_successes.source))
            UNION ALL
            SELECT s.n, tracer.an_alert('Succeeded since', s.asset, 'info', 'resolved', s.dedup_key, c.succeeded_at)
              FROM said s
              JOIN noted c USING (check_id)
             WHERE s.what = 'alert' AND s.status IS DISTINCT FROM 'resolved' AND c.succeeded_at >= s.at) AS r;
    RETURN coalesce(resolves, '{}');
END
$$;
COMMENT ON FUNCTION tracer.settle_successes(text, tracer.intake_row[]) IS 'The resolves that come of the successes among these rows. Not for users.';

CREATE FUNCTION tracer.take_changes(source text, items tracer.intake_row[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
    taken bigint;
BEGIN
    WITH said AS MATERIALIZED (
        SELECT DISTINCT ON (event_id) *
          FROM (SELECT i.*, CASE WHEN isfinite(i.at) THEN i.at END AS since,
                       md5(concat_ws(E'\x1f', 'change', take_changes.source, i.asset, coalesce(i.dedup_key, i.title), i.at))::uuid AS event_id
                  FROM unnest(items) AS i
                 WHERE i.what = 'change') AS x
         ORDER BY event_id
    ), fresh AS (
        INSERT INTO tracer.intake_event AS e (event_id, seen_at)
        SELECT s.event_id, clock_timestamp() FROM said s
        ON CONFLICT (event_id) DO NOTHING
        RETURNING e.event_id
    )
    INSERT INTO tracer.change (asset, kind, title, author, url, changed_at, payload)
    SELECT s.asset, s.kind, coalesce(nullif(s.title, ''), 'Change without a title'), s.author, s.url, coalesce(s.since, now()), s.payload
      FROM said s
      JOIN fresh f USING (event_id);
    GET DIAGNOSTICS taken = ROW_COUNT;
    RETURN taken;
END
$$;
COMMENT ON FUNCTION tracer.take_changes(text, tracer.intake_row[]) IS 'Writes the changes among these rows that are new, and returns how many. Not for users.';

-- A name that an index can hold.
CREATE FUNCTION tracer.is_name(name text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN name <> '' AND octet_length(name) <= 1000;
COMMENT ON FUNCTION tracer.is_name(text) IS 'Whether this can be the name of an asset: 1 to 1,000 bytes. NULL for NULL.';

CREATE FUNCTION tracer.take_assets(source text, items tracer.intake_row[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
DECLARE
    said    record;
    changed bigint;
BEGIN
    -- Names first: what is known under another of its names keeps the one that it
    -- has. Every asset is told, so that none of them becomes another's alias.
    FOR said IN
        SELECT coalesce(i.origin, "take_assets".source) AS origin, array_agg(l.alias) AS aliases, array_agg(i.asset) AS assets
          FROM unnest(items) AS i
         CROSS JOIN LATERAL (SELECT i.asset UNION ALL
                             SELECT a FROM jsonb_array_elements_text(CASE jsonb_typeof(i.details -> 'aliases') WHEN 'array' THEN i.details -> 'aliases' ELSE '[]' END) AS a) AS l (alias)
         WHERE i.what = 'asset' AND tracer.is_name(i.asset) AND tracer.is_name(l.alias)
         GROUP BY 1
         ORDER BY 1
    LOOP
        PERFORM tracer.add_aliases(said.aliases, said.assets, said.origin);
    END LOOP;

    INSERT INTO tracer.asset AS a (name, kind, owner, tier, due, description, runbook_url, tags)
    SELECT DISTINCT ON (n.name COLLATE "C") n.name, i.kind, nullif(i.author, ''),
           CASE WHEN i.details ->> 'tier' ~ '^\d{1,6}$' THEN (i.details ->> 'tier')::int END,
           i.details ->> 'due', nullif(i.details ->> 'description', ''), i.details ->> 'runbook_url',
           nullif(CASE jsonb_typeof(i.details -> 'tags') WHEN 'object' THEN i.details -> 'tags' ELSE '{}' END
                  || CASE WHEN i.origin IS NULL THEN '{}' ELSE jsonb_build_object('imported_by', i.origin) END, '{}')
      FROM unnest(items) AS i
      JOIN tracer.resolve_names((SELECT array_agg(x.asset) FROM unnest(items) AS x WHERE x.what = 'asset' AND tracer.is_name(x.asset))) AS n ON n.called = i.asset
     WHERE i.what = 'asset'
     ORDER BY n.name COLLATE "C"
    ON CONFLICT (name) DO UPDATE
       SET kind = CASE WHEN excluded.kind IN ('dataset', 'job') THEN coalesce(a.kind, excluded.kind) ELSE coalesce(excluded.kind, a.kind) END,
           owner = coalesce(excluded.owner, a.owner), tier = coalesce(excluded.tier, a.tier), due = coalesce(excluded.due, a.due), description = coalesce(excluded.description, a.description),
           runbook_url = coalesce(excluded.runbook_url, a.runbook_url),
           tags = coalesce(a.tags - '{gone_since,sql_error}'::text[] || excluded.tags, a.tags - '{gone_since,sql_error}'::text[], excluded.tags)
     WHERE (a.kind, a.owner, a.tier, a.due, a.description, a.runbook_url, a.tags) IS DISTINCT FROM
           (CASE WHEN excluded.kind IN ('dataset', 'job') THEN coalesce(a.kind, excluded.kind) ELSE coalesce(excluded.kind, a.kind) END, coalesce(excluded.owner, a.owner), coalesce(excluded.tier, a.tier),
            coalesce(excluded.due, a.due), coalesce(excluded.description, a.description), coalesce(excluded.runbook_url, a.runbook_url),
            coalesce(a.tags - '{gone_since,sql_error}'::text[] || excluded.tags, a.tags - '{gone_since,sql_error}'::text[], excluded.tags));
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END
$$;
COMMENT ON FUNCTION tracer.take_assets(text, tracer.intake_row[]) IS 'Declares the assets among these rows, with their aliases; returns how many are new or changed. What a tool says replaces what was known, what it does not say stays; dataset and job are said of what has no better kind. Not for users.';

CREATE FUNCTION tracer.take_edges(source text, items tracer.intake_row[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
DECLARE
    said    record;
    cols    record;
    replace record;
    changed bigint := 0;
BEGIN
    FOR said IN
        SELECT coalesce(i.origin, take_edges.source) AS origin, bool_or(i.what = 'import') AS complete,
               coalesce(array_agg(i.upstream) FILTER (WHERE i.what = 'edge'), '{}') AS up,
               coalesce(array_agg(i.asset) FILTER (WHERE i.what = 'edge'), '{}') AS down,
               coalesce(array_agg(coalesce(nullif(i.kind, ''), 'data')) FILTER (WHERE i.what = 'edge'), '{}') AS kinds
          FROM unnest(items) AS i
         WHERE i.what = 'import' OR i.what = 'edge' AND tracer.is_name(i.upstream) AND tracer.is_name(i.asset)
         GROUP BY 1
         ORDER BY 1
    LOOP
        SELECT coalesce(array_agg(i.upstream), '{}') AS up, coalesce(array_agg(c ->> 0), '{}') AS up_column,
               coalesce(array_agg(i.asset), '{}') AS down, coalesce(array_agg(c ->> 1), '{}') AS down_column
          INTO cols
          FROM unnest(items) AS i
         CROSS JOIN LATERAL jsonb_array_elements(CASE jsonb_typeof(i.details) WHEN 'array' THEN i.details ELSE '[]' END) AS c
         WHERE i.what = 'edge' AND coalesce(i.origin, take_edges.source) = said.origin
           AND tracer.is_name(i.upstream) AND tracer.is_name(i.asset) AND tracer.is_name(c ->> 0) AND tracer.is_name(c ->> 1);
        IF said.complete THEN
            replace := tracer.replace_lineage(said.up, said.down, said.kinds, said.origin);
            changed := changed + replace.linked + replace.unlinked;
            PERFORM tracer.replace_columns(cols.up, cols.up_column, cols.down, cols.down_column, said.origin);
        ELSE
            changed := changed + tracer.link_said(said.up, said.down, said.kinds, said.origin);
            PERFORM tracer.link_columns(cols.up, cols.up_column, cols.down, cols.down_column, said.origin);
        END IF;
    END LOOP;
    RETURN changed;
END
$$;
COMMENT ON FUNCTION tracer.take_edges(text, tracer.intake_row[]) IS 'Links the edges among these rows, with their columns, and unlinks what an import no longer names; returns how many edges are new, changed or gone. Not for users.';

-- Assets that an import no longer names are marked; that they went is a change.
CREATE FUNCTION tracer.take_gone(items tracer.intake_row[]) RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
WITH scope AS (
    SELECT i.origin, coalesce(i.at, clock_timestamp()) AS at FROM unnest(items) AS i WHERE i.what = 'import'
), gone AS (
    UPDATE tracer.asset a
       SET tags = a.tags || jsonb_build_object('gone_since', s.at)
      FROM scope s
     WHERE a.tags ->> 'imported_by' = s.origin AND NOT a.tags ? 'gone_since'
       AND a.name NOT IN (SELECT n.name
                            FROM tracer.resolve_names((SELECT array_agg(i.asset) FROM unnest(items) AS i WHERE i.what = 'asset' AND i.asset IS NOT NULL)) n)
    RETURNING a.name, s.origin, s.at
), noted AS (
    INSERT INTO tracer.change (asset, kind, title, changed_at)
    SELECT g.name, 'schema', format('%s is gone from %s', g.name, g.origin), g.at FROM gone g
    RETURNING 1
)
SELECT count(*) FROM noted
$$;
COMMENT ON FUNCTION tracer.take_gone(tracer.intake_row[]) IS 'Marks the assets that an import among these rows named before and no longer does (tags gone_since), and writes a change for each; returns how many. Not for users.';

-- What other tools call incidents that tracer opened there.
CREATE TABLE tracer.foreign_incident (
    id  text PRIMARY KEY,
    key text NOT NULL
);
SELECT pg_catalog.pg_extension_config_dump('tracer.foreign_incident', '');
COMMENT ON TABLE tracer.foreign_incident IS 'Ids that other tools gave to incidents that tracer opened there, as their webhooks told.';
COMMENT ON COLUMN tracer.foreign_incident.id IS 'The tool and its id, such as pagerduty:PGR0VU2.';
COMMENT ON COLUMN tracer.foreign_incident.key IS 'The key that tracer opened it under.';

CREATE FUNCTION tracer.incident_of(key text) RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    named  text := coalesce((SELECT f.key FROM tracer.foreign_incident f WHERE f.id = incident_of.key), key);
    number bigint := substring(named FROM '^(?:tracer[-:/])?(\d{1,18})$')::bigint;
BEGIN
    IF number IS NULL AND to_regclass('tracer.thread') IS NOT NULL THEN
        EXECUTE 'SELECT t.incident_id FROM tracer.thread t WHERE t.key = $1' INTO number USING named;
    END IF;
    RETURN number;
END
$$;
COMMENT ON FUNCTION tracer.incident_of(text) IS 'The incident that another tool means by a key: its number, also with tracer- before it, the key of the thread under which a channel files it, or the tool''s own id (tracer.foreign_incident). NULL for a key that says nothing to tracer.';

-- What people did in other tools. Returns what could not be done, NULL if nothing.
CREATE FUNCTION tracer.take_actions(items tracer.intake_row[]) RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    i      tracer.intake_row;
    number bigint;
    over   boolean;
    flaw   text;
BEGIN
    FOREACH i IN ARRAY items LOOP
        CONTINUE WHEN i.what <> 'action';
        BEGIN
            number := tracer.live_incident(tracer.incident_of(i.dedup_key));
            over := tracer.incident_is_resolved(number);
            -- What another tool tells back of what it heard from us changes nothing.
            CASE i.kind
                WHEN 'acknowledge' THEN
                    IF NOT over THEN PERFORM tracer.acknowledge(number, i.author); END IF;
                WHEN 'resolve' THEN
                    IF NOT over THEN PERFORM tracer.resolve(number, i.details ->> 'note', by => i.author); END IF;
                WHEN 'reopen' THEN
                    IF over THEN PERFORM tracer.reopen(number, i.author); END IF;
                WHEN 'known' THEN
                    INSERT INTO tracer.foreign_incident AS f (id, key) VALUES (i.details ->> 'id', i.dedup_key)
                    ON CONFLICT (id) DO UPDATE SET key = excluded.key WHERE f.key <> excluded.key;
                WHEN 'note' THEN
                    PERFORM tracer.note(number, i.details ->> 'note', i.author);
                WHEN 'wrong_root' THEN
                    IF i.details ->> 'asset' <> '' THEN
                        PERFORM tracer.confirm(number, i.details ->> 'asset', i.author);
                    ELSE
                        PERFORM tracer.note(number, coalesce(nullif(i.details ->> 'note', ''), 'The root cause is another one.'), i.author);
                    END IF;
                WHEN 'not_mine' THEN
                    PERFORM tracer.note(number, coalesce(nullif(i.details ->> 'note', ''), 'Not ours.'), i.author);
            END CASE;
        EXCEPTION
            WHEN transaction_rollback OR insufficient_resources OR operator_intervention OR lock_not_available THEN
                RAISE;
            WHEN OTHERS THEN
                flaw := format('%s of %s by %s: %s', i.kind, coalesce(i.dedup_key, 'no incident'), i.author, sqlerrm);
        END;
    END LOOP;
    RETURN flaw;
END
$$;
COMMENT ON FUNCTION tracer.take_actions(tracer.intake_row[]) IS 'Does to incidents what people did to them elsewhere, in their name; returns what could not be done, NULL if all was. Not for users.';

-- A CASE, as a dynamic statement would be planned for each body.
CREATE FUNCTION tracer.read_format(format text, body jsonb, headers jsonb) RETURNS tracer.intake_row[]
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    CASE format
        WHEN 'alertmanager' THEN RETURN tracer.read_alertmanager(body, headers);
        WHEN 'prometheus' THEN RETURN tracer.read_prometheus(body, headers);
        WHEN 'grafana' THEN RETURN tracer.read_grafana(body, headers);
        WHEN 'pagerduty' THEN RETURN tracer.read_pagerduty(body, headers);
        WHEN 'opsgenie' THEN RETURN tracer.read_opsgenie(body, headers);
        WHEN 'incident_io' THEN RETURN tracer.read_incident_io(body, headers);
        WHEN 'datadog' THEN RETURN tracer.read_datadog(body, headers);
        WHEN 'cloudwatch' THEN RETURN tracer.read_cloudwatch(body, headers);
        WHEN 'dbt' THEN RETURN tracer.read_dbt(body, headers);
        WHEN 'dbt_cloud' THEN RETURN tracer.read_dbt_cloud(body, headers);
        WHEN 'airflow' THEN RETURN tracer.read_airflow(body, headers);
        WHEN 'openlineage' THEN RETURN tracer.read_openlineage(body, headers);
        WHEN 'great_expectations' THEN RETURN tracer.read_great_expectations(body, headers);
        WHEN 'soda' THEN RETURN tracer.read_soda(body, headers);
        WHEN 'monte_carlo' THEN RETURN tracer.read_monte_carlo(body, headers);
        WHEN 'sentry' THEN RETURN tracer.read_sentry(body, headers);
        WHEN 'github' THEN RETURN tracer.read_github(body, headers);
        WHEN 'gitlab' THEN RETURN tracer.read_gitlab(body, headers);
        WHEN 'circleci' THEN RETURN tracer.read_circleci(body, headers);
        WHEN 'cloudevents' THEN RETURN tracer.read_cloudevents(body, headers);
        WHEN 'slack' THEN RETURN tracer.read_slack(body, headers);
    END CASE;
END
$$;
COMMENT ON FUNCTION tracer.read_format(text, jsonb, jsonb) IS 'What a body says, by the reader of this format (tracer.source_formats). Errors: case_not_found for a format that there is not, and those of the reader.';

CREATE FUNCTION tracer.take_body(source text, body text, raw bytea, headers jsonb, flaw text,
                                 OUT alerts bigint, OUT changes bigint, OUT edges bigint, OUT assets bigint, OUT quarantined bigint)
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_variable
DECLARE
    own     tracer.source;
    how     record;
    limited bigint;
    doc     jsonb;
    fixed   record;
    items   tracer.intake_row[];
    kinds   text[];
    problem text;
    undone  text;
    kept    bigint;
BEGIN
    alerts := 0; changes := 0; edges := 0; assets := 0; quarantined := 0;
    source := coalesce(nullif(source, ''), 'generic');
    body := coalesce(body, '');
    headers := CASE jsonb_typeof(headers) WHEN 'object' THEN headers ELSE '{}' END;
    SELECT s.* INTO own FROM tracer.source s WHERE s.name = source;
    SELECT f.* INTO how FROM tracer.source_formats() f WHERE f.format = coalesce(own.format, source);
    IF own.function IS NOT NULL OR own.fields IS NOT NULL OR how.format IS NULL THEN
        SELECT f.* INTO how FROM tracer.source_formats() f WHERE f.format = 'generic';
    END IF;
    limited := coalesce(own.max_bytes, how.max_bytes);

    IF octet_length(body) > limited THEN
        problem := format('%s bytes are more than the %s that this source may send', octet_length(body), limited);
    ELSIF left(body, 1) IN ('', ' ', E'\t', E'\n', E'\r') AND body !~ '\S' THEN
        problem := 'the body is empty';
    ELSE
        BEGIN
            BEGIN
                doc := body::jsonb;
            EXCEPTION WHEN data_exception THEN
                fixed := tracer.repair_json(body);
                doc := fixed.repaired::jsonb;
                flaw := concat_ws(', ', flaw, fixed.repairs);
            END;
            IF own.function IS NOT NULL THEN
                items := ARRAY(SELECT jsonb_populate_record(NULL::tracer.intake_row, '{"what": "alert"}' || r)
                                 FROM tracer.call_registered(quote_ident(own.owner)::regrole, own.function, doc, headers) AS r);
            ELSIF how.format = 'generic' THEN
                items := tracer.read_generic(doc, own.fields);
            ELSE
                items := tracer.read_format(how.format, doc, headers);
            END IF;
            IF cardinality(items) = 1 THEN
                kinds := ARRAY[items[1].what];
            ELSE
                kinds := ARRAY(SELECT DISTINCT i.what FROM unnest(items) AS i);
            END IF;
            IF cardinality(kinds) = 0 THEN
                problem := format('not what %s sends', coalesce(own.function, how.format));
            ELSIF NOT kinds <@ '{alert,success,change,edge,import,asset,action,nothing}' OR array_position(kinds, NULL) IS NOT NULL THEN
                problem := format('its reader says what tracer does not know: %s', kinds);
            END IF;
        EXCEPTION
            WHEN transaction_rollback OR insufficient_resources OR operator_intervention OR lock_not_available THEN
                RAISE;
            WHEN statement_too_complex THEN
                problem := 'nested too deeply';
            WHEN OTHERS THEN
                GET STACKED DIAGNOSTICS problem = PG_EXCEPTION_DETAIL;
                problem := left(concat_ws(': ', sqlerrm, nullif(problem, '')), 300);
        END;
    END IF;

    IF problem IS NULL AND 'action' = ANY (kinds) THEN
        undone := tracer.take_actions(items);
    END IF;
    IF problem IS NOT NULL OR undone IS NOT NULL OR flaw <> '' THEN
        kept := tracer.quarantine_body(source, concat_ws('; ', problem, undone, 'repaired: ' || nullif(flaw, '')),
                                       coalesce(raw, convert_to(body, 'UTF8')), headers);
        quarantined := 1;
        IF problem IS NOT NULL THEN
            items := ARRAY[tracer.unreadable(source, problem, body, kept)];
            kinds := '{alert}';
        ELSIF flaw <> '' THEN
            items := tracer.mark_repaired(items, flaw, kept);
        END IF;
    END IF;

    IF kinds && '{alert,success}' THEN
        alerts := tracer.take_alerts(source, CASE WHEN how.successes THEN items || tracer.settle_successes(source, items) ELSE items END,
                                     coalesce(own.asset_labels, how.asset_labels), how.repeats);
    END IF;
    IF 'change' = ANY (kinds) THEN
        changes := tracer.take_changes(source, items);
    END IF;
    IF kinds && '{asset,edge,import}' THEN
        assets := tracer.take_assets(source, items);
        edges := tracer.take_edges(source, items);
        IF 'import' = ANY (kinds) THEN
            changes := changes + tracer.take_gone(items);
        END IF;
    END IF;
END
$$;
COMMENT ON FUNCTION tracer.take_body(text, text, bytea, jsonb, text) IS 'What tracer.ingest() does with a body that is text; raw: its bytes, where they were another text; flaw: what was mended already. Not for users.';

CREATE FUNCTION tracer.mark_repaired(items tracer.intake_row[], flaw text, quarantined bigint) RETURNS tracer.intake_row[]
LANGUAGE sql IMMUTABLE
AS $$
SELECT array_agg(CASE WHEN (x.i).what = 'alert' THEN
                     tracer.an_alert((x.i).title, (x.i).asset, (x.i).severity, (x.i).status, (x.i).dedup_key, (x.i).at, (x.i).description,
                                     CASE jsonb_typeof((x.i).labels) WHEN 'object' THEN (x.i).labels ELSE '{}' END
                                     || jsonb_build_object('repaired', flaw, 'quarantine_id', quarantined),
                                     (x.i).url, (x.i).payload, (x.i).run_id)
                 ELSE x.i END)
  FROM (SELECT ROW(u.*)::tracer.intake_row AS i FROM unnest(items) AS u) AS x
$$;
COMMENT ON FUNCTION tracer.mark_repaired(tracer.intake_row[], text, bigint) IS 'The same rows, alerts with the labels repaired (what was mended) and quarantine_id (where the body is kept as it came). Not for users.';

CREATE FUNCTION tracer.ingest(source text, body text, headers jsonb DEFAULT '{}',
                              OUT alerts bigint, OUT changes bigint, OUT edges bigint, OUT assets bigint, OUT quarantined bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET jit = off SET max_parallel_workers_per_gather = 0
AS $$
DECLARE
    taken record;
BEGIN
    taken := tracer.take_body(source, body, NULL, headers, NULL);
    alerts := taken.alerts; changes := taken.changes; edges := taken.edges; assets := taken.assets; quarantined := taken.quarantined;
END
$$;
COMMENT ON FUNCTION tracer.ingest(text, text, jsonb) IS 'Takes what a tool sent, as it is, and returns how many alerts, changes, edges and assets are new or changed because of it, and how many bodies (0 or 1) went to tracer.quarantine. source is a row of tracer.source, the name of a format (tracer.source_formats), or any other name, which is read as generic; headers are those of the request, in lower case. A body that cannot be read is kept in quarantine and an alert raised all the same; the same event delivered twice is one alert; no body is an error.';

CREATE FUNCTION tracer.ingest(source text, body bytea, headers jsonb DEFAULT '{}',
                              OUT alerts bigint, OUT changes bigint, OUT edges bigint, OUT assets bigint, OUT quarantined bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET jit = off SET max_parallel_workers_per_gather = 0
AS $$
DECLARE
    content text;
    flaw    text;
    taken   record;
BEGIN
    BEGIN
        content := convert_from(body, 'UTF8');
    EXCEPTION WHEN character_not_in_repertoire OR untranslatable_character THEN
        content := tracer.repair_utf8(body);
        flaw := 'not valid UTF-8';
    END;
    taken := tracer.take_body(source, content, body, headers, flaw);
    alerts := taken.alerts; changes := taken.changes; edges := taken.edges; assets := taken.assets; quarantined := taken.quarantined;
END
$$;
COMMENT ON FUNCTION tracer.ingest(text, bytea, jsonb) IS 'As tracer.ingest() of text, for a body that may not be valid UTF-8: what is none becomes a replacement character, and the body is kept as it came.';
