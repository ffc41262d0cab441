-- A database that was restored or copied tells nobody anything until tracer.arm(),
-- and then not what was before; and an asset that gets another owner.
\getenv top PG_ABS_SRCDIR
\set helpers :top '/test/lib/notify.sql'
\set ECHO none
\i :helpers
\set ECHO all
INSERT INTO tracer.channel (name, kind, settings) SELECT c, 'webhook', '{"url": "https://hooks.example.com/"}' FROM unnest('{sales,finance,platform}'::text[]) c;
INSERT INTO tracer.team (name, page) SELECT t, ARRAY[t] FROM unnest('{sales,finance,platform}'::text[]) t;
INSERT INTO tracer.asset (name, owner) SELECT a, 'sales' FROM unnest('{told,waiting,unheard,later,here}'::text[]) a;
SELECT tracer.set('mode', 'live'), tracer.set('digest_at', NULL), tracer.set('group_wait', '0');

-- ---- armed -----------------------------------------------------------------------
-- One incident was told, one waits for its channel, of one nobody hears as yet.
UPDATE tracer.asset SET owner = NULL WHERE name IN ('unheard', 'later');
INSERT INTO reply VALUES ('sales', 503);
CALL pg_temp.fires('waiting', 'waiting is late');
CALL pg_temp.run_until('0');
DELETE FROM reply;
UPDATE tracer.channel_state SET failures = 0, resume_at = NULL;
UPDATE tracer.notification SET due_at = due_at + interval '50 minutes' WHERE state = 'due';
CALL pg_temp.fires('told', 'told is late');
CALL pg_temp.fires('unheard', 'unheard is late');
CALL pg_temp.fires('later', 'later is late');
CALL pg_temp.run_until('1 minute');
SELECT after, channel, event, outcome, attempt FROM heard ORDER BY n;
TRUNCATE heard;

-- As a copy finds itself: with another database's row.
UPDATE tracer.installation SET database = 1;
SELECT tracer.armed();
UPDATE tracer.asset SET owner = 'sales' WHERE name IN ('unheard', 'later');
CALL pg_temp.run_until('3 hours');
SELECT tracer.plan_notifications(at), (SELECT count(*) FROM tracer.claim_notifications(100, '1 minute', at)), tracer.next_notification_at() FROM clock;
SELECT count(*) FROM heard;
-- Its own clock is ahead of the server's: as if it had been armed by it.
SELECT tracer.arm();
UPDATE tracer.installation SET installed_at = at, armed_at = at FROM clock;
CALL pg_temp.run_until('3 hours 30 minutes');
-- What was before is not announced, and no page is repeated at once,
SELECT after, channel, event, left(reason, 10) FROM heard ORDER BY n;
SELECT state, reason FROM tracer.notifications WHERE state = 'dropped';
-- what fires again or anew is, and what was told goes on.
CALL pg_temp.fires('waiting', 'waiting is late');
CALL pg_temp.fires('unheard', 'unheard is late');
CALL pg_temp.fires('here', 'here is late');
CALL pg_temp.fires('told', 'told is late', NULL, 'critical');
CALL pg_temp.run_until('3 hours 40 minutes');
SELECT h.after, h.channel, h.events, i.title FROM heard h JOIN tracer.incidents i USING (incident_id) ORDER BY h.after, i.title;
CALL pg_temp.person($$SELECT tracer.resolve(incident_id) FROM tracer.incidents ORDER BY title$$);
CALL pg_temp.run_until('4 hours');
SELECT h.channel, h.events, i.title FROM heard h JOIN tracer.incidents i USING (incident_id) WHERE h.event = 'resolved' ORDER BY i.title;
SELECT DISTINCT state FROM tracer.incidents i JOIN tracer.notifications USING (incident_id) WHERE title LIKE 'later%';
TRUNCATE heard;

-- A restore has a row of its own, from when it began: what is noticed from then
-- on is news.
DELETE FROM tracer.installation;
INSERT INTO tracer.installation (database, installed_at, armed_at)
SELECT oid, '2020-01-01'::timestamptz, NULL::timestamptz FROM pg_database WHERE datname = current_database()
UNION ALL SELECT 1, '2019-01-01', '2019-01-01';
SELECT tracer.armed();
CALL pg_temp.fires('here', 'here is late again');
CALL pg_temp.run_until('5 hours');
SELECT tracer.arm();
SELECT installed_at, armed_at > installed_at FROM tracer.installation;
CALL pg_temp.run_until('5 hours 1 minute');
SELECT h.after, h.channel, h.events, i.title FROM heard h JOIN tracer.incidents i USING (incident_id) ORDER BY h.after, i.title;
CALL pg_temp.person($$SELECT tracer.resolve(incident_id) FROM tracer.incidents WHERE status <> 'resolved'$$);
CALL pg_temp.run_until('5 hours 10 minutes');
TRUNCATE heard;

-- ---- another owner -------------------------------------------------------------------
SELECT tracer.link('raw', 'here'), tracer.link('raw', 'told');
UPDATE tracer.asset SET owner = 'platform' WHERE name = 'raw';
CALL pg_temp.fires('raw', 'raw is empty');
CALL pg_temp.fires('here', 'here is low');
CALL pg_temp.run_until('5 hours 11 minutes');
-- hears at once, and nobody hears of what does not concern this incident
UPDATE tracer.asset SET owner = 'finance' WHERE name IN ('raw', 'later');
SELECT count(*) FROM tracer.notify_news;
UPDATE tracer.asset SET description = 'a comment' WHERE name = 'raw';
SELECT count(*) FROM tracer.notify_news;
CALL pg_temp.run_until('5 hours 12 minutes');
SELECT after, channel, events, mode, role FROM heard ORDER BY n;
-- a suspect has no alert of its own
CALL pg_temp.person($$SELECT tracer.resolve(incident_id) FROM tracer.incidents WHERE status <> 'resolved'$$);
CALL pg_temp.run_until('24 hours');
TRUNCATE heard;
CALL pg_temp.fires('here', 'here is low');
CALL pg_temp.fires('told', 'told is low');
CALL pg_temp.run_until('24 hours 1 minute');
UPDATE tracer.asset SET owner = 'platform' WHERE name = 'raw';
CALL pg_temp.run_until('24 hours 2 minutes');
SELECT h.after, h.channel, h.events, h.mode, h.role, i.root_asset FROM heard h JOIN tracer.incidents i USING (incident_id) ORDER BY h.n;

DROP EXTENSION tracer CASCADE;
