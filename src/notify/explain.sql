/*
 * For people: secrets, previews, tests, and why somebody heard of something.
 */
CREATE FUNCTION tracer.set_secret(channel text, name text, value text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM tracer.channel c WHERE c.name = set_secret.channel) THEN
        RAISE EXCEPTION 'channel "%" does not exist', coalesce(set_secret.channel, 'NULL')
            USING ERRCODE = 'undefined_object',
                  HINT = 'INSERT it INTO tracer.channel first.';
    END IF;
    IF set_secret.name IS NULL OR set_secret.name = '' THEN
        RAISE EXCEPTION 'a secret needs a name'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'docs/notifications.md lists the secrets of each kind of channel: token, url, routing_key, ...';
    END IF;
    IF set_secret.value IS NULL OR set_secret.value = '' THEN
        DELETE FROM tracer.secret s WHERE s.channel = set_secret.channel AND s.name = set_secret.name;
    ELSE
        INSERT INTO tracer.secret AS s (channel, name, value)
        VALUES (set_secret.channel, set_secret.name, set_secret.value)
        ON CONFLICT ON CONSTRAINT secret_pkey DO UPDATE SET value = excluded.value, set_at = now(), set_by = session_user;
    END IF;
END
$$;
COMMENT ON FUNCTION tracer.set_secret(text, text, text) IS 'Stores a secret of a channel, which nobody can read again; NULL removes it. Give the value as a bind parameter, or a literal may end up in the server''s log. Errors: undefined_object for an unknown channel, invalid_parameter_value without a name.';

CREATE VIEW tracer.notifications AS
SELECT n.notification_id, n.incident_id, n.channel, n.event, n.events, n.form, n.mode, n.role, n.state, n.reason,
       n.created_at, CASE WHEN n.state IN ('due', 'sending') THEN n.due_at END AS due_at, n.sent_at, n.attempt AS attempts, n.status, n.error, n.silence_id, n.key
  FROM tracer.notification n;
COMMENT ON VIEW tracer.notifications IS 'Every message that was decided on, and what became of it. Dead letters have state dead: tracer.resend().';
COMMENT ON COLUMN tracer.notifications.notification_id IS 'Id.';
COMMENT ON COLUMN tracer.notifications.incident_id IS 'The incident; NULL for tests and digests.';
COMMENT ON COLUMN tracer.notifications.channel IS 'Where it goes.';
COMMENT ON COLUMN tracer.notifications.event IS 'What it tells; the weightiest, where it tells several.';
COMMENT ON COLUMN tracer.notifications.events IS 'All that it tells.';
COMMENT ON COLUMN tracer.notifications.form IS 'post, edit (the first message is changed in place) or reply (below the first).';
COMMENT ON COLUMN tracer.notifications.mode IS 'page or inform.';
COMMENT ON COLUMN tracer.notifications.role IS 'Why the channel hears of it: root, symptom or at_risk.';
COMMENT ON COLUMN tracer.notifications.state IS 'due, sending, sent, dead, dropped (overtaken before it left), muted (by a silence) or shadow (would have been sent).';
COMMENT ON COLUMN tracer.notifications.reason IS 'Which rule chose the channel and why, or why it was dropped.';
COMMENT ON COLUMN tracer.notifications.created_at IS 'When it was decided on.';
COMMENT ON COLUMN tracer.notifications.due_at IS 'When it is tried next; NULL: never again.';
COMMENT ON COLUMN tracer.notifications.sent_at IS 'When the other side accepted it.';
COMMENT ON COLUMN tracer.notifications.attempts IS 'How often it was tried.';
COMMENT ON COLUMN tracer.notifications.status IS 'HTTP or SMTP code of the last attempt.';
COMMENT ON COLUMN tracer.notifications.error IS 'What went wrong last; NULL: nothing.';
COMMENT ON COLUMN tracer.notifications.silence_id IS 'What muted it (tracer.silence).';
COMMENT ON COLUMN tracer.notifications.key IS 'Idempotency key: the same whenever this message is sent again.';
