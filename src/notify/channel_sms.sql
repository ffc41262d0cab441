/*
 * SMS, through Twilio's Messages API. One text of at most 160 characters: the
 * headline, and as much of the title as fits.
 *
 * settings: account_sid, to, and from or messaging_service_sid; time_zone,
 * api_url; secret auth_token.
 */
CREATE FUNCTION tracer.form_encode(words text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- A plain word in every message of a webhook, mostly: not worth a regular expression.
    IF ltrim(words, 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.~-') = '' THEN
        RETURN words;
    END IF;
    RETURN (SELECT string_agg(CASE WHEN c.c ~ '[A-Za-z0-9_.~-]' THEN c.c
                                   ELSE regexp_replace(upper(encode(convert_to(c.c, 'UTF8'), 'hex')), '(..)', '%\1', 'g') END, '' ORDER BY c.n)
              FROM string_to_table(words, NULL) WITH ORDINALITY AS c (c, n));
END
$$;
COMMENT ON FUNCTION tracer.form_encode(text) IS 'Words as a value of application/x-www-form-urlencoded; NULL gives NULL.';

CREATE FUNCTION tracer.render_sms(incident jsonb, event jsonb, channel jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    settings CONSTANT jsonb := channel -> 'settings';
    said     record;
    text     text;
BEGIN
    IF settings ->> 'account_sid' IS NULL OR settings ->> 'to' IS NULL OR coalesce(settings ->> 'from', settings ->> 'messaging_service_sid') IS NULL THEN
        RAISE EXCEPTION 'channel "%" needs account_sid, to, and from or messaging_service_sid', channel ->> 'name'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Its settings are like {"account_sid": "AC...", "from": "+15005550006", "to": "+15005550001"}.';
    END IF;
    SELECT * INTO said FROM tracer.compose(incident, event, settings ->> 'time_zone');
    text := said.headline || coalesce(' #' || (incident ->> 'incident') || ': ' || tracer.one_line(incident ->> 'title', 100), '');
    RETURN jsonb_build_object(
        'method', 'POST',
        'url', coalesce(settings ->> 'api_url', 'https://api.twilio.com') || '/2010-04-01/Accounts/' || tracer.form_encode(settings ->> 'account_sid') || '/Messages.json',
        'headers', '{"Content-Type": "application/x-www-form-urlencoded"}'::jsonb,
        'secrets', jsonb_build_array(jsonb_build_object('secret', 'auth_token', 'as', 'basic', 'user', settings ->> 'account_sid')),
        'body', 'To=' || tracer.form_encode(settings ->> 'to')
                || coalesce('&MessagingServiceSid=' || tracer.form_encode(settings ->> 'messaging_service_sid'), '&From=' || tracer.form_encode(settings ->> 'from'))
                || '&Body=' || tracer.form_encode(tracer.one_line(text, 160)));
END
$$;
COMMENT ON FUNCTION tracer.render_sms(jsonb, jsonb, jsonb) IS 'The request for a channel of kind sms: Twilio''s Messages API. Error: invalid_parameter_value where a setting is missing.';
