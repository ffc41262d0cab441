/*
 * Slack: clicks on the buttons of tracer's own messages. An action_id ends in
 * what was meant (tracer_acknowledge, ..._resolve, _reopen, _wrong_root,
 * _not_mine, _note); its value, or the option chosen, is the incident's number
 * or thread key, and for wrong_root, behind a bar, the right asset.
 */
CREATE FUNCTION tracer.read_slack(body jsonb, headers jsonb) RETURNS tracer.intake_row[]
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    person text := coalesce(nullif(body -> 'user' ->> 'name', ''), nullif(body -> 'user' ->> 'username', ''), body -> 'user' ->> 'id');
BEGIN
    RETURN ARRAY(
        SELECT CASE WHEN x.kind IS NULL THEN tracer.nothing('Action ' || coalesce(a ->> 'action_id', ''))
               ELSE tracer.an_action(x.kind, split_part(x.value, '|', 1), person,
                                     jsonb_strip_nulls(jsonb_build_object('asset', nullif(split_part(x.value, '|', 2), ''), 'note', x.note))) END
          FROM tracer.elements(body -> 'actions') AS a
         CROSS JOIN LATERAL (
               SELECT (regexp_match(a ->> 'action_id', '(acknowledge|resolve|reopen|wrong_root|not_mine|note)$'))[1] AS kind,
                      coalesce(a ->> 'value', a -> 'selected_option' ->> 'value', body ->> 'callback_id') AS value,
                      CASE WHEN a ->> 'type' = 'plain_text_input' THEN a ->> 'value' END AS note) AS x
         WHERE a ? 'action_id'
        UNION ALL
        SELECT tracer.nothing('Interaction ' || (body ->> 'type')) WHERE body ? 'type' AND coalesce(body -> 'actions', '[]') = '[]');
END
$$;
COMMENT ON FUNCTION tracer.read_slack(jsonb, jsonb) IS 'Reader of the format slack: block_actions of tracer''s own buttons; other interactions say nothing.';
