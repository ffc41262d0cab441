/*
 * Notifications: who hears what, and what became of it.
 *
 * Three layers, each a function of committed rows and of a time:
 *
 *   audience.sql  which subjects of an incident reach which channels (routes,
 *                 teams, silences)
 *   decide.sql    what each channel should be told now, or when next: what it
 *                 was told last against what is so
 *   plan.sql      writes that down: threads, outbox rows, timers
 *
 * and around them the channels (channel_*.sql render requests), claim.sql and
 * record.sql (the outbox towards the sender), explain.sql and digest.sql (for
 * people).
 *
 * tracer.notify_news says which incidents changed since the planner last
 * looked; triggers on the incident room's tables write it in the transaction
 * that changes them. The planner deletes the rows that it sees and then looks at
 * the incidents as they are, so that nothing depends on when it runs or on the
 * order of commits. tracer.notify_timer holds when time alone will matter next.
 *
 * A thread is one incident as one channel knows it. It remembers what the
 * channel was last told; what to tell next is the difference. One message of a
 * thread is on its way at a time. Everything that writes threads or the outbox
 * holds tracer.hold_planner() first, so no two transactions take these rows in
 * different orders.
 *
 * The functions on the way of a message look up a bounded number of rows by key.
 * Those that the sender calls forbid sequential scans and JIT, to themselves and to
 * all that they call, and plan once: so that a database that autovacuum has not
 * looked at yet, or an incident in a table of millions, costs no more. A plan that
 * is made while tables are empty would rather walk one from end to end than look
 * up rows in it; hence = ANY (keys), and subqueries that stay apart (OFFSET 0).
 */

-- ---- channels -------------------------------------------------------------------

-- Kinds of users' own; those that ship are rows of a function, so that a dump
-- restores into a newer version.
CREATE TABLE tracer.channel_kind (
    name     text PRIMARY KEY CHECK (name <> ''),
    function text NOT NULL CHECK (function <> ''),
    edits    boolean NOT NULL DEFAULT false,
    brief    boolean NOT NULL DEFAULT false,
    owner    name NOT NULL DEFAULT current_user
);
CREATE TRIGGER check_registered BEFORE INSERT OR UPDATE ON tracer.channel_kind FOR EACH ROW EXECUTE FUNCTION tracer.check_registered();
SELECT pg_catalog.pg_extension_config_dump('tracer.channel_kind', '');
COMMENT ON TABLE tracer.channel_kind IS 'Your own kinds of channels: a function that turns an incident into a request. tracer.channel_kinds shows them with those that ship.';
COMMENT ON COLUMN tracer.channel_kind.name IS 'Name, as in tracer.channel.kind.';
COMMENT ON COLUMN tracer.channel_kind.function IS 'Schema-qualified name of a function (incident jsonb, event jsonb, channel jsonb) returning jsonb: the request. It must lie outside schema tracer.';
COMMENT ON COLUMN tracer.channel_kind.edits IS 'Whether a message can be changed after it was sent: updates then edit it in place.';
COMMENT ON COLUMN tracer.channel_kind.brief IS 'Whether it gets only what matters most (opened, root changed, resolved), like SMS and mail.';
COMMENT ON COLUMN tracer.channel_kind.owner IS 'Role that the function runs as; never a superuser.';

CREATE FUNCTION tracer.channel_kind_defaults()
RETURNS TABLE (name text, edits boolean, brief boolean, rate_limit int, secrets text[], settings jsonb)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
VALUES ('email', false, true, 60, '{password}'::text[],
        '{"url": "string", "from": "string", "to": "string or array", "username": "string", "starttls": "boolean", "report": "boolean", "time_zone": "string"}'::jsonb),
       ('pagerduty', false, false, 120, '{routing_key}', '{"url": "string", "time_zone": "string"}'),
       ('slack', true, false, 60, '{token}', '{"channel": "string", "incident_channel": "boolean", "invite": "array", "api_url": "string", "time_zone": "string"}'),
       ('slack_webhook', false, false, 60, '{url}', '{"url": "string", "time_zone": "string"}'),
       ('sms', false, true, 60, '{auth_token}',
        '{"account_sid": "string", "to": "string", "from": "string", "messaging_service_sid": "string", "api_url": "string", "time_zone": "string"}'),
       ('teams', false, false, 60, '{url}', '{"url": "string", "time_zone": "string"}'),
       ('webhook', false, false, NULL::int, '{url,token,signing_key}', '{"url": "string", "headers": "object", "timeout_ms": "number", "time_zone": "string"}')
