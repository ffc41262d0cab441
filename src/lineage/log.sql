/*
 * What tells every backend that lineage or names have changed (log.c), and how
 * the log of changes is kept short.
 */
CREATE FUNCTION tracer.lineage_changed() RETURNS trigger
LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'tracer_lineage_changed';
COMMENT ON FUNCTION tracer.lineage_changed() IS 'Statement trigger of tracer.lineage: logs the pairs that changed, or one row without a pair if they are more than 10,000, and invalidates cached graphs.';

CREATE FUNCTION tracer.lineage_row_changed() RETURNS trigger
LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'tracer_lineage_row_changed';
COMMENT ON FUNCTION tracer.lineage_row_changed() IS 'Row trigger of tracer.lineage that does the same where rows arrive by logical replication, which fires no statement triggers.';

CREATE FUNCTION tracer.asset_changed() RETURNS trigger
LANGUAGE c
AS 'MODULE_PATHNAME', 'tracer_asset_changed';
COMMENT ON FUNCTION tracer.asset_changed() IS 'Trigger of tracer.asset: invalidates names that backends keep.';

CREATE TRIGGER lineage_inserted AFTER INSERT ON tracer.lineage
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION tracer.lineage_changed();
CREATE TRIGGER lineage_updated AFTER UPDATE ON tracer.lineage
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION tracer.lineage_changed();
CREATE TRIGGER lineage_deleted AFTER DELETE ON tracer.lineage
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION tracer.lineage_changed();
CREATE TRIGGER lineage_truncated AFTER TRUNCATE ON tracer.lineage
    FOR EACH STATEMENT EXECUTE FUNCTION tracer.lineage_changed();
ALTER TABLE tracer.lineage ENABLE ALWAYS TRIGGER lineage_truncated;

CREATE TRIGGER lineage_replicated AFTER INSERT OR UPDATE OR DELETE ON tracer.lineage
    FOR EACH ROW EXECUTE FUNCTION tracer.lineage_row_changed();
ALTER TABLE tracer.lineage ENABLE REPLICA TRIGGER lineage_replicated;

CREATE TRIGGER asset_renamed AFTER UPDATE OF asset_id, name OR DELETE OR TRUNCATE ON tracer.asset
    FOR EACH STATEMENT EXECUTE FUNCTION tracer.asset_changed();
ALTER TABLE tracer.asset ENABLE ALWAYS TRIGGER asset_renamed;
CREATE TRIGGER asset_replicated AFTER UPDATE OF asset_id, name OR DELETE ON tracer.asset
    FOR EACH ROW EXECUTE FUNCTION tracer.asset_changed();
ALTER TABLE tracer.asset ENABLE REPLICA TRIGGER asset_replicated;

CREATE FUNCTION tracer.trim_lineage_log(before xid8 DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    horizon xid8 := pg_snapshot_xmin(pg_current_snapshot());
    newest  xid8;
    removed bigint;
BEGIN
    IF before < horizon THEN
        horizon := before;
    END IF;
    SELECT l.xid INTO newest FROM tracer.lineage_log l
     WHERE l.xid < horizon ORDER BY l.xid DESC LIMIT 1;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    DELETE FROM tracer.lineage_log l WHERE l.xid <= newest;
    GET DIAGNOSTICS removed = ROW_COUNT;

    -- The first transaction whose rows are all still there.
    newest := (newest::text::numeric + 1)::text::xid8;
    UPDATE tracer.lineage_log_floor f SET xid = newest WHERE f.xid < newest;
    IF NOT FOUND AND NOT EXISTS (SELECT FROM tracer.lineage_log_floor) THEN
        INSERT INTO tracer.lineage_log_floor (xid) VALUES (newest);
    END IF;
    RETURN removed;
END
$$;
COMMENT ON FUNCTION tracer.trim_lineage_log(xid8) IS 'Deletes what the log of lineage changes holds of transactions before the given one and before any that still runs; returns the number of rows. NULL: the latter alone. A backend whose cached graph is older than what was deleted builds it anew when lineage changes next.';
