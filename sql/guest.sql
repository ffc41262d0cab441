-- Functions that users register: what they return comes through, what they try
-- to take with them does not.
SET TIME ZONE 'UTC';
\set SHOW_CONTEXT never
\set VERBOSITY default
CREATE EXTENSION tracer;
CREATE ROLE regress_guest;
CREATE ROLE regress_guest_other;
CREATE ROLE regress_guest_super SUPERUSER;
CREATE SCHEMA guest_house AUTHORIZATION regress_guest;
CREATE TABLE public.guest_book (entry text);
GRANT SELECT, INSERT ON public.guest_book TO regress_guest;
INSERT INTO public.guest_book VALUES ('kept');
CREATE SEQUENCE public.guest_number;
GRANT ALL ON SEQUENCE public.guest_number TO regress_guest;

SET ROLE regress_guest;
CREATE TYPE guest_house.pair AS (asset text, title text);
CREATE FUNCTION guest_house.pairs(body jsonb) RETURNS SETOF guest_house.pair LANGUAGE sql AS
  $$ SELECT e ->> 'a', e ->> 't' FROM pg_catalog.jsonb_array_elements(body) AS e $$;
CREATE FUNCTION guest_house.one(body jsonb, headers jsonb, OUT sum jsonb, OUT guest int) LANGUAGE sql AS
  $$ SELECT body || headers, 7 $$;
