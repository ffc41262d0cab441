-- The same rows from where they are into empty tables with the same keys and
-- indexes: the least that any way of producing them must cost.
TRUNCATE bench.alert_key, bench.episode, bench.placement, bench.incident, bench.evidence_row;
CHECKPOINT;
\timing on
DO $$
BEGIN
    INSERT INTO bench.alert_key SELECT * FROM tracer.alert_key;
    INSERT INTO bench.episode SELECT * FROM tracer.episode;
    INSERT INTO bench.placement SELECT * FROM tracer.placement;
    INSERT INTO bench.incident SELECT * FROM tracer.incident;
    INSERT INTO bench.evidence_row SELECT * FROM tracer.evidence_row;
END
$$;
\timing off
