/*
 * How long after a failure the failures next to it usually follow, from what
 * incidents show. Ranking asks whether this time was like the others.
 *
 * Kept as a table of its own, renewed by tracer.maintain(), so that a pass reads
 * a row for a pair of assets instead of their history.
 */
CREATE TABLE tracer.usual_delay (
    upstream_id   bigint NOT NULL,
    downstream_id bigint NOT NULL,
    incidents     int NOT NULL,
    least         interval NOT NULL,
    median        interval NOT NULL,
    most          interval NOT NULL,
    PRIMARY KEY (upstream_id, downstream_id)
);
SELECT pg_catalog.pg_extension_config_dump('tracer.usual_delay', '');

COMMENT ON TABLE tracer.usual_delay IS 'How long after a failure of one asset a failure of another that it explained began. Renewed by tracer.learn_delays(), which tracer.maintain() calls.';
COMMENT ON COLUMN tracer.usual_delay.upstream_id IS 'Asset that failed (tracer.asset).';
COMMENT ON COLUMN tracer.usual_delay.downstream_id IS 'Asset whose failure that explained.';
COMMENT ON COLUMN tracer.usual_delay.incidents IS 'In how many incidents, at least five.';
COMMENT ON COLUMN tracer.usual_delay.least IS 'One in ten took no longer; negative: noticed before its cause.';
COMMENT ON COLUMN tracer.usual_delay.median IS 'Half of them took no longer.';
COMMENT ON COLUMN tracer.usual_delay.most IS 'Nine in ten took no longer.';

CREATE FUNCTION tracer.learn_delays(since timestamptz DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    start timestamptz := coalesce(learn_delays.since,
                                  (SELECT tracer.before(s.watermark, interval '180 days') FROM tracer.correlate_state s));
    pairs bigint;
BEGIN
    -- two at once would both insert
    LOCK TABLE tracer.usual_delay IN SHARE ROW EXCLUSIVE MODE;
    DELETE FROM tracer.usual_delay;
    INSERT INTO tracer.usual_delay (upstream_id, downstream_id, incidents, least, median, most)
    SELECT o.upstream_id, o.downstream_id, count(*),
           percentile_disc(0.1) WITHIN GROUP (ORDER BY o.delay),
           percentile_disc(0.5) WITHIN GROUP (ORDER BY o.delay),
           percentile_disc(0.9) WITHIN GROUP (ORDER BY o.delay)
      FROM (SELECT DISTINCT ON (e.incident_id, pk.asset_id, k.asset_id)
                   pk.asset_id AS upstream_id, k.asset_id AS downstream_id, e.started_at - p.started_at AS delay
              FROM tracer.episode e
              JOIN tracer.alert_key k ON k.key_id = e.key_id
              JOIN tracer.episode p ON p.episode_id = e.parent_id
              JOIN tracer.alert_key pk ON pk.key_id = p.key_id
              JOIN tracer.incidents i ON i.incident_id = e.incident_id
             WHERE e.started_at >= start
               AND isfinite(e.started_at) AND isfinite(p.started_at)
               AND k.asset_id <> pk.asset_id
               AND e.because <> 'u'     -- it has its suspect in common with the parent, no more
               AND i.status IN ('resolved', 'quiet')
             ORDER BY e.incident_id, pk.asset_id, k.asset_id, e.started_at) AS o
     GROUP BY o.upstream_id, o.downstream_id
    HAVING count(*) >= 5;
    GET DIAGNOSTICS pairs = ROW_COUNT;
    RETURN pairs;
END
$$;
COMMENT ON FUNCTION tracer.learn_delays(timestamptz) IS 'Renews tracer.usual_delay from the incidents that are over and whose alerts began at or after since (NULL: in the 180 days before the latest alert); returns for how many pairs of assets at least five incidents tell. Ranks nothing anew.';
