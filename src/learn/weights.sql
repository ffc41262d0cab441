/*
 * Weights of evidence from the root causes that people confirmed.
 *
 * tracer.fit_weights() only offers; what it offers counts once somebody gives it
 * to tracer.set_weights(). The incidents are those of a backtest, so that the
 * confirmation itself is no evidence.
 */
CREATE FUNCTION tracer.fit_choices(incident int[], cause boolean[], amount float8[], prior float8[], doubt float8[], OUT weight float8[], OUT right_now int, OUT right_fitted int, OUT right_held_out int)
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'tracer_fit_choices';
COMMENT ON FUNCTION tracer.fit_choices(int[], boolean[], float8[], float8[], float8[]) IS 'The arithmetic behind tracer.fit_weights(). Not for users.';

CREATE FUNCTION tracer.fit_weights(since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL, OUT incidents int, OUT unlisted int, OUT right_now int, OUT right_fitted int, OUT right_held_out int, OUT weights jsonb)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    facts   text[];
    numbers int[];
    causes  boolean[];
    amounts float8[];
    prior   float8[];
    doubt   float8[];
    fitted  float8[];
BEGIN
    -- history and confirmed speak of confirmations: backtests have neither
    SELECT array_agg(w.fact ORDER BY w.fact COLLATE "C"),
           array_agg(w.weight ORDER BY w.fact COLLATE "C"),
           array_agg(CASE w.fact WHEN 'history' THEN 0 ELSE greatest(abs(w.default_weight) / 2, 0.25) END ORDER BY w.fact COLLATE "C")
      INTO facts, prior, doubt
      FROM tracer.weight w;

    WITH confirmed AS MATERIALIZED (
         SELECT i.incident_id, tracer.confirmed_root(i.incident_id) AS root
           FROM tracer.incidents i
          WHERE EXISTS (SELECT FROM tracer.evidence_row v
                         WHERE v.incident_id = i.incident_id AND v.fact = 'confirmed')
    ), replayed AS MATERIALIZED (
         SELECT b.alert_id, b.incident FROM tracer.backtest(fit_weights.since, fit_weights.until) b
    ), home AS (
         -- where most of its alerts would be
         SELECT DISTINCT ON (x.incident) x.incident, x.root
           FROM (SELECT DISTINCT ON (c.incident_id) c.incident_id, c.root, r.incident, count(*) AS alerts
                   FROM confirmed c
                   JOIN tracer.episode e ON e.incident_id = c.incident_id
                   JOIN tracer.placement p ON p.episode_id = e.episode_id AND p.key_id = e.key_id
                   JOIN replayed r ON r.alert_id = p.alert_id
                  WHERE r.incident IS NOT NULL
                  GROUP BY c.incident_id, c.root, r.incident
                  ORDER BY c.incident_id, count(*) DESC, r.incident) AS x
          ORDER BY x.incident, x.alerts DESC, x.incident_id
    ), candidate AS (
         SELECT v.incident, v.asset, h.root IS NOT DISTINCT FROM v.asset AS cause,
                (SELECT array_agg(coalesce(a.amount, 0) ORDER BY f.at)
                   FROM unnest(facts) WITH ORDINALITY AS f (fact, at)
                   LEFT JOIN LATERAL (SELECT sum(w.amount)::float8 AS amount
                                        FROM unnest(array_agg(v.fact), array_agg(v.amount)) AS w (fact, amount)
                                       WHERE w.fact = f.fact) AS a ON true) AS amounts
           FROM home h
           JOIN tracer.backtest_evidence(fit_weights.since, fit_weights.until) v ON v.incident = h.incident
          GROUP BY v.incident, v.asset, h.root
    ), judged AS (
         SELECT c.*, bool_or(c.cause) OVER w AS listed, count(*) OVER w AS rivals
           FROM candidate c
         WINDOW w AS (PARTITION BY c.incident)
    )
    SELECT count(DISTINCT j.incident) FILTER (WHERE j.listed AND j.rivals > 1),
           count(DISTINCT j.incident) FILTER (WHERE NOT j.listed),
           array_agg(j.incident::int ORDER BY j.incident, j.asset COLLATE "C") FILTER (WHERE j.listed AND j.rivals > 1),
           array_agg(j.cause ORDER BY j.incident, j.asset COLLATE "C") FILTER (WHERE j.listed AND j.rivals > 1),
           array_agg(j.amounts ORDER BY j.incident, j.asset COLLATE "C") FILTER (WHERE j.listed AND j.rivals > 1)
      INTO incidents, unlisted, numbers, causes, amounts
      FROM judged j;

    weights := '{}';
    IF incidents = 0 THEN
        right_now := 0;
        right_fitted := 0;
        right_held_out := 0;
        RETURN;
    END IF;
    SELECT c.weight, c.right_now, c.right_fitted, c.right_held_out
      INTO fitted, fit_weights.right_now, fit_weights.right_fitted, fit_weights.right_held_out
      FROM tracer.fit_choices(numbers, causes, amounts, prior, doubt) c;
    SELECT coalesce(jsonb_object_agg(f.fact, round(f.fitted::numeric, 2)), '{}')
      INTO weights
      FROM unnest(facts, prior, fitted) AS f (fact, prior, fitted)
     WHERE abs(f.fitted - f.prior) >= 0.01;
END
$$;
COMMENT ON FUNCTION tracer.fit_weights(timestamptz, timestamptz) IS 'The weights of evidence under which the root causes that people confirmed (tracer.confirm()) are the likeliest, judged by what tracer.backtest() makes of the alerts fired from since (inclusive) to until (exclusive; NULL: no bound). incidents: how many confirmed ones have more than one candidate, the confirmed one among them; unlisted: of how many others it is not; right_now, right_fitted: in how many the confirmed one leads under the weights in force, under those fitted; right_held_out: the same where each fifth is judged by a fit to the other four, the figure to decide by; weights: fact and new weight, of those that change, for tracer.set_weights(). Changes nothing. Conditional logit with a normal prior around the weights in force, half a default wide: a few incidents hardly move anything. Weight history is not fitted.';

CREATE FUNCTION tracer.set_weights(weights jsonb) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    changed bigint;
BEGIN
    IF jsonb_typeof(weights) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'weights must be an object, not %', coalesce(jsonb_typeof(weights), 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Give facts and weights, such as ''{"change": 2}''; tracer.weight lists them.';
    END IF;
    SELECT count(tracer.set('weight_' || w.key, w.value)) INTO changed FROM jsonb_each_text(weights) w;
    RETURN changed;
END
$$;
COMMENT ON FUNCTION tracer.set_weights(jsonb) IS 'Sets weights of evidence, given as an object of fact and weight; a null weight goes back to the default. Returns how many. Incidents are ranked by them from their next news on. Errors: invalid_parameter_value where weights is no object or a weight is no number from -100 to 100; undefined_object for an unknown fact.';
