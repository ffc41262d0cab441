/*
 * Access: nothing is anybody's until it is given.
 *
 * The end of this file, and so of the install script, takes back what
 * PostgreSQL gives to PUBLIC by itself (EXECUTE on functions, USAGE on types).
 * tracer.grant_access() then hands out one of four levels, each with all of the
 * ones before it:
 *
 *   reader    sees every view and the tables listed below, and calls every
 *             function that writes nothing
 *   writer    sends alerts, changes and metrics, declares assets, links lineage
 *   operator  runs correlation and does what people do to incidents
 *   admin     changes settings, teams, rules, sources, and deletes
 *
 * Functions that write nothing are known by being STABLE or IMMUTABLE and not
 * SECURITY DEFINER; the others are listed by name. Tables are listed by name, so
 * that a new one is nobody's until somebody decides whose it is.
 */
CREATE FUNCTION tracer.access_catalog()
RETURNS TABLE (level text, privilege text, kind text, name text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
VALUES
  ('reader', 'SELECT', 'table', 'alert'),
  ('reader', 'SELECT', 'table', 'alert_key'),
  ('reader', 'SELECT', 'table', 'alias_claim'),
  ('reader', 'SELECT', 'table', 'alias_rule'),
  ('reader', 'SELECT', 'table', 'asset'),
  ('reader', 'SELECT', 'table', 'asset_alias'),
  ('reader', 'SELECT', 'table', 'category_rule'),
  ('reader', 'SELECT', 'table', 'change'),
  ('reader', 'SELECT', 'table', 'column_lineage'),
  ('reader', 'SELECT', 'table', 'channel'),
  ('reader', 'SELECT', 'table', 'channel_kind'),
  ('reader', 'SELECT', 'table', 'channel_state'),
  ('reader', 'SELECT', 'table', 'correlate_state'),
  ('reader', 'SELECT', 'table', 'decision'),
  ('reader', 'SELECT', 'table', 'delivery_attempt'),
  ('reader', 'SELECT', 'table', 'episode'),
  ('reader', 'SELECT', 'table', 'evidence_row'),
  ('reader', 'SELECT', 'table', 'foreign_incident'),
  ('reader', 'SELECT', 'table', 'foreign_row'),
  ('reader', 'SELECT', 'table', 'group_rule'),
  ('reader', 'SELECT', 'table', 'identity_log'),
  ('reader', 'SELECT', 'table', 'incident'),
  ('reader', 'SELECT', 'table', 'incident_event'),
  ('reader', 'SELECT', 'table', 'learned_lineage'),
  ('reader', 'SELECT', 'table', 'usual_delay'),
  ('reader', 'SELECT', 'table', 'intake_check'),
  ('reader', 'SELECT', 'table', 'intake_event'),
  ('reader', 'SELECT', 'table', 'installation'),
  ('reader', 'SELECT', 'table', 'lineage'),
  ('reader', 'SELECT', 'table', 'lineage_captured'),
  ('reader', 'SELECT', 'table', 'lineage_expired'),
  ('reader', 'SELECT', 'table', 'lineage_log'),
  ('reader', 'SELECT', 'table', 'lineage_log_floor'),
  ('reader', 'SELECT', 'table', 'metric'),
  ('reader', 'SELECT', 'table', 'notification'),
  ('reader', 'SELECT', 'table', 'notify_news'),
  ('reader', 'SELECT', 'table', 'notify_timer'),
  ('reader', 'SELECT', 'table', 'placement'),
  ('reader', 'SELECT', 'table', 'quarantine'),
  ('reader', 'SELECT', 'table', 'route'),
  ('reader', 'SELECT', 'table', 'set_aside'),
  ('reader', 'SELECT', 'table', 'setting_override'),
  ('reader', 'SELECT', 'table', 'silence'),
  ('reader', 'SELECT', 'table', 'source'),
  ('reader', 'SELECT', 'table', 'team'),
  ('reader', 'EXECUTE', 'function', 'link_is_good'),
  ('reader', 'EXECUTE', 'function', 'channel_obstacle'),
  ('reader', 'SELECT', 'table', 'thread'),
  ('writer', 'INSERT', 'table', 'alert'),
  ('writer', 'INSERT', 'table', 'change'),
  ('writer', 'INSERT', 'table', 'metric'),
  ('writer', 'INSERT, UPDATE', 'table', 'asset'),
  ('writer', 'INSERT, UPDATE', 'table', 'asset_alias'),
  ('writer', 'INSERT, UPDATE, DELETE', 'table', 'lineage'),
  ('writer', 'INSERT, UPDATE, DELETE', 'table', 'lineage_expired'),
  ('writer', 'INSERT, UPDATE, DELETE', 'table', 'column_lineage'),
  ('writer', 'USAGE', 'sequence', 'alert_id'),
  ('writer', 'USAGE', 'sequence', 'change_id'),
  ('writer', 'USAGE', 'sequence', 'asset_id'),
  ('writer', 'EXECUTE', 'function', 'ingest'),
  ('writer', 'EXECUTE', 'function', 'hold_ends'),
  ('writer', 'EXECUTE', 'function', 'hold_source'),
  ('writer', 'EXECUTE', 'function', 'link'),
  ('writer', 'EXECUTE', 'function', 'unlink'),
  ('writer', 'EXECUTE', 'function', 'expire_lineage'),
  ('writer', 'EXECUTE', 'function', 'add_aliases'),
  ('writer', 'EXECUTE', 'function', 'link_columns'),
  ('writer', 'EXECUTE', 'function', 'link_said'),
  ('writer', 'EXECUTE', 'function', 'link_sql'),
  ('writer', 'EXECUTE', 'function', 'replace_columns'),
  ('writer', 'EXECUTE', 'function', 'replace_lineage'),
  ('writer', 'EXECUTE', 'function', 'import_catalog'),
  ('writer', 'EXECUTE', 'function', 'take_captured'),
  ('writer', 'EXECUTE', 'function', 'gateway_credentials'),
  ('operator', 'EXECUTE', 'function', 'correlate'),
  ('operator', 'EXECUTE', 'function', 'backtest'),
  ('operator', 'EXECUTE', 'function', 'backtest_evidence'),
  ('operator', 'EXECUTE', 'function', 'fit_weights'),
  ('operator', 'EXECUTE', 'function', 'suggest_lineage'),
  ('operator', 'EXECUTE', 'function', 'accept_lineage'),
  ('operator', 'EXECUTE', 'function', 'reject_lineage'),
  ('operator', 'EXECUTE', 'function', 'learn_lineage'),
  ('operator', 'EXECUTE', 'function', 'acknowledge'),
  ('operator', 'EXECUTE', 'function', 'resolve'),
  ('operator', 'EXECUTE', 'function', 'reopen'),
  ('operator', 'EXECUTE', 'function', 'note'),
  ('operator', 'EXECUTE', 'function', 'merge'),
  ('operator', 'EXECUTE', 'function', 'split'),
  ('operator', 'EXECUTE', 'function', 'confirm'),
  ('operator', 'EXECUTE', 'function', 'declare'),
  ('operator', 'EXECUTE', 'function', 'accept_alias'),
  ('operator', 'EXECUTE', 'function', 'merge_assets'),
  ('operator', 'EXECUTE', 'function', 'merge_by_claims'),
  ('operator', 'EXECUTE', 'function', 'merge_by_rules'),
  ('operator', 'EXECUTE', 'function', 'reject_alias'),
  ('admin', 'INSERT, UPDATE, DELETE', 'table', 'alias_rule'),
  ('operator', 'EXECUTE', 'function', 'incident_link'),
  ('operator', 'EXECUTE', 'function', 'preview'),
  ('operator', 'EXECUTE', 'function', 'resend'),
  ('operator', 'EXECUTE', 'function', 'test_channel'),
  ('operator', 'INSERT, UPDATE, DELETE', 'table', 'silence'),
  ('admin', 'INSERT, UPDATE, DELETE', 'table', 'category_rule'),
  ('admin', 'INSERT, UPDATE, DELETE', 'table', 'channel'),
  ('admin', 'INSERT, UPDATE, DELETE', 'table', 'channel_kind'),
  ('admin', 'INSERT, UPDATE, DELETE', 'table', 'group_rule'),
  ('admin', 'DELETE', 'table', 'learned_lineage'),
  ('admin', 'INSERT, UPDATE, DELETE', 'table', 'route'),
  ('admin', 'UPDATE, DELETE', 'table', 'set_aside'),
  ('admin', 'INSERT, UPDATE, DELETE', 'table', 'setting_override'),
  ('admin', 'INSERT, UPDATE, DELETE', 'table', 'source'),
  ('admin', 'INSERT, UPDATE, DELETE', 'table', 'team'),
  ('admin', 'DELETE', 'table', 'asset'),
  ('admin', 'DELETE', 'table', 'asset_alias'),
  ('admin', 'UPDATE, DELETE', 'table', 'change'),
  ('admin', 'DELETE', 'table', 'intake_check'),
  ('admin', 'DELETE', 'table', 'intake_event'),
  ('admin', 'DELETE', 'table', 'quarantine'),
  ('admin', 'UPDATE, DELETE', 'table', 'metric'),
  ('admin', 'EXECUTE', 'function', 'forget_incidents'),
  ('admin', 'EXECUTE', 'function', 'forget_rows'),
  ('admin', 'EXECUTE', 'function', 'maintain'),
  ('admin', 'EXECUTE', 'function', 'create_gateway_token'),
  ('admin', 'EXECUTE', 'function', 'drop_gateway_token'),
  ('admin', 'EXECUTE', 'function', 'set'),
  ('admin', 'EXECUTE', 'function', 'set_weights'),
  ('admin', 'EXECUTE', 'function', 'learn_delays'),
  ('admin', 'EXECUTE', 'function', 'set_gateway'),
  ('admin', 'EXECUTE', 'function', 'arm'),
  ('admin', 'EXECUTE', 'function', 'disarm'),
  ('admin', 'EXECUTE', 'function', 'set_secret'),
  ('admin', 'EXECUTE', 'function', 'set_node')
$$;
COMMENT ON FUNCTION tracer.access_catalog() IS 'What tracer.grant_access() hands out by name at each level, in addition to SELECT on every view and EXECUTE on every function that writes nothing (reader). Each level includes the ones before it.';

CREATE FUNCTION tracer.revoke_access(role name) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF role IS NULL OR NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = role) THEN
        RAISE EXCEPTION 'role "%" does not exist', coalesce(role, 'NULL')
            USING ERRCODE = 'undefined_object',
                  HINT = 'SELECT rolname FROM pg_roles lists the roles.';
    END IF;
    EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA tracer FROM %I', role);
    EXECUTE format('REVOKE ALL ON ALL SEQUENCES IN SCHEMA tracer FROM %I', role);
    EXECUTE format('REVOKE ALL ON ALL ROUTINES IN SCHEMA tracer FROM %I', role);
    EXECUTE format('REVOKE ALL ON TYPE tracer.severity, tracer.status FROM %I', role);
    EXECUTE format('REVOKE ALL ON SCHEMA tracer FROM %I', role);
