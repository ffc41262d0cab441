-- Alerts as tracer reads them: the defaults in place of NULLs.
CREATE VIEW tracer.alerts AS
SELECT a.alert_id,
       a.asset,
       a.title,
       coalesce(a.severity, 'error'::tracer.severity) AS severity,
       coalesce(a.status, 'firing'::tracer.status) AS status,
       coalesce(a.source, 'sql') AS source,
       a.dedup_key,
       coalesce(a.fired_at, a.received_at) AS fired_at,
       a.description,
       a.labels,
       a.url,
       a.payload,
       a.run_id,
       a.received_at
  FROM tracer.alert a;

COMMENT ON VIEW tracer.alerts IS 'Alerts with their defaults in place of NULLs: what tracer reads.';
COMMENT ON COLUMN tracer.alerts.alert_id IS 'Id.';
COMMENT ON COLUMN tracer.alerts.asset IS 'Name or alias of the asset, as sent; NULL: unknown.';
COMMENT ON COLUMN tracer.alerts.title IS 'What happened, in one line.';
COMMENT ON COLUMN tracer.alerts.severity IS 'info, warning, error or critical; error where none was sent.';
COMMENT ON COLUMN tracer.alerts.status IS 'firing or resolved; firing where none was sent.';
COMMENT ON COLUMN tracer.alerts.source IS 'Tool that sent it; sql where none was sent.';
COMMENT ON COLUMN tracer.alerts.dedup_key IS 'What the tool calls the same alert, as sent; NULL: derived in correlation from the canonical asset and the title without its digits.';
COMMENT ON COLUMN tracer.alerts.fired_at IS 'When it happened; when it arrived where no time was sent.';
COMMENT ON COLUMN tracer.alerts.description IS 'More text, such as the error message.';
COMMENT ON COLUMN tracer.alerts.labels IS 'The tool''s labels as a JSON object.';
COMMENT ON COLUMN tracer.alerts.url IS 'Where to see it in the tool.';
COMMENT ON COLUMN tracer.alerts.payload IS 'The tool''s own body.';
COMMENT ON COLUMN tracer.alerts.run_id IS 'The execution that it happened in.';
COMMENT ON COLUMN tracer.alerts.received_at IS 'When it was inserted (transaction time).';
