/*
 * Incidents: what correlation makes of alerts.
 *
 * tracer.correlate() owns every table here but decision and incident_note,
 * which people write through functions. Membership (episode.incident_id) is a
 * function of alerts, changes, aliases, lineage, settings and decisions and can
 * be recomputed at any time; the numbers of incidents are history and cannot.
 */

-- A check in one tool on one asset: what its alerts have in common.
CREATE SEQUENCE tracer.key_id AS bigint;
CREATE TABLE tracer.alert_key (
    key_id        bigint PRIMARY KEY,
    source        text NOT NULL,
    dedup_key     text NOT NULL,
    asset         text,
    asset_id      bigint,
    last_event_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX alert_key_identity ON tracer.alert_key (dedup_key, source, asset) NULLS NOT DISTINCT;
CREATE INDEX alert_key_asset ON tracer.alert_key (asset_id);

-- parent_id, because and suspect_id are what holds; base_* is what the rule
-- alone says, kept where a person decided otherwise.
CREATE SEQUENCE tracer.episode_id AS bigint;
CREATE TABLE tracer.episode (
    episode_id      bigint PRIMARY KEY,
    key_id          bigint NOT NULL,
    incident_id     bigint,
    parent_id       bigint,
    because         "char" NOT NULL,
    hops            int NOT NULL,
    suspect_id      bigint,
    base_parent_id  bigint,
    base_because    "char",
    origin_at       timestamptz NOT NULL,
    started_at      timestamptz NOT NULL,
    last_fired_at   timestamptz NOT NULL,
    resolved_at     timestamptz,
    chronic_from    timestamptz,
    severity        tracer.severity NOT NULL,
    alert_count     bigint NOT NULL,
    first_alert_id  bigint NOT NULL,
    run_ids         text[]
);
CREATE INDEX episode_key ON tracer.episode (key_id, started_at);
CREATE INDEX episode_incident ON tracer.episode (incident_id);
CREATE INDEX episode_started_at ON tracer.episode (started_at);

-- Every alert that a pass has taken; episode_id is NULL for a resolve that
-- still waits for its firing.
CREATE TABLE tracer.placement (
    alert_id   bigint PRIMARY KEY,
    key_id     bigint NOT NULL,
    episode_id bigint,
    fired_at   timestamptz NOT NULL,
    firing     boolean NOT NULL
);
CREATE INDEX placement_key ON tracer.placement (key_id, fired_at);

CREATE SEQUENCE tracer.incident_id AS bigint;
CREATE TABLE tracer.incident (
    incident_id     bigint PRIMARY KEY,
    merged_into     bigint,
    origin_id       bigint,
    suspect_id      bigint,
    placed          boolean NOT NULL DEFAULT true,
    opened_at       timestamptz NOT NULL,
    last_alert_at   timestamptz NOT NULL,
    ended_at        timestamptz,
    severity        tracer.severity NOT NULL,
    alert_count     bigint NOT NULL DEFAULT 0,
    asset_count     bigint NOT NULL DEFAULT 0,
    open_count      bigint NOT NULL DEFAULT 0,
    origin_open     boolean NOT NULL DEFAULT true,
    confidence      real,
    title           text,
    acknowledged_at timestamptz,
    acknowledged_by text,
    reopened_at     timestamptz,
    resolution      jsonb
);
CREATE INDEX incident_opened_at ON tracer.incident (opened_at);
CREATE INDEX incident_merged_into ON tracer.incident (merged_into) WHERE merged_into IS NOT NULL;

-- One row per candidate and piece of evidence; a candidate's score is the sum
-- of its weights. fact says what it is, ref the alert, change or episode that it
-- speaks of; tracer.evidence puts it into words.
CREATE TABLE tracer.evidence_row (
    incident_id bigint NOT NULL,
    asset_id    bigint,
    asset       text NOT NULL,
    fact        text NOT NULL,
    weight      real NOT NULL,
    ref         bigint,
    num         double precision,
    num2        double precision
);
CREATE INDEX evidence_row_incident ON tracer.evidence_row (incident_id);

-- What people decided, kept for ever and applied last in every pass.
CREATE TABLE tracer.decision (
    decision_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text NOT NULL CHECK (kind IN ('join', 'part', 'root')),
    alert_id    bigint NOT NULL,
    other_id    bigint,
    root_asset  text,
    decided_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    decided_by  text NOT NULL
);
CREATE INDEX decision_alert ON tracer.decision (alert_id);

-- What happened to an incident, beyond the alerts themselves.
CREATE TABLE tracer.incident_event (
    event_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident_id bigint NOT NULL,
    at          timestamptz NOT NULL,
    kind        text NOT NULL,
    actor       text,
    detail      text,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX incident_event_incident ON tracer.incident_event (incident_id);

-- Grouping by labels, for alerts that lineage cannot place. None by default.
CREATE TABLE tracer.group_rule (
    name     text PRIMARY KEY CHECK (name <> ''),
    labels   text[] NOT NULL CHECK (cardinality(labels) > 0),
    source   text,
    "window" interval NOT NULL DEFAULT '1 hour' CHECK ("window" > interval '0')
);

-- Names whose meaning may have changed: assets and aliases that came or went.
-- A NULL name stands for too many to list.
CREATE TABLE tracer.identity_log (
    name text,
    xid  xid8 NOT NULL DEFAULT pg_current_xact_id()
);
CREATE INDEX identity_log_xid ON tracer.identity_log (xid);

-- How far correlation has come. One row once the first pass has run.
CREATE TABLE tracer.correlate_state (
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    seen        pg_snapshot NOT NULL,
    system_id   bigint NOT NULL,
    pass        bigint NOT NULL,
    watermark   timestamptz,
    fingerprint text
);

SELECT pg_catalog.pg_extension_config_dump('tracer.alert_key', '');
SELECT pg_catalog.pg_extension_config_dump('tracer.episode', '');
SELECT pg_catalog.pg_extension_config_dump('tracer.placement', '');
SELECT pg_catalog.pg_extension_config_dump('tracer.incident', '');
SELECT pg_catalog.pg_extension_config_dump('tracer.evidence_row', '');
SELECT pg_catalog.pg_extension_config_dump('tracer.decision', '');
SELECT pg_catalog.pg_extension_config_dump('tracer.incident_event', '');
SELECT pg_catalog.pg_extension_config_dump('tracer.group_rule', '');
SELECT pg_catalog.pg_extension_config_dump('tracer.identity_log', '');
SELECT pg_catalog.pg_extension_config_dump('tracer.correlate_state', '');
SELECT pg_catalog.pg_extension_config_dump('tracer.key_id', '');
SELECT pg_catalog.pg_extension_config_dump('tracer.episode_id', '');
SELECT pg_catalog.pg_extension_config_dump('tracer.incident_id', '');
SELECT pg_catalog.pg_extension_config_dump('tracer.decision_decision_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('tracer.incident_event_event_id_seq', '');

-- Many names at once are one row that says: check them all.
CREATE FUNCTION tracer.log_identity() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        INSERT INTO tracer.identity_log (name) VALUES (NULL);
    ELSIF TG_OP = 'DELETE' AND TG_TABLE_NAME = 'asset' THEN
        INSERT INTO tracer.identity_log (name)
        SELECT CASE WHEN n > 1000 THEN NULL ELSE name END
          FROM (SELECT name, count(*) OVER () AS n, row_number() OVER () AS i FROM old_rows) x
         WHERE n <= 1000 OR i = 1;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO tracer.identity_log (name)
        SELECT CASE WHEN n > 1000 THEN NULL ELSE alias END
          FROM (SELECT alias, count(*) OVER () AS n, row_number() OVER () AS i FROM old_rows) x
         WHERE n <= 1000 OR i = 1;
    ELSIF TG_OP = 'UPDATE' THEN
        IF TG_TABLE_NAME = 'asset' THEN
            INSERT INTO tracer.identity_log (name)
            SELECT NULL WHERE EXISTS (SELECT name FROM new_rows EXCEPT SELECT name FROM old_rows);
        ELSE
            INSERT INTO tracer.identity_log (name) VALUES (NULL);
        END IF;
    ELSIF TG_TABLE_NAME = 'asset' THEN
        INSERT INTO tracer.identity_log (name)
        SELECT CASE WHEN n > 1000 THEN NULL ELSE name END
          FROM (SELECT name, count(*) OVER () AS n, row_number() OVER () AS i FROM new_rows) x
         WHERE n <= 1000 OR i = 1;
    ELSE
        INSERT INTO tracer.identity_log (name)
        SELECT CASE WHEN n > 1000 THEN NULL ELSE alias END
          FROM (SELECT alias, count(*) OVER () AS n, row_number() OVER () AS i FROM new_rows) x
         WHERE n <= 1000 OR i = 1;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER identity_insert AFTER INSERT ON tracer.asset
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION tracer.log_identity();
CREATE TRIGGER identity_update AFTER UPDATE ON tracer.asset
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION tracer.log_identity();
CREATE TRIGGER identity_delete AFTER DELETE ON tracer.asset
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION tracer.log_identity();
CREATE TRIGGER identity_truncate AFTER TRUNCATE ON tracer.asset
    FOR EACH STATEMENT EXECUTE FUNCTION tracer.log_identity();
CREATE TRIGGER identity_insert AFTER INSERT ON tracer.asset_alias
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION tracer.log_identity();
CREATE TRIGGER identity_update AFTER UPDATE ON tracer.asset_alias
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION tracer.log_identity();
CREATE TRIGGER identity_delete AFTER DELETE ON tracer.asset_alias
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION tracer.log_identity();
CREATE TRIGGER identity_truncate AFTER TRUNCATE ON tracer.asset_alias
    FOR EACH STATEMENT EXECUTE FUNCTION tracer.log_identity();

CREATE FUNCTION tracer.correlate(max_alerts bigint DEFAULT NULL) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'tracer_correlate';
COMMENT ON FUNCTION tracer.correlate(bigint) IS 'Places every alert that is not placed yet, at most max_alerts of them (NULL: all), and returns how many it took. 0 where there is nothing to do or another session is at it. Errors: feature_not_supported in a REPEATABLE READ or SERIALIZABLE transaction, invalid_parameter_value for max_alerts below 1. The rule: docs/correlation.md.';

CREATE FUNCTION tracer.regroup(alert_ids bigint[]) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'tracer_regroup';
COMMENT ON FUNCTION tracer.regroup(bigint[]) IS 'Places what is waiting and applies people''s decisions anew to the incidents that hold these alerts. Waits for a pass under way. Called by tracer.merge() and its like.';

CREATE FUNCTION tracer.cascade_id(asset text, ts timestamptz, horizon interval DEFAULT NULL) RETURNS bigint
LANGUAGE c STABLE WINDOW PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'tracer_cascade_id';
COMMENT ON FUNCTION tracer.cascade_id(text, timestamptz, interval) IS 'Window function: numbers the cascades of a partition from 1, by their origins'' time, each row being a failure of an asset that has not been resolved. The rule is that of tracer.correlate() without suspects and runs; horizon NULL means the setting. A NULL asset is a cascade of its own; a NULL ts gives NULL. The order of the window does not matter. Errors: invalid_parameter_value for a horizon of zero or less, datetime_field_overflow for an infinite ts.';

CREATE FUNCTION tracer.backtest(since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL, settings jsonb DEFAULT '{}')
RETURNS TABLE (alert_id bigint, incident bigint, role text, parent_alert_id bigint, because "char", suspect text)
LANGUAGE c VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'tracer_backtest';
COMMENT ON FUNCTION tracer.backtest(timestamptz, timestamptz, jsonb) IS 'What the alerts fired from since (inclusive) to until (exclusive; NULL: no bound) would become under other settings, from scratch and without people''s decisions, touching nothing: one row per firing alert with its incident (numbered from 1 by origin), its role (origin, symptom, or NULL for info outside any), the first alert of its parent, why, and the suspect. settings is an object of setting names and values. Errors as tracer.set().';
