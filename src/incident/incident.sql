/*
 * Incidents: what correlation makes of alerts.
 *
 * tracer.correlate() owns every table here but decision and incident_note,
 * which people write through functions. Membership (episode.incident_id) is a
 * function of alerts, changes, aliases, lineage, settings and decisions and can
 * be recomputed at any time; the numbers of incidents are history and cannot.
 */

-- Rows of keys, episodes and incidents change with every repeat: pages have room
-- for the next version beside the last, so that indexes need not hear of it.

-- A check in one tool on one asset: what its alerts have in common.
CREATE SEQUENCE tracer.key_id AS bigint;
COMMENT ON SEQUENCE tracer.key_id IS 'Ids of tracer.alert_key.';
CREATE TABLE tracer.alert_key (
    key_id        bigint PRIMARY KEY,
    source        text NOT NULL,
    dedup_key     text NOT NULL,
    asset         text,
    asset_id      bigint,
    last_event_at timestamptz NOT NULL
) WITH (fillfactor = 70);
-- Hashed, as an index row has a limit and what tools send has none: a stack
-- trace in a title must not stop every pass. One pass at a time, which looks
-- before it inserts, keeps (source, dedup_key, asset) unique.
CREATE INDEX alert_key_identity ON tracer.alert_key (hashtextextended(dedup_key, 0), hashtextextended(source, 0));
CREATE INDEX alert_key_asset ON tracer.alert_key (asset_id);
COMMENT ON TABLE tracer.alert_key IS 'A check in one tool on one asset: what the alerts that can be repeats of each other have in common. Kept by tracer.correlate().';
COMMENT ON COLUMN tracer.alert_key.key_id IS 'Id.';
COMMENT ON COLUMN tracer.alert_key.source IS 'Tool that sends it.';
COMMENT ON COLUMN tracer.alert_key.dedup_key IS 'What the tool calls it; where the tool says nothing, canonical asset, a colon and the title without its digits.';
COMMENT ON COLUMN tracer.alert_key.asset IS 'Canonical name of its asset; NULL: the alert named none.';
COMMENT ON COLUMN tracer.alert_key.asset_id IS 'That asset in tracer.asset; NULL: it is not declared, or none was named.';
COMMENT ON COLUMN tracer.alert_key.last_event_at IS 'Event time of its latest alert.';