$$;
COMMENT ON FUNCTION tracer.channel_kind_defaults() IS 'The kinds of channels that ship, each rendered by tracer.render_<name>(): how many messages a minute their services like, the secrets that they use, and their settings with the JSON type of each.';

CREATE VIEW tracer.channel_kinds AS
SELECT d.name, 'tracer.render_' || d.name AS function, d.edits, d.brief, d.rate_limit, NULL::name AS owner
  FROM tracer.channel_kind_defaults() d
UNION ALL
SELECT k.name, k.function, k.edits, k.brief, NULL, k.owner
  FROM tracer.channel_kind k
 WHERE k.name NOT IN (SELECT d.name FROM tracer.channel_kind_defaults() d);
COMMENT ON VIEW tracer.channel_kinds IS 'Every kind of channel: those that ship and your own.';
COMMENT ON COLUMN tracer.channel_kinds.name IS 'Name, as in tracer.channel.kind.';
COMMENT ON COLUMN tracer.channel_kinds.function IS 'Function that renders its requests.';
COMMENT ON COLUMN tracer.channel_kinds.edits IS 'Whether updates edit the first message in place.';
COMMENT ON COLUMN tracer.channel_kinds.brief IS 'Whether it gets only what matters most.';
COMMENT ON COLUMN tracer.channel_kinds.rate_limit IS 'Messages a minute, unless the channel says otherwise; NULL: any number.';
COMMENT ON COLUMN tracer.channel_kinds.owner IS 'Role that a function of your own runs as; NULL for kinds that ship.';

CREATE TABLE tracer.channel (
    name       text PRIMARY KEY CHECK (name <> ''),
    kind       text NOT NULL,
    settings   jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(settings) = 'object' AND tracer.zone_is_valid(settings ->> 'time_zone')),
    rate_limit int CHECK (rate_limit > 0)
);
SELECT pg_catalog.pg_extension_config_dump('tracer.channel', '');
COMMENT ON TABLE tracer.channel IS 'Where notifications go. Secrets do not belong in settings: tracer.set_secret().';
COMMENT ON COLUMN tracer.channel.name IS 'Name, as teams and routes refer to it.';
COMMENT ON COLUMN tracer.channel.kind IS 'slack, slack_webhook, pagerduty, teams, email, sms, webhook, or one of tracer.channel_kind.';
COMMENT ON COLUMN tracer.channel.settings IS 'The address and what else the kind needs, as a JSON object; docs/notifications.md lists it.';
COMMENT ON COLUMN tracer.channel.rate_limit IS 'Messages a minute at most; NULL: what the kind''s service likes.';

-- Not marked for dumps: secrets stay here. They follow their channel by its triggers
-- and not by a foreign key, which could not wait until a channel that is deleted
-- and written anew is there again.
CREATE TABLE tracer.secret (
    channel text NOT NULL,
    name    text NOT NULL CHECK (name <> ''),
    value   text NOT NULL CHECK (value <> ''),
    set_at  timestamptz NOT NULL DEFAULT now(),
    set_by  text NOT NULL DEFAULT session_user,
    PRIMARY KEY (channel, name)
);
COMMENT ON TABLE tracer.secret IS 'Tokens, passwords and secret addresses of channels. Granted to nobody and in no dump; written by tracer.set_secret(), read when a message is handed to the sender.';
COMMENT ON COLUMN tracer.secret.channel IS 'The channel.';
COMMENT ON COLUMN tracer.secret.name IS 'What it is: token, url, routing_key, password, ...';
COMMENT ON COLUMN tracer.secret.value IS 'The secret.';
COMMENT ON COLUMN tracer.secret.set_at IS 'When it was set.';
COMMENT ON COLUMN tracer.secret.set_by IS 'Who set it.';

-- ---- rules ----------------------------------------------------------------------

CREATE FUNCTION tracer.matchers(match jsonb)
RETURNS TABLE (key text, path text[], op text, value text, whole boolean)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT p.key,
       (regexp_match(p.key, '^(?:(root|affected)\.)?(?:(tags|label)\.)?(.+)$'))::text[],
       coalesce(m[1], '='), m[2],
       p.key ~ '^(severity$|status$|root\.|affected\.)'
  FROM jsonb_each_text(CASE jsonb_typeof(matchers.match) WHEN 'object' THEN matchers.match ELSE '{}' END) AS p (key, value)
 CROSS JOIN LATERAL regexp_match(p.value, '^(=~|!~|!=|=)?(.*)$') AS m
