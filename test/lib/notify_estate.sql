/*
 * notify_estate.sql: an estate to be told about, for psql, after notify.sql.
 *
 * Three teams with a channel each for pages and for the rest. pg_temp.told is what
 * was sent and why; curtain() ends a scene; forget: and no message is left of it.
 */
-- raw feeds orders and payments; orders feeds revenue, revenue the board report
SELECT tracer.link(ARRAY['raw', 'raw', 'orders', 'revenue'], ARRAY['orders', 'payments', 'revenue', 'board']);
UPDATE tracer.asset SET owner = CASE name WHEN 'raw' THEN 'platform' WHEN 'orders' THEN 'sales' WHEN 'payments' THEN 'sales' ELSE 'finance' END;
INSERT INTO tracer.channel (name, kind, settings)
SELECT t || '-' || s, 'webhook', '{"url": "https://hooks.example.com/"}' FROM unnest('{platform,sales,finance}'::text[]) AS t, unnest('{page,chat}'::text[]) AS s;
INSERT INTO tracer.team SELECT t, ARRAY[t || '-page'], ARRAY[t || '-chat'], 'Europe/London' FROM unnest('{platform,sales,finance}'::text[]) AS t;
SELECT tracer.set('mode', 'live'), tracer.set('digest_at', NULL);
CREATE VIEW pg_temp.told AS
SELECT after, channel, events, mode, role, substring(reason FROM '\((.*)\)') AS because, outcome FROM heard ORDER BY n;
-- Everything is over, and the next scene has a new sheet of paper.
CREATE PROCEDURE pg_temp.curtain(forget boolean DEFAULT false) LANGUAGE plpgsql AS $$
DECLARE
    later interval := (SELECT at - started + interval '8 hours' FROM clock);
BEGIN
    PERFORM tracer.resolve(incident_id) FROM tracer.incidents WHERE status <> 'resolved';
    CALL pg_temp.run_until(later);
    TRUNCATE heard, reply;
    TRUNCATE tracer.channel_state;
    IF forget THEN
        DELETE FROM tracer.notification;
    END IF;
    UPDATE clock SET started = at;
END
$$;
