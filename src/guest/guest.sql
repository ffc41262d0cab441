/*
 * Guests: functions that users register, in sources, channels and their like.
 *
 * A row names its function as text and its owner as a role. tracer.call_registered()
 * runs the function as that role and never as a superuser (guest.c tells how).
 * tracer.check_registered() keeps such rows honest: nobody registers a function
 * for a role that is not his.
 */
CREATE FUNCTION tracer.call_registered(owner regrole, function text, VARIADIC arguments jsonb[] DEFAULT '{}')
RETURNS SETOF jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tracer_call_registered';
COMMENT ON FUNCTION tracer.call_registered(regrole, text, jsonb[]) IS 'Calls a function that somebody registered, named with its schema and taking as many jsonb as there are arguments, as role owner, and returns each of its rows as jsonb. It runs under a security-restricted operation with search_path pg_catalog, in a subtransaction that is read only and always rolled back: it can compute and read, not write. Errors: insufficient_privilege for an owner who is a superuser or not the caller''s to be, and for functions of schema tracer; undefined_function, undefined_object for an unknown function or owner; null_value_not_allowed; read_only_sql_transaction for a function that writes; program_limit_exceeded for one that takes longer than 5 seconds; and whatever the function raises, with its name as context (external_routine_exception in place of assert_failure and query_canceled, which no handler catches). Not for users: it is granted to nobody.';

CREATE FUNCTION tracer.check_registered() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NEW.function IS NULL
       OR TG_OP = 'UPDATE' AND (OLD.function, OLD.owner) IS NOT DISTINCT FROM (NEW.function, NEW.owner) THEN
        RETURN NEW;
    END IF;
    -- A dump is restored by a superuser, perhaps before its roles: that is found
    -- when the function is called.
    IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = current_user AND r.rolsuper)
       AND NOT pg_has_role(current_user, NEW.owner, 'USAGE') THEN
        RAISE EXCEPTION 'permission denied to register a function for role "%"', NEW.owner
            USING ERRCODE = 'insufficient_privilege',
                  HINT = 'Be the owner yourself, or have the role''s rights.';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION tracer.check_registered() IS 'Trigger function, before INSERT or UPDATE of tables with the columns owner (name) and function (text): nobody registers a function for a role whose rights he has not. Errors: insufficient_privilege, undefined_object for an unknown role.';