-- parent_id, because and suspect_id are what holds; base_* is what the rule
-- alone says, kept where a person decided otherwise.
CREATE SEQUENCE tracer.episode_id AS bigint;
COMMENT ON SEQUENCE tracer.episode_id IS 'Ids of tracer.episode.';
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
) WITH (fillfactor = 70);
CREATE INDEX episode_key ON tracer.episode (key_id, started_at);
CREATE INDEX episode_incident ON tracer.episode (incident_id);
CREATE INDEX episode_started_at ON tracer.episode (started_at);
COMMENT ON TABLE tracer.episode IS 'The firings of one key that belong together, from the first to their end, and their place among others. Kept by tracer.correlate(); can be recomputed from alerts, changes, names, lineage, settings and decisions.';
COMMENT ON COLUMN tracer.episode.episode_id IS 'Id.';
COMMENT ON COLUMN tracer.episode.key_id IS 'Whose firings they are (tracer.alert_key).';
COMMENT ON COLUMN tracer.episode.incident_id IS 'Incident that it belongs to; NULL: none, as it is info and nothing more.';
COMMENT ON COLUMN tracer.episode.parent_id IS 'Episode that explains it; NULL: an origin, or one of those that a suspect explains.';
COMMENT ON COLUMN tracer.episode.because IS 'Why: o nothing explains it, h an asset upstream failed shortly before, f one was still failing, s the same asset had failed before, r it failed in the same run, p a person decided so, g a group rule, u the suspect feeds it. tracer.because_words() spells it out.';
COMMENT ON COLUMN tracer.episode.hops IS 'Lineage edges from the asset of its parent or suspect to its own; 0 where there is none.';
COMMENT ON COLUMN tracer.episode.suspect_id IS 'Asset that is suspected to be its cause, an asset without an alert of its own (tracer.asset); NULL: none.';
COMMENT ON COLUMN tracer.episode.base_parent_id IS 'Parent by the rule alone, where a person decided otherwise; NULL: none, or nobody decided.';
COMMENT ON COLUMN tracer.episode.base_because IS 'Reason by the rule alone, where a person decided otherwise; NULL: nobody decided.';
COMMENT ON COLUMN tracer.episode.origin_at IS 'Start of the origin that it descends from, by the rule.';
COMMENT ON COLUMN tracer.episode.started_at IS 'Its first firing.';
COMMENT ON COLUMN tracer.episode.last_fired_at IS 'Its last firing.';
COMMENT ON COLUMN tracer.episode.resolved_at IS 'Its end; NULL: never resolved.';
COMMENT ON COLUMN tracer.episode.chronic_from IS 'From when on it counts as chronic, so that merely still firing explains nothing; NULL: it does not.';
COMMENT ON COLUMN tracer.episode.severity IS 'Highest severity of its firings.';
COMMENT ON COLUMN tracer.episode.alert_count IS 'How many firings.';
COMMENT ON COLUMN tracer.episode.first_alert_id IS 'The alert that began it.';
COMMENT ON COLUMN tracer.episode.run_ids IS 'The runs that its firings name; NULL: none.';

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
COMMENT ON TABLE tracer.placement IS 'Every alert that tracer.correlate() has taken, once. An alert without a row here waits for the next pass.';
COMMENT ON COLUMN tracer.placement.alert_id IS 'The alert (tracer.alert).';
COMMENT ON COLUMN tracer.placement.key_id IS 'Its key (tracer.alert_key); for a resolve that ends several keys, the one that it names itself.';
COMMENT ON COLUMN tracer.placement.episode_id IS 'Its episode; NULL: a resolve that has found nothing to end yet.';
COMMENT ON COLUMN tracer.placement.fired_at IS 'Its event time, the time of arrival where none was sent.';
COMMENT ON COLUMN tracer.placement.firing IS 'True for a firing, false for a resolve.';

