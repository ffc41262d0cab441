/*
 * Lineage: what exists, what it is called, and what feeds what.
 *
 * Edges are stored by asset id, one row per (upstream, downstream, kind,
 * source), so that two importers can say the same thing and one can take it
 * back. People write through tracer.link() and tracer.unlink(), which take
 * names. Every change leaves a row in tracer.lineage_log: the graph that
 * backends cache is patched from it instead of being rebuilt (cache.c).
 */

-- Steps of 1,024 started at a node number keep ids unique across servers.
CREATE SEQUENCE tracer.asset_id AS bigint INCREMENT BY 1024 MINVALUE 0 START WITH 1024;
COMMENT ON SEQUENCE tracer.asset_id IS 'Ids of tracer.asset: as tracer.alert_id.';

CREATE TABLE tracer.asset (
    asset_id    bigint PRIMARY KEY DEFAULT nextval('tracer.asset_id'),
    name        text NOT NULL UNIQUE CHECK (name <> ''),
    kind        text,
    owner       text,
    tier        int,
    due         text,
    description text,
    runbook_url text,
    tags        jsonb,
    created_at  timestamptz NOT NULL DEFAULT now()
);
ALTER SEQUENCE tracer.asset_id OWNED BY tracer.asset.asset_id;
SELECT pg_catalog.pg_extension_config_dump('tracer.asset', '');
SELECT pg_catalog.pg_extension_config_dump('tracer.asset_id', '');

COMMENT ON TABLE tracer.asset IS 'A table, model, job, task, dashboard, service or ML model with one canonical name. Plain INSERT or COPY; tracer.link() declares what it does not find.';
COMMENT ON COLUMN tracer.asset.asset_id IS 'Id; never reused.';
COMMENT ON COLUMN tracer.asset.name IS 'Canonical name, compared exactly. Other names go to tracer.asset_alias.';
COMMENT ON COLUMN tracer.asset.kind IS 'What it is: table, dbt model, job, task, dashboard, service, ... Free text.';
COMMENT ON COLUMN tracer.asset.owner IS 'Team that owns it (tracer.team.name); NULL: nobody, which tracer.doctor() reports.';
COMMENT ON COLUMN tracer.asset.tier IS 'Importance, 1 the highest; NULL: unknown.';
COMMENT ON COLUMN tracer.asset.due IS 'Deadline in wall-clock time with its zone, such as 08:00 Europe/London; the report holds incidents against it.';
COMMENT ON COLUMN tracer.asset.description IS 'For people.';
COMMENT ON COLUMN tracer.asset.runbook_url IS 'Where to read what to do; shown in the report.';
COMMENT ON COLUMN tracer.asset.tags IS 'Anything else, as a JSON object.';
COMMENT ON COLUMN tracer.asset.created_at IS 'When tracer first heard of it.';

CREATE TABLE tracer.asset_alias (
    alias     text PRIMARY KEY CHECK (alias <> ''),
    asset     text NOT NULL,
    namespace text NOT NULL DEFAULT 'manual' CHECK (namespace <> '')
);
CREATE INDEX asset_alias_asset ON tracer.asset_alias (asset);
SELECT pg_catalog.pg_extension_config_dump('tracer.asset_alias', '');

COMMENT ON TABLE tracer.asset_alias IS 'Other names under which tools know an asset. A canonical name wins over an alias of the same spelling.';
COMMENT ON COLUMN tracer.asset_alias.alias IS 'The other name, compared exactly.';
COMMENT ON COLUMN tracer.asset_alias.asset IS 'Canonical name that it stands for (tracer.asset.name).';
COMMENT ON COLUMN tracer.asset_alias.namespace IS 'Where the name comes from: manual, or the tool or importer that said so. An importer moves only the aliases of its own namespace to another asset.';

