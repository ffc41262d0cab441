/*
 * The worker: what runs by itself where tracer is in shared_preload_libraries.
 *
 * Its processes are in C (src/worker/worker.h says which file does what). Here
 * is what wakes them, what lets them act after a restore, and what is seen of
 * them.
 *
 * The triggers cost one function call for each statement, and one for each row
 * only where rows come by logical replication, which fires no statement
 * triggers. Those of tracer.alert and tracer.change fire always, as they also
 * notice restored rows.
 */
CREATE FUNCTION tracer.wake() RETURNS trigger
LANGUAGE c
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'tracer_wake_trigger';
COMMENT ON FUNCTION tracer.wake() IS 'Trigger: wakes the background worker of this database when the transaction has committed, once, whatever it did; and marks that rows came with ids of other transactions. Without a worker it wakes nobody.';

CREATE TRIGGER wake AFTER INSERT ON tracer.alert FOR EACH STATEMENT EXECUTE FUNCTION tracer.wake();
CREATE TRIGGER wake AFTER INSERT ON tracer.change FOR EACH STATEMENT EXECUTE FUNCTION tracer.wake();
ALTER TABLE tracer.alert ENABLE ALWAYS TRIGGER wake;
ALTER TABLE tracer.change ENABLE ALWAYS TRIGGER wake;
CREATE TRIGGER wake AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON tracer.asset
    FOR EACH STATEMENT EXECUTE FUNCTION tracer.wake();
CREATE TRIGGER wake AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON tracer.asset_alias
    FOR EACH STATEMENT EXECUTE FUNCTION tracer.wake();
CREATE TRIGGER wake AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON tracer.lineage
    FOR EACH STATEMENT EXECUTE FUNCTION tracer.wake();
CREATE TRIGGER wake AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON tracer.setting_override
    FOR EACH STATEMENT EXECUTE FUNCTION tracer.wake();
CREATE TRIGGER wake AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON tracer.source
    FOR EACH STATEMENT EXECUTE FUNCTION tracer.wake();
CREATE TRIGGER wake AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON tracer.group_rule
    FOR EACH STATEMENT EXECUTE FUNCTION tracer.wake();
CREATE TRIGGER wake AFTER UPDATE ON tracer.set_aside FOR EACH STATEMENT EXECUTE FUNCTION tracer.wake();
CREATE TRIGGER wake AFTER INSERT ON tracer.incident_event FOR EACH STATEMENT EXECUTE FUNCTION tracer.wake();
CREATE TRIGGER wake AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON tracer.installation
    FOR EACH STATEMENT EXECUTE FUNCTION tracer.wake();

-- What changes the time of the next notification: the correlator looks again.
CREATE TRIGGER wake AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON tracer.channel
    FOR EACH STATEMENT EXECUTE FUNCTION tracer.wake();
CREATE TRIGGER wake AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON tracer.route
    FOR EACH STATEMENT EXECUTE FUNCTION tracer.wake();
CREATE TRIGGER wake AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON tracer.silence
    FOR EACH STATEMENT EXECUTE FUNCTION tracer.wake();
CREATE TRIGGER wake AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON tracer.team
    FOR EACH STATEMENT EXECUTE FUNCTION tracer.wake();
-- News go to the sender, who decides what is to be told of them; tests and
-- messages that are sent again need no decision.
CREATE TRIGGER wake AFTER INSERT ON tracer.notify_news
    FOR EACH STATEMENT EXECUTE FUNCTION tracer.wake('sender');
CREATE TRIGGER wake AFTER INSERT OR UPDATE ON tracer.notify_timer
    FOR EACH STATEMENT EXECUTE FUNCTION tracer.wake('sender');
CREATE TRIGGER wake AFTER INSERT OR UPDATE ON tracer.notification
    FOR EACH STATEMENT EXECUTE FUNCTION tracer.wake('sender');

CREATE TRIGGER wake_replicated AFTER INSERT ON tracer.alert FOR EACH ROW EXECUTE FUNCTION tracer.wake();
CREATE TRIGGER wake_replicated AFTER INSERT ON tracer.change FOR EACH ROW EXECUTE FUNCTION tracer.wake();
CREATE TRIGGER wake_replicated AFTER INSERT OR UPDATE OR DELETE ON tracer.asset
    FOR EACH ROW EXECUTE FUNCTION tracer.wake();
CREATE TRIGGER wake_replicated AFTER INSERT OR UPDATE OR DELETE ON tracer.asset_alias
    FOR EACH ROW EXECUTE FUNCTION tracer.wake();
CREATE TRIGGER wake_replicated AFTER INSERT OR UPDATE OR DELETE ON tracer.lineage
    FOR EACH ROW EXECUTE FUNCTION tracer.wake();
ALTER TABLE tracer.alert ENABLE REPLICA TRIGGER wake_replicated;
ALTER TABLE tracer.change ENABLE REPLICA TRIGGER wake_replicated;
ALTER TABLE tracer.asset ENABLE REPLICA TRIGGER wake_replicated;
ALTER TABLE tracer.asset_alias ENABLE REPLICA TRIGGER wake_replicated;
ALTER TABLE tracer.lineage ENABLE REPLICA TRIGGER wake_replicated;

