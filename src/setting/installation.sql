/*
 * Which installation this is, and whether it may act by itself.
 *
 * A dump carries the row below, and so does a copy of the database. CREATE
 * EXTENSION makes a row of its own, so that a restored database has two, and a
 * copied one has a row that names another database: either way it is seen that
 * this is not where the rows come from, and the background worker leaves the
 * database alone until somebody says tracer.arm(). A restored copy of production
 * pages nobody. Under pg_dump's settings, which any of its dumps makes before
 * anything else, the new row is not armed either: no worker touches the tables
 * while they are being filled.
 */
CREATE TABLE tracer.installation (
    database     oid NOT NULL,
    installed_at timestamptz NOT NULL DEFAULT now(),
    armed_at     timestamptz,
    armed_by     text
);
SELECT pg_catalog.pg_extension_config_dump('tracer.installation', '');
COMMENT ON TABLE tracer.installation IS 'Which installation this is: one row; more after a restore, until tracer.arm().';
COMMENT ON COLUMN tracer.installation.database IS 'The database by its oid: another one in a copy.';
COMMENT ON COLUMN tracer.installation.installed_at IS 'Since when this database is on its own: when the extension was created, the copy armed, or this database disarmed.';
COMMENT ON COLUMN tracer.installation.armed_at IS 'From when on the background worker acts by itself; NULL: it does not, as the extension was created by a restore, or by tracer.disarm().';
COMMENT ON COLUMN tracer.installation.armed_by IS 'Who armed it.';

INSERT INTO tracer.installation (database, armed_at, armed_by)
SELECT d.oid, a.at, CASE WHEN a.at IS NOT NULL THEN session_user END
  FROM pg_catalog.pg_database d,
       (SELECT CASE WHEN pg_catalog.current_setting('row_security')::boolean
                     AND pg_catalog.current_setting('application_name') <> 'pg_restore' THEN pg_catalog.now() END) AS a (at)
 WHERE d.datname = pg_catalog.current_database();

CREATE FUNCTION tracer.armed() RETURNS boolean
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'tracer_armed';
COMMENT ON FUNCTION tracer.armed() IS 'Whether the background worker acts by itself in this database. False after a restore and in a copy of a database, until tracer.arm().';
