/*
 * What the HTTP gateway (contrib/gateway) needs of the database: whose requests
 * it may take, and links to incidents that need no login.
 *
 * A token is 128 random bits, shown once when it is made; here is its SHA-256.
 * The gateway fetches all hashes, so that it can turn strangers away by itself.
 * That is safe to hand to any writer: a hash of random bits gives nothing away,
 * unlike one of a password.
 *
 * A link is signed here and checked here; the gateway never has the secret. Its
 * signature is HMAC-SHA256 over the incident and the end of the link, so that
 * it is good for that incident and that long, and for nothing else.
 */
CREATE TABLE tracer.gateway_token (
    name       text PRIMARY KEY CHECK (name <> ''),
    source     text NOT NULL CHECK (source <> ''),
    sha256     bytea NOT NULL UNIQUE CHECK (length(sha256) = 32),
    body_limit int NOT NULL CHECK (body_limit > 0),
    per_minute int CHECK (per_minute > 0),
    expires_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL DEFAULT session_user
);
SELECT pg_catalog.pg_extension_config_dump('tracer.gateway_token', '');
COMMENT ON TABLE tracer.gateway_token IS 'Who may send through the HTTP gateway. Written by tracer.create_gateway_token() and tracer.drop_gateway_token(); read tracer.gateway_tokens instead.';
COMMENT ON COLUMN tracer.gateway_token.name IS 'What people call it.';
COMMENT ON COLUMN tracer.gateway_token.source IS 'Source of what it sends, as in tracer.ingest().';
COMMENT ON COLUMN tracer.gateway_token.sha256 IS 'SHA-256 of the token, which is stored nowhere.';
COMMENT ON COLUMN tracer.gateway_token.body_limit IS 'Largest body that it may send, in bytes, decompressed.';
COMMENT ON COLUMN tracer.gateway_token.per_minute IS 'Requests that it may send in a minute; NULL: any number.';
COMMENT ON COLUMN tracer.gateway_token.expires_at IS 'When it ends; NULL: never.';
COMMENT ON COLUMN tracer.gateway_token.created_at IS 'When it was made.';
COMMENT ON COLUMN tracer.gateway_token.created_by IS 'Who made it.';

CREATE VIEW tracer.gateway_tokens AS
SELECT t.name, t.source, t.body_limit, t.per_minute, t.expires_at,
       coalesce(t.expires_at <= now(), false) AS expired, t.created_at, t.created_by
  FROM tracer.gateway_token t;
COMMENT ON VIEW tracer.gateway_tokens IS 'Who may send through the HTTP gateway, without what would let anybody in.';
COMMENT ON COLUMN tracer.gateway_tokens.name IS 'What people call it.';
COMMENT ON COLUMN tracer.gateway_tokens.source IS 'Source of what it sends.';
COMMENT ON COLUMN tracer.gateway_tokens.body_limit IS 'Largest body that it may send, in bytes, decompressed.';
COMMENT ON COLUMN tracer.gateway_tokens.per_minute IS 'Requests that it may send in a minute; NULL: any number.';
COMMENT ON COLUMN tracer.gateway_tokens.expires_at IS 'When it ends; NULL: never.';
COMMENT ON COLUMN tracer.gateway_tokens.expired IS 'Whether it has ended.';
COMMENT ON COLUMN tracer.gateway_tokens.created_at IS 'When it was made.';
COMMENT ON COLUMN tracer.gateway_tokens.created_by IS 'Who made it.';