-- pg_restore --disable-triggers leaves every trigger enabled for ordinary sessions,
-- and for those alone: what arrives by logical replication would never be placed.
CREATE FUNCTION tracer.trigger_modes() RETURNS TABLE (tab name, trigger name, mode "char")
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
VALUES ('alert'::name, 'stamp_xid'::name, 'R'::"char"),
       ('alert', 'wake', 'A'),
       ('alert', 'wake_replicated', 'R'),
       ('alert_key', 'void_kept', 'A'),
       ('asset', 'asset_renamed', 'A'),
       ('asset', 'asset_replicated', 'R'),
       ('asset', 'wake_replicated', 'R'),
       ('asset_alias', 'wake_replicated', 'R'),
       ('change', 'stamp_xid', 'R'),
       ('change', 'wake', 'A'),
       ('change', 'wake_replicated', 'R'),
       ('episode', 'void_kept', 'A'),
       ('lineage', 'lineage_replicated', 'R'),
       ('lineage', 'lineage_truncated', 'A'),
       ('lineage', 'wake_replicated', 'R')
$$;
COMMENT ON FUNCTION tracer.trigger_modes() IS 'Triggers of tracer that do not simply fire in ordinary sessions: R fires only for rows that logical replication applies, A always (pg_trigger.tgenabled).';

