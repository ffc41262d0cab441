/*
 * The weights of evidence: settings, seen by the fact that they belong to.
 *
 * A weight decides nothing about grouping, so changing one groups nothing anew;
 * incidents are ranked by it from their next news on.
 */
CREATE VIEW tracer.weight AS
SELECT substr(s.name, 8) AS fact,
       s.value::double precision AS weight,
       s.default_value::double precision AS default_weight,
       s.description,
       s.changed_at,
       s.changed_by
  FROM tracer.setting s
 WHERE s.concerns = 'ranking';
COMMENT ON VIEW tracer.weight IS 'What each fact adds to the score of a root-cause candidate. tracer.set(''weight_'' || fact, value) changes one, tracer.set_weights() several; tracer.fit_weights() offers what people''s confirmations speak for. That a person confirmed a root cause always counts 10.';
COMMENT ON COLUMN tracer.weight.fact IS 'The fact, as in tracer.evidence.';
COMMENT ON COLUMN tracer.weight.weight IS 'Its weight in force.';
COMMENT ON COLUMN tracer.weight.default_weight IS 'Its weight where nobody set one.';
COMMENT ON COLUMN tracer.weight.description IS 'What the fact is, and what its weight is multiplied by.';
COMMENT ON COLUMN tracer.weight.changed_at IS 'When it was last set; NULL while it is the default.';
COMMENT ON COLUMN tracer.weight.changed_by IS 'Who last set it; NULL while it is the default.';
