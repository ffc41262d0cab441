-- A Slack channel for an incident: made, people invited, then the page; and none
-- of it keeps the page from going out.
\getenv top PG_ABS_SRCDIR
\set helpers :top '/test/lib/notify.sql'
\set ECHO none
\i :helpers
\set ECHO all
INSERT INTO tracer.channel (name, kind, settings) VALUES
  ('war', 'slack', '{"channel": "C1", "incident_channel": true, "invite": ["U1", "U2"]}'),
  ('calm', 'slack', '{"channel": "C2", "incident_channel": true}'),
  ('info', 'slack', '{"channel": "C3", "incident_channel": true, "invite": ["U1"]}');
SELECT count(tracer.set_secret(name, 'token', 'xoxb-1')) FROM tracer.channel;
INSERT INTO tracer.team (name, page, inform) VALUES ('ops', '{war}', NULL), ('dev', '{calm}', NULL), ('bi', NULL, '{info}');
INSERT INTO tracer.asset (name, owner) VALUES ('raw', 'ops'), ('app', 'dev'), ('board', 'bi');
SELECT tracer.link('raw', 'board');
SELECT tracer.set('mode', 'live'), tracer.set('digest_at', NULL), tracer.set('group_wait', '0'), tracer.set('suppress_confidence', '0');
INSERT INTO reply (channel, status, response) SELECT c, 200, '{"ok":true,"channel":{"id":"CROOM1","name":"inc"},"ts":"1700000000.1"}' FROM unnest('{war,calm,info}'::text[]) c;
CREATE VIEW pg_temp.requests AS
SELECT channel, split_part(url, '/', 5) AS verb, h.body::jsonb ->> 'channel' AS "to", h.body::jsonb ->> 'users' AS users, outcome, h.body LIKE '%<#CROOM1>%' AS says_where
  FROM heard h ORDER BY channel, n;
CALL pg_temp.fires('raw', 'raw is empty');
CALL pg_temp.fires('app', 'app is slow');
CALL pg_temp.fires('board', 'board is stale');
CALL pg_temp.run_until('1 minute');
SELECT * FROM requests;
SELECT channel, ref FROM tracer.thread ORDER BY channel;
-- The next message makes and invites nothing.
TRUNCATE heard;
CALL pg_temp.person($$SELECT tracer.resolve(incident_id) FROM tracer.incidents$$);
CALL pg_temp.run_until('10 minutes');
SELECT DISTINCT channel, verb FROM requests ORDER BY 1, 2;
-- No channel could be made: nobody is invited, and the page goes out.
TRUNCATE heard;
UPDATE reply SET response = '{"ok":false,"error":"restricted_action"}';
INSERT INTO tracer.asset (name, owner) VALUES ('other', 'ops');
CALL pg_temp.fires('other', 'other is empty');
CALL pg_temp.fires('raw', 'raw is empty again', NULL, 'critical');
CALL pg_temp.run_until('11 minutes');
SELECT channel, verb, users, outcome FROM requests;
-- A refused update is a dead letter, and not written again and again; the next
-- change is told.
CALL pg_temp.run_until('2 hours');
SELECT channel, state, count(*) FROM tracer.notifications WHERE created_at >= (SELECT started + interval '10 minutes' FROM clock) GROUP BY channel, state ORDER BY channel, state;
TRUNCATE heard;
UPDATE reply SET response = '{"ok":true,"channel":"C1","ts":"1700000000.2"}';
CALL pg_temp.person($$SELECT tracer.resolve(incident_id) FROM tracer.incidents WHERE status <> 'resolved'$$);
CALL pg_temp.run_until('3 hours');
SELECT DISTINCT channel, events, outcome FROM heard ORDER BY 1, 2;
-- The same for one that cannot be rendered.
TRUNCATE heard;
CALL pg_temp.fires('app', 'app is slow');
CALL pg_temp.run_until('3 hours 10 minutes');
UPDATE tracer.channel SET settings = settings - 'channel' WHERE name = 'calm';
CALL pg_temp.person($$SELECT tracer.resolve(incident_id) FROM tracer.incidents WHERE status <> 'resolved'$$);
CALL pg_temp.run_until('4 hours');
SELECT event, form, state, error FROM tracer.notifications WHERE channel = 'calm' AND state = 'dead' ORDER BY 1, 2;
DROP EXTENSION tracer CASCADE;
