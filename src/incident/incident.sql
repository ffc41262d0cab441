/*
 * Incidents: what correlation makes of alerts.
 *
 * tracer.correlate() owns every table here but decision and incident_note,
 * which people write through functions. Membership (episode.incident_id) is a
 * function of alerts, changes, aliases, lineage, settings and decisions and can
 * be recomputed at any time; the numbers of incidents are history and cannot.
 */

-- A check in one tool on one asset: what its alerts have in common.
CREATE TABLE tracer.alert_key (
    key_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source        text NOT NULL,
    dedup_key     text NOT NULL,
    asset         text,
    asset_id      bigint,
    last_event_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX alert_key_identity ON tracer.alert_key (dedup_key, source, asset) NULLS NOT DISTINCT;
CREATE INDEX alert_key_asset ON tracer.alert_key (asset);

CREATE TABLE tracer.episode (
    episode_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key_id          bigint NOT NULL,
    incident_id     bigint,
    parent_id       bigint,
    because         "char" NOT NULL,
    hops            int,
    started_at      timestamptz NOT NULL,
    last_fired_at   timestamptz NOT NULL,
    resolved_at     timestamptz,
    chronic_from    timestamptz,
    severity        tracer.severity NOT NULL,
    alert_count     bigint NOT NULL,
    first_alert_id  bigint NOT NULL
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
    fired_at   timestamptz NOT NULL
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

-- How far correlation has come. One row once the first pass has run.
CREATE TABLE tracer.correlate_state (
    "only"      boolean PRIMARY KEY DEFAULT true CHECK ("only"),
    seen        pg_snapshot NOT NULL,
    system_id   bigint NOT NULL,
    pass        bigint NOT NULL,
    watermark   timestamptz
);
