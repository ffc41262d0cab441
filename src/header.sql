-- tracer: data incident correlation for PostgreSQL.
-- Made by `make` from src/*/*.sql; edit those.
\echo Use "CREATE EXTENSION tracer" to load this file. \quit

-- There may have been a schema of this name before, made by somebody who may do no
-- more than that. Were it his, or a function in it, then that function could be called
-- in place of one of tracer's, with the rights of whoever uses tracer. So the schema
-- has to be empty, and it becomes the extension's owner's and nobody else's. Until
-- that is known, nothing may be looked up in it.
DO $$
DECLARE
    path    CONSTANT text := pg_catalog.current_setting('search_path');
    schema  record;
    held    text;
    grantee regrole;
BEGIN
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    SELECT pg_describe_object(d.classid, d.objid, 0) INTO held
      FROM pg_depend d
     WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = 'tracer'::regnamespace
       AND d.classid <> 'pg_extension'::regclass
     ORDER BY 1
     LIMIT 1;
    IF held IS NOT NULL THEN
        RAISE EXCEPTION 'schema tracer is not empty: there is %', held
            USING ERRCODE = 'duplicate_object',
                  HINT = 'The extension needs this schema for itself. Move out of it what is to be kept, and DROP SCHEMA tracer CASCADE.';
    END IF;
    SELECT n.nspowner::regrole AS owner, n.nspacl AS acl INTO schema FROM pg_namespace n WHERE n.nspname = 'tracer';
    IF schema.owner <> current_user::regrole THEN
        RAISE NOTICE 'schema tracer was that of %, and becomes that of %', schema.owner, current_user;
        ALTER SCHEMA tracer OWNER TO CURRENT_USER;
    END IF;
    FOR grantee IN
        SELECT DISTINCT a.grantee::regrole FROM aclexplode(schema.acl) a WHERE a.grantee <> 0 AND a.grantee <> current_user::regrole
    LOOP
        EXECUTE format('REVOKE ALL ON SCHEMA tracer FROM %s CASCADE', grantee);
    END LOOP;
    PERFORM set_config('search_path', path, true);
END
$$;

COMMENT ON SCHEMA tracer IS 'tracer, data incident correlation: alerts go into tracer.alert, incidents come out of tracer.incidents. Its tables belong to the extension; what a role may do here, tracer.grant_access() says.';
