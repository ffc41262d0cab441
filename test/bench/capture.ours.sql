SET tracer.capture_lineage = on;
TRUNCATE bench.taken;
\timing on
DO $$
BEGIN
    FOR i IN 1 .. 500 LOOP
        EXECUTE format('INSERT INTO bench.taken SELECT aid, bid, abalance FROM bench.accounts WHERE aid BETWEEN %s AND %s', i * 300, i * 300 + 99);
    END LOOP;
END
$$;
\timing off
