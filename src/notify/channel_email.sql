/*
 * E-mail, over SMTP: the body is the whole message (RFC 5322). Mails of one
 * incident are one conversation. Below the message stands the report.
 *
 * settings: url (smtp://host:port), from, to (an address or an array),
 * username, starttls (default true), time_zone, report (default true);
 * secret password, where the server wants one.
 */
CREATE FUNCTION tracer.mail_words(words text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- RFC 2047: at most 75 characters an encoded word, no character torn apart.
SELECT CASE WHEN mail_words.words ~ '^[\x20-\x7e]*$' AND mail_words.words !~ '=\?' THEN mail_words.words
            ELSE (SELECT string_agg('=?UTF-8?B?' || encode(convert_to(substr(mail_words.words, i, 10), 'UTF8'), 'base64') || '?=', E'\r\n ' ORDER BY i)
                    FROM generate_series(1, length(mail_words.words), 10) AS i) END
$$;
COMMENT ON FUNCTION tracer.mail_words(text) IS 'One line of words as a mail header takes it: as it is where it is ASCII, else in encoded words (RFC 2047).';

CREATE FUNCTION tracer.render_email(incident jsonb, event jsonb, channel jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    settings CONSTANT jsonb := channel -> 'settings';
    sender   CONSTANT text := tracer.one_line(settings ->> 'from');
    domain   CONSTANT text := coalesce(substring(sender FROM '@([A-Za-z0-9.-]+)'), 'tracer.invalid');
    people   CONSTANT text[] := CASE jsonb_typeof(settings -> 'to') WHEN 'array' THEN ARRAY(SELECT tracer.one_line(t.v) FROM jsonb_array_elements_text(settings -> 'to') AS t (v))
                                     ELSE ARRAY[tracer.one_line(settings ->> 'to')] END;
    said     record;
    head     text[];
    words    text;
BEGIN
    IF sender IS NULL OR array_position(people, NULL) IS NOT NULL OR cardinality(people) = 0
       OR EXISTS (SELECT FROM unnest(people || sender) AS p (a) WHERE p.a !~ '^[^\s<>,;"]+@[^\s<>,;"]+$') THEN
        RAISE EXCEPTION 'channel "%" needs the addresses from and to', channel ->> 'name'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Its settings are like {"url": "smtp://mail.example.com:587", "from": "tracer@example.com", "to": ["data@example.com"]}.';
    END IF;
    SELECT * INTO said FROM tracer.compose(incident, event, settings ->> 'time_zone');
    words := said.headline || E'\n\n' || array_to_string(said.lines, E'\n') || E'\n';
    IF incident IS NOT NULL AND event ->> 'event' <> 'resolved' AND coalesce((settings ->> 'report')::boolean, true) THEN
        words := words || E'\n' || tracer.report((incident ->> 'incident')::bigint);
    END IF;
    IF incident ->> 'url' IS NOT NULL THEN
        words := words || E'\n' || (incident ->> 'url') || E'\n';
    END IF;
    head := ARRAY[
        'Date: ' || to_char((event ->> 'at')::timestamptz AT TIME ZONE 'UTC', 'Dy, DD Mon YYYY HH24:MI:SS') || ' +0000',
        'From: tracer <' || sender || '>',
        'To: ' || array_to_string(people, E',\r\n '),
        'Subject: ' || tracer.mail_words(said.headline),
        format('Message-ID: <%s@%s>', event ->> 'key', domain),
        CASE WHEN event ->> 'thread' IS NOT NULL AND event ->> 'key' <> (event ->> 'thread') || '-1'
             THEN format(E'In-Reply-To: <%1$s-1@%2$s>\r\nReferences: <%1$s-1@%2$s>', event ->> 'thread', domain) END,
        'Auto-Submitted: auto-generated',
        'MIME-Version: 1.0',
        'Content-Type: text/plain; charset=utf-8',
        'Content-Transfer-Encoding: base64'];
    RETURN jsonb_build_object(
        'method', 'SMTP', 'url', settings ->> 'url', 'timeout_ms', 30000,
        'options', jsonb_strip_nulls(jsonb_build_object('from', sender, 'to', people, 'username', settings ->> 'username',
                     'starttls', coalesce((settings ->> 'starttls')::boolean, true))),
        'secrets', '[{"secret": "password", "as": "option", "optional": true}]'::jsonb,
        'body', array_to_string(head, E'\r\n') || E'\r\n\r\n'
                || replace(encode(convert_to(replace(words, E'\n', E'\r\n'), 'UTF8'), 'base64'), E'\n', E'\r\n') || E'\r\n');
END
$$;
COMMENT ON FUNCTION tracer.render_email(jsonb, jsonb, jsonb) IS 'The mail for a channel of kind email. Error: invalid_parameter_value without the addresses from and to.';
