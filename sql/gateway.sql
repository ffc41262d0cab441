-- Tokens and links for the HTTP gateway.
SET TIME ZONE 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
\set SHOW_CONTEXT never
CREATE EXTENSION tracer;

-- A token is shown once; only its hash is kept.
SELECT tracer.create_gateway_token('alertmanager') AS token \gset
SELECT :'token' ~ '^[0-9a-f]{32}$' AS thirty_two_digits;
SELECT name, source, sha256 = sha256(convert_to(:'token', 'UTF8')) AS hashed, body_limit, per_minute, expires_at FROM tracer.gateway_token;
SELECT tracer.create_gateway_token('dbt', 'nightly build', '200MB', 60, 'infinity') <> :'token' AS another;
SELECT tracer.create_gateway_token('dbt', 'long ago', expires_at => '2020-01-01') IS NOT NULL AS made;
SELECT name, source, body_limit, per_minute, expires_at, expired, created_by = session_user AS mine FROM tracer.gateway_tokens ORDER BY name;
SELECT source, length(sha256), body_limit, per_minute FROM tracer.gateway_credentials() ORDER BY 1;
SELECT tracer.drop_gateway_token('alertmanager');
SELECT source FROM tracer.gateway_credentials();

-- Wrong input.
SELECT tracer.create_gateway_token(NULL);
SELECT tracer.create_gateway_token('');
SELECT tracer.create_gateway_token('dbt', 'nightly build');
SELECT tracer.create_gateway_token('dbt', 'x', 'much');
SELECT tracer.create_gateway_token('dbt', 'x', '0');
SELECT tracer.create_gateway_token('dbt', 'x', '2GB');
SELECT tracer.create_gateway_token('dbt', 'x', NULL);
SELECT tracer.create_gateway_token('dbt', 'x', per_minute => 0);
SELECT tracer.drop_gateway_token('nobody');
SELECT tracer.drop_gateway_token(NULL);

-- No links until it is known where to.
SELECT tracer.incident_link(1) IS NULL AS none, tracer.link_is_good(1, 4000000000, repeat('0', 32)) AS good;
SELECT tracer.set_gateway('ftp://tracer.example.com');
SELECT tracer.set_gateway('https://tracer.example.com/?x=1');
SELECT tracer.set_gateway('https://tracer.example.com', '0');
SELECT tracer.set_gateway('https://tracer.example.com', NULL);
SELECT tracer.set_gateway('https://tracer.example.com/', '7 days');
SELECT tracer.incident_link(17) ~ '^https://tracer\.example\.com/incidents/17\?until=\d+&signature=[0-9a-f]{32}$' AS link, tracer.incident_link(NULL) IS NULL AS none;

