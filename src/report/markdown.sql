CREATE FUNCTION tracer.report_markdown(facts jsonb) RETURNS text LANGUAGE sql STABLE AS $$ SELECT '' $$;
