/*
 * Settings: what changes tracer's decisions. One committed value for every
 * session, so that the worker, pg_cron and a person at psql decide alike.
 * Process matters (cache size, timeouts, hosts) are GUCs instead.
 *
 * The catalog below is the one place where a setting is declared. Only values
 * that differ from the default are stored, so that a dump restores into a
 * newer version without pinning its defaults.
 */
CREATE TABLE tracer.setting_override (
    name       text PRIMARY KEY,
    value      text,
    changed_at timestamptz NOT NULL DEFAULT now(),
    changed_by text NOT NULL DEFAULT session_user
);
SELECT pg_catalog.pg_extension_config_dump('tracer.setting_override', '');

COMMENT ON TABLE tracer.setting_override IS 'Settings that differ from their default. Written by tracer.set(); read tracer.setting instead.';
COMMENT ON COLUMN tracer.setting_override.name IS 'Name of the setting.';
COMMENT ON COLUMN tracer.setting_override.value IS 'Its value as text; NULL means none, where the setting allows it.';
COMMENT ON COLUMN tracer.setting_override.changed_at IS 'When it was set.';
COMMENT ON COLUMN tracer.setting_override.changed_by IS 'Who set it.';

-- Names nothing and has no search_path of its own, so that it becomes part of the
-- plans that use it: planned at every call it would be a good part of a message.
CREATE FUNCTION tracer.setting_catalog()
RETURNS TABLE (name text, type text, default_value text, minimum text, maximum text, nullable boolean, description text, concerns text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
SELECT v.*, 'grouping' FROM (VALUES
  ('horizon', 'interval', '6 hours', '1 second', '30 days', false,
   'How long after a failure a failure downstream of it still counts as its consequence.'),
  ('detection_lag', 'interval', '30 minutes', '0', '7 days', false,
   'How much later than its consequence a cause may be noticed: upstream monitors may be slow. Half as much for each asset in between.'),
  ('max_hops', 'integer', NULL, '1', '1000000', true,
   'How many lineage edges a consequence may be away from its cause. NULL: any number.'),
  ('max_incident_age', 'interval', '7 days', '1 minute', '365 days', false,
   'How long a failure that is still firing may go on explaining new ones; also how far back edited lineage re-places alerts.'),
  ('change_lookback', 'interval', '24 hours', '0', '90 days', false,
   'How long before a failure a change still counts as evidence.'),
  ('quiet_after', 'interval', '26 hours', '1 minute', '365 days', false,
   'After how long without a repeat an episode counts as over for grouping, where the tool never sends a resolve. tracer.source.quiet_after overrides it for one source.'),
  ('min_confidence', 'number', '0.30', '0', '1', false,
   'Below this confidence tracer names no root cause.')) AS v
UNION ALL
SELECT 'weight_' || v.fact, 'number', v.weight, '-100', '100', false, v.description, 'ranking' FROM (VALUES
  ('origin', '2', 'Nothing upstream of the candidate has failed.'),
  ('explained', '-1', 'A failure upstream of the candidate explains it.'),
  ('coverage', '2', 'Times the share of the incident''s other failures that descend from the candidate.'),
  ('first', '0.5', 'The incident began with it.'),
  ('late', '-0.5', 'It began later than the incident did.'),
  ('delay', '0.5', 'Times how usual the time is after which its consequences followed: 1 as ever, -1 as never before.'),
  ('change', '1.5', 'A change on it or above it took effect before; times 0.7 per hop and a decline with age over change_lookback.'),
  ('message', '0.25', 'It has an alert of its own.'),
  ('history', '0.25', 'Times how often people confirmed it as the cause of other incidents, at most 4.'),
  ('consumers', '2', 'Of a suspect: times the share of its consumers that ever alert and failed at once.'),
  ('silent', '-1.5', 'It has no alert of its own, and no consumers speak for it.'),
  ('unplaced', '-2', 'Lineage does not know it.'),
  ('learned', '-2', 'Times the share of the incident that is below it by learned lineage only, as far as that is not trusted.'),
  ('metric', '4', 'Times how strongly its metric moved with the symptom''s, 0 to 1.'),
  ('spread', '4', 'Of what moved: times 0.1 per hop above the symptom, and 0.1 per consumer that moved with it.'),
  ('source_moves', '-1.2', 'Times how strongly that moved which feeds it.'),
  ('still', '0', 'Its own metrics are as usual.')) AS v (fact, weight, description)
UNION ALL
SELECT v.*, 'upkeep' FROM (VALUES
  ('lineage_ttl', 'interval', '45 days', '1 day', '3650 days', false,
   'How long after an importer or live capture last named an edge it is still walked. Edges that people declare do not expire.'),
  ('retention', 'interval', NULL, '60 days', '36500 days', true,
   'How much history tracer.maintain() keeps. NULL: all of it.'),
  ('learn_confidence', 'number', NULL, '0.5', '1', true,
   'How sure suggested lineage must be for tracer.learn_lineage() to accept it. NULL: only people accept lineage.')) AS v
UNION ALL
SELECT v.*, 'notification' FROM (VALUES
  ('mode', 'choice', 'shadow', 'shadow, live', NULL, false,
   'shadow: everything is decided and recorded as it would be sent, and nothing leaves. live: it is sent.'),
  ('group_wait', 'interval', '2 minutes', '0', '1 day', false,
   'How long a new incident waits for the alert upstream that explains it before anybody hears of it. Where nothing upstream could, nobody waits.'),
  ('group_interval', 'interval', '5 minutes', '0', '7 days', false,
   'How long after one message about an incident the next one to the same channel waits, so that what happens in between goes into one.'),
  ('repeat_interval', 'interval', '1 hour', '1 minute', '30 days', true,
   'How long after a page that nobody acknowledged it is sent again. NULL: never.'),
  ('suppress_confidence', 'number', '0.30', '0', '1', false,
   'While the root cause is at least this sure, owners of symptoms are informed instead of paged.'),
  ('acknowledge_within', 'interval', '10 minutes', '0', '1 day', false,
   'How soon somebody must acknowledge the root cause''s page; after that owners of symptoms are paged too.'),
  ('announce_within', 'interval', '24 hours', '1 minute', '365 days', false,
   'An incident whose latest alert is older than this when its turn comes is not announced: imported history wakes nobody.'),
  ('give_up_after', 'interval', '24 hours', '1 minute', '7 days', false,
   'How long a message that cannot be delivered is tried again before it is a dead letter.'),
  ('fallback_channel', 'text', NULL, NULL, NULL, true,
   'Channel that takes the pages that reach nobody otherwise: nobody owns the asset, its team has no channel, or its channels cannot be reached. NULL: none.'),
  ('incident_url', 'url', NULL, 'https://example.com/incident/{incident}', NULL, true,
   'Address at which people see an incident, {incident} standing for its number; messages link to it. NULL: none.'),
  ('digest_at', 'time', '09:00', NULL, NULL, true,
   'When each team gets its daily digest, on its own wall clock. NULL: never.')) AS v
$$;
COMMENT ON FUNCTION tracer.setting_catalog() IS 'Every setting with its type, default, bounds and meaning, and whether it decides about grouping, ranking, notification or upkeep. Bounds are inclusive; for a choice, minimum lists the values, for a url it is an example.';

CREATE VIEW tracer.setting AS
SELECT c.name,
       CASE WHEN o.name IS NULL THEN c.default_value ELSE o.value END AS value,
       c.default_value,
       c.type,
       o.changed_at,
       o.changed_by,
       c.description,
       c.concerns
  FROM tracer.setting_catalog() c
  LEFT JOIN tracer.setting_override o USING (name)
 ORDER BY c.concerns, c.name;
COMMENT ON VIEW tracer.setting IS 'What changes tracer''s decisions: one committed row for all sessions. Change with tracer.set(name, value).';
COMMENT ON COLUMN tracer.setting.name IS 'Name of the setting.';
COMMENT ON COLUMN tracer.setting.value IS 'Value in force; NULL means none.';
COMMENT ON COLUMN tracer.setting.default_value IS 'Value where nobody set one.';
COMMENT ON COLUMN tracer.setting.type IS 'interval, integer, number, time, text, url or choice.';
COMMENT ON COLUMN tracer.setting.concerns IS 'grouping, ranking, notification or upkeep: which decisions it is for.';
COMMENT ON COLUMN tracer.setting.changed_at IS 'When it was last set; NULL while it is the default.';
COMMENT ON COLUMN tracer.setting.changed_by IS 'Who last set it; NULL while it is the default.';
COMMENT ON COLUMN tracer.setting.description IS 'What it does.';

CREATE FUNCTION tracer.check_setting(name text, value text) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET intervalstyle = postgres
AS $$
#variable_conflict use_column
DECLARE
    c      record;
    normal text;
    ok     boolean;
BEGIN
    SELECT * INTO c FROM tracer.setting_catalog() s WHERE s.name = check_setting.name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'unrecognized setting "%"', coalesce(check_setting.name, 'NULL')
            USING ERRCODE = 'undefined_object',
                  HINT = 'SELECT name, value, description FROM tracer.setting lists them.';
    END IF;
    IF check_setting.value IS NULL THEN
        RETURN CASE WHEN NOT c.nullable THEN c.default_value END;
    END IF;

    BEGIN
        IF c.type = 'interval' THEN
            normal := check_setting.value::interval::text;
            ok := check_setting.value::interval BETWEEN c.minimum::interval AND c.maximum::interval;
        ELSIF c.type = 'integer' THEN
            normal := check_setting.value::integer::text;
            ok := check_setting.value::integer BETWEEN c.minimum::integer AND c.maximum::integer;
        ELSIF c.type = 'time' THEN
            normal := to_char(check_setting.value::time, 'HH24:MI');
            ok := true;
        ELSIF c.type = 'text' THEN
            normal := nullif(check_setting.value, '');
            ok := true;
        ELSIF c.type = 'url' THEN
            normal := nullif(btrim(check_setting.value), '');
            IF normal !~* '^https?://\S+$' THEN
                RAISE invalid_parameter_value;
            END IF;
            ok := true;
        ELSIF c.type = 'choice' THEN
            normal := lower(check_setting.value);
            ok := normal = ANY (string_to_array(c.minimum, ', '));
        ELSE
            PERFORM check_setting.value::double precision;   -- as it is read
            normal := check_setting.value::numeric::text;
            ok := check_setting.value::numeric BETWEEN c.minimum::numeric AND c.maximum::numeric;
        END IF;
    EXCEPTION WHEN data_exception THEN
        RAISE EXCEPTION 'invalid value for setting "%": "%"', c.name, check_setting.value
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = format('It takes a value of type %s, such as %s.', c.type, coalesce(c.default_value, c.minimum));
    END;
    IF NOT ok THEN
        RAISE EXCEPTION 'value "%" is out of range for setting "%"', check_setting.value, c.name
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = CASE c.type WHEN 'choice' THEN format('It must be one of %s.', c.minimum)
                                     ELSE format('It must lie between %s and %s.', c.minimum, c.maximum) END;
    END IF;
    RETURN normal;
END
$$;
COMMENT ON FUNCTION tracer.check_setting(text, text) IS 'The value as tracer.set() would store it; NULL gives the default, or none where the setting allows it. Errors as tracer.set().';

CREATE FUNCTION tracer.set(name text, value text) RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    normal text := tracer.check_setting("set".name, "set".value);
BEGIN
    IF "set".value IS NULL AND normal IS NOT NULL THEN
        DELETE FROM tracer.setting_override o WHERE o.name = "set".name;
    ELSE
        INSERT INTO tracer.setting_override AS o (name, value)
        VALUES ("set".name, normal)
        ON CONFLICT (name) DO UPDATE
           SET value = excluded.value, changed_at = now(), changed_by = session_user;
    END IF;
    RETURN normal;
END
$$;
COMMENT ON FUNCTION tracer.set(text, text) IS 'Sets what tracer decides by, for every session from its commit on; returns the value as stored. NULL means none where the setting may be none (max_hops, retention, learn_confidence, repeat_interval, fallback_channel, incident_url, digest_at) and the default for the others. Errors: undefined_object for an unknown name, invalid_parameter_value for a value that is malformed or out of range.';

CREATE FUNCTION tracer.get(name text) RETURNS text
LANGUAGE c STABLE STRICT
AS 'MODULE_PATHNAME', 'tracer_get';
COMMENT ON FUNCTION tracer.get(text) IS 'Value of a setting in force; NULL where it is none or where no such setting exists.';
