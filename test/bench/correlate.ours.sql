TRUNCATE tracer.alert_key, tracer.episode, tracer.placement, tracer.incident, tracer.evidence_row,
         tracer.incident_event, tracer.correlate_state;
CHECKPOINT;
\timing on
SELECT tracer.correlate();
\timing off
