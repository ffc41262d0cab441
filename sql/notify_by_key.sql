-- A message costs as much as it did in a database of one incident, however many
-- incidents, threads and messages there are by now, and though every plan was made
-- when there was one: rows on its way are looked up by key.
SET client_min_messages = warning;
CREATE EXTENSION tracer;
ALTER TABLE tracer.incident SET (autovacuum_enabled = off);
ALTER TABLE tracer.thread SET (autovacuum_enabled = off);
ALTER TABLE tracer.notification SET (autovacuum_enabled = off);
SELECT tracer.set('mode', 'live'), tracer.set('digest_at', NULL), tracer.set('group_wait', '0');
INSERT INTO tracer.channel (name, kind, settings, rate_limit) VALUES ('hook', 'webhook', '{"url": "https://hooks.example.com/"}', NULL);
INSERT INTO tracer.team (name, page) VALUES ('team', '{hook}');
INSERT INTO tracer.asset (name, owner) SELECT 'asset ' || i, 'team' FROM generate_series(1, 1000) AS i;

CREATE FUNCTION pg_temp.send(OUT messages bigint) LANGUAGE plpgsql AS $$
BEGIN
    SELECT count(*), tracer.record_deliveries(array_agg(c.notification_id), array_agg(c.attempt), array_agg(200), array_agg(NULL::text),
                                              array_agg(NULL::float8), array_agg('ok'::text), array_agg(now()), array_agg(1::float8), array_agg(2::float8))
      INTO messages
      FROM tracer.claim_notifications(1000) c;
END
$$;

-- Plans are made of tables that are known to be empty, and anew after the first
-- message, as the sender makes them: of tables of one row. With those it goes on.
ANALYZE;
INSERT INTO tracer.alert (asset, title) VALUES ('asset 1', 'late');
SELECT tracer.correlate();
SELECT pg_temp.send();
SELECT tracer.next_notification_at() > now() AS later;
DISCARD PLANS;
INSERT INTO tracer.alert (asset, title) VALUES ('asset 2', 'late');
SELECT tracer.correlate();
SELECT pg_temp.send();
SELECT tracer.next_notification_at() > now() AS later;

INSERT INTO tracer.alert (asset, title) SELECT 'asset ' || i, 'late' FROM generate_series(3, 999) AS i;
SELECT tracer.correlate();
SELECT pg_temp.send(); SELECT pg_temp.send(); SELECT pg_temp.send(); SELECT pg_temp.send();
SELECT pg_temp.send();
INSERT INTO tracer.alert (asset, title) VALUES ('asset 1000', 'late');
SELECT tracer.correlate();
SELECT pg_stat_force_next_flush();
BEGIN;
SELECT pg_temp.send();
SELECT tracer.next_notification_at() > now() AS later;
SELECT t.relname, CASE WHEN n.read > 100 THEN format('%s rows read', n.read) ELSE 'by key' END AS found
  FROM pg_stat_xact_user_tables t, LATERAL (SELECT coalesce(t.seq_tup_read, 0) + coalesce(t.idx_tup_fetch, 0)) AS n (read)
 WHERE t.schemaname = 'tracer' AND t.relname IN ('incident', 'thread', 'notification', 'notify_timer', 'episode', 'alert_key')
 ORDER BY t.relname COLLATE "C";
COMMIT;
DROP EXTENSION tracer;
