-- Sessions of a partition, numbered; see session.c.
CREATE FUNCTION tracer.session_id_support(internal) RETURNS internal
LANGUAGE c STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'tracer_session_id_support';
COMMENT ON FUNCTION tracer.session_id_support(internal) IS 'Planner support of tracer.session_id: its result never decreases, so WHERE session <= k stops early. Not for users.';

CREATE FUNCTION tracer.session_id(ts timestamptz, gap interval) RETURNS bigint
LANGUAGE c WINDOW IMMUTABLE PARALLEL SAFE
SUPPORT tracer.session_id_support
AS 'MODULE_PATHNAME', 'tracer_session_id';
COMMENT ON FUNCTION tracer.session_id(timestamptz, interval) IS 'Window function: numbers the sessions of a partition in the window''s order, from 1. A row that is more than gap away from the row before it, in either direction, starts the next one; a distance of exactly gap does not. gap is compared as intervals are (a month is 30 days, a day 24 hours). Every row is held against its predecessor in the window''s order, so order the window by ts. A row whose ts is NULL starts no session and is passed over: it shows the number of sessions begun before it, 0 at first. An infinite time is farther from every other than any finite gap. Never NULL. Errors: null_value_not_allowed for a NULL gap, invalid_parameter_value for a gap of zero or less.';
