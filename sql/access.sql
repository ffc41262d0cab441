-- Who may do what: nobody anything, until tracer.grant_access() says so.
SET TIME ZONE 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
\set SHOW_CONTEXT never
CREATE EXTENSION tracer;

-- Nothing in the schema is PUBLIC's, whatever kind of thing it is.
SELECT 'schema' AS kind, nspname::text AS name
  FROM pg_namespace WHERE nspname = 'tracer' AND has_schema_privilege('public', oid, 'USAGE, CREATE')
UNION ALL
SELECT 'relation', oid::regclass::text
  FROM pg_class
 WHERE relnamespace = 'tracer'::regnamespace AND relkind IN ('r', 'v', 'S', 'm', 'p', 'f')
   AND CASE relkind WHEN 'S' THEN has_sequence_privilege('public', oid, 'USAGE, SELECT, UPDATE')
                    ELSE has_any_column_privilege('public', oid, 'SELECT, INSERT, UPDATE, REFERENCES')
                         OR has_table_privilege('public', oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER') END
UNION ALL
SELECT 'routine', oid::regprocedure::text
  FROM pg_proc WHERE pronamespace = 'tracer'::regnamespace AND has_function_privilege('public', oid, 'EXECUTE')
UNION ALL
SELECT 'type', t.oid::regtype::text
  FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
 WHERE t.typnamespace = 'tracer'::regnamespace
   AND (t.typtype IN ('e', 'd', 'r') OR t.typtype = 'c' AND c.relkind = 'c')
   AND has_type_privilege('public', t.oid, 'USAGE')
 ORDER BY 1, 2;

-- Everything in the schema says what it is, columns, sequences and trigger functions included.
SELECT 'relation' AS kind, c.relname::text AS uncommented
  FROM pg_class c
 WHERE c.relnamespace = 'tracer'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'p', 'f', 'S')
   AND obj_description(c.oid, 'pg_class') IS NULL
UNION ALL
SELECT 'column', format('%s.%s', c.relname, a.attname)
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE c.relnamespace = 'tracer'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'p', 'f', 'c')
   AND col_description(c.oid, a.attnum) IS NULL
UNION ALL
SELECT 'routine', oid::regprocedure::text
  FROM pg_proc WHERE pronamespace = 'tracer'::regnamespace AND obj_description(oid, 'pg_proc') IS NULL
UNION ALL
SELECT 'type', t.oid::regtype::text
  FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
 WHERE t.typnamespace = 'tracer'::regnamespace
   AND (t.typtype IN ('e', 'd', 'r') OR t.typtype = 'c' AND c.relkind = 'c')
   AND coalesce(obj_description(t.oid, 'pg_type'), obj_description(c.oid, 'pg_class')) IS NULL
UNION ALL
SELECT 'setting', name FROM tracer.setting WHERE description IS NULL OR description = ''
 ORDER BY 1, 2;

-- Every table that an incident is made of has a level that may read it.
SELECT relname AS readable_by_nobody
  FROM pg_class
 WHERE relnamespace = 'tracer'::regnamespace AND relkind = 'r'
   AND relname NOT IN (SELECT name FROM tracer.access_catalog() WHERE kind = 'table' AND level = 'reader')
   AND relname <> 'secret' -- which nobody may
 ORDER BY 1;

-- Functions that run as the owner have a fixed search path.
SELECT oid::regprocedure AS open_search_path
  FROM pg_proc
 WHERE pronamespace = 'tracer'::regnamespace AND prosecdef
   AND NOT coalesce(array_to_string(proconfig, ' ') LIKE '%search_path=pg_catalog, pg_temp%', false);

CREATE ROLE regress_tracer_reader;
CREATE ROLE regress_tracer_writer;
CREATE ROLE regress_tracer_operator;
CREATE ROLE regress_tracer_admin;
CREATE ROLE "regress tracer ""odd""";
SELECT tracer.grant_access('regress_tracer_reader', 'reader'), tracer.grant_access('regress_tracer_writer', 'writer'),
       tracer.grant_access('regress_tracer_operator', 'operator'), tracer.grant_access('regress_tracer_admin', 'admin');
