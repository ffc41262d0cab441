/*
 * A sender that starts is the only one of its database: what its predecessor
 * still held when it died need not wait for the end of the lease.
 */
CREATE FUNCTION tracer.release_notifications(at timestamptz DEFAULT now()) RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
WITH released AS (
    UPDATE tracer.notification n
       SET due_at = release_notifications.at
     WHERE n.state = 'sending'
       AND n.due_at > release_notifications.at
    RETURNING 1
)
SELECT count(*) FROM released
$$;
COMMENT ON FUNCTION tracer.release_notifications(timestamptz) IS 'Makes due again what was handed to a sender that is no more; returns how many messages. The sender calls it when it starts. Not for users.';
