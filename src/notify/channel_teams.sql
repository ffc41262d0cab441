/*
 * Microsoft Teams: an Adaptive Card posted to a Workflows webhook ("When a Teams
 * webhook request is received"). Words stand in RichTextBlocks, whose text is
 * never read as Markdown, and there are no mention entities, so nobody is
 * pinged. Limit: 28 kB a message, which Teams may count in UTF-16; cards here
 * are mostly below 10 kB, and below the limit even if all words are quotes.
 *
 * settings: time_zone, url (or better the secret url, which is its own key).
 */
CREATE FUNCTION tracer.render_teams(incident jsonb, event jsonb, channel jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    said record;
    card jsonb;
BEGIN
    SELECT * INTO said FROM tracer.compose(incident, event, channel -> 'settings' ->> 'time_zone');
    card := jsonb_build_object(
        '$schema', 'http://adaptivecards.io/schemas/adaptive-card.json', 'type', 'AdaptiveCard', 'version', '1.4',
        'fallbackText', said.headline,
        'body', jsonb_build_array(jsonb_build_object('type', 'RichTextBlock', 'inlines', jsonb_build_array(
                    jsonb_build_object('type', 'TextRun', 'text', left(said.headline, 200), 'size', 'Large', 'weight', 'Bolder',
                                       'color', CASE WHEN event ->> 'event' = 'resolved' THEN 'Good' WHEN event ->> 'mode' = 'page' THEN 'Attention' ELSE 'Default' END))))
                || (SELECT coalesce(jsonb_agg(jsonb_build_object('type', 'RichTextBlock', 'inlines', jsonb_build_array(
                             jsonb_build_object('type', 'TextRun', 'text', left(l.line, 600)))) ORDER BY l.n), '[]')
                      FROM unnest(said.lines) WITH ORDINALITY AS l (line, n) WHERE l.n <= 14),
        'msteams', '{"width": "Full"}'::jsonb);
    IF incident ->> 'url' ~ '^https?://' THEN
        card := card || jsonb_build_object('actions', jsonb_build_array(jsonb_build_object(
            'type', 'Action.OpenUrl', 'title', 'Open incident ' || (incident ->> 'incident'), 'url', left(incident ->> 'url', 2000))));
    END IF;
    RETURN jsonb_build_object(
        'method', 'POST', 'url', channel -> 'settings' ->> 'url',
        'headers', '{"Content-Type": "application/json; charset=utf-8"}'::jsonb,
        'secrets', '[{"secret": "url", "as": "url", "optional": true}]'::jsonb,
        'body', jsonb_build_object('type', 'message', 'attachments', jsonb_build_array(jsonb_build_object(
                  'contentType', 'application/vnd.microsoft.card.adaptive', 'contentUrl', NULL, 'content', card))));
END
$$;
COMMENT ON FUNCTION tracer.render_teams(jsonb, jsonb, jsonb) IS 'The request for a channel of kind teams: an Adaptive Card.';