CREATE FUNCTION tracer.create_gateway_token(source text, name text DEFAULT NULL, body_limit text DEFAULT '5MB', per_minute int DEFAULT NULL, expires_at timestamptz DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- 122 of the 128 bits of each are random: of the hash of two, 128 are.
    token text := left(encode(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'hex'), 32);
    bytes numeric;
BEGIN
    IF coalesce(create_gateway_token.source, '') = '' THEN
        RAISE EXCEPTION 'a token needs a source'
            USING ERRCODE = 'null_value_not_allowed',
                  HINT = 'It is the name that tracer.ingest() knows the tool by, such as alertmanager.';
    END IF;
    BEGIN
        bytes := pg_size_bytes(create_gateway_token.body_limit);
    EXCEPTION WHEN data_exception THEN
        bytes := NULL;
    END;
    IF bytes IS NULL OR bytes NOT BETWEEN 1 AND 1000 * 1024 * 1024 THEN
        RAISE EXCEPTION 'body limit "%" is not possible', coalesce(create_gateway_token.body_limit, 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'It is a size up to 1000MB, such as 5MB.';
    END IF;
    IF create_gateway_token.per_minute < 1 THEN
        RAISE EXCEPTION 'a limit of % requests in a minute is not possible', create_gateway_token.per_minute
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'NULL means any number; tracer.drop_gateway_token() ends a token.';
    END IF;
    INSERT INTO tracer.gateway_token (name, source, sha256, body_limit, per_minute, expires_at)
    VALUES (coalesce(nullif(create_gateway_token.name, ''), create_gateway_token.source), create_gateway_token.source,
            sha256(convert_to(token, 'SQL_ASCII')), bytes, create_gateway_token.per_minute, create_gateway_token.expires_at);
    RETURN token;
EXCEPTION WHEN unique_violation THEN
    RAISE EXCEPTION 'there is a token named "%"', coalesce(nullif(create_gateway_token.name, ''), create_gateway_token.source)
        USING ERRCODE = 'duplicate_object',
              HINT = 'Give this one another name; tracer.drop_gateway_token() ends the old one.';
END
$$;
COMMENT ON FUNCTION tracer.create_gateway_token(text, text, text, int, timestamptz) IS 'Makes a token with which one source may send through the HTTP gateway, and returns it: this is the only time that it can be seen. Several tokens of one source need names (default: the source). body_limit: largest body, decompressed, such as 200MB for dbt manifests; per_minute: requests in a minute, NULL any number; expires_at: NULL never. The gateway knows it within five seconds. Errors: null_value_not_allowed without source, duplicate_object for a name in use, invalid_parameter_value for limits that are not possible.';

CREATE FUNCTION tracer.drop_gateway_token(name text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM tracer.gateway_token t WHERE t.name = drop_gateway_token.name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no token named "%"', coalesce(drop_gateway_token.name, 'NULL')
            USING ERRCODE = 'undefined_object',
                  HINT = 'SELECT name FROM tracer.gateway_tokens lists them.';
    END IF;
END
$$;
COMMENT ON FUNCTION tracer.drop_gateway_token(text) IS 'Ends a token; the gateway refuses it within five seconds. Error: undefined_object for an unknown name.';

CREATE FUNCTION tracer.gateway_credentials()
RETURNS TABLE (source text, sha256 bytea, body_limit int, per_minute int)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT t.source, t.sha256, t.body_limit, t.per_minute
  FROM tracer.gateway_token t
 WHERE t.expires_at IS NULL OR t.expires_at > now()
$$;
COMMENT ON FUNCTION tracer.gateway_credentials() IS 'For the gateway: the tokens that are good at the moment, hashed, with their source and limits.';

CREATE TABLE tracer.gateway_link (
    only_one  boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    base_url  text NOT NULL,
    lifetime  interval NOT NULL CHECK (lifetime > interval '0'),
    inner_key bytea NOT NULL,
    outer_key bytea NOT NULL
);
-- Not marked for dumps: the keys stay here.
COMMENT ON TABLE tracer.gateway_link IS 'How links to incidents are made; one row, written by tracer.set_gateway(). None: there are no links. Not dumped, as it holds their keys.';
COMMENT ON COLUMN tracer.gateway_link.only_one IS 'Always true.';
COMMENT ON COLUMN tracer.gateway_link.base_url IS 'Where people reach the gateway.';
COMMENT ON COLUMN tracer.gateway_link.lifetime IS 'How long a link is good, to the end of the day (UTC).';
COMMENT ON COLUMN tracer.gateway_link.inner_key IS 'Secret: the key of HMAC-SHA256 with its inner padding, 64 bytes.';
COMMENT ON COLUMN tracer.gateway_link.outer_key IS 'Secret: the same key with its outer padding, 64 bytes.';

CREATE FUNCTION tracer.set_gateway(base_url text, link_lifetime interval DEFAULT '30 days', new_secret boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    secret    bytea := sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
    inner_pad bytea := decode(repeat('36', 64), 'hex');
    outer_pad bytea := decode(repeat('5c', 64), 'hex');
BEGIN
    IF set_gateway.base_url IS NULL THEN
        DELETE FROM tracer.gateway_link;
        RETURN;
    END IF;
    IF set_gateway.base_url !~ '^https?://[!#-;=?-Z_a-z~%]+$' OR set_gateway.base_url ~ '[()?#]' THEN
        RAISE EXCEPTION 'gateway address "%" is no http or https address', set_gateway.base_url
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'It is what stands before /incidents/, such as https://tracer.example.com.';
    END IF;
    IF link_lifetime IS NULL OR link_lifetime <= interval '0' OR link_lifetime > interval '10 years' THEN
        RAISE EXCEPTION 'a link cannot be good for %', coalesce(link_lifetime::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'The time is above zero and at most 10 years.';
    END IF;
    FOR i IN 0..31 LOOP
        inner_pad := set_byte(inner_pad, i, get_byte(inner_pad, i) # get_byte(secret, i));
        outer_pad := set_byte(outer_pad, i, get_byte(outer_pad, i) # get_byte(secret, i));
    END LOOP;
    INSERT INTO tracer.gateway_link AS g (base_url, lifetime, inner_key, outer_key)
    VALUES (rtrim(set_gateway.base_url, '/'), link_lifetime, inner_pad, outer_pad)
    ON CONFLICT (only_one) DO UPDATE
       SET base_url = excluded.base_url, lifetime = excluded.lifetime,
           inner_key = CASE WHEN new_secret THEN excluded.inner_key ELSE g.inner_key END,
           outer_key = CASE WHEN new_secret THEN excluded.outer_key ELSE g.outer_key END;
END
$$;
COMMENT ON FUNCTION tracer.set_gateway(text, interval, boolean) IS 'Says where people reach the gateway, so that messages carry links to incidents; NULL: no links. link_lifetime: how long a link is good. new_secret: end all links that were given out. Error: invalid_parameter_value.';

CREATE FUNCTION tracer.link_signature(incident bigint, until bigint) RETURNS text
LANGUAGE sql STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
SELECT left(encode(sha256(g.outer_key || sha256(g.inner_key || convert_to(format('incident/%s/%s', incident, until), 'SQL_ASCII'))), 'hex'), 32)
  FROM tracer.gateway_link g
$$;
COMMENT ON FUNCTION tracer.link_signature(bigint, bigint) IS 'The signature of a link to an incident that is good until that second since 1970: the first 32 digits of an HMAC-SHA256. NULL without tracer.set_gateway(). Of use to the owner only, who may read the key.';

CREATE FUNCTION tracer.incident_link(incident bigint) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
-- To the end of a day, so that the messages of one day carry the same link.
SELECT format('%s/incidents/%s?until=%s&signature=%s', g.base_url, incident, e.until, tracer.link_signature(incident, e.until))
  FROM tracer.gateway_link g,
       LATERAL (SELECT (ceil(extract(epoch FROM now() + g.lifetime) / 86400) * 86400)::bigint AS until) AS e
 WHERE incident IS NOT NULL
$$;
COMMENT ON FUNCTION tracer.incident_link(bigint) IS 'A link to an incident''s report, for messages: whoever has it may read that report, without login, until it expires. NULL where tracer.set_gateway() was never called, and for NULL. The incident need not exist.';

CREATE FUNCTION tracer.link_is_good(incident bigint, until bigint, signature text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
-- Hashes are compared, so that the time it takes tells nothing about the right one.
SELECT coalesce(until > extract(epoch FROM now())
                AND sha256(convert_to(signature, 'UTF8')) = sha256(convert_to(tracer.link_signature(incident, until), 'UTF8')), false)
$$;
COMMENT ON FUNCTION tracer.link_is_good(bigint, bigint, text) IS 'Whether this is a link that tracer.incident_link() made and that has not expired.';

CREATE FUNCTION tracer.linked_page(incident bigint, until bigint, signature text) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT CASE WHEN tracer.link_is_good(incident, until, signature) THEN tracer.report(incident, 'html') END
$$;
COMMENT ON FUNCTION tracer.linked_page(bigint, bigint, text) IS 'For the gateway: the report on an incident as a page, if the link is good, else NULL. Error: undefined_object for an incident that there is not.';
