/*
 * Alerts and what else arrives: changes and metrics.
 *
 * tracer.alert is append-only and cheap to write: plain defaults, one CHECK in
 * C, two b-trees on ascending keys, no trigger per row. An explicit NULL means
 * the default when it is read; tracer.alerts shows alerts that way.
 */
CREATE TYPE tracer.severity AS ENUM ('info', 'warning', 'error', 'critical');
COMMENT ON TYPE tracer.severity IS 'How bad, in ascending order. info opens no incident.';
CREATE TYPE tracer.status AS ENUM ('firing', 'resolved');
COMMENT ON TYPE tracer.status IS 'Whether an alert reports a failure or its end.';

CREATE FUNCTION tracer.alert_is_valid(title text, fired_at timestamptz, xid xid8) RETURNS boolean
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'tracer_alert_is_valid';
COMMENT ON FUNCTION tracer.alert_is_valid(text, timestamptz, xid8) IS 'Check constraint of tracer.alert: raises not_null_violation for a missing title and datetime_field_overflow for an infinite time, each with a hint; true otherwise. Takes note of a row that brings another transaction''s id.';

CREATE FUNCTION tracer.note_xid(xid xid8) RETURNS boolean
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'tracer_note_xid';
COMMENT ON FUNCTION tracer.note_xid(xid8) IS 'Check constraint that takes note of a row that brings another transaction''s id, as restored and copied ones do; always true.';

CREATE SEQUENCE tracer.alert_id AS bigint INCREMENT BY 1024 MINVALUE 0 START WITH 1024;
COMMENT ON SEQUENCE tracer.alert_id IS 'Ids of tracer.alert: unique across servers with node numbers of their own (tracer.set_node).';

CREATE TABLE tracer.alert (
    alert_id    bigint PRIMARY KEY DEFAULT nextval('tracer.alert_id'),
    asset       text,
    title       text,
    severity    tracer.severity DEFAULT 'error',
    status      tracer.status DEFAULT 'firing',
    source      text DEFAULT 'sql',
    dedup_key   text,
    fired_at    timestamptz DEFAULT now(),
    description text,
    labels      jsonb,
    url         text,
    payload     jsonb,
    run_id      text,
    received_at timestamptz NOT NULL DEFAULT now(),
    xid         xid8 NOT NULL DEFAULT pg_current_xact_id(),
    CONSTRAINT alert_is_valid CHECK (tracer.alert_is_valid(title, fired_at, xid))
);
ALTER SEQUENCE tracer.alert_id OWNED BY tracer.alert.alert_id;
CREATE INDEX alert_xid ON tracer.alert (xid);
SELECT pg_catalog.pg_extension_config_dump('tracer.alert', '');
SELECT pg_catalog.pg_extension_config_dump('tracer.alert_id', '');

COMMENT ON TABLE tracer.alert IS 'One firing or resolving of one check in one tool, as it arrived. Append-only; INSERT or COPY. Only title is required.';
COMMENT ON COLUMN tracer.alert.alert_id IS 'Id; never reused, unique across servers that were given node numbers (tracer.set_node).';
COMMENT ON COLUMN tracer.alert.asset IS 'Name or alias of the asset; need not be declared. NULL: unknown; a resolve without asset ends every episode of its source and dedup_key.';
COMMENT ON COLUMN tracer.alert.title IS 'What happened, in one line. Required.';
COMMENT ON COLUMN tracer.alert.severity IS 'info, warning, error or critical; NULL means error.';
COMMENT ON COLUMN tracer.alert.status IS 'firing or resolved; NULL means firing.';
COMMENT ON COLUMN tracer.alert.source IS 'Tool that sent it; NULL means sql. A resolve from source tracer is a person''s.';
COMMENT ON COLUMN tracer.alert.dedup_key IS 'What the tool calls the same alert; NULL: derived when read from the canonical asset and the title without its numbers.';
COMMENT ON COLUMN tracer.alert.fired_at IS 'When it happened (event time, which decides everything); NULL means when it arrived. Finite; may lie in the past or the future.';
COMMENT ON COLUMN tracer.alert.description IS 'More text, such as the error message; becomes evidence.';
COMMENT ON COLUMN tracer.alert.labels IS 'The tool''s labels as a JSON object.';
COMMENT ON COLUMN tracer.alert.url IS 'Where to see it in the tool.';
COMMENT ON COLUMN tracer.alert.payload IS 'The tool''s own body.';
COMMENT ON COLUMN tracer.alert.run_id IS 'The execution that it happened in, shared by a job and what the job ran.';
COMMENT ON COLUMN tracer.alert.received_at IS 'When it was inserted (transaction time).';
COMMENT ON COLUMN tracer.alert.xid IS 'Transaction that inserted it: how tracer.correlate() finds new rows in commit order. Leave it to its default.';

CREATE TABLE tracer.source (
    name         text PRIMARY KEY CHECK (name <> ''),
    quiet_after  interval CHECK (quiet_after > interval '0'),
    description  text,
    format       text,
    fields       jsonb,
    function     text,
    owner        name NOT NULL DEFAULT current_user,
    asset_labels text[],
    max_bytes    bigint CHECK (max_bytes > 0),
    CONSTRAINT source_has_one_reader CHECK (num_nonnulls(format, fields, function) <= 1)
);
SELECT pg_catalog.pg_extension_config_dump('tracer.source', '');
CREATE TRIGGER check_registered BEFORE INSERT OR UPDATE ON tracer.source
    FOR EACH ROW EXECUTE FUNCTION tracer.check_registered();
