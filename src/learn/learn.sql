/*
 * Learning lineage that nobody declared, from what keeps following what.
 *
 * tracer.suggest_lineage() only tells. An edge comes about by a person
 * (tracer.accept_lineage) or, for what is sure enough, by
 * tracer.learn_lineage() where somebody calls or schedules that. Either way it
 * has source 'learned' and a row in tracer.learned_lineage.
 */
CREATE FUNCTION tracer.find_lineage(since timestamptz, until timestamptz, within text)
RETURNS TABLE (upstream text, downstream text, support bigint, confidence double precision,
               lag interval, lag_least interval, lag_most interval,
               unexplained bigint, failures bigint, chance double precision,
               rival text, rival_confidence double precision)
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tracer_find_lineage';
COMMENT ON FUNCTION tracer.find_lineage(timestamptz, timestamptz, text) IS 'The figures behind tracer.suggest_lineage(). Not for users.';

CREATE FUNCTION tracer.suggest_lineage(min_confidence double precision DEFAULT 0.5, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL, within text DEFAULT NULL)
RETURNS TABLE (upstream text, downstream text, support bigint, confidence double precision, lag interval, why text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    IF min_confidence IS NULL OR NOT min_confidence BETWEEN 0 AND 1 THEN
        RAISE EXCEPTION 'min_confidence is out of range: %', coalesce(min_confidence::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'It must lie between 0 and 1.';
    END IF;
    RETURN QUERY
    SELECT f.upstream, f.downstream, f.support, round(f.confidence::numeric, 3)::double precision, date_trunc('second', f.lag),
           CASE WHEN f.support = f.unexplained AND f.support > 1 THEN 'all ' || f.support
                ELSE f.support || ' of the ' || f.unexplained END
           || ' failures of ' || f.downstream || ' that nothing known explains began '
           || CASE WHEN f.lag_least >= interval '0'
                   THEN concat_ws(' to ', tracer.span(extract(epoch FROM f.lag_least)),
                                  nullif(tracer.span(extract(epoch FROM f.lag_most)), tracer.span(extract(epoch FROM f.lag_least)))) || ' after'
                   WHEN f.lag_most < interval '0'
                   THEN concat_ws(' to ', tracer.span(extract(epoch FROM f.lag_most)),
                                  nullif(tracer.span(extract(epoch FROM f.lag_least)), tracer.span(extract(epoch FROM f.lag_most)))) || ' before'
                   ELSE 'from ' || tracer.span(extract(epoch FROM f.lag_least)) || ' before to '
                        || tracer.span(extract(epoch FROM f.lag_most)) || ' after' END
           || ' one of the ' || f.failures || ' of ' || f.upstream
           || '; chance would bring ' || round(f.chance::numeric, 1)
           || coalesce('; next likeliest: ' || f.rival || ' (' || round(f.rival_confidence::numeric, 2) || ')', '')
      FROM tracer.find_lineage(since, until, within) f
     WHERE f.confidence >= min_confidence
     ORDER BY f.confidence DESC, f.support DESC, f.upstream COLLATE "C", f.downstream COLLATE "C";
END
$$;
COMMENT ON FUNCTION tracer.suggest_lineage(double precision, timestamptz, timestamptz, text) IS 'Lineage that seems to be missing: pairs of assets of which the second keeps failing after the first, beyond chance and beyond what known lineage explains. support: how many failures speak for it; confidence: how likely the edge is there, 0 to 1; lag: the usual time between the two, negative where the second is noticed first; why: the same in words. Looks at failures that began from since (inclusive) to until (exclusive; NULL: no bound); with within, a label of alerts, relates only those with an equal value of it, such as those of one device. Pairs already accepted or rejected are left out. Changes nothing. Error: invalid_parameter_value for min_confidence outside 0 to 1.';

CREATE FUNCTION tracer.decide_lineage(upstream text, downstream text, verdict text, confidence double precision, why text, by text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    IF decide_lineage.upstream IS NULL OR decide_lineage.downstream IS NULL THEN
        RAISE EXCEPTION 'the name of an asset must not be NULL'
            USING ERRCODE = 'null_value_not_allowed',
                  HINT = 'Give both ends of the edge.';
    END IF;
    -- Assets before what is said of them, as tracer.merge_assets() takes them; names
    -- are looked up once no merge is under way.
    PERFORM FROM tracer.asset a
      WHERE a.name IN (tracer.canonical(decide_lineage.upstream), tracer.canonical(decide_lineage.downstream))
      ORDER BY a.name COLLATE "C" FOR KEY SHARE;
    INSERT INTO tracer.learned_lineage AS l (upstream, downstream, verdict, confidence, why, decided_by)
    VALUES (tracer.canonical(decide_lineage.upstream), tracer.canonical(decide_lineage.downstream),
            decide_lineage.verdict, decide_lineage.confidence, decide_lineage.why,
            coalesce(decide_lineage.by, session_user))
    -- What spoke against a pair does not speak for it.
    ON CONFLICT (upstream, downstream) DO UPDATE
       SET verdict = excluded.verdict, confidence = coalesce(excluded.confidence, l.confidence),
           why = coalesce(excluded.why, CASE WHEN l.verdict = 'accepted' OR excluded.verdict = 'rejected' THEN l.why END), decided_by = excluded.decided_by, decided_at = excluded.decided_at;
END
$$;
COMMENT ON FUNCTION tracer.decide_lineage(text, text, text, double precision, text, text) IS 'Writes down what was decided about a pair. Not for users.';

CREATE FUNCTION tracer.accept_lineage(upstream text, downstream text, confidence double precision DEFAULT NULL, why text DEFAULT NULL, by text DEFAULT session_user)
RETURNS double precision
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    best record;
BEGIN
    IF accept_lineage.confidence IS NULL THEN
        SELECT s.confidence, s.why INTO best
          FROM tracer.suggest_lineage(0) s
         WHERE s.upstream = tracer.canonical(accept_lineage.upstream)
           AND s.downstream = tracer.canonical(accept_lineage.downstream);
        IF NOT FOUND THEN
            RAISE EXCEPTION 'nothing suggests lineage from "%" to "%"', coalesce(accept_lineage.upstream, 'NULL'), coalesce(accept_lineage.downstream, 'NULL')
                USING ERRCODE = 'no_data_found',
                      HINT = coalesce((SELECT format('It was %s by %s; with a confidence it is accepted whatever was decided before.', l.verdict, l.decided_by)
                                         FROM tracer.learned_lineage l
                                        WHERE l.upstream = tracer.canonical(accept_lineage.upstream)
                                          AND l.downstream = tracer.canonical(accept_lineage.downstream)),
                                      'tracer.suggest_lineage(0) lists what is suggested; tracer.link() declares what you know.');
        END IF;
        accept_lineage.confidence := best.confidence;
        accept_lineage.why := coalesce(accept_lineage.why, best.why);
    ELSIF NOT accept_lineage.confidence BETWEEN 0 AND 1 THEN
        RAISE EXCEPTION 'confidence is out of range: %', accept_lineage.confidence
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'It must lie between 0 and 1.';
    END IF;
    PERFORM tracer.decide_lineage(accept_lineage.upstream, accept_lineage.downstream, 'accepted',
                                  accept_lineage.confidence, accept_lineage.why, accept_lineage.by);
    PERFORM tracer.link(accept_lineage.upstream, accept_lineage.downstream, source => 'learned');
    RETURN accept_lineage.confidence;
END
$$;
COMMENT ON FUNCTION tracer.accept_lineage(text, text, double precision, text, text) IS 'Makes a suggestion an edge of source learned, and returns its confidence. Without confidence the pair is looked for among tracer.suggest_lineage(0); with it, and why, one is taken as given, so that SELECT tracer.accept_lineage(upstream, downstream, confidence, why) FROM tracer.suggest_lineage(0.9) accepts all of those at once. by is written down in tracer.learned_lineage. tracer.unlink() takes the edge back. Errors: no_data_found where nothing suggests the pair; invalid_parameter_value for a confidence outside 0 to 1; those of tracer.link().';

CREATE FUNCTION tracer.reject_lineage(upstream text, downstream text, why text DEFAULT NULL, by text DEFAULT session_user)
RETURNS void
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM tracer.decide_lineage(upstream, downstream, 'rejected', NULL, why, by);
    PERFORM tracer.unlink(upstream, downstream, source => 'learned');
END
$$;
COMMENT ON FUNCTION tracer.reject_lineage(text, text, text, text) IS 'Says that there is no such lineage: the pair is not suggested again, and an edge of source learned between the two is taken back. Error: null_value_not_allowed for a NULL name.';

CREATE FUNCTION tracer.learn_lineage()
RETURNS TABLE (upstream text, downstream text, confidence double precision, why text)
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    bar double precision := tracer.get('learn_confidence')::double precision;
BEGIN
    IF bar IS NULL THEN
        RETURN;
    END IF;
    FOR upstream, downstream, confidence, why IN
        SELECT s.upstream, s.downstream, s.confidence, s.why FROM tracer.suggest_lineage(bar) s
    LOOP
        PERFORM tracer.accept_lineage(upstream, downstream, confidence, why, 'tracer');
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION tracer.learn_lineage() IS 'Accepts by itself every suggestion whose confidence reaches the setting learn_confidence (NULL: none), and returns what it accepted. Nothing calls it unless somebody does or schedules it. Each is in tracer.learned_lineage, decided by tracer.';