CREATE FUNCTION tracer.trigger_repairs() RETURNS TABLE (tab text, repair text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT 'tracer.' || c.relname,
       format('ALTER TABLE tracer.%I %s', c.relname,
              string_agg(format('ENABLE %sTRIGGER %I', CASE m.mode WHEN 'R' THEN 'REPLICA ' WHEN 'A' THEN 'ALWAYS ' ELSE '' END, t.tgname), ', ' ORDER BY t.tgname))
  FROM pg_trigger t
  JOIN pg_proc p ON p.oid = t.tgfoid AND p.pronamespace = 'tracer'::regnamespace
  JOIN pg_class c ON c.oid = t.tgrelid AND c.relnamespace = 'tracer'::regnamespace
  LEFT JOIN tracer.trigger_modes() m ON m.tab = c.relname AND m.trigger = t.tgname
 WHERE t.tgenabled <> coalesce(m.mode, 'O')
 GROUP BY c.relname
$$;
COMMENT ON FUNCTION tracer.trigger_repairs() IS 'Tables of tracer whose triggers are not as they were installed, as after pg_restore --disable-triggers, and the command that mends each. No rows: all is well. tracer.arm() runs them.';

CREATE FUNCTION tracer.arm() RETURNS void
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    repair text;
BEGIN
    IF tracer.armed() THEN
        RETURN;
    END IF;
    PERFORM tracer.hold_planner();
    FOR repair IN SELECT r.repair FROM tracer.trigger_repairs() r LOOP
        EXECUTE repair;
    END LOOP;
    -- A restore made a row of its own when it began; a copy has none.
    WITH before AS (
        DELETE FROM tracer.installation i RETURNING i.*
    )
    INSERT INTO tracer.installation (database, installed_at, armed_at, armed_by)
    SELECT d.oid, coalesce((SELECT max(b.installed_at) FROM before b WHERE b.database = d.oid AND b.armed_at IS NULL), now()), now(), session_user
      FROM pg_database d
     WHERE d.datname = current_database();
    -- What waited to be sent is for the database that this one comes from to
    -- send, and a channel that never heard of an incident begins anew.
    UPDATE tracer.notification n
       SET state = 'dropped', reason = 'it was in the outbox of the database that this one comes from'
     WHERE n.state IN ('due', 'sending');
    UPDATE tracer.thread t SET closed_at = now() WHERE t.closed_at IS NULL AND t.said IS NULL;
    -- Timers are in no dump: every incident is looked at once.
    INSERT INTO tracer.notify_news (incident_id)
    SELECT 0 UNION ALL SELECT i.incident_id FROM tracer.incident i WHERE i.merged_into IS NULL;
    -- However the rows came here: the first pass looks at all of them.
    INSERT INTO tracer.foreign_row DEFAULT VALUES;
END
$$;
COMMENT ON FUNCTION tracer.arm() IS 'Lets the background worker act by itself in a database that was restored or copied: it places what waits, and notifications leave from then on. What waited in the outbox of a copy is dropped, and incidents that the database came with are announced only if they get another alert; who was told of one goes on hearing of it. Where it is armed already, nothing happens.';

CREATE FUNCTION tracer.disarm() RETURNS void
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Whoever is at it ends first.
    PERFORM tracer.hold_correlation();
    PERFORM tracer.hold_planner();
    IF tracer.armed() THEN
        UPDATE tracer.installation SET installed_at = now(), armed_at = NULL, armed_by = NULL;
    END IF;
END
$$;
COMMENT ON FUNCTION tracer.disarm() IS 'Keeps the background worker from acting by itself in this database, from its commit on and until tracer.arm(), as after a restore: for a copy that the server cannot know from the original (a base backup, a snapshot of the disk, a recovery to a point in time), and before data are restored into this database. What is being sent at the moment still arrives. Where it is disarmed already, nothing happens.';

CREATE FUNCTION tracer.worker_status()
RETURNS TABLE (database oid, kind text, pid int, state text, started_at timestamptz, last_pass_at timestamptz,
               passes bigint, done bigint, busy_seconds double precision, failures bigint,
               last_error_at timestamptz, last_error text)
LANGUAGE c STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'tracer_worker_status';
COMMENT ON FUNCTION tracer.worker_status() IS 'The processes of tracer on this server, as they report themselves; no rows where tracer is not in shared_preload_libraries. Read tracer.workers instead.';

-- Alerts that no pass has taken: all that the last one could not see, and few.
CREATE FUNCTION tracer.unplaced_alerts(OUT n bigint, OUT since timestamptz)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT count(*), min(a.received_at)
  FROM tracer.alert a
 WHERE a.xid >= coalesce((SELECT pg_snapshot_xmin(s.seen) FROM tracer.correlate_state s), '0'::xid8)
   AND NOT EXISTS (SELECT FROM tracer.placement p WHERE p.alert_id = a.alert_id)
   AND NOT EXISTS (SELECT FROM tracer.set_aside q WHERE q.alert_id = a.alert_id)
$$;
COMMENT ON FUNCTION tracer.unplaced_alerts() IS 'How many alerts wait for a pass, and since when the oldest does (NULL: none); without those that were set aside.';

CREATE VIEW tracer.workers AS
SELECT d.datname AS database,
       w.kind,
       w.pid,
       coalesce(w.state, CASE WHEN pg_catalog.pg_is_in_recovery() THEN 'standby'
                              WHEN l.kind IS NULL THEN 'not preloaded'
                              ELSE 'none' END) AS state,
       w.last_pass_at,
       w.done AS alerts_taken,
       CASE WHEN d.datname = pg_catalog.current_database() AND w.kind IS DISTINCT FROM 'sender'
            THEN pg_catalog.now() - (SELECT u.since FROM tracer.unplaced_alerts() u) END AS oldest_unplaced,
       CASE WHEN d.datname = pg_catalog.current_database() AND w.kind IS DISTINCT FROM 'correlator'
            THEN (SELECT count(*) FROM tracer.notification n WHERE n.state IN ('due', 'sending')) END AS outbox_depth,
       w.passes,
       w.busy_seconds,
       w.failures,
       w.last_error_at,
       w.last_error
  FROM (SELECT s.database, s.kind, s.pid, s.state, s.last_pass_at, s.done, s.passes, s.busy_seconds, s.failures,
               s.last_error_at, s.last_error
          FROM tracer.worker_status() s
        UNION ALL
        -- this database always has a row
        SELECT d.oid, 'correlator', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
          FROM pg_catalog.pg_database d
         WHERE d.datname = pg_catalog.current_database()
           AND NOT EXISTS (SELECT FROM tracer.worker_status() s WHERE s.database = d.oid)) AS w
  LEFT JOIN pg_catalog.pg_database d ON d.oid = w.database
  LEFT JOIN (SELECT s.kind FROM tracer.worker_status() s WHERE s.kind = 'launcher') AS l ON true;
COMMENT ON VIEW tracer.workers IS 'The processes of tracer on this server: the launcher, and a correlator and a sender for each database. This database always has a row.';
COMMENT ON COLUMN tracer.workers.database IS 'Database that it works for; NULL for the launcher.';
COMMENT ON COLUMN tracer.workers.kind IS 'launcher, correlator or sender.';
COMMENT ON COLUMN tracer.workers.pid IS 'Its process; NULL: it does not run.';
COMMENT ON COLUMN tracer.workers.state IS 'idle, working, backing off (after an error), starting, stopped, disarmed (until tracer.arm()), other version (library and catalog disagree); for this database also none (no worker was given to it), standby, and not preloaded.';
COMMENT ON COLUMN tracer.workers.last_pass_at IS 'End of its last pass that succeeded; NULL: none yet.';
COMMENT ON COLUMN tracer.workers.alerts_taken IS 'Alerts that it took (correlator) or notifications that it sent (sender) since it got its slot; NULL: it has none.';
COMMENT ON COLUMN tracer.workers.oldest_unplaced IS 'For how long the oldest alert that no pass has taken has been waiting; NULL: none waits, or another database.';
COMMENT ON COLUMN tracer.workers.outbox_depth IS 'Notifications that wait to be sent or are being sent; NULL for a correlator and for other databases.';
COMMENT ON COLUMN tracer.workers.passes IS 'Passes that succeeded.';
COMMENT ON COLUMN tracer.workers.busy_seconds IS 'Time spent in them.';
COMMENT ON COLUMN tracer.workers.failures IS 'Passes that failed.';
COMMENT ON COLUMN tracer.workers.last_error_at IS 'When one last failed; NULL: none has.';
COMMENT ON COLUMN tracer.workers.last_error IS 'With what; NULL also for other databases.';
