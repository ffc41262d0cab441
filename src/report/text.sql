/*
 * The report as text: for psql and mail, at most 100 columns, ASCII.
 *
 * Ten seconds: the first line says what broke and how bad it is, the second the
 * likely cause, the next ones who has it and what it will cost. All else is
 * below, in the order in which one asks for it.
 */
CREATE FUNCTION tracer.cause_sentence(facts jsonb) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT CASE
       WHEN (r ->> 'confirmed')::boolean
       THEN (r ->> 'asset') || ', as a person confirmed' || coalesce(', ' || (facts ->> 'category'), '') || '.'
       WHEN r ->> 'asset' IS NULL
       THEN 'unknown: the alert names no asset, so lineage cannot place it.'
       WHEN (r ->> 'named')::boolean
       THEN coalesce(r ->> 'why', r ->> 'asset')
            || CASE WHEN (r ->> 'suspect')::boolean THEN ' (suspected: it has no alert of its own)' ELSE '' END
            || '. Confidence ' || round((r ->> 'confidence')::numeric * 100) || '%'
            || coalesce(', ' || (facts ->> 'category'), ', category unknown') || '.'
       WHEN NOT (r ->> 'placed')::boolean
       THEN 'unknown: lineage does not know ' || (r ->> 'asset') || ', so nothing can be related to it.'
       ELSE 'not named: confidence ' || coalesce(round((r ->> 'confidence')::numeric * 100) || '%', 'unknown')
            || ' is below ' || round((r ->> 'min_confidence')::numeric * 100)
            || '%. It began on ' || (r ->> 'asset') || '.' END
  FROM (SELECT cause_sentence.facts -> 'root' AS r) AS root
$$;
COMMENT ON FUNCTION tracer.cause_sentence(jsonb) IS 'The likely root cause in one sentence, from tracer.incident_facts(); says so where tracer names none.';

CREATE FUNCTION tracer.owner_sentence(facts jsonb) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT CASE WHEN f -> 'root' ->> 'owner' IS NULL THEN 'nobody owns ' || coalesce(f -> 'root' ->> 'asset', 'it')
            ELSE f -> 'root' ->> 'owner' END
       || CASE WHEN f ->> 'status' = 'resolved'
               THEN '. Resolved' || coalesce(' by ' || (f -> 'resolution' ->> 'by'), '')
                    || coalesce(' at ' || tracer.when_words((f ->> 'resolved_at')::timestamptz), '')
                    || coalesce(': ' || (f -> 'resolution' ->> 'note'), '')
                    || coalesce(' (' || nullif(f -> 'resolution' ->> 'fix_url', '') || ')', '') || '.'
               WHEN f ->> 'acknowledged_at' IS NULL THEN '. Nobody has acknowledged it yet.'
               ELSE '. ' || (f ->> 'acknowledged_by') || ' has it since '
                    || tracer.when_words((f ->> 'acknowledged_at')::timestamptz) || '.' END
  FROM (SELECT owner_sentence.facts AS f) AS facts
$$;
COMMENT ON FUNCTION tracer.owner_sentence(jsonb) IS 'Who owns the root cause and whether somebody has the incident in hand, from tracer.incident_facts().';

CREATE FUNCTION tracer.deadline_words(deadline jsonb, opened_at timestamptz) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT (d ->> 'asset') || ' by ' || (d ->> 'due') || ' ('
       || tracer.when_words((d ->> 'due_at')::timestamptz, deadline_words.opened_at)
       || ', ' || tracer.span(extract(epoch FROM (d ->> 'due_at')::timestamptz - deadline_words.opened_at)) || ' after it began): '
       || CASE d ->> 'outcome' WHEN 'met' THEN 'met'
                               WHEN 'missed' THEN 'MISSED'
                               ELSE tracer.span((d ->> 'seconds_left')::float8) || ' left' END
       || CASE WHEN d ->> 'state' = 'quiet' AND d ->> 'outcome' <> 'met' THEN ', no alert yet' ELSE '' END
  FROM (SELECT deadline_words.deadline AS d) AS one
$$;
COMMENT ON FUNCTION tracer.deadline_words(jsonb, timestamptz) IS 'One deadline of tracer.incident_facts() in words: which, when, and whether it was met, missed or how long is left.';

CREATE FUNCTION tracer.report_text(facts jsonb) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    width  CONSTANT int := 100;
    opened timestamptz := (facts ->> 'opened_at')::timestamptz;
    lines  text[];
    more   text[];
    row    jsonb;
    n      int;
    shown  int;
    line   text;
