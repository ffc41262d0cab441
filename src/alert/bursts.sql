-- Sessions of a set of times, each with its size and its peak; see bursts.c.
CREATE TYPE tracer.burst AS (
    started_at timestamptz,
    ended_at   timestamptz,
    count      bigint,
    peak       bigint
);
COMMENT ON TYPE tracer.burst IS 'One session of tracer.bursts: no two neighbouring times in it are more than the gap apart.';
COMMENT ON COLUMN tracer.burst.started_at IS 'Its first time.';
COMMENT ON COLUMN tracer.burst.ended_at IS 'Its last time.';
COMMENT ON COLUMN tracer.burst.count IS 'How many times it holds, duplicates included.';
COMMENT ON COLUMN tracer.burst.peak IS 'Most of its times in one clock minute (UTC).';

CREATE FUNCTION tracer.bursts_step(internal, timestamptz, interval) RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'tracer_bursts_step';
COMMENT ON FUNCTION tracer.bursts_step(internal, timestamptz, interval) IS 'Part of the aggregate tracer.bursts. Not for users.';

CREATE FUNCTION tracer.bursts_combine(internal, internal) RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'tracer_bursts_combine';
COMMENT ON FUNCTION tracer.bursts_combine(internal, internal) IS 'Part of the aggregate tracer.bursts. Not for users.';

CREATE FUNCTION tracer.bursts_serial(internal) RETURNS bytea
LANGUAGE c STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'tracer_bursts_serial';
COMMENT ON FUNCTION tracer.bursts_serial(internal) IS 'Part of the aggregate tracer.bursts. Not for users.';

CREATE FUNCTION tracer.bursts_deserial(bytea, internal) RETURNS internal
LANGUAGE c STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'tracer_bursts_deserial';
COMMENT ON FUNCTION tracer.bursts_deserial(bytea, internal) IS 'Part of the aggregate tracer.bursts. Not for users.';

CREATE FUNCTION tracer.bursts_final(internal) RETURNS tracer.burst[]
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'tracer_bursts_final';
COMMENT ON FUNCTION tracer.bursts_final(internal) IS 'Part of the aggregate tracer.bursts. Not for users.';

CREATE AGGREGATE tracer.bursts(ts timestamptz, gap interval) (
    SFUNC = tracer.bursts_step,
    STYPE = internal,
    SSPACE = 2048,
    FINALFUNC = tracer.bursts_final,
    COMBINEFUNC = tracer.bursts_combine,
    SERIALFUNC = tracer.bursts_serial,
    DESERIALFUNC = tracer.bursts_deserial,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tracer.bursts(timestamptz, interval) IS 'The sessions of a set of times, in order of time: start, end, count and peak of each. Two neighbouring times at most gap apart are in the same session. The order of the rows does not matter. peak is the most times of the session in one clock minute (UTC); where the gap is below a minute and two sessions share one, each counts its own. A NULL ts is ignored; without any ts the result is NULL. An infinite time is farther from every other than any finite gap. gap is compared as intervals are (a month is 30 days, a day 24 hours) and must be the same in all rows of a group. Errors: null_value_not_allowed for a NULL gap, invalid_parameter_value for one of zero or less or one that changes.';