-- What makes every pass fail that takes it must not keep the others waiting.
CREATE TABLE tracer.set_aside (
    alert_id bigint PRIMARY KEY,
    error    text NOT NULL,
    since    timestamptz NOT NULL DEFAULT now(),
    tried_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE tracer.set_aside IS 'Alerts that passes leave out: each made passes fail when it was taken alone, while others could be placed. Kept by the background worker, which tries them again after a minute, two, four ... and every hour; UPDATE tracer.set_aside SET tried_at = ''-infinity'' has it try at once.';
COMMENT ON COLUMN tracer.set_aside.alert_id IS 'The alert (tracer.alert).';
COMMENT ON COLUMN tracer.set_aside.error IS 'What the pass that took it failed with.';
COMMENT ON COLUMN tracer.set_aside.since IS 'Since when it is left out.';
COMMENT ON COLUMN tracer.set_aside.tried_at IS 'When it was last tried.';

CREATE SEQUENCE tracer.incident_id AS bigint;
COMMENT ON SEQUENCE tracer.incident_id IS 'Numbers of incidents, never reused.';
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
    root_asset      text,
    title           text,
    acknowledged_at timestamptz,
    acknowledged_by text,
    reopened_at     timestamptz,
    resolution      jsonb
) WITH (fillfactor = 70);
CREATE INDEX incident_opened_at ON tracer.incident (opened_at);
CREATE INDEX incident_suspect ON tracer.incident (suspect_id) WHERE suspect_id IS NOT NULL;
CREATE INDEX incident_merged_into ON tracer.incident (merged_into) WHERE merged_into IS NOT NULL;
COMMENT ON TABLE tracer.incident IS 'One row per number that an incident ever had. tracer.incidents is the view to read.';
COMMENT ON COLUMN tracer.incident.incident_id IS 'Number; never reused.';
COMMENT ON COLUMN tracer.incident.merged_into IS 'Number that this one redirects to; NULL: it is in use.';
COMMENT ON COLUMN tracer.incident.origin_id IS 'Episode that it began with (the earliest under a suspect).';
COMMENT ON COLUMN tracer.incident.suspect_id IS 'Asset that is suspected to be the common cause, without an alert of its own; NULL: none.';
COMMENT ON COLUMN tracer.incident.placed IS 'False where lineage knows none of its assets.';
COMMENT ON COLUMN tracer.incident.opened_at IS 'First firing in it.';
COMMENT ON COLUMN tracer.incident.last_alert_at IS 'Last firing in it.';
COMMENT ON COLUMN tracer.incident.ended_at IS 'When the last of its episodes was resolved; NULL: not all are.';
COMMENT ON COLUMN tracer.incident.severity IS 'Highest severity in it.';
COMMENT ON COLUMN tracer.incident.alert_count IS 'Firings in it.';
COMMENT ON COLUMN tracer.incident.asset_count IS 'Assets that alert in it.';
COMMENT ON COLUMN tracer.incident.open_count IS 'Episodes in it that are not resolved.';
COMMENT ON COLUMN tracer.incident.origin_open IS 'Whether an origin of it is not resolved.';
COMMENT ON COLUMN tracer.incident.confidence IS 'How sure the root cause is, 0 to 1; NULL: not judged.';
COMMENT ON COLUMN tracer.incident.root_asset IS 'Likeliest root cause, however sure; NULL: its alert named no asset.';
COMMENT ON COLUMN tracer.incident.title IS 'Title of the alert that it began with.';
COMMENT ON COLUMN tracer.incident.acknowledged_at IS 'When somebody took it; NULL: nobody has.';
COMMENT ON COLUMN tracer.incident.acknowledged_by IS 'Who took it.';
COMMENT ON COLUMN tracer.incident.reopened_at IS 'The end that a person overruled: a later one counts again. NULL: not reopened.';
COMMENT ON COLUMN tracer.incident.resolution IS 'What the person who resolved it said: note, fix_url, category, by, at. NULL: nobody did.';

