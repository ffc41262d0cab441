/*
 * The worker: what runs by itself where tracer is in shared_preload_libraries.
 *
 * Its processes are in C (src/worker/worker.h says which file does what). Here
 * is what wakes them: triggers that cost one function call for each statement,
 * and one for each row only where rows come by logical replication, which fires
 * no statement triggers.
 */
CREATE FUNCTION tracer.wake() RETURNS trigger
LANGUAGE c
AS 'MODULE_PATHNAME', 'tracer_wake_trigger';
COMMENT ON FUNCTION tracer.wake() IS 'Trigger: wakes the background worker of this database when the transaction has committed, once, whatever it did. Without a worker it does nothing.';

CREATE TRIGGER wake AFTER INSERT ON tracer.alert FOR EACH STATEMENT EXECUTE FUNCTION tracer.wake();
CREATE TRIGGER wake_replicated AFTER INSERT ON tracer.alert FOR EACH ROW EXECUTE FUNCTION tracer.wake();
ALTER TABLE tracer.alert ENABLE REPLICA TRIGGER wake_replicated;