END
$$;
COMMENT ON FUNCTION tracer.revoke_access(name) IS 'Takes everything in schema tracer back from a role. What it has through other roles stays. Error: undefined_object for an unknown role.';

CREATE FUNCTION tracer.grant_access(role name, level text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ladder CONSTANT text[] := ARRAY['reader', 'writer', 'operator', 'admin'];
    rung   int := array_position(ladder, level);
    what   record;
BEGIN
    IF rung IS NULL THEN
        RAISE EXCEPTION 'unrecognized access level "%"', coalesce(level, 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'The levels are reader, writer, operator and admin.';
    END IF;
    PERFORM tracer.revoke_access(role);
    EXECUTE format('GRANT USAGE ON SCHEMA tracer TO %I', role);
    EXECUTE format('GRANT USAGE ON TYPE tracer.severity, tracer.status TO %I', role);

    FOR what IN
        SELECT 'SELECT' AS privilege, 'TABLE' AS kind, c.oid::regclass::text AS object
          FROM pg_class c
         WHERE c.relnamespace = 'tracer'::regnamespace AND c.relkind = 'v'
        UNION ALL
        SELECT a.privilege, CASE a.kind WHEN 'sequence' THEN 'SEQUENCE' ELSE 'TABLE' END, c.oid::regclass::text
          FROM tracer.access_catalog() a
          JOIN pg_class c ON c.relnamespace = 'tracer'::regnamespace AND c.relname = a.name
         WHERE a.kind IN ('table', 'sequence') AND array_position(ladder, a.level) <= rung
        UNION ALL
        SELECT 'EXECUTE', 'ROUTINE', p.oid::regprocedure::text
          FROM pg_proc p
         WHERE p.pronamespace = 'tracer'::regnamespace
           AND (p.provolatile <> 'v' AND NOT p.prosecdef
                OR EXISTS (SELECT FROM tracer.access_catalog() a
                            WHERE a.kind = 'function' AND a.name = p.proname
                              AND array_position(ladder, a.level) <= rung))
    LOOP
        EXECUTE format('GRANT %s ON %s %s TO %I', what.privilege, what.kind, what.object, role);
    END LOOP;
END
$$;
COMMENT ON FUNCTION tracer.grant_access(name, text) IS 'Gives a role one level of access, in place of the one that it has: reader (sees everything), writer (also sends alerts, changes and metrics and declares assets and lineage), operator (also works on incidents), admin (also changes settings, teams and rules). Only the owner of the extension or a superuser can call it with effect. Errors: undefined_object for an unknown role, invalid_parameter_value for an unknown level.';

CREATE FUNCTION tracer.set_node(n int) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ids  record;
    used bigint;
BEGIN
    IF n IS NULL OR n NOT BETWEEN 0 AND 1023 THEN
        RAISE EXCEPTION 'node number % is out of range', coalesce(n::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Give each server a number of its own between 0 and 1023.';
    END IF;
    FOR ids IN
        SELECT * FROM (VALUES ('asset_id', 'asset'), ('alert_id', 'alert'), ('change_id', 'change')) AS v (sequence, tab)
    LOOP
        -- Takes the lock that keeps others from drawing numbers meanwhile.
        EXECUTE format('ALTER SEQUENCE tracer.%I INCREMENT BY 1024', ids.sequence);
        EXECUTE format('SELECT greatest(1023, (SELECT max(%I) FROM tracer.%I), (SELECT last_value FROM tracer.%I WHERE is_called))',
                       ids.sequence, ids.tab, ids.sequence) INTO used;
        -- The first number above all that is n modulo 1,024.
        EXECUTE format('ALTER SEQUENCE tracer.%I RESTART WITH %s', ids.sequence,
                       used + 1 + ((n - used - 1) % 1024 + 1024) % 1024);
    END LOOP;
END
$$;
COMMENT ON FUNCTION tracer.set_node(int) IS 'Gives this server a number, 0 to 1023, that no other server has whose alerts, assets or changes may be brought together with its own: ids drawn from now on leave that remainder when divided by 1,024, and lie above all that are in use. Servers are node 0 unless told. Error: invalid_parameter_value for a number out of range.';

-- Take back what PostgreSQL grants to PUBLIC by itself.
REVOKE ALL ON SCHEMA tracer FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA tracer FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA tracer FROM PUBLIC;
REVOKE ALL ON ALL ROUTINES IN SCHEMA tracer FROM PUBLIC;
DO $$
DECLARE
    t record;
BEGIN
    FOR t IN SELECT y.oid::regtype AS name
               FROM pg_catalog.pg_type y
              WHERE y.typnamespace = 'tracer'::regnamespace
                AND (y.typtype IN ('e', 'd', 'r')
                     OR y.typtype = 'c' AND EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = y.typrelid AND c.relkind = 'c'))
    LOOP
        EXECUTE pg_catalog.format('REVOKE ALL ON TYPE %s FROM PUBLIC', t.name);
    END LOOP;
END
$$;