BEGIN
    -- The ten seconds.
    lines := ARRAY[
        tracer.one_line(upper(facts ->> 'status') || ', ' || upper(facts ->> 'severity') || ': '
            || coalesce(facts ->> 'title', '?') || ' (incident ' || (facts ->> 'incident')
            || CASE WHEN facts ->> 'asked' <> facts ->> 'incident' THEN ', formerly ' || (facts ->> 'asked') ELSE '' END || ')', width),
        tracer.wrap('Cause: ' || tracer.one_line(tracer.cause_sentence(facts), 400), width, 7),
        tracer.wrap('Says:  ' || nullif(tracer.one_line(facts -> 'root' ->> 'alert_description', 270), ''), width, 7),
        tracer.wrap('Owner: ' || tracer.one_line(tracer.owner_sentence(facts), 300), width, 7),
        tracer.wrap('Since: ' || to_char(opened, 'YYYY-MM-DD HH24:MI TZ') || ', last alert '
            || CASE WHEN facts ->> 'last_alert_at' = facts ->> 'opened_at' THEN 'then'
                    ELSE tracer.span(extract(epoch FROM (facts ->> 'last_alert_at')::timestamptz - opened)) || ' later' END
            || '; ' || tracer.counted((facts ->> 'alert_count')::bigint, 'alert') || ' on '
            || tracer.counted((facts ->> 'asset_count')::bigint, 'asset') || ' of '
            || tracer.counted((facts ->> 'team_count')::bigint, 'team') || '.', width, 7)];
    lines := array_remove(lines, NULL);
    FOR row, n IN SELECT d.value, d.n FROM jsonb_array_elements(facts -> 'deadlines') WITH ORDINALITY AS d (value, n) WHERE d.n <= 4 LOOP
        lines := lines || tracer.wrap('Due:   ' || tracer.one_line(tracer.deadline_words(row, opened), 200), width, 7);
    END LOOP;
    IF jsonb_array_length(facts -> 'deadlines') > 4 THEN
        lines := lines || format('       and %s more deadlines', jsonb_array_length(facts -> 'deadlines') - 4);
    END IF;
    FOR row IN SELECT d.value FROM jsonb_array_elements(facts -> 'runbooks') AS d LOOP
        lines := lines || ('Guide: ' || tracer.one_line((row ->> 'url') || ' (' || (row ->> 'asset') || ')', 180));
    END LOOP;

    -- Evidence, for the best candidate in full, for the others in one line.
    more := '{}';
    FOR row IN SELECT c.value FROM jsonb_array_elements(facts -> 'candidates') AS c WHERE (c.value ->> 'rank')::int = 1 LOOP
        SELECT array_agg('  ' || lpad(to_char((e.value ->> 'weight')::numeric, 'FMS990.00'), 6) || '  ' || rpad(e.value ->> 'kind', 11) || '  '
                         || tracer.wrap(tracer.one_line(e.value ->> 'detail', 300), width, 23) ORDER BY e.n) INTO more
          FROM jsonb_array_elements(row -> 'evidence') WITH ORDINALITY AS e (value, n);
        lines := lines || ''::text || ('EVIDENCE for ' || tracer.one_line(row ->> 'asset', 70) || ', score ' || (row ->> 'score')) || more;
    END LOOP;
    SELECT array_agg('  ' || lpad(c.value ->> 'score', 6) || '  ' || tracer.one_line(coalesce(c.value ->> 'why', c.value ->> 'asset'), width - 10) ORDER BY c.n) INTO more
      FROM jsonb_array_elements(facts -> 'candidates') WITH ORDINALITY AS c (value, n)
     WHERE (c.value ->> 'rank')::int BETWEEN 2 AND 4
       AND (c.value ->> 'score')::numeric > 0;
    IF more IS NOT NULL THEN
        lines := lines || 'Less likely:'::text || more;
    END IF;

    -- The cascade.
    lines := lines || ''::text || 'CASCADE'::text;
    IF (facts -> 'root' ->> 'suspect')::boolean THEN
        lines := lines || tracer.one_line('(' || (facts -> 'root' ->> 'origin_asset') || ': suspected, no alert of its own)', width - 10);
        lines[cardinality(lines)] := repeat(' ', 10) || lines[cardinality(lines)];
    END IF;
    FOR row, n IN SELECT c.value, c.n FROM jsonb_array_elements(facts -> 'cascade') WITH ORDINALITY AS c (value, n) WHERE c.n <= 25 LOOP
        line := CASE WHEN row ->> 'resolved_at' IS NOT NULL THEN ', resolved' ELSE '' END;
        line := ' [' || tracer.one_line(coalesce(row ->> 'owner', 'no owner'), 24) || line || ']';
        lines := lines || ('  ' || rpad(CASE WHEN n = 1 THEN tracer.when_words((row ->> 'at')::timestamptz, opened)
                                             ELSE '+' || tracer.span((row ->> 'after_seconds')::float8) END, 7) || ' '
            || repeat('  ', least((row ->> 'depth')::int, 12))
            || tracer.one_line(coalesce(row ->> 'asset', '(no asset)') || ': ' || coalesce(row ->> 'title', '?')
                 || CASE WHEN (row ->> 'repeats')::bigint > 1 THEN ' (' || (row ->> 'repeats') || ' times)' ELSE '' END,
                 width - 10 - 2 * least((row ->> 'depth')::int, 12) - length(line)) || line);
    END LOOP;
    IF jsonb_array_length(facts -> 'cascade') > 25 THEN
        lines := lines || format('          and %s more', (facts ->> 'cascade_count')::bigint - 25);
    END IF;

    -- What else is in danger, and in which order to bring it back.
    lines := lines || ''::text || CASE WHEN NOT (facts -> 'root' ->> 'placed')::boolean AND facts -> 'affected' ->> 'quiet_count' = '0' THEN 'DOWNSTREAM: unknown to lineage' ELSE format('DOWNSTREAM: %s alerting, %s still quiet%s', facts -> 'affected' ->> 'alerting_count', facts -> 'affected' ->> 'quiet_count',
        CASE WHEN facts -> 'affected' ->> 'recovered_count' <> '0' THEN ', ' || (facts -> 'affected' ->> 'recovered_count') || ' recovered' ELSE '' END) END;
    SELECT string_agg(tracer.one_line(q.value ->> 'asset', 60) || coalesce(' [' || tracer.one_line(q.value ->> 'owner', 24) || ']', ''), ', ' ORDER BY q.n) INTO line
      FROM jsonb_array_elements(facts -> 'affected' -> 'quiet') WITH ORDINALITY AS q (value, n)
     WHERE q.n <= 8;
    IF line IS NOT NULL THEN
        n := (facts -> 'affected' ->> 'quiet_count')::bigint - 8;
        lines := lines || ('  ' || tracer.wrap('Quiet: ' || line || CASE WHEN n > 0 THEN format(' and %s more', n) ELSE '' END, width - 2, 9));
    END IF;
    IF facts ->> 'status' <> 'resolved' AND jsonb_array_length(facts -> 'recovery') > 1 THEN
        lines := lines || ''::text || 'RECOVERY: re-run in this order'::text;
        FOR row, n IN SELECT c.value, c.n FROM jsonb_array_elements(facts -> 'recovery') WITH ORDINALITY AS c (value, n) WHERE c.n <= 15 LOOP
            lines := lines || (lpad(n::text, 4) || '. ' || tracer.one_line((row ->> 'asset') || coalesce(' [' || (row ->> 'owner') || ']', ''), width - 16)
                || CASE row ->> 'state' WHEN 'alerting' THEN '' ELSE ', ' || (row ->> 'state') END);
        END LOOP;
        IF jsonb_array_length(facts -> 'recovery') > 15 THEN
            lines := lines || format('      and %s more', (facts ->> 'recovery_count')::bigint - 15);
        END IF;
    END IF;

    -- What happened, and what helped before.
    lines := lines || ''::text || ('TIMELINE (' || to_char(opened, 'TZ') || ')');
    shown := jsonb_array_length(facts -> 'timeline');
    SELECT array_agg(CASE WHEN t.n = 11 AND shown > 24 THEN format('  ... %s more ...', (facts ->> 'timeline_count')::bigint - 22)
                          ELSE '  ' || to_char((t.value ->> 'at')::timestamptz, 'MM-DD HH24:MI') || '  ' || rpad(t.value ->> 'kind', 12) || '  '
                               || tracer.one_line(coalesce((t.value ->> 'asset') || ': ', '') || coalesce(t.value ->> 'what', '')
                                    || coalesce(' (' || (t.value ->> 'who') || ')', ''), width - 29) END ORDER BY t.n) INTO more
      FROM jsonb_array_elements(facts -> 'timeline') WITH ORDINALITY AS t (value, n)
     WHERE shown <= 24 OR t.n <= 11 OR t.n > shown - 12;
    lines := lines || coalesce(more, '{}');
    SELECT array_agg('  ' || tracer.wrap(tracer.one_line(format('Incident %s, %s%s', s.value ->> 'incident',
             tracer.when_words((s.value ->> 'opened_at')::timestamptz),
             CASE WHEN s.value ->> 'note' IS NOT NULL THEN ': ' || (s.value ->> 'note') || coalesce(' (' || nullif(s.value ->> 'fix_url', '') || ')', '')
                  ELSE ': nobody wrote down what fixed it' END), 300), width - 2, 4) ORDER BY s.n) INTO more
      FROM jsonb_array_elements(facts -> 'similar') WITH ORDINALITY AS s (value, n);
    IF more IS NOT NULL THEN
        lines := lines || ''::text || 'BEFORE: it began there too'::text || more;
    END IF;

    lines := lines || ''::text || 'NEXT'::text;
    SELECT array_agg('  ' || (s.value ->> 'sql') || '  -- ' || (s.value ->> 'what') ORDER BY s.n) INTO more
      FROM jsonb_array_elements(facts -> 'next_steps') WITH ORDINALITY AS s (value, n);
    RETURN array_to_string(lines || more, E'\n') || E'\n';
END
$$;
COMMENT ON FUNCTION tracer.report_text(jsonb) IS 'Lays tracer.incident_facts() out as text of at most 100 columns; only addresses and statements to paste may be longer.';