CREATE FUNCTION guest_house.scalar(body jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT body -> 0 $$;
CREATE FUNCTION guest_house.nothing() RETURNS SETOF text LANGUAGE sql AS $$ SELECT 'x' WHERE false $$;
CREATE FUNCTION guest_house.no_rows(a jsonb) RETURNS TABLE (x int, y int) LANGUAGE sql AS $$ SELECT 1, 2 WHERE a IS NULL $$;
CREATE FUNCTION guest_house."Odd ""name"(a jsonb) RETURNS text LANGUAGE sql AS $$ SELECT current_user || ' ' || session_user || ' ' || current_setting('search_path') $$;
CREATE AGGREGATE guest_house.added(jsonb) (SFUNC = jsonb_concat, STYPE = jsonb);
CREATE FUNCTION guest_house.many(a jsonb) RETURNS SETOF text LANGUAGE sql AS
  $$ SELECT repeat(i::text, 500) FROM generate_series(1, a::int) AS i $$;
RESET ROLE;

-- What comes back.
SELECT tracer.call_registered('regress_guest', 'guest_house.pairs', '[{"a": "orders", "t": "late"}, {"a": null}]');
SELECT tracer.call_registered('regress_guest', 'guest_house.one', '{"a": 1}', '{"b": 2}');
SELECT tracer.call_registered('regress_guest', 'guest_house.scalar', '[[1, 2]]');
SELECT tracer.call_registered('regress_guest', 'guest_house.scalar', '[]') IS NULL AS is_null;
SELECT tracer.call_registered('regress_guest', 'guest_house.nothing');
SELECT tracer.call_registered('regress_guest', 'guest_house.no_rows', NULL);
SELECT replace(tracer.call_registered('regress_guest', 'guest_house."Odd ""name"', '1') #>> '{}', session_user, 'SESSION');
-- A large result outlives the subtransaction, on disk too.
SET work_mem = '64kB';
SELECT count(*), sum(length(r #>> '{}')) FROM tracer.call_registered('regress_guest', 'guest_house.many', '3000') AS r;
RESET work_mem;

-- What cannot be called.
SELECT tracer.call_registered(NULL, 'guest_house.pairs', '[]');
SELECT tracer.call_registered('regress_guest', NULL, '[]');
SELECT tracer.call_registered('regress_guest', 'guest_house.pairs');
SELECT tracer.call_registered('regress_guest', 'pairs', '[]');
SELECT tracer.call_registered('regress_guest', 'guest_house.', '[]');
SELECT tracer.call_registered('regress_guest', 'guest_house.pairs(''[]''); DROP TABLE guest_book; --', '[]');
SELECT tracer.call_registered('regress_guest', 'elsewhere.pairs', '[]');
SELECT tracer.call_registered('regress_guest_other', 'guest_house.pairs', '[]');
SELECT tracer.call_registered('regress_guest_super', 'guest_house.pairs', '[]');
SELECT tracer.call_registered('4294967295'::oid::regrole, 'guest_house.pairs', '[]');
GRANT USAGE ON SCHEMA tracer TO regress_guest;
CREATE FUNCTION tracer.inner_room(a jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT a $$;
SELECT tracer.call_registered('regress_guest', 'tracer.inner_room', '[]');
DROP FUNCTION tracer.inner_room(jsonb);
REVOKE USAGE ON SCHEMA tracer FROM regress_guest;
SELECT tracer.call_registered('regress_guest', 'guest_house.added', '[]');
-- Only for roles that the caller may be.
GRANT USAGE ON SCHEMA tracer TO regress_guest_other;
GRANT EXECUTE ON FUNCTION tracer.call_registered(regrole, text, jsonb[]) TO regress_guest_other;
SET ROLE regress_guest_other;
DO $$ BEGIN PERFORM tracer.call_registered('regress_guest', 'guest_house.pairs', '[]');
EXCEPTION WHEN insufficient_privilege THEN RAISE INFO 'not this caller''s role'; END $$;
RESET ROLE;
REVOKE EXECUTE ON FUNCTION tracer.call_registered(regrole, text, jsonb[]) FROM regress_guest_other;
REVOKE USAGE ON SCHEMA tracer FROM regress_guest_other;

-- What a guest may try. Each attempt is a statement that a function executes;
-- what it says, and what is left of it afterwards.
CREATE FUNCTION guest_house.try(a jsonb) RETURNS text LANGUAGE plpgsql AS
  $$ BEGIN EXECUTE a #>> '{}'; RETURN 'done as ' || current_user; END $$;
ALTER FUNCTION guest_house.try(jsonb) OWNER TO regress_guest;
-- The same in a function that runs as another role than the registered one.
CREATE FUNCTION guest_house.try_as_other(a jsonb) RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS
  $$ BEGIN EXECUTE a #>> '{}'; RETURN 'done as ' || current_user; END $$;
GRANT USAGE, CREATE ON SCHEMA guest_house TO regress_guest_other;
ALTER FUNCTION guest_house.try_as_other(jsonb) OWNER TO regress_guest_other;
CREATE FUNCTION pg_temp.attempt(statement text) RETURNS TABLE (direct text, as_definer text) LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        SELECT tracer.call_registered('regress_guest', 'guest_house.try', to_jsonb(statement)) #>> '{}' INTO direct;
    EXCEPTION WHEN OTHERS THEN direct := sqlerrm;
    END;
    BEGIN
        SELECT tracer.call_registered('regress_guest', 'guest_house.try_as_other', to_jsonb(statement)) #>> '{}' INTO as_definer;
    EXCEPTION WHEN OTHERS THEN as_definer := sqlerrm;
    END;
    RETURN NEXT;
END
$$;
\pset format unaligned
\pset tuples_only on
\pset fieldsep '\n  '
SELECT s, (pg_temp.attempt(s)).*
  FROM (VALUES
    ('SET ROLE NONE'), ('RESET ROLE'), ('SET ROLE regress_guest_super'), ('SET LOCAL ROLE regress_guest_other'),
    ('RESET SESSION AUTHORIZATION'), ('SET SESSION AUTHORIZATION DEFAULT'),
    ($q$SELECT set_config('role', 'none', false)$q$), ($q$SELECT set_config('session_authorization', 'default', true)$q$),
    ('CREATE TEMP TABLE t (a int)'), ('CREATE TABLE guest_house.t (a int)'),
    ($q$INSERT INTO public.guest_book VALUES ('left behind')$q$), ($q$SELECT nextval('public.guest_number')$q$),
    ('SET transaction_read_only = off'), ('SET LOCAL transaction_read_only = off'), ('SET TRANSACTION READ WRITE'),
    ($q$SELECT set_config('transaction_read_only', 'off', true)$q$),
    ('SET CONSTRAINTS ALL DEFERRED'), ('PREPARE p AS SELECT 1'), ('DECLARE c CURSOR WITH HOLD FOR SELECT 1'), ('DECLARE c CURSOR FOR SELECT 1'),
    ('LISTEN door'), ('COMMIT'), ('ROLLBACK'), ('SAVEPOINT s'),
    ('SET search_path = guest_house'), ('SET work_mem = ''65kB'''), ('SET LOCAL TimeZone = ''Asia/Tokyo'''),
    ('SELECT pg_advisory_xact_lock(4711)'),
    ('SELECT pg_reload_conf()'), ('ALTER ROLE regress_guest SUPERUSER'),
    ($q$SELECT tracer.call_registered('regress_guest_other', 'guest_house.pairs', '[]')$q$),
    ('DO $d$ BEGIN RAISE EXCEPTION ''own words'' USING ERRCODE = ''TR001''; END $d$')
  ) AS v (s);
\pset format aligned
\pset tuples_only off
-- Nothing is left: neither user nor settings, cursors, locks, rows, notifications.
SELECT current_user = session_user AS same_user, current_setting('search_path') AS search_path, current_setting('work_mem') AS work_mem,
       current_setting('TimeZone') AS zone, current_setting('transaction_read_only') AS read_only;
SELECT count(*) AS cursors FROM pg_cursors WHERE name = 'c';
SELECT count(*) AS prepared FROM pg_prepared_statements WHERE name = 'p';
SELECT count(*) AS locks FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711;
SELECT * FROM public.guest_book;
SELECT is_called FROM public.guest_number;
SELECT * FROM pg_listening_channels();

-- The caller's own transaction goes on: it may write, and its deferred triggers
-- run with its own rights.
BEGIN;
SELECT tracer.call_registered('regress_guest', 'guest_house.scalar', '[1]');
INSERT INTO public.guest_book VALUES ('after the guest left');
COMMIT;
SELECT * FROM public.guest_book;

-- A deferred trigger cannot be left behind by a guest whose table already has one.
SET ROLE regress_guest;
CREATE TABLE guest_house.trap (a int);
CREATE FUNCTION guest_house.spring() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN RAISE NOTICE 'sprung as %', current_user; RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER trap AFTER INSERT ON guest_house.trap DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION guest_house.spring();
RESET ROLE;
BEGIN;
SELECT * FROM pg_temp.attempt('INSERT INTO guest_house.trap VALUES (1)');
COMMIT;
SELECT count(*) FROM guest_house.trap;

-- An operator of the same name in another schema is not taken for PostgreSQL's.
SET ROLE regress_guest;
CREATE FUNCTION guest_house.to_jsonb(guest_house.pair) RETURNS jsonb LANGUAGE sql AS $$ SELECT '"usurped"'::jsonb $$;
RESET ROLE;
SET search_path = guest_house, pg_catalog;
SELECT tracer.call_registered('regress_guest', 'guest_house.pairs', '[{"a": "orders"}]');
RESET search_path;

-- An error carries who ran what, and its own code.
DO $$
DECLARE
    code text;
    context text;
BEGIN
    PERFORM tracer.call_registered('regress_guest', 'guest_house.try', '"SELECT 1 / 0"');
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, context = PG_EXCEPTION_CONTEXT;
    RAISE INFO '% %', code, (SELECT c FROM regexp_split_to_table(context, E'\n') AS c WHERE c LIKE 'registered%');
END
$$;

-- Registering: for oneself, or for a role whose rights one has.
CREATE TABLE public.register (name text, owner name NOT NULL DEFAULT current_user, function text);
CREATE TRIGGER check_registered BEFORE INSERT OR UPDATE ON public.register FOR EACH ROW EXECUTE FUNCTION tracer.check_registered();
GRANT ALL ON public.register TO regress_guest, regress_guest_other;
INSERT INTO public.register VALUES ('by a superuser', 'regress_guest', 'guest_house.pairs'), ('role to come', 'regress_guest_nobody', 'x.y');
SET ROLE regress_guest_other;
INSERT INTO public.register (name, function) VALUES ('own', 'guest_house.try_as_other');
INSERT INTO public.register VALUES ('other''s', 'regress_guest', 'guest_house.try');
UPDATE public.register SET function = 'guest_house.try' WHERE name = 'by a superuser';
UPDATE public.register SET owner = 'regress_guest' WHERE name = 'own';
UPDATE public.register SET name = name || ', renamed' WHERE name = 'by a superuser';
INSERT INTO public.register VALUES ('unknown', 'regress_guest_nobody', 'x.y');
INSERT INTO public.register VALUES ('without function', 'regress_guest', NULL);
RESET ROLE;
SELECT * FROM public.register ORDER BY name;

DROP TABLE public.register, public.guest_book;
DROP SEQUENCE public.guest_number;
SET client_min_messages = warning;
DROP SCHEMA guest_house CASCADE;
DROP ROLE regress_guest, regress_guest_other, regress_guest_super;
DROP EXTENSION tracer;