-- Zones come and go with the server's packages: a database that is restored on another
-- release may name one that is unknown there, and still has to wake people.
CREATE FUNCTION tracer.known_zone(zone text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM timestamp '2000-01-01' AT TIME ZONE zone;
    RETURN coalesce(zone, current_setting('TimeZone'));
EXCEPTION WHEN data_exception THEN
    RETURN current_setting('TimeZone');
END
$$;
COMMENT ON FUNCTION tracer.known_zone(text) IS 'The time zone, or the session''s in place of none (NULL) and of one that this server does not know; tracer.doctor() names those.';

CREATE FUNCTION tracer.zone_is_valid(zone text) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- pg_dump and pg_restore turn this off, for what they restore may refer to what is not there
    IF tracer.known_zone(zone) <> zone AND current_setting('check_function_bodies')::boolean THEN
        RAISE EXCEPTION 'time zone "%" does not exist', zone
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Name one as in Europe/London; SELECT name FROM pg_timezone_names lists them.';
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION tracer.zone_is_valid(text) IS 'Check constraint of what has a time zone: true (NULL is none), or an error (invalid_parameter_value). What is found out only when somebody is to be woken is found out too late. While a dump is restored any name will do.';

CREATE TABLE tracer.team (
    name      text PRIMARY KEY CHECK (name <> ''),
    page      text[] CHECK (coalesce('' <> ALL (page), page IS NULL)),
    inform    text[] CHECK (coalesce('' <> ALL (inform), inform IS NULL)),
    time_zone text CHECK (tracer.zone_is_valid(time_zone))
);
SELECT pg_catalog.pg_extension_config_dump('tracer.team', '');

COMMENT ON TABLE tracer.team IS 'A team that owns assets, and the channels that reach it.';
COMMENT ON COLUMN tracer.team.name IS 'Name, as in tracer.asset.owner.';
COMMENT ON COLUMN tracer.team.page IS 'Channels that wake somebody.';
COMMENT ON COLUMN tracer.team.inform IS 'Channels that only tell.';
COMMENT ON COLUMN tracer.team.time_zone IS 'IANA time zone of the team''s wall clock; NULL: the server''s.';

CREATE TABLE tracer.lineage (
    upstream     bigint NOT NULL REFERENCES tracer.asset ON DELETE CASCADE,
    downstream   bigint NOT NULL REFERENCES tracer.asset ON DELETE CASCADE,
    kind         text NOT NULL DEFAULT 'data' CHECK (kind <> ''),
    source       text NOT NULL DEFAULT 'manual' CHECK (source <> ''),
    lag          interval CHECK (lag >= interval '0'),
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz,
    PRIMARY KEY (upstream, downstream, kind, source)
);
CREATE INDEX lineage_downstream ON tracer.lineage (downstream, upstream);
-- Few or none, and every pass asks for them.
CREATE INDEX lineage_learned ON tracer.lineage (upstream, downstream) WHERE source = 'learned';
SELECT pg_catalog.pg_extension_config_dump('tracer.lineage', '');

COMMENT ON TABLE tracer.lineage IS 'Directed edges upstream -> downstream between assets, one row per (upstream, downstream, kind, source). Written by tracer.link() and tracer.unlink(); views that show names: tracer.lineage_edges.';
COMMENT ON COLUMN tracer.lineage.upstream IS 'Asset id of what feeds or runs.';
COMMENT ON COLUMN tracer.lineage.downstream IS 'Asset id of what is fed or run.';
COMMENT ON COLUMN tracer.lineage.kind IS 'data, or runs for a job above what it executes; other kinds are walked like data.';
COMMENT ON COLUMN tracer.lineage.source IS 'Who said so: manual, or the importer''s name.';
COMMENT ON COLUMN tracer.lineage.lag IS 'How long after the upstream a failure shows downstream, beyond the horizon; NULL: none. Counted in whole seconds, rounded up.';
COMMENT ON COLUMN tracer.lineage.created_at IS 'When the edge was first declared.';
COMMENT ON COLUMN tracer.lineage.last_seen_at IS 'When its source last said so, to within a day; NULL: it holds until it is unlinked, as what people declare does.';

-- What tracer.expire_lineage() takes out of the walked lineage, until its source
-- says so again.
CREATE TABLE tracer.lineage_expired (
    LIKE tracer.lineage INCLUDING CONSTRAINTS,
    expired_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (upstream, downstream, kind, source)
);
SELECT pg_catalog.pg_extension_config_dump('tracer.lineage_expired', '');

COMMENT ON TABLE tracer.lineage_expired IS 'Edges that their source has not named for lineage_ttl: kept, not walked. tracer.link() brings one back when it is seen again. tracer.expire_lineage() fills it.';
COMMENT ON COLUMN tracer.lineage_expired.upstream IS 'As in tracer.lineage.';
COMMENT ON COLUMN tracer.lineage_expired.downstream IS 'As in tracer.lineage.';
COMMENT ON COLUMN tracer.lineage_expired.kind IS 'As in tracer.lineage.';
COMMENT ON COLUMN tracer.lineage_expired.source IS 'As in tracer.lineage.';
COMMENT ON COLUMN tracer.lineage_expired.lag IS 'As in tracer.lineage.';
COMMENT ON COLUMN tracer.lineage_expired.created_at IS 'When the edge was first declared.';
COMMENT ON COLUMN tracer.lineage_expired.last_seen_at IS 'When its source last said so.';
COMMENT ON COLUMN tracer.lineage_expired.expired_at IS 'When it was taken out of the walked lineage.';

CREATE TABLE tracer.lineage_log (
    log_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    xid        xid8 NOT NULL DEFAULT pg_current_xact_id(),
    upstream   bigint,
    downstream bigint
);
CREATE INDEX lineage_log_xid ON tracer.lineage_log (xid);

COMMENT ON SEQUENCE tracer.lineage_log_log_id_seq IS 'Ids of tracer.lineage_log.';
COMMENT ON TABLE tracer.lineage_log IS 'Pairs of assets whose lineage changed, for patching cached graphs and re-placing alerts. Not for users.';
COMMENT ON COLUMN tracer.lineage_log.log_id IS 'Order within a transaction.';
COMMENT ON COLUMN tracer.lineage_log.xid IS 'Transaction that changed the pair.';
COMMENT ON COLUMN tracer.lineage_log.upstream IS 'Asset id; NULL with downstream: too many to list, rebuild.';
COMMENT ON COLUMN tracer.lineage_log.downstream IS 'Asset id.';

CREATE TABLE tracer.lineage_log_floor (
    xid xid8 NOT NULL
);

COMMENT ON TABLE tracer.lineage_log_floor IS 'How far tracer.lineage_log was trimmed: at most one row. Not for users.';
COMMENT ON COLUMN tracer.lineage_log_floor.xid IS 'Log rows of transactions before this one may be gone; a graph cached before it is built anew.';