-- Again, and for a name that needs quoting.
SELECT tracer.grant_access('regress_tracer_reader', 'reader');
SELECT tracer.grant_access('regress tracer "odd"', 'admin');

-- A function that runs as its owner is nobody's unless it is listed.
CREATE FUNCTION tracer.keyhole() RETURNS int LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'SELECT 1';
REVOKE ALL ON FUNCTION tracer.keyhole() FROM PUBLIC;
SELECT tracer.grant_access('regress_tracer_admin', 'admin');
SELECT has_function_privilege('regress_tracer_admin', 'tracer.keyhole()', 'EXECUTE') AS peeks;
DROP FUNCTION tracer.keyhole();

-- Wrong input.
SELECT tracer.grant_access('regress_tracer_nobody', 'reader');
SELECT tracer.grant_access('regress_tracer_reader', 'owner');
SELECT tracer.grant_access('regress_tracer_reader', NULL);
SELECT tracer.grant_access(NULL, 'reader');
SELECT tracer.revoke_access('regress_tracer_nobody');

-- A reader sees everything and changes nothing.
SET ROLE regress_tracer_reader;
SELECT count(*) FROM tracer.incidents;
SELECT count(*) FROM tracer.incident_alerts;
SELECT count(*) FROM tracer.root_causes;
SELECT count(*) FROM tracer.evidence;
SELECT count(*) FROM tracer.timeline;
SELECT count(*) FROM tracer.unresolved_names;
SELECT count(*) FROM tracer.open_warnings;
SELECT count(*) >= 0 AS ran FROM tracer.doctor();
SELECT value FROM tracer.setting WHERE name = 'horizon';
SELECT tracer.get('horizon');
INSERT INTO tracer.alert (title) VALUES ('no');
SELECT tracer.link('a', 'b');
SELECT tracer.correlate();
SELECT tracer.set('horizon', '1 hour');
SELECT tracer.grant_access('regress_tracer_reader', 'admin');
RESET ROLE;

-- A writer sends alerts and lineage, and no more.
SET ROLE regress_tracer_writer;
INSERT INTO tracer.alert (asset, title, fired_at) VALUES ('orders', 'orders is late', '2026-01-01 00:00+00'), ('revenue', 'revenue is low', '2026-01-01 00:10+00');
INSERT INTO tracer.change (asset, kind, title) VALUES ('orders', 'config', 'new schedule');
INSERT INTO tracer.metric (asset, name, value) VALUES ('orders', 'row_count', 1);
INSERT INTO tracer.asset (name, owner) VALUES ('orders', 'sales') ON CONFLICT (name) DO UPDATE SET owner = excluded.owner;
INSERT INTO tracer.asset_alias VALUES ('ORDERS', 'orders');
SELECT tracer.link('orders', 'revenue');
SELECT tracer.link('orders', 'costs');
SELECT tracer.unlink('orders', 'costs');
UPDATE tracer.alert SET title = 'rewritten';
DELETE FROM tracer.alert;
SELECT tracer.correlate();
SELECT tracer.acknowledge(1);
SELECT tracer.resolve(1);
SELECT tracer.declare('no');
RESET ROLE;

