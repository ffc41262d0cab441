/*
 * Slack, through a bot (kind slack) or an incoming webhook (slack_webhook).
 *
 * A bot posts one message per incident, edits it in place as things change, and
 * says what people must hear in the thread below it. An incoming webhook can
 * only post.
 *
 * Limits that Slack documents: a header 150 characters, a section's text 3,000,
 * a button's text 75; together blocks must stay well below 13,000. In mrkdwn &,
 * < and > are escaped, and nothing else can begin a mention; verbatim keeps
 * Slack from making links and names of plain words.
 *
 * settings of slack: channel (id), time_zone, incident_channel (true: a channel
 * of its own for each page), invite (ids of those who are invited to it),
 * api_url; secret token (chat:write, and channels:manage for incident_channel).
 * settings of slack_webhook: time_zone, url (or the secret url).
 */
CREATE FUNCTION tracer.slack_escape(words text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT replace(replace(replace(slack_escape.words, '&', '&amp;'), '<', '&lt;'), '>', '&gt;') $$;
COMMENT ON FUNCTION tracer.slack_escape(text) IS 'Words that mean nothing but themselves in Slack''s mrkdwn.';

CREATE FUNCTION tracer.slack_message(incident jsonb, event jsonb, zone text) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    said   record;
    line   text;
    text   text := '';
    blocks jsonb;
BEGIN
    SELECT * INTO said FROM tracer.compose(incident, event, zone);
    FOREACH line IN ARRAY said.lines LOOP
        line := tracer.slack_escape(line);
        EXIT WHEN length(text) + length(line) > 2900;
        text := text || CASE WHEN text = '' THEN '' ELSE E'\n' END || line;
    END LOOP;
    IF event -> 'ref' ->> 'room' ~ '^[A-Z0-9]+$' THEN
        text := text || format(E'\nTalk in <#%s>.', event -> 'ref' ->> 'room');
    END IF;
    blocks := jsonb_build_array(
        jsonb_build_object('type', 'header', 'text', jsonb_build_object('type', 'plain_text', 'text', left(said.headline, 150), 'emoji', false)));
    IF text <> '' THEN
        blocks := blocks || jsonb_build_object('type', 'section', 'text', jsonb_build_object('type', 'mrkdwn', 'text', text, 'verbatim', true));
    END IF;
    IF incident ->> 'url' ~ '^https?://' AND length(incident ->> 'url') <= 3000 THEN
        blocks := blocks || jsonb_build_object('type', 'actions', 'elements', jsonb_build_array(
            jsonb_build_object('type', 'button', 'text', jsonb_build_object('type', 'plain_text', 'text', 'Open incident ' || (incident ->> 'incident'), 'emoji', false),
                               'url', incident ->> 'url')));
    END IF;
    -- What a phone shows, and screen readers.
    RETURN jsonb_build_object('text', tracer.slack_escape(said.headline), 'blocks', blocks);
END
$$;
COMMENT ON FUNCTION tracer.slack_message(jsonb, jsonb, text) IS 'A message as Slack takes it: text and blocks.';

CREATE FUNCTION tracer.slack_step(event text, form text, settings jsonb, ref jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT CASE WHEN event <> 'opened' OR form <> 'post' OR NOT settings @> '{"incident_channel": true}' THEN NULL
            WHEN NOT coalesce(ref ? 'room', false) THEN 'create'
            -- where there was no making one, there is none to invite to
            WHEN ref ->> 'room' <> '' AND settings -> 'invite' ->> 0 IS NOT NULL AND NOT ref ? 'invited' THEN 'invite' END
$$;
COMMENT ON FUNCTION tracer.slack_step(text, text, jsonb, jsonb) IS 'What comes before a message itself, a request each: create (a Slack channel for the incident), then invite (those whom the channel''s settings name to it); NULL: nothing any more.';

CREATE FUNCTION tracer.render_slack(incident jsonb, event jsonb, channel jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    settings CONSTANT jsonb := channel -> 'settings';
    ref      CONSTANT jsonb := coalesce(event -> 'ref', '{}');
    step     CONSTANT text := CASE WHEN incident IS NOT NULL AND event ->> 'mode' = 'page'
                                   THEN tracer.slack_step(event ->> 'event', event ->> 'form', settings, ref) END;
    verb     text := 'chat.postMessage';
    body     jsonb;
BEGIN
    IF settings ->> 'channel' IS NULL THEN
        RAISE EXCEPTION 'channel "%" does not say which Slack channel to post to', channel ->> 'name'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'UPDATE tracer.channel SET settings = settings || ''{"channel": "C0123456789"}''.';
    END IF;
    IF step = 'create' THEN
        verb := 'conversations.create';
        body := jsonb_build_object('name', left('inc-' || (incident ->> 'incident') || '-'
                  || trim(BOTH '-' FROM left(regexp_replace(lower(coalesce(incident -> 'root' ->> 'asset', '')), '[^a-z0-9]+', '-', 'g'), 50))
                  || '-' || left(event ->> 'thread', 4), 80));
    ELSIF step = 'invite' THEN
        verb := 'conversations.invite';
        -- who cannot be invited keeps nobody else out
        body := jsonb_build_object('channel', ref ->> 'room', 'force', true,
                  'users', (SELECT string_agg(u, ',') FROM (SELECT u FROM jsonb_array_elements_text(settings -> 'invite') u LIMIT 1000) AS x (u)));
    ELSE
        body := tracer.slack_message(incident, event, settings ->> 'time_zone')
            || jsonb_build_object('channel', coalesce(ref ->> 'channel', settings ->> 'channel'), 'unfurl_links', false, 'unfurl_media', false);
        IF event ->> 'form' = 'edit' AND ref ? 'ts' THEN
            verb := 'chat.update';
            body := body - '{unfurl_links,unfurl_media}'::text[] || jsonb_build_object('ts', ref ->> 'ts');
        ELSIF ref ? 'ts' THEN
            body := body || jsonb_build_object('thread_ts', ref ->> 'ts');
            -- what must wake somebody is seen in the channel, too
            IF event ->> 'mode' = 'page' AND event -> 'events' ?| '{repeat,escalated,reopened}' THEN
                body := body || '{"reply_broadcast": true}';
            END IF;
        END IF;
    END IF;
    RETURN jsonb_build_object(
        'method', 'POST', 'url', coalesce(settings ->> 'api_url', 'https://slack.com/api') || '/' || verb,
        'headers', '{"Content-Type": "application/json; charset=utf-8"}'::jsonb,
        'secrets', '[{"secret": "token", "as": "bearer"}]'::jsonb,
        'body', body);
END
$$;
COMMENT ON FUNCTION tracer.render_slack(jsonb, jsonb, jsonb) IS 'The request for a channel of kind slack: chat.postMessage, chat.update for an edit, or conversations.create where each page gets a channel of its own. Error: invalid_parameter_value without settings.channel.';

CREATE FUNCTION tracer.render_slack_webhook(incident jsonb, event jsonb, channel jsonb) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT jsonb_build_object(
         'method', 'POST', 'url', channel -> 'settings' ->> 'url',
         'headers', '{"Content-Type": "application/json; charset=utf-8"}'::jsonb,
         'secrets', '[{"secret": "url", "as": "url", "optional": true}]'::jsonb,
         'body', tracer.slack_message(incident, event, channel -> 'settings' ->> 'time_zone'))
$$;
COMMENT ON FUNCTION tracer.render_slack_webhook(jsonb, jsonb, jsonb) IS 'The request for a channel of kind slack_webhook, Slack''s incoming webhook.';