COMMENT ON TABLE tracer.source IS 'Where alerts come from, where that matters to grouping or to reading what tools send (tracer.ingest). A source need not be listed to be used.';
COMMENT ON COLUMN tracer.source.name IS 'As in tracer.alert.source.';
COMMENT ON COLUMN tracer.source.quiet_after IS 'Overrides the setting quiet_after for this source; NULL: the setting.';
COMMENT ON COLUMN tracer.source.description IS 'For people.';
COMMENT ON COLUMN tracer.source.format IS 'Which tool''s format its bodies have (tracer.source_formats); NULL: that of its own name, where there is one, else generic.';
COMMENT ON COLUMN tracer.source.fields IS 'For a tool without a reader: JSON paths to the fields of its alerts, as tracer.read_generic() takes them; NULL: none.';
COMMENT ON COLUMN tracer.source.function IS 'For a tool without a reader: a function of the owner''s, named with its schema, from (body jsonb, headers jsonb) to rows with columns of tracer.intake_row; NULL: none. tracer.call_registered() tells how it is run.';
COMMENT ON COLUMN tracer.source.owner IS 'Role that the function runs as; no superuser.';
COMMENT ON COLUMN tracer.source.asset_labels IS 'Labels that name the asset, tried in order, before the tool''s own field for it; NULL: those of the format.';
COMMENT ON COLUMN tracer.source.max_bytes IS 'Largest body that is read, in bytes; NULL: that of the format.';

CREATE SEQUENCE tracer.change_id AS bigint INCREMENT BY 1024 MINVALUE 0 START WITH 1024;
COMMENT ON SEQUENCE tracer.change_id IS 'Ids of tracer.change: as tracer.alert_id.';

CREATE TABLE tracer.change (
    change_id   bigint PRIMARY KEY DEFAULT nextval('tracer.change_id'),
    asset       text,
    kind        text,
    title       text NOT NULL,
    author      text,
    url         text,
    changed_at  timestamptz DEFAULT now() CHECK (isfinite(changed_at)),
    payload     jsonb,
    received_at timestamptz NOT NULL DEFAULT now(),
    xid         xid8 NOT NULL DEFAULT pg_current_xact_id(),
    CONSTRAINT note_xid CHECK (tracer.note_xid(xid))
);
ALTER SEQUENCE tracer.change_id OWNED BY tracer.change.change_id;
CREATE INDEX change_changed_at ON tracer.change (coalesce(changed_at, received_at));
CREATE INDEX change_xid ON tracer.change (xid);
SELECT pg_catalog.pg_extension_config_dump('tracer.change', '');
SELECT pg_catalog.pg_extension_config_dump('tracer.change_id', '');

COMMENT ON TABLE tracer.change IS 'Something people did to an asset: commit, deploy, config change, schema change. INSERT or COPY.';
COMMENT ON COLUMN tracer.change.change_id IS 'Id; never reused.';
COMMENT ON COLUMN tracer.change.asset IS 'Name or alias of the asset that it hit; NULL or undeclared: shown nowhere as evidence.';
COMMENT ON COLUMN tracer.change.kind IS 'commit, deploy, config, schema, data, infrastructure, ... Free text; steers the likely category.';
COMMENT ON COLUMN tracer.change.title IS 'What was changed, in one line.';
COMMENT ON COLUMN tracer.change.author IS 'Who or what did it.';
COMMENT ON COLUMN tracer.change.url IS 'Where to see it.';
COMMENT ON COLUMN tracer.change.changed_at IS 'When it took effect; NULL means when it arrived.';
COMMENT ON COLUMN tracer.change.payload IS 'The tool''s own body.';
COMMENT ON COLUMN tracer.change.received_at IS 'When it was inserted (transaction time).';
COMMENT ON COLUMN tracer.change.xid IS 'Transaction that inserted it. Leave it to its default.';

CREATE TABLE tracer.metric (
    asset text NOT NULL,
    name  text NOT NULL,
    ts    timestamptz NOT NULL DEFAULT now() CHECK (isfinite(ts)),
    value double precision
);
CREATE INDEX metric_asset_name_ts ON tracer.metric (asset, name, ts);
SELECT pg_catalog.pg_extension_config_dump('tracer.metric', '');

COMMENT ON TABLE tracer.metric IS 'Points of time series that belong to assets. INSERT or COPY.';
COMMENT ON COLUMN tracer.metric.asset IS 'Name or alias of the asset.';
COMMENT ON COLUMN tracer.metric.name IS 'Name of the series, such as row_count.';
COMMENT ON COLUMN tracer.metric.ts IS 'Time of the point; finite.';
COMMENT ON COLUMN tracer.metric.value IS 'Its value; NULL: measured and missing.';

-- Rows that logical replication applies bring the publisher's transaction ids:
-- they get this server's, so that the next pass finds them. After the row, not
-- before it: a BEFORE trigger, even one that never fires here, makes COPY insert
-- row by row.
CREATE FUNCTION tracer.stamp_xid() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_TABLE_NAME = 'alert' THEN
        UPDATE tracer.alert a SET xid = pg_current_xact_id() WHERE a.alert_id = NEW.alert_id;
    ELSE
        UPDATE tracer.change c SET xid = pg_current_xact_id() WHERE c.change_id = NEW.change_id;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION tracer.stamp_xid() IS 'Trigger function: gives rows that logical replication applies this server''s transaction id.';
CREATE TRIGGER stamp_xid AFTER INSERT ON tracer.alert FOR EACH ROW EXECUTE FUNCTION tracer.stamp_xid();
CREATE TRIGGER stamp_xid AFTER INSERT ON tracer.change FOR EACH ROW EXECUTE FUNCTION tracer.stamp_xid();
ALTER TABLE tracer.alert ENABLE REPLICA TRIGGER stamp_xid;
ALTER TABLE tracer.change ENABLE REPLICA TRIGGER stamp_xid;