-- An operator works on incidents without any right on their tables.
SET ROLE regress_tracer_operator;
SELECT tracer.correlate();
SELECT tracer.acknowledge(incident_id, by => 'night shift') FROM tracer.incidents;
SELECT tracer.note(incident_id, 'looking', by => 'night shift') FROM tracer.incidents;
SELECT tracer.confirm(incident_id, 'orders', by => 'night shift') FROM tracer.incidents;
SELECT count(*) FROM (SELECT tracer.split(incident_id, 'revenue') FROM tracer.incidents) AS s;
SELECT tracer.merge(min(incident_id), max(incident_id)) FROM tracer.incidents;
SELECT tracer.resolve(incident_id, note => 'fixed') FROM tracer.incidents;
SELECT tracer.reopen(incident_id) FROM tracer.incidents;
SELECT tracer.declare('by hand') > 0 AS declared;
SELECT length(tracer.report(min(incident_id))) > 100 AS report FROM tracer.incidents;
UPDATE tracer.incident SET title = 'rewritten';
INSERT INTO tracer.decision (kind, alert_id, decided_by) VALUES ('part', 1, 'me');
SELECT tracer.record_event(1, 'note', 'somebody else', 'forged');
SELECT tracer.set('horizon', '1 hour');
SELECT tracer.set_node(1);
RESET ROLE;
SELECT DISTINCT actor FROM tracer.incident_event WHERE actor IS NOT NULL AND actor <> session_user;

-- An admin changes settings.
SET ROLE regress_tracer_admin;
SELECT tracer.set('horizon', '1 hour');
SELECT tracer.set('horizon', NULL);
INSERT INTO tracer.team (name) VALUES ('sales');
INSERT INTO tracer.category_rule VALUES ('mainframe', NULL, 'operational issue', 'environment');
DELETE FROM tracer.category_rule;
SELECT tracer.grant_access('regress_tracer_reader', 'admin');
DROP TABLE tracer.alert;
RESET ROLE;

-- A lower level takes back what a higher one gave.
SELECT tracer.grant_access('regress_tracer_admin', 'reader');
SELECT has_table_privilege('regress_tracer_admin', 'tracer.alert', 'INSERT') AS may_insert,
       has_function_privilege('regress_tracer_admin', 'tracer.set(text, text)', 'EXECUTE') AS may_set;

-- Node numbers: ids from now on leave that remainder, above all in use.
SELECT tracer.set_node(-1);
SELECT tracer.set_node(1024);
SELECT tracer.set_node(NULL);
SET ROLE regress_tracer_operator;
SELECT tracer.set_node(7);
RESET ROLE;
SELECT tracer.set_node(7);
INSERT INTO tracer.alert (title) VALUES ('first of node 7'), ('second of node 7');
INSERT INTO tracer.asset (name) VALUES ('first asset of node 7');
INSERT INTO tracer.change (title) VALUES ('first change of node 7');
SELECT title, alert_id % 1024 AS node, alert_id > (SELECT max(alert_id) FROM tracer.alert WHERE title NOT LIKE '%node 7') AS above
  FROM tracer.alert WHERE title LIKE '%node 7' ORDER BY alert_id;
SELECT asset_id % 1024 AS node FROM tracer.asset WHERE name LIKE '%node 7';
SELECT change_id % 1024 AS node FROM tracer.change WHERE title LIKE '%node 7';
SELECT max(alert_id) - min(alert_id) AS step FROM tracer.alert WHERE title LIKE '%node 7';
-- Ids that came from elsewhere are ahead of the sequence: go above them too.
INSERT INTO tracer.alert (alert_id, title) VALUES (1024 * 1000 + 3, 'from node 3');
SELECT tracer.set_node(2);
SELECT nextval('tracer.alert_id') = 1024 * 1001 + 2 AS next_above;
SELECT tracer.set_node(3);
SELECT nextval('tracer.alert_id') = 1024 * 1001 + 3 AS next_above;
BEGIN;
SELECT tracer.set_node(9);
ROLLBACK;
SELECT nextval('tracer.alert_id') % 1024 AS still_node;

SELECT tracer.revoke_access('regress_tracer_reader'), tracer.revoke_access('regress_tracer_writer'), tracer.revoke_access('regress_tracer_operator'),
       tracer.revoke_access('regress_tracer_admin'), tracer.revoke_access('regress tracer "odd"');
DROP ROLE regress_tracer_reader, regress_tracer_writer, regress_tracer_operator, regress_tracer_admin, "regress tracer ""odd""";
DROP EXTENSION tracer;