$$;
COMMENT ON FUNCTION tracer.matchers(jsonb) IS 'The conditions of a match object: key, its parts, operator (=, !=, =~, !~) and value, and whether it is about the incident as a whole (tracer.incident_doc) rather than one asset of it.';

CREATE FUNCTION tracer.window_part(words text) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT regexp_match(window_part.words,
         '^\s*(?:((?:mon|tue|wed|thu|fri|sat|sun)(?:-(?:mon|tue|wed|thu|fri|sat|sun))?(?:,(?:mon|tue|wed|thu|fri|sat|sun)(?:-(?:mon|tue|wed|thu|fri|sat|sun))?)*)\s+)?'
         '((?:[01]?\d|2[0-3]):[0-5]\d)-((?:[01]?\d|2[0-3]):[0-5]\d|24:00)(?:\s+(\S+))?\s*$', 'i')
$$;
COMMENT ON FUNCTION tracer.window_part(text) IS 'Days, start, end and zone of a time window such as "Mon-Fri 09:00-18:00 Europe/London"; NULL where it cannot be read. Days and zone may be left out.';

CREATE FUNCTION tracer.match_is_valid(match jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    m     record;
    words text[];
BEGIN
    IF jsonb_typeof(match) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'a match must be a JSON object, not %', coalesce(jsonb_typeof(match), 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Write conditions as in {"role": "root", "severity": "=~error|critical"}; {} matches everything.';
    END IF;
    FOR m IN SELECT e.key, jsonb_typeof(e.value) AS type, c.op, c.value
               FROM jsonb_each(match) e JOIN tracer.matchers(match) c ON c.key = e.key LOOP
        IF m.key !~ '^(role|severity|status|time|label\..+|((root|affected)\.)?(asset|owner|kind|tier|tags\..+))$' THEN
            RAISE EXCEPTION 'a match knows no "%"', m.key
                USING ERRCODE = 'invalid_parameter_value',
                      HINT = 'It knows role, severity, status, time, asset, owner, kind, tier, tags.<name>, label.<name>, and asset, owner, kind, tier and tags with root. or affected. before them.';
        END IF;
        IF m.type NOT IN ('string', 'number', 'boolean') THEN
            RAISE EXCEPTION 'the condition on "%" must be a string, not %', m.key, m.type
                USING ERRCODE = 'invalid_parameter_value',
                      HINT = 'Several values are a regular expression: "=~sales|finance".';
        END IF;
        IF m.key = 'time' AND (m.op NOT IN ('=', '!=') OR tracer.window_part(m.value) IS NULL) THEN
            RAISE EXCEPTION 'cannot read the time window "%"', m.value
                USING ERRCODE = 'invalid_parameter_value',
                      HINT = 'Write it as days, hours and zone, such as "Mon-Fri 09:00-18:00 Europe/London"; "!=" before it means outside.';
        END IF;
        words := CASE m.key WHEN 'role' THEN '{root,symptom,at_risk}'::text[]
                            WHEN 'severity' THEN enum_range(NULL::tracer.severity)::text[]
                            WHEN 'status' THEN '{open,acknowledged,investigating,recovering,quiet,resolved}'::text[] END;
        IF words IS NOT NULL AND NOT EXISTS (SELECT FROM unnest(words) AS w (word)
                                              WHERE tracer.matcher_holds(CASE WHEN m.op LIKE '%~' THEN '=~' ELSE '=' END, m.value, to_jsonb(w.word))) THEN
            RAISE EXCEPTION 'there is no % "%"', m.key, m.value
                USING ERRCODE = 'invalid_parameter_value',
                      HINT = 'A role is root, symptom or at_risk; a severity info, warning, error or critical; a status open, acknowledged, investigating, recovering, quiet or resolved. A regular expression is compared with the whole word.';
        ELSIF m.key = 'time' THEN
            PERFORM tracer.zone_is_valid((tracer.window_part(m.value))[4]);
        ELSIF m.op IN ('=~', '!~') THEN
            PERFORM '' ~ ('^(?:' || m.value || ')$');
        END IF;
    END LOOP;
    RETURN true;
END
$$;
COMMENT ON FUNCTION tracer.match_is_valid(jsonb) IS 'Check constraint of tracer.route and tracer.silence: true, or an error that says what is wrong (invalid_parameter_value, invalid_regular_expression).';

CREATE TABLE tracer.route (
    position int PRIMARY KEY,
    match    jsonb NOT NULL DEFAULT '{}' CHECK (tracer.match_is_valid(match)),
    channels text[] NOT NULL DEFAULT '{}' CHECK (coalesce('' <> ALL (channels), false)),
    mode     text CHECK (mode IN ('page', 'inform', 'mute')),
    continue boolean NOT NULL DEFAULT false,
    comment  text
);
SELECT pg_catalog.pg_extension_config_dump('tracer.route', '');
COMMENT ON TABLE tracer.route IS 'Who hears what, where that is not simply "page the owner of the root cause, inform the owners of symptoms". Rules are tried in order of position; the first that matches decides, unless it says continue.';
COMMENT ON COLUMN tracer.route.position IS 'Order; the lowest is tried first.';
COMMENT ON COLUMN tracer.route.match IS 'Conditions that must all hold, as a JSON object; {} matches everything. docs/notifications.md lists what there is to match.';
COMMENT ON COLUMN tracer.route.channels IS 'Channels to use; empty: those of the team that owns the asset.';
COMMENT ON COLUMN tracer.route.mode IS 'page, inform or mute; NULL: page for the root cause, inform for a symptom unless suppression fails open, inform for what is at risk.';
COMMENT ON COLUMN tracer.route.continue IS 'Whether later rules are tried too.';
COMMENT ON COLUMN tracer.route.comment IS 'For people.';

CREATE TABLE tracer.silence (
    silence_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    matchers   jsonb NOT NULL CHECK (tracer.match_is_valid(matchers)),
    starts_at  timestamptz NOT NULL DEFAULT now(),
    ends_at    timestamptz NOT NULL,
    comment    text NOT NULL CHECK (comment ~ '\S'),
    created_by text NOT NULL DEFAULT session_user,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT silence_ends_after_it_starts CHECK (ends_at > starts_at)
);
SELECT pg_catalog.pg_extension_config_dump('tracer.silence', '');
SELECT pg_catalog.pg_extension_config_dump('tracer.silence_silence_id_seq', '');
COMMENT ON SEQUENCE tracer.silence_silence_id_seq IS 'Ids of tracer.silence.';
COMMENT ON TABLE tracer.silence IS 'What nobody is to be told for a while, but that something is over. A maintenance window is a silence with a time in its matchers. What a silence held back is in tracer.notifications, state muted.';
COMMENT ON COLUMN tracer.silence.silence_id IS 'Id.';
COMMENT ON COLUMN tracer.silence.matchers IS 'Conditions, as in tracer.route.match. With "time": "Sun 02:00-04:00 Europe/London" it is a maintenance window that comes every week.';
COMMENT ON COLUMN tracer.silence.starts_at IS 'From when on.';
COMMENT ON COLUMN tracer.silence.ends_at IS 'Until when; infinity: until it is deleted.';
COMMENT ON COLUMN tracer.silence.comment IS 'Why; required.';
COMMENT ON COLUMN tracer.silence.created_by IS 'Who made it.';
COMMENT ON COLUMN tracer.silence.created_at IS 'When it was made.';

-- ---- what was told ----------------------------------------------------------------

-- Dumped, so that a restored database neither repeats nor forgets; the outbox
-- is not.
CREATE TABLE tracer.thread (
    thread_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident_id bigint NOT NULL,
    channel     text NOT NULL,
    key         text NOT NULL DEFAULT gen_random_uuid()::text,
    mode        text NOT NULL CHECK (mode IN ('page', 'inform')),
    role        text NOT NULL CHECK (role IN ('root', 'symptom', 'at_risk')),
    reason      text NOT NULL,
    shadow      boolean NOT NULL,
    opened_at   timestamptz NOT NULL,
    paged_at    timestamptz,
    said        jsonb,
    said_at     timestamptz,
    seq         int NOT NULL DEFAULT 0,
    ref         jsonb NOT NULL DEFAULT '{}',
    dirty       boolean NOT NULL DEFAULT false,
    failed_at   timestamptz,
    closed_at   timestamptz
);
CREATE UNIQUE INDEX thread_incident ON tracer.thread (incident_id, channel) WHERE closed_at IS NULL;
CREATE INDEX thread_closed ON tracer.thread (incident_id) WHERE closed_at IS NOT NULL;
SELECT pg_catalog.pg_extension_config_dump('tracer.thread', '');
SELECT pg_catalog.pg_extension_config_dump('tracer.thread_thread_id_seq', '');
COMMENT ON SEQUENCE tracer.thread_thread_id_seq IS 'Ids of tracer.thread.';
COMMENT ON TABLE tracer.thread IS 'One incident as one channel knows it: what it was told, and under which key the other side files it. Kept by the planner.';
COMMENT ON COLUMN tracer.thread.thread_id IS 'Id.';
COMMENT ON COLUMN tracer.thread.incident_id IS 'The incident. A thread moves along when its incident is merged into another.';
COMMENT ON COLUMN tracer.thread.channel IS 'The channel (tracer.channel.name).';
COMMENT ON COLUMN tracer.thread.key IS 'What the other side files it under: PagerDuty''s dedup_key and the like. Never changes.';
COMMENT ON COLUMN tracer.thread.mode IS 'page or inform; a thread that has paged stays page.';
COMMENT ON COLUMN tracer.thread.role IS 'Why the channel hears of it: its asset is the root, a symptom, or at_risk.';
COMMENT ON COLUMN tracer.thread.reason IS 'Which rule chose the channel, in words.';
COMMENT ON COLUMN tracer.thread.shadow IS 'Begun in shadow mode: it stays so, nothing of it leaves.';
COMMENT ON COLUMN tracer.thread.opened_at IS 'When its first message was written.';
COMMENT ON COLUMN tracer.thread.paged_at IS 'When its last page was written; NULL: never.';
COMMENT ON COLUMN tracer.thread.said IS 'What was so when it was last told, be it by a message that is a dead letter; NULL: nothing arrived yet.';
COMMENT ON COLUMN tracer.thread.said_at IS 'When it was last told; NULL: nothing arrived yet.';
COMMENT ON COLUMN tracer.thread.seq IS 'Messages written so far.';
COMMENT ON COLUMN tracer.thread.ref IS 'What the other side answered and later messages need: Slack''s channel and ts.';
COMMENT ON COLUMN tracer.thread.dirty IS 'The planner looked at it while a message was on its way, and has to look again once that has arrived.';
COMMENT ON COLUMN tracer.thread.failed_at IS 'When its first message became a dead letter; NULL: it did not.';
COMMENT ON COLUMN tracer.thread.closed_at IS 'When it was closed, because its incident went into one that the channel knows already; NULL: it was not.';

-- ---- the outbox -------------------------------------------------------------------

CREATE TABLE tracer.notification (
    notification_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    thread_id   bigint,
    incident_id bigint,
    channel     text NOT NULL,
    event       text NOT NULL,
    events      text[] NOT NULL DEFAULT '{}',
    form        text NOT NULL DEFAULT 'post' CHECK (form IN ('post', 'edit', 'reply')),
    mode        text NOT NULL,
    role        text,
    reason      text,
    key         text NOT NULL,
    state       text NOT NULL CHECK (state IN ('due', 'sending', 'sent', 'dead', 'dropped', 'muted', 'shadow')),
    due_at      timestamptz NOT NULL,
    created_at  timestamptz NOT NULL,
    give_up_at  timestamptz NOT NULL DEFAULT 'infinity',
    attempt     int NOT NULL DEFAULT 0,
    sent_at     timestamptz,
    status      int,
    error       text,
    said        jsonb,
    body        jsonb,
    silence_id  bigint
);
CREATE INDEX notification_due ON tracer.notification (channel, due_at) WHERE state IN ('due', 'sending');
CREATE INDEX notification_thread ON tracer.notification (thread_id) WHERE state IN ('due', 'sending');
CREATE INDEX notification_incident ON tracer.notification (incident_id);
CREATE INDEX notification_created_at ON tracer.notification (created_at);
COMMENT ON SEQUENCE tracer.notification_notification_id_seq IS 'Ids of tracer.notification.';
COMMENT ON TABLE tracer.notification IS 'The outbox: every message that was decided on, and what became of it. tracer.notifications is the view to read. Not dumped.';
COMMENT ON COLUMN tracer.notification.notification_id IS 'Id.';
COMMENT ON COLUMN tracer.notification.thread_id IS 'Its thread; NULL for tests, digests and what was muted.';
COMMENT ON COLUMN tracer.notification.incident_id IS 'Its incident when it was written; NULL for tests and digests.';
COMMENT ON COLUMN tracer.notification.channel IS 'Where it goes.';
COMMENT ON COLUMN tracer.notification.event IS 'What it tells: opened, root_changed, merged, split, symptoms, note, acknowledged, resolved, reopened, severity, escalated, repeat, test or digest; the weightiest, where it tells several.';
COMMENT ON COLUMN tracer.notification.events IS 'All that it tells.';
COMMENT ON COLUMN tracer.notification.form IS 'post: a message; edit: the first message is changed in place; reply: a message below the first.';
COMMENT ON COLUMN tracer.notification.mode IS 'page or inform.';
COMMENT ON COLUMN tracer.notification.role IS 'root, symptom or at_risk; NULL for tests and digests.';
COMMENT ON COLUMN tracer.notification.reason IS 'Why the channel gets it, or why it was dropped.';
COMMENT ON COLUMN tracer.notification.key IS 'Idempotency key: the same whenever this message is sent again.';
COMMENT ON COLUMN tracer.notification.state IS 'due (waits for its turn or for another attempt), sending, sent, dead (given up: tracer.resend()), dropped (overtaken before it left), muted (by a silence), shadow (would have been sent).';
COMMENT ON COLUMN tracer.notification.due_at IS 'When it is tried next; while sending, when the sender''s claim on it ends.';
COMMENT ON COLUMN tracer.notification.created_at IS 'When it was decided on.';
COMMENT ON COLUMN tracer.notification.give_up_at IS 'When it becomes a dead letter, if it cannot be delivered.';
COMMENT ON COLUMN tracer.notification.attempt IS 'How often it was handed to the sender.';
COMMENT ON COLUMN tracer.notification.sent_at IS 'When the other side accepted it; NULL: it has not.';
COMMENT ON COLUMN tracer.notification.status IS 'HTTP or SMTP code of the last attempt; NULL: no answer, or no attempt.';
COMMENT ON COLUMN tracer.notification.error IS 'What went wrong last; NULL: nothing.';
COMMENT ON COLUMN tracer.notification.said IS 'What it says, as the thread will remember it.';
COMMENT ON COLUMN tracer.notification.body IS 'What to say, where that does not come from an incident: tests and digests.';
COMMENT ON COLUMN tracer.notification.silence_id IS 'What muted it; NULL: nothing did.';

CREATE TABLE tracer.delivery_attempt (
    notification_id bigint NOT NULL,
    attempt     int NOT NULL,
    outcome     text NOT NULL,
    status      int,
    error       text,
    response    text,
    started_at  timestamptz,
    connect_ms  double precision,
    total_ms    double precision,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX delivery_attempt_notification ON tracer.delivery_attempt (notification_id, attempt);
COMMENT ON TABLE tracer.delivery_attempt IS 'Every attempt to deliver a message. Not dumped.';
COMMENT ON COLUMN tracer.delivery_attempt.notification_id IS 'The message (tracer.notification).';
COMMENT ON COLUMN tracer.delivery_attempt.attempt IS 'Which attempt, from 1.';
COMMENT ON COLUMN tracer.delivery_attempt.outcome IS 'sent, retry, dead, more (a first step of several), or lost: the sender never said what became of it.';
COMMENT ON COLUMN tracer.delivery_attempt.status IS 'HTTP or SMTP code; NULL: no answer.';
COMMENT ON COLUMN tracer.delivery_attempt.error IS 'What went wrong; NULL: nothing.';
COMMENT ON COLUMN tracer.delivery_attempt.response IS 'Beginning of the answer''s body, secrets blotted out.';
COMMENT ON COLUMN tracer.delivery_attempt.started_at IS 'When the attempt began.';
COMMENT ON COLUMN tracer.delivery_attempt.connect_ms IS 'Milliseconds until it was connected; NULL: it never was.';
COMMENT ON COLUMN tracer.delivery_attempt.total_ms IS 'Milliseconds in all.';
COMMENT ON COLUMN tracer.delivery_attempt.recorded_at IS 'When it was written down.';

CREATE TABLE tracer.channel_state (
    channel      text PRIMARY KEY,
    failures     int NOT NULL DEFAULT 0,
    resume_at    timestamptz,
    tokens       double precision,
    tokens_at    timestamptz,
    succeeded_at timestamptz,
    failed_at    timestamptz,
    error        text
);
COMMENT ON TABLE tracer.channel_state IS 'How each channel is doing: circuit breaker, rate limit, last success and failure. Not dumped.';
COMMENT ON COLUMN tracer.channel_state.channel IS 'The channel.';
COMMENT ON COLUMN tracer.channel_state.failures IS 'Attempts in a row that failed for a reason that lies with the other side.';
COMMENT ON COLUMN tracer.channel_state.resume_at IS 'Nothing is sent to it before this: it asked for a pause, or failed too often; then one message tries it. NULL: at any time.';
COMMENT ON COLUMN tracer.channel_state.tokens IS 'Messages that its rate limit allows at tokens_at.';
COMMENT ON COLUMN tracer.channel_state.tokens_at IS 'When tokens was counted.';
COMMENT ON COLUMN tracer.channel_state.succeeded_at IS 'When it last took a message; NULL: never.';
COMMENT ON COLUMN tracer.channel_state.failed_at IS 'When it last failed; NULL: never.';
COMMENT ON COLUMN tracer.channel_state.error IS 'What went wrong then.';

-- ---- news and timers ----------------------------------------------------------------

CREATE TABLE tracer.notify_news (
    incident_id bigint NOT NULL
);
CREATE INDEX notify_news_incident ON tracer.notify_news (incident_id);
COMMENT ON TABLE tracer.notify_news IS 'Incidents that changed since the planner last looked at them. Not for users.';
COMMENT ON COLUMN tracer.notify_news.incident_id IS 'The incident; may be listed several times. 0 stands for the digests.';

CREATE TABLE tracer.notify_timer (
    incident_id bigint PRIMARY KEY,
    next_at     timestamptz NOT NULL,
    problem     text
);
CREATE INDEX notify_timer_next_at ON tracer.notify_timer (next_at);
COMMENT ON TABLE tracer.notify_timer IS 'When the planner has to look at an incident again though nothing changed. Not for users.';
COMMENT ON COLUMN tracer.notify_timer.incident_id IS 'The incident; 0 stands for the digests.';
COMMENT ON COLUMN tracer.notify_timer.next_at IS 'When.';
COMMENT ON COLUMN tracer.notify_timer.problem IS 'What deciding, or writing it down, failed with the last time; NULL: nothing.';

-- Without a channel there is nobody to tell, and no planner need ever run.
CREATE FUNCTION tracer.note_news() RETURNS trigger
LANGUAGE C AS 'MODULE_PATHNAME', 'tracer_note_news';
COMMENT ON FUNCTION tracer.note_news() IS 'Trigger function: tells the planner which incidents changed.';
CREATE TRIGGER notify_insert AFTER INSERT ON tracer.incident
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION tracer.note_news();
CREATE TRIGGER notify_update AFTER UPDATE ON tracer.incident
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION tracer.note_news();
CREATE TRIGGER notify_insert AFTER INSERT ON tracer.incident_event
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION tracer.note_news();

-- New rules bear on every incident that is open, and on when digests are due.
CREATE FUNCTION tracer.note_rules() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO tracer.notify_news (incident_id)
    SELECT 0
    UNION ALL
    SELECT i.incident_id
      FROM tracer.incident i
     WHERE i.merged_into IS NULL
       AND (i.ended_at IS NULL OR i.reopened_at >= i.ended_at)
       AND EXISTS (SELECT FROM tracer.channel);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION tracer.note_rules() IS 'Trigger function: has the planner look at every open incident again.';
CREATE TRIGGER notify AFTER INSERT OR UPDATE OR DELETE ON tracer.channel FOR EACH STATEMENT EXECUTE FUNCTION tracer.note_rules();
CREATE TRIGGER notify AFTER INSERT OR UPDATE OR DELETE ON tracer.route FOR EACH STATEMENT EXECUTE FUNCTION tracer.note_rules();
CREATE TRIGGER notify AFTER INSERT OR UPDATE OR DELETE ON tracer.silence FOR EACH STATEMENT EXECUTE FUNCTION tracer.note_rules();
CREATE TRIGGER notify AFTER INSERT OR UPDATE OR DELETE ON tracer.setting_override FOR EACH STATEMENT EXECUTE FUNCTION tracer.note_rules();
CREATE TRIGGER notify AFTER INSERT OR UPDATE OR DELETE ON tracer.team FOR EACH STATEMENT EXECUTE FUNCTION tracer.note_rules();

-- Whoever owns an asset of an open incident from now on is to hear of it now, not
-- with the next alert; the same goes for what rules match.
CREATE FUNCTION tracer.note_assets() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM tracer.channel) THEN
        WITH changed AS MATERIALIZED (
            SELECT n.asset_id
              FROM new_rows n
              JOIN old_rows o ON o.asset_id = n.asset_id
             WHERE (o.owner, o.kind, o.tier, o.tags) IS DISTINCT FROM (n.owner, n.kind, n.tier, n.tags)
        )
        INSERT INTO tracer.notify_news (incident_id)
        SELECT i.incident_id
          FROM tracer.incident i
         WHERE i.incident_id IN (SELECT e.incident_id FROM changed c JOIN tracer.alert_key k ON k.asset_id = c.asset_id JOIN tracer.episode e ON e.key_id = k.key_id
                                 UNION ALL
                                 SELECT s.incident_id FROM changed c JOIN tracer.incident s ON s.suspect_id = c.asset_id)
           AND (i.ended_at IS NULL OR i.reopened_at >= i.ended_at);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION tracer.note_assets() IS 'Trigger function: has the planner look at open incidents whose assets have another owner, kind, tier or tags.';
CREATE TRIGGER notify AFTER UPDATE ON tracer.asset
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION tracer.note_assets();

CREATE FUNCTION tracer.hold_planner() RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tracer_hold_planner';
COMMENT ON FUNCTION tracer.hold_planner() IS 'Waits for whoever is writing threads or the outbox and keeps others from it until the end of the transaction. Not for users.';

-- Names tie channels to what refers to them; the other side knows nothing of names.
CREATE FUNCTION tracer.follow_rename() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM tracer.hold_planner();
    -- a channel of that name may have been deleted before
    UPDATE tracer.thread t SET closed_at = now() WHERE t.channel = new.name AND t.closed_at IS NULL;
    UPDATE tracer.thread t SET channel = new.name WHERE t.channel = old.name;
    UPDATE tracer.notification n SET channel = new.name WHERE n.channel = old.name;
    DELETE FROM tracer.channel_state s WHERE s.channel = new.name;
    UPDATE tracer.channel_state s SET channel = new.name WHERE s.channel = old.name;
    DELETE FROM tracer.secret s WHERE s.channel = new.name;
    UPDATE tracer.secret s SET channel = new.name WHERE s.channel = old.name;
    UPDATE tracer.team t
       SET page = array_replace(t.page, old.name, new.name), inform = array_replace(t.inform, old.name, new.name)
     WHERE old.name = ANY (t.page || t.inform);
    UPDATE tracer.route r SET channels = array_replace(r.channels, old.name, new.name) WHERE old.name = ANY (r.channels);
    UPDATE tracer.setting_override o SET value = new.name WHERE o.name = 'fallback_channel' AND o.value = old.name;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION tracer.follow_rename() IS 'Trigger function: a channel that gets another name stays the channel of its teams, rules, threads and messages.';
CREATE TRIGGER follow_rename AFTER UPDATE OF name ON tracer.channel
    FOR EACH ROW WHEN (old.name <> new.name) EXECUTE FUNCTION tracer.follow_rename();

CREATE FUNCTION tracer.drop_orphans() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM tracer.channel c WHERE c.name = old.name) THEN
        PERFORM tracer.hold_planner();
        UPDATE tracer.notification n SET state = 'dropped', reason = 'its channel was deleted'
         WHERE n.channel = old.name AND n.state IN ('due', 'sending', 'dead');
        -- what nobody was told is told anew, should the channel come back
        UPDATE tracer.thread t SET closed_at = now() WHERE t.channel = old.name AND t.said IS NULL AND t.closed_at IS NULL;
        DELETE FROM tracer.channel_state s WHERE s.channel = old.name;
        DELETE FROM tracer.secret s WHERE s.channel = old.name;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION tracer.drop_orphans() IS 'Trigger function: nothing waits for a channel that is no more.';
-- At commit: whoever writes all his channels anew deletes them first.
CREATE CONSTRAINT TRIGGER drop_orphans AFTER DELETE ON tracer.channel
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION tracer.drop_orphans();

CREATE FUNCTION tracer.hmac_sha256(data bytea, key bytea) RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'tracer_hmac_sha256';
COMMENT ON FUNCTION tracer.hmac_sha256(bytea, bytea) IS 'HMAC-SHA256 (RFC 2104) of data under key.';