-- HMAC-SHA256, of which test case 2 of RFC 4231 is one.
BEGIN;
CREATE FUNCTION pg_temp.padded(key bytea, pad int) RETURNS bytea LANGUAGE sql AS $$
SELECT string_agg(set_byte('\x00', 0, (CASE WHEN i < length(key) THEN get_byte(key, i) ELSE 0 END) # pad), '' ORDER BY i) FROM generate_series(0, 63) AS i $$;
UPDATE tracer.gateway_link SET inner_key = pg_temp.padded('Jefe', 54), outer_key = pg_temp.padded('Jefe', 92);
SELECT encode(sha256(outer_key || sha256(inner_key || 'what do ya want for nothing?')), 'hex') FROM tracer.gateway_link;
SELECT tracer.link_signature(17, 1800000000);
ROLLBACK;
-- The stored halves are of one key, padded to 64 bytes.
SELECT bool_and(get_byte(inner_key, i) # get_byte(outer_key, i) = (54 # 92)) AS one_key, count(*),
       count(DISTINCT get_byte(inner_key, i)) > 10 AS random, bool_and(substr(inner_key, 33) = decode(repeat('36', 32), 'hex')) AS padded
  FROM tracer.gateway_link, generate_series(0, 63) AS i;

-- A link is good for its incident and its time, and for nothing else.
CREATE FUNCTION pg_temp.good(link text, other_id bigint DEFAULT NULL, other_end bigint DEFAULT NULL, other_signature text DEFAULT NULL) RETURNS boolean LANGUAGE sql AS $$
SELECT tracer.link_is_good(coalesce(other_id, p[1]::bigint), coalesce(other_end, p[2]::bigint), coalesce(other_signature, p[3]))
  FROM regexp_match(link, '/(\d+)\?until=(\d+)&signature=(.*)') AS p $$;
SELECT tracer.incident_link(17) AS link \gset
SELECT pg_temp.good(:'link') AS itself, pg_temp.good(:'link', other_id => 18) AS other_incident, pg_temp.good(:'link', other_end => 4000000000) AS later,
       pg_temp.good(:'link', other_signature => '') AS unsigned, pg_temp.good(:'link', other_signature => repeat('0', 32)) AS forged;
SELECT tracer.link_is_good(17, 1000000000, tracer.link_signature(17, 1000000000)) AS expired, tracer.link_is_good(17, NULL, NULL) AS nothing;
SELECT (regexp_match(:'link', 'until=(\d+)'))[1]::bigint - extract(epoch FROM now()) BETWEEN 7 * 86400 AND 8 * 86400 AS a_week;
SELECT tracer.linked_page(17, 4000000000, 'forged') IS NULL AS closed;
SELECT tracer.linked_page(17, 4000000000, tracer.link_signature(17, 4000000000));
INSERT INTO tracer.alert (asset, title, fired_at) VALUES ('orders', 'orders is late', '2026-01-01 00:00+00');
SELECT tracer.correlate();
SELECT tracer.linked_page(incident_id, 4000000000, tracer.link_signature(incident_id, 4000000000)) LIKE '<!DOCTYPE html>%orders is late%' AS page FROM tracer.incidents;

-- The address can change and links stay good; a new secret ends them all.
SELECT tracer.set_gateway('https://alerts.example.com/tracer', '7 days');
SELECT tracer.incident_link(17) LIKE 'https://alerts.example.com/tracer/incidents/17?%' AS moved, pg_temp.good(:'link') AS still_good;
SELECT tracer.set_gateway('https://alerts.example.com/tracer', new_secret => true);
SELECT pg_temp.good(:'link') AS still_good, pg_temp.good(tracer.incident_link(17)) AS new_one;
SELECT tracer.set_gateway(NULL);
SELECT tracer.incident_link(17) IS NULL AS none;

-- Nobody but the owner sees a hash or a key, and a writer is told only hashes.
CREATE ROLE regress_tracer_gateway;
SELECT tracer.grant_access('regress_tracer_gateway', 'admin');
SET ROLE regress_tracer_gateway;
SELECT count(*) FROM tracer.gateway_token;
SELECT count(*) FROM tracer.gateway_link;
SELECT tracer.link_signature(1, 1);
SELECT length(tracer.create_gateway_token('prometheus'));
SELECT tracer.set_gateway('https://tracer.example.com');
SELECT name, source FROM tracer.gateway_tokens ORDER BY name;
RESET ROLE;
SELECT tracer.grant_access('regress_tracer_gateway', 'writer');
SET ROLE regress_tracer_gateway;
SELECT source, length(sha256) FROM tracer.gateway_credentials() ORDER BY source;
SELECT tracer.linked_page(1, 1, '') IS NULL AS closed;
SELECT tracer.create_gateway_token('x');
SELECT tracer.drop_gateway_token('nightly build');
SELECT tracer.set_gateway(NULL);
SELECT tracer.incident_link(1);
RESET ROLE;
SELECT tracer.grant_access('regress_tracer_gateway', 'reader');
SET ROLE regress_tracer_gateway;
SELECT tracer.gateway_credentials();
RESET ROLE;
SELECT tracer.revoke_access('regress_tracer_gateway');
DROP ROLE regress_tracer_gateway;
DROP EXTENSION tracer;
