-- From the commit of an alert to the commit of the pass that gave it an incident,
-- one alert at a time. Both are times that the server kept itself
-- (track_commit_timestamp), the first of them before the alert's commit is
-- flushed. Nobody looks for the incident meanwhile: a session that asks in a loop
-- keeps the processor on which the kernel may have put the woken worker, and what
-- is measured then is the kernel's time slice. Needs :n, how many.
CREATE SCHEMA IF NOT EXISTS bench;
DROP TABLE IF EXISTS bench.latency;
CREATE TABLE bench.latency (ms double precision);
CREATE OR REPLACE PROCEDURE bench.measure(n int) LANGUAGE plpgsql AS $$
DECLARE
    ids   bigint[] := '{}';
    id    bigint;
BEGIN
    FOR i IN 1 .. n LOOP
        INSERT INTO tracer.alert (asset, title) VALUES ('bench' || i % 50, 'check ' || chr(97 + i % 26) || ' failed')
        RETURNING alert_id INTO id;
        COMMIT;
        ids := ids || id;
        PERFORM pg_sleep(0.03);
    END LOOP;
    FOR i IN 1 .. 300 LOOP
        EXIT WHEN NOT EXISTS (SELECT FROM unnest(ids) AS u (alert_id) LEFT JOIN tracer.placement p USING (alert_id) WHERE p.episode_id IS NULL);
        PERFORM pg_sleep(0.1);
    END LOOP;
    INSERT INTO bench.latency
    SELECT extract(epoch FROM pg_xact_commit_timestamp(p.xmin) - pg_xact_commit_timestamp(a.xmin)) * 1000
      FROM tracer.alert a JOIN tracer.placement p USING (alert_id) JOIN tracer.episode e USING (episode_id) JOIN tracer.incident USING (incident_id)
     WHERE alert_id = ANY (ids);
    IF (SELECT count(*) FROM bench.latency) < n THEN
        RAISE EXCEPTION 'not every alert was placed within 30 seconds';
    END IF;
END
$$;
CALL bench.measure(:n);