-- One row per candidate and piece of evidence; a candidate's score is the sum
-- of its weights. fact says what it is, ref the alert, change or episode that it
-- speaks of; tracer.evidence puts it into words.
CREATE TABLE tracer.evidence_row (
    incident_id bigint NOT NULL,
    asset_id    bigint,
    asset       text NOT NULL,
    fact        text NOT NULL,
    weight      real NOT NULL,
    amount      real NOT NULL,
    ref         bigint,
    num         double precision,
    num2        double precision,
    name        text
);
CREATE INDEX evidence_row_incident ON tracer.evidence_row (incident_id);
COMMENT ON TABLE tracer.evidence_row IS 'Evidence as stored: one row per incident, root-cause candidate and fact. tracer.evidence puts it into words.';
COMMENT ON COLUMN tracer.evidence_row.incident_id IS 'The incident.';
COMMENT ON COLUMN tracer.evidence_row.asset_id IS 'The candidate in tracer.asset; NULL: not declared.';
COMMENT ON COLUMN tracer.evidence_row.asset IS 'The candidate by name; empty where its alert named no asset.';
COMMENT ON COLUMN tracer.evidence_row.fact IS 'What sort of fact: origin, explained, coverage, first, late, delay, change, message, history, consumers, silent, metric, spread, source_moves, still, confirmed, unplaced or learned.';
COMMENT ON COLUMN tracer.evidence_row.weight IS 'What it adds to the candidate''s score, or takes off.';
COMMENT ON COLUMN tracer.evidence_row.amount IS 'How much of the fact there is; weight is this times the fact''s weight in tracer.weight when it was ranked.';
COMMENT ON COLUMN tracer.evidence_row.ref IS 'Alert (message), change (change), episode (origin, explained) or row of tracer.learned_lineage (learned) that it speaks of; NULL: none.';
COMMENT ON COLUMN tracer.evidence_row.num IS 'First figure of the fact: how many, hops, seconds, or spreads from normal for a metric; NULL: none.';
COMMENT ON COLUMN tracer.evidence_row.num2 IS 'Second figure: of how many, seconds by which a change came before, or a correlation; NULL: none.';
COMMENT ON COLUMN tracer.evidence_row.name IS 'Name that it speaks of: a metric, for source_moves the asset upstream, for learned the edge; NULL: none.';

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
COMMENT ON TABLE tracer.decision IS 'What people decided about grouping, by alerts and never by numbers of incidents; applied last, in order, in every pass. Written by tracer.merge(), split() and confirm().';
COMMENT ON COLUMN tracer.decision.decision_id IS 'Id; later decisions come after earlier ones.';
COMMENT ON COLUMN tracer.decision.kind IS 'join: the episode of alert_id has that of other_id as parent; part: it has none; root: it is the origin of its incident.';
COMMENT ON COLUMN tracer.decision.alert_id IS 'The alert whose episode is meant.';
COMMENT ON COLUMN tracer.decision.other_id IS 'For join, an alert of the parent; else NULL.';
COMMENT ON COLUMN tracer.decision.root_asset IS 'For root, the asset named as cause where it has no alert in the incident; else NULL.';
COMMENT ON COLUMN tracer.decision.decided_at IS 'When.';
COMMENT ON COLUMN tracer.decision.decided_by IS 'By whom.';

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
COMMENT ON TABLE tracer.incident_event IS 'What happened to an incident beyond its alerts: opened, acknowledged, notes, merges, a changed root, its end. tracer.timeline is the view to read.';
COMMENT ON COLUMN tracer.incident_event.event_id IS 'Id.';
COMMENT ON COLUMN tracer.incident_event.incident_id IS 'The incident, by the number that it had then.';
COMMENT ON COLUMN tracer.incident_event.at IS 'When it happened.';
COMMENT ON COLUMN tracer.incident_event.kind IS 'What happened, in a word.';
COMMENT ON COLUMN tracer.incident_event.actor IS 'Who did it; NULL: tracer.';
COMMENT ON COLUMN tracer.incident_event.detail IS 'More words; NULL: none.';
COMMENT ON COLUMN tracer.incident_event.recorded_at IS 'When it was written down.';

-- Grouping by labels, for alerts that lineage cannot place. None by default.
CREATE TABLE tracer.group_rule (
    name     text PRIMARY KEY CHECK (name <> ''),
    labels   text[] NOT NULL CHECK (cardinality(labels) > 0 AND coalesce('' <> ALL (labels), false)),
    source   text,
    "window" interval NOT NULL DEFAULT '1 hour' CHECK ("window" > interval '0')
);
COMMENT ON TABLE tracer.group_rule IS 'Grouping by labels, for alerts that lineage cannot place: an origin joins the latest earlier origin with equal values of all these labels. None by default; insert a row to switch one on.';
COMMENT ON COLUMN tracer.group_rule.name IS 'Name of the rule; rules are applied in its order.';
COMMENT ON COLUMN tracer.group_rule.labels IS 'Keys of tracer.alert.labels whose values must be present and equal.';
COMMENT ON COLUMN tracer.group_rule.source IS 'Only alerts from this tool; NULL: from any.';
COMMENT ON COLUMN tracer.group_rule."window" IS 'How much later than the earlier origin at most.';

-- Names whose meaning may have changed: assets and aliases that came or went.
-- A NULL name stands for too many to list.
CREATE TABLE tracer.identity_log (
    name text,
    xid  xid8 NOT NULL DEFAULT pg_current_xact_id()
);
CREATE INDEX identity_log_xid ON tracer.identity_log (xid);
COMMENT ON TABLE tracer.identity_log IS 'Names whose meaning may have changed: assets and aliases that came, went or were renamed. Read by the next pass. Not for users.';
COMMENT ON COLUMN tracer.identity_log.name IS 'The name; NULL: too many to list, all are checked.';
COMMENT ON COLUMN tracer.identity_log.xid IS 'Transaction that changed it.';

