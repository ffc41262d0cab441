-- From the commit of an alert to its incident, one alert at a time: each is
-- committed, and then looked for until it is seen. Needs :n, how many.
CREATE SCHEMA IF NOT EXISTS bench;
DROP TABLE IF EXISTS bench.latency;
CREATE TABLE bench.latency (ms double precision);
CREATE OR REPLACE PROCEDURE bench.measure(n int) LANGUAGE plpgsql AS $$
DECLARE
    id     bigint;
    before timestamptz;
BEGIN
    FOR i IN 1 .. n LOOP
        INSERT INTO tracer.alert (asset, title) VALUES ('bench' || i % 50, 'check ' || chr(97 + i % 26) || ' failed')
        RETURNING alert_id INTO id;
        COMMIT;
        before := clock_timestamp();
        LOOP
            EXIT WHEN EXISTS (SELECT FROM tracer.placement p JOIN tracer.episode e USING (episode_id) JOIN tracer.incident USING (incident_id)
                               WHERE p.alert_id = id);
            IF clock_timestamp() > before + interval '30 seconds' THEN
                RAISE EXCEPTION 'alert % was not placed within 30 seconds', id;
            END IF;
        END LOOP;
        INSERT INTO bench.latency VALUES (extract(epoch FROM clock_timestamp() - before) * 1000);
        COMMIT;
        PERFORM pg_sleep(0.02);
    END LOOP;
END
$$;
CALL bench.measure(:n);
