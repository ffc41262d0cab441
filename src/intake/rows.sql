/*
 * The constructors of tracer.intake_row, so that readers name what they say.
 */
CREATE FUNCTION tracer.an_alert(title text, asset text DEFAULT NULL, severity text DEFAULT NULL, status text DEFAULT NULL,
                                dedup_key text DEFAULT NULL, at timestamptz DEFAULT NULL, description text DEFAULT NULL,
                                labels jsonb DEFAULT NULL, url text DEFAULT NULL, payload jsonb DEFAULT NULL, run_id text DEFAULT NULL)
RETURNS tracer.intake_row
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT ROW('alert', asset, title, severity, status, dedup_key, at, description, labels, url, payload, run_id,
                 NULL, NULL, NULL, NULL, NULL)::tracer.intake_row $$;
COMMENT ON FUNCTION tracer.an_alert(text, text, text, text, text, timestamptz, text, jsonb, text, jsonb, text) IS 'Says that a check fires or, by status, is resolved.';

CREATE FUNCTION tracer.a_success(dedup_key text, title text, asset text DEFAULT NULL, at timestamptz DEFAULT NULL, run_id text DEFAULT NULL)
RETURNS tracer.intake_row
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT ROW('success', asset, title, 'info', 'resolved', dedup_key, at, NULL, NULL, NULL, NULL, run_id,
                 NULL, NULL, NULL, NULL, NULL)::tracer.intake_row $$;
COMMENT ON FUNCTION tracer.a_success(text, text, text, timestamptz, text) IS 'Says that a check passed: the end of what fires under its key, if anything does.';

CREATE FUNCTION tracer.a_change(title text, asset text DEFAULT NULL, kind text DEFAULT NULL, author text DEFAULT NULL,
                                at timestamptz DEFAULT NULL, url text DEFAULT NULL, dedup_key text DEFAULT NULL, payload jsonb DEFAULT NULL)
RETURNS tracer.intake_row
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT ROW('change', asset, title, NULL, NULL, dedup_key, at, NULL, NULL, url, payload, NULL,
                 kind, author, NULL, NULL, NULL)::tracer.intake_row $$;
COMMENT ON FUNCTION tracer.a_change(text, text, text, text, timestamptz, text, text, jsonb) IS 'Says that somebody changed something.';

CREATE FUNCTION tracer.an_edge(upstream text, downstream text, kind text DEFAULT 'data', origin text DEFAULT NULL, columns jsonb DEFAULT NULL)
RETURNS tracer.intake_row
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT ROW('edge', downstream, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
                 kind, NULL, upstream, origin, columns)::tracer.intake_row $$;
COMMENT ON FUNCTION tracer.an_edge(text, text, text, text, jsonb) IS 'Says that upstream feeds (data) or runs (runs) downstream, and in columns by which columns: [["upstream column", "downstream column"], ...].';

CREATE FUNCTION tracer.an_import(origin text)
RETURNS tracer.intake_row
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT ROW('import', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
                 NULL, NULL, NULL, origin, NULL)::tracer.intake_row $$;
COMMENT ON FUNCTION tracer.an_import(text) IS 'Says that this body holds all edges that origin knows: what it said before and does not say now goes.';

CREATE FUNCTION tracer.an_asset(asset text, kind text DEFAULT NULL, owner text DEFAULT NULL, details jsonb DEFAULT NULL, origin text DEFAULT NULL)
RETURNS tracer.intake_row
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT ROW('asset', asset, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
                 kind, owner, NULL, origin, details)::tracer.intake_row $$;
COMMENT ON FUNCTION tracer.an_asset(text, text, text, jsonb, text) IS 'Says that an asset exists, what it is, whose it is, and in details its tier, tags, due, runbook_url, description and aliases.';

CREATE FUNCTION tracer.an_action(kind text, incident text, author text, details jsonb DEFAULT NULL)
RETURNS tracer.intake_row
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT ROW('action', NULL, NULL, NULL, NULL, incident, NULL, NULL, NULL, NULL, NULL, NULL,
                 kind, author, NULL, NULL, details)::tracer.intake_row $$;
COMMENT ON FUNCTION tracer.an_action(text, text, text, jsonb) IS 'Says that a person did something to an incident in another tool: acknowledge, resolve, reopen, note, wrong_root or not_mine; or that the tool gave it the id in details (known). incident is its number, or the key under which a channel files it.';

CREATE FUNCTION tracer.nothing(title text)
RETURNS tracer.intake_row
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT ROW('nothing', NULL, title, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
                 NULL, NULL, NULL, NULL, NULL)::tracer.intake_row $$;
COMMENT ON FUNCTION tracer.nothing(text) IS 'Says that the body was understood and says nothing of interest.';