-- How far correlation has come. One row once the first pass has run.
CREATE TABLE tracer.correlate_state (
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    seen        pg_snapshot NOT NULL,
    system_id   bigint NOT NULL,
    pass        bigint NOT NULL,
    watermark   timestamptz,
    fingerprint text
);
COMMENT ON TABLE tracer.correlate_state IS 'How far correlation has come: one row once the first pass has run, none before.';
COMMENT ON COLUMN tracer.correlate_state.one IS 'Always true: there is one row.';
COMMENT ON COLUMN tracer.correlate_state.seen IS 'What the last pass could see; alerts of transactions after it are new.';
COMMENT ON COLUMN tracer.correlate_state.system_id IS 'The server on which that snapshot means something.';
COMMENT ON COLUMN tracer.correlate_state.pass IS 'How many passes there have been.';
COMMENT ON COLUMN tracer.correlate_state.watermark IS 'Latest event time taken, future times counting as the time of their pass; NULL: no alert yet. Decides what is quiet and how far back edited lineage re-places.';
COMMENT ON COLUMN tracer.correlate_state.fingerprint IS 'Digest of all settings and rules that decide about grouping; a change of it re-places everything recent.';

-- Processes that run passes keep episodes in memory and trust what they keep while
-- this row is the version that their last pass left.
CREATE FUNCTION tracer.void_kept() RETURNS trigger
LANGUAGE C AS 'MODULE_PATHNAME', 'tracer_void_kept';
COMMENT ON FUNCTION tracer.void_kept() IS 'Trigger function: what is written to episodes and keys outside a pass makes processes that keep them read them anew.';
CREATE TRIGGER void_kept AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON tracer.episode FOR EACH STATEMENT EXECUTE FUNCTION tracer.void_kept();
CREATE TRIGGER void_kept AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON tracer.alert_key FOR EACH STATEMENT EXECUTE FUNCTION tracer.void_kept();
ALTER TABLE tracer.episode ENABLE ALWAYS TRIGGER void_kept;
ALTER TABLE tracer.alert_key ENABLE ALWAYS TRIGGER void_kept;

-- Marks of transactions that brought rows with ids of other transactions.
CREATE TABLE tracer.foreign_row (
    marked_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE tracer.foreign_row IS 'Marks that alerts or changes came with transaction ids that are not of the transaction that inserted them: restored or copied rows. The next pass places every alert that is not placed, and removes the marks. Not for users; not in a dump.';
COMMENT ON COLUMN tracer.foreign_row.marked_at IS 'When.';

COMMENT ON SEQUENCE tracer.decision_decision_id_seq IS 'Ids of tracer.decision.';
COMMENT ON SEQUENCE tracer.incident_event_event_id_seq IS 'Ids of tracer.incident_event.';

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
    IF TG_OP = 'TRUNCATE' OR TG_TABLE_NAME = 'alias_rule' THEN
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
COMMENT ON FUNCTION tracer.log_identity() IS 'Trigger of tracer.asset, tracer.asset_alias and tracer.alias_rule: tells correlation which names may mean something else now.';
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
CREATE TRIGGER identity_change AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON tracer.alias_rule
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

CREATE FUNCTION tracer.hold_correlation() RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tracer_hold_correlation';
COMMENT ON FUNCTION tracer.hold_correlation() IS 'Waits for a pass under way and keeps others from starting until the end of the transaction. Not for users: what people do to an incident takes it first, so that it never meets a pass halfway.';

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

CREATE FUNCTION tracer.backtest_evidence(since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL, settings jsonb DEFAULT '{}')
RETURNS TABLE (incident bigint, asset text, fact text, weight real, amount real)
LANGUAGE c VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'tracer_backtest_evidence';
COMMENT ON FUNCTION tracer.backtest_evidence(timestamptz, timestamptz, jsonb) IS 'What would speak for and against the root-cause candidates of those incidents: one row per incident (numbered as by tracer.backtest() with the same arguments), candidate asset (NULL where an alert named none) and fact, with the weight that it adds and the amount that the fact''s own weight is multiplied by. A candidate''s score is the sum of weight. People''s decisions do not count, so facts history and confirmed are never there. Errors as tracer.backtest().';
