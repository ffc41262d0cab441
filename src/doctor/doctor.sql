/*
 * The doctor: what stands between tracer and a good answer.
 *
 * Each check is one branch of one UNION: severity, topic, subject, problem,
 * remedy. error: incidents are wrong or missing because of it; warning: a name,
 * an owner or a tool is not known, and answers suffer; info: worth knowing.
 */
-- Not compiled (jit): that takes longer than all of it, and its cost is a guess.
CREATE FUNCTION tracer.doctor()
RETURNS TABLE (severity text, topic text, subject text, problem text, remedy text)
LANGUAGE sql STABLE
SET jit = off
SET search_path = pg_catalog, pg_temp
AS $$
WITH key AS (
     SELECT k.key_id, k.source, k.asset, t.asset_id, t.owner, k.last_event_at
       FROM tracer.alert_key k
       LEFT JOIN tracer.asset t ON t.name = k.asset
), alerting AS (
     SELECT k.asset, k.asset_id, max(k.owner) AS owner, max(k.last_event_at) AS last_event_at
       FROM key k
      WHERE k.asset_id IS NOT NULL
      GROUP BY k.asset, k.asset_id
), waiting AS (
     SELECT count(*) AS n, min(a.received_at) AS since
       FROM tracer.alert a
      WHERE NOT EXISTS (SELECT FROM tracer.placement p WHERE p.alert_id = a.alert_id)
        AND NOT EXISTS (SELECT FROM tracer.set_aside q WHERE q.alert_id = a.alert_id)
), worker AS (
     SELECT w.state, w.last_pass_at, w.last_error FROM tracer.workers w WHERE w.database = current_database() AND w.kind = 'correlator'
), state AS (
     SELECT s.system_id, s.watermark, true AS "exists" FROM tracer.correlate_state s
), pace AS (
     -- Of a source's last 30 alerts: how many, and the longest silence between two, in
     -- seconds, since the time between the first and the last day is no interval.
     SELECT s.source, count(*) AS n, max(g.gap) AS longest, max(g.fired_at) AS last
       FROM (SELECT DISTINCT k.source FROM key k WHERE k.source NOT IN ('declared', 'tracer')) AS s
      CROSS JOIN LATERAL (
            SELECT r.fired_at, extract(epoch FROM r.fired_at) - lag(extract(epoch FROM r.fired_at)) OVER (ORDER BY r.fired_at) AS gap
              FROM (SELECT p.fired_at
                      FROM key k
                      JOIN tracer.placement p ON p.key_id = k.key_id
                     WHERE k.source = s.source
                     ORDER BY p.fired_at DESC
                     LIMIT 30) AS r) AS g
      GROUP BY s.source
), finding (severity, topic, subject, problem, remedy) AS (
     SELECT 'error', 'correlation', NULL, format('%s waiting, and tracer.correlate() never ran', tracer.counted(w.n, 'alert')),
            'Run SELECT tracer.correlate(), or schedule it.'
       FROM waiting w
      WHERE w.n > 0 AND NOT EXISTS (SELECT FROM state)
     UNION ALL
     SELECT CASE WHEN w.since < now() - interval '1 hour' THEN 'error' ELSE 'warning' END, 'correlation', NULL,
            format('%s waiting to be placed for %s', tracer.counted(w.n, 'alert'), tracer.span(extract(epoch FROM now() - w.since))),
            'Run SELECT tracer.correlate(), and find out why nothing calls it.'
       FROM waiting w
      WHERE w.n > 0 AND w.since < now() - interval '5 minutes' AND EXISTS (SELECT FROM state)
     UNION ALL
     SELECT 'error', 'correlation', 'alert ' || q.alert_id, format('it cannot be placed and was set aside: %s', q.error),
            'Remove what stands in the way, then UPDATE tracer.set_aside SET tried_at = ''-infinity''; it is tried again now and then by itself.'
       FROM tracer.set_aside q
     UNION ALL
     SELECT 'error', 'worker', NULL, 'there are channels, but tracer is not in shared_preload_libraries, so nothing is sent',
            'Add it in postgresql.conf and restart.'
       FROM worker w
      WHERE w.state = 'not preloaded' AND EXISTS (SELECT FROM tracer.channel)
     UNION ALL
     SELECT 'error', 'worker', NULL, 'this database was restored, copied or disarmed, and tracer does nothing in it by itself',
            'SELECT tracer.arm(), if it is to page people.'
      WHERE NOT tracer.armed()
     UNION ALL
     SELECT 'error', 'worker', r.tab, 'its triggers are not as they were installed: what arrives may go unnoticed',
            r.repair || '.'
       FROM tracer.trigger_repairs() r
     UNION ALL
     SELECT 'error', 'worker', NULL, 'library and catalog are of different versions, and the worker waits',
            'ALTER EXTENSION tracer UPDATE, or restart the server.'
       FROM worker w
      WHERE w.state = 'other version'
     UNION ALL
     SELECT 'error', 'worker', NULL, 'this database has no worker',
            'Is it in tracer.databases? Are tracer.max_workers and max_worker_processes high enough? The server''s log tells.'
       FROM worker w
      WHERE w.state IN ('none', 'stopped')
     UNION ALL
     SELECT 'error', 'worker', NULL,
            format('its passes fail, lately with: %s', w.last_error),
            'See the server''s log; alerts wait meanwhile, and none is lost.'
       FROM worker w
      WHERE w.state = 'backing off'
     UNION ALL
     SELECT 'error', 'worker', NULL, format('its last pass was %s ago', tracer.span(extract(epoch FROM now() - w.last_pass_at))),
            'See tracer.workers and pg_stat_activity: does a lock hold it up?'
       FROM worker w
      WHERE w.state IN ('idle', 'working') AND w.last_pass_at < now() - interval '5 minutes'
     UNION ALL
     SELECT 'error', 'worker', NULL, 'there are channels, but the process that sends does not run',
            'The server''s log tells why it ended; it is tried again after a while.'
       FROM tracer.workers s, worker w
      WHERE s.database = current_database() AND s.kind = 'sender' AND s.state = 'stopped' AND w.state IN ('idle', 'working')
        AND EXISTS (SELECT FROM tracer.channel) AND current_setting('tracer.deliver', true) = 'on'
     UNION ALL
     SELECT 'error', 'worker', NULL, format('the process that sends reported %s ago: %s', tracer.span(extract(epoch FROM now() - s.last_error_at)), s.last_error),
            'See the server''s log, and tracer''s settings in postgresql.conf.'
       FROM tracer.workers s
      WHERE s.database = current_database() AND s.kind = 'sender' AND s.last_error_at > now() - interval '5 minutes'
     UNION ALL
     SELECT 'info', 'worker', NULL, 'tracer.deliver is off: nothing leaves this server',
            'Switch it on in postgresql.conf, unless this is a clone.'
       FROM worker w
      WHERE w.state <> 'not preloaded' AND current_setting('tracer.deliver', true) = 'off'
     UNION ALL
     SELECT 'error', 'correlation', NULL, 'this database was correlated on another server and restored or cloned since',
            'Run SELECT tracer.correlate(); it takes up what came along.'
       FROM state s
      WHERE s.system_id <> (SELECT c.system_identifier FROM pg_control_system() c)
     UNION ALL
     SELECT 'error', 'lineage', NULL, 'there is no lineage, so every alert stands alone',
            'Declare what feeds what: SELECT tracer.link(''<upstream>'', ''<downstream>'').'
      WHERE NOT EXISTS (SELECT FROM tracer.lineage)
        AND EXISTS (SELECT FROM tracer.alert)
     UNION ALL
     SELECT 'warning', 'lineage', a.asset, 'it alerts, but nothing is linked to it, so its alerts stand alone',
            format('SELECT tracer.link(''<upstream>'', %s), or the other way round.', tracer.sql_string(a.asset))
       FROM alerting a
      WHERE EXISTS (SELECT FROM tracer.lineage)
        AND NOT EXISTS (SELECT FROM tracer.lineage l WHERE l.upstream = a.asset_id)
        AND NOT EXISTS (SELECT FROM tracer.lineage l WHERE l.downstream = a.asset_id)
     UNION ALL
     SELECT 'info', 'lineage', u.name || ' <-> ' || d.name, 'each feeds the other; the two count as one asset',
            'Unlink the direction that is wrong, if one is.'
       FROM tracer.lineage l
       JOIN tracer.lineage b ON b.upstream = l.downstream AND b.downstream = l.upstream
       JOIN tracer.asset u ON u.asset_id = l.upstream
       JOIN tracer.asset d ON d.asset_id = l.downstream
      WHERE u.name < d.name COLLATE "C"
      GROUP BY u.name, d.name
     UNION ALL
     SELECT 'warning', 'lineage', NULL,
            format('%s edges need about %s of memory, more than tracer.graph_cache_size allows', g.edges, pg_size_pretty(g.bytes)),
            format('SET tracer.graph_cache_size = ''%s MB''; until then the graph is walked through its indexes.', g.bytes / 1024 / 1024 + 1)
       FROM (SELECT count(*) AS edges, count(*) * 12 + (SELECT count(*) FROM tracer.asset) * 24 AS bytes FROM tracer.lineage) AS g
      WHERE g.bytes > (SELECT s.setting::bigint * 1024 FROM pg_settings s WHERE s.name = 'tracer.graph_cache_size' AND s.setting::bigint > 0)
     UNION ALL
     SELECT 'warning', 'names', u.name,
            format('%s from %s with a name that is no asset', tracer.counted(u.alerts, 'alert'), array_to_string(u.sources, ', ')),
            format('SELECT tracer.accept_alias(%s, %s), or declare it as an asset.', tracer.sql_string(u.name),
                   coalesce(tracer.sql_string(u.suggestions->0->>'asset'), '''<asset>'''))
       FROM tracer.unresolved_names u
     UNION ALL
     SELECT 'warning', 'names', c.alias, format('stands for "%s" (%s), while %s says that it is "%s"', c.stands_for, c.because, c.namespace, c.asset),
            format('SELECT tracer.merge_assets(%s, %s) where both are one, else tracer.reject_alias(%s, %s).', tracer.sql_string(c.stands_for), tracer.sql_string(c.asset),
                   tracer.sql_string(c.alias), tracer.sql_string(c.asset))
       FROM tracer.alias_conflicts c
     UNION ALL
     SELECT 'warning', 'names', l.alias, format('alias of "%s", which is no asset', l.asset),
            'Declare that asset, or correct the alias in tracer.asset_alias.'
       FROM tracer.asset_alias l
      WHERE NOT EXISTS (SELECT FROM tracer.asset t WHERE t.name = l.asset)
     UNION ALL
     SELECT 'warning', 'names', l.alias, format('alias of "%s", but also the name of an asset, which wins', l.asset),
            'Remove the alias, or rename the asset.'
       FROM tracer.asset_alias l
       JOIN tracer.asset t ON t.name = l.alias
     UNION ALL
     SELECT 'warning', 'owners', a.asset, 'it alerts, but nobody owns it',
            format('UPDATE tracer.asset SET owner = ''<team>'' WHERE name = %s.', tracer.sql_string(a.asset))
       FROM alerting a
      WHERE a.owner IS NULL
     UNION ALL
     SELECT 'warning', 'owners', t.owner, format('it owns %s but is no team', tracer.counted(count(*), 'asset')),
            'INSERT INTO tracer.team, or correct the owner.'
       FROM tracer.asset t
      WHERE t.owner IS NOT NULL
        AND NOT EXISTS (SELECT FROM tracer.team m WHERE m.name = t.owner)
      GROUP BY t.owner
     UNION ALL
     SELECT 'info', 'owners', m.name, 'this team owns assets, but has no channel that reaches it',
            format('UPDATE tracer.team SET page = ''{<channel>}'' WHERE name = %s.', tracer.sql_string(m.name))
       FROM tracer.team m
      WHERE coalesce(cardinality(m.page), 0) = 0 AND coalesce(cardinality(m.inform), 0) = 0
        AND EXISTS (SELECT FROM tracer.asset t WHERE t.owner = m.name)
     UNION ALL
     SELECT 'error', 'channels', o.name, o.obstacle,
            format('Mend it, then SELECT tracer.test_channel(%s); until then its messages become dead letters.', tracer.sql_string(o.name))
       FROM (SELECT c.name, tracer.channel_obstacle(c.name) AS obstacle FROM tracer.channel c) AS o
      WHERE o.obstacle IS NOT NULL
     UNION ALL
     SELECT 'warning', 'channels', 'kind ' || k.name, 'a kind of this name ships, and yours is never used', 'Give yours another name, in tracer.channel_kind and in tracer.channel.'
       FROM tracer.channel_kind k
       JOIN tracer.channel_kind_defaults() d ON d.name = k.name
     UNION ALL
     SELECT 'warning', 'channels', c.name, format('a channel of kind %s takes no setting "%s"', c.kind, s.key),
            CASE WHEN s.key = ANY (k.secrets)
                 THEN format('It is a secret, which all who may read tracer.channel see there: SELECT tracer.set_secret(%s, %s, ...), and remove it.', tracer.sql_string(c.name), tracer.sql_string(s.key))
                 ELSE format('It takes %s.', (SELECT string_agg(n, ', ' ORDER BY n) FROM jsonb_object_keys(k.settings) AS n)) END
       FROM tracer.channel c
       JOIN tracer.channel_kind_defaults() k ON k.name = c.kind
      CROSS JOIN LATERAL jsonb_each(c.settings) AS s
      WHERE NOT k.settings ? s.key
     UNION ALL
     SELECT 'warning', 'channels', c.name, format('its setting "%s" is of JSON type %s, and should be %s', s.key, jsonb_typeof(s.value), k.settings ->> s.key),
            'Correct it in tracer.channel.settings.'
       FROM tracer.channel c
       JOIN tracer.channel_kind_defaults() k ON k.name = c.kind
      CROSS JOIN LATERAL jsonb_each(c.settings) AS s
      WHERE k.settings ? s.key
        AND jsonb_typeof(s.value) NOT IN ('null')
        AND jsonb_typeof(s.value) <> ALL (string_to_array(k.settings ->> s.key, ' or '))
     UNION ALL
     SELECT 'warning', 'channels', c.name, format('a channel of kind %s uses no secret "%s"', c.kind, s.name),
            format('SELECT tracer.set_secret(%s, %s, NULL) removes it; the kind uses %s.', tracer.sql_string(c.name), tracer.sql_string(s.name), array_to_string(k.secrets, ', '))
       FROM tracer.channels c
       JOIN tracer.channel_kind_defaults() k ON k.name = c.kind
      CROSS JOIN LATERAL unnest(c.secrets) AS s (name)
      WHERE s.name <> ALL (k.secrets)
     UNION ALL
     SELECT 'error', 'channels', c.name,
            format('its last attempts failed, so that it is only tried now and then; %s waiting; lately: %s', tracer.counted(c.waiting, 'message'), c.error),
            format('See tracer.delivery_attempt; when it is mended, SELECT tracer.test_channel(%s).', tracer.sql_string(c.name))
       FROM tracer.channels c
      WHERE c.state = 'failing'
     UNION ALL
     SELECT 'error', 'channels', CASE t.incident_id WHEN 0 THEN 'digests' ELSE 'incident ' || t.incident_id END,
            format('what is to be told of it cannot be written to the outbox: %s', t.problem),
            'Remove what stands in the way; it is tried again every minute.'
       FROM tracer.notify_timer t
      WHERE t.problem IS NOT NULL
     UNION ALL
     SELECT 'info', 'channels', NULL, 'the mode is shadow: nothing leaves but tests',
            'SELECT tracer.set(''mode'', ''live''), when tracer.notifications shows what people should get.'
      WHERE tracer.get('mode') = 'shadow' AND EXISTS (SELECT FROM tracer.channel)
     UNION ALL
     -- to be tried before it is relied upon
     SELECT CASE tracer.get('mode') WHEN 'live' THEN 'warning' ELSE 'info' END, 'channels', c.name, 'no message has ever arrived through it',
            format('SELECT tracer.test_channel(%s).', tracer.sql_string(c.name))
       FROM tracer.channels c
      WHERE c.succeeded_at IS NULL AND c.state <> 'failing'
     UNION ALL
     SELECT 'warning', 'channels', u.channel, format('%s names this channel, which does not exist', u.who),
            'INSERT INTO tracer.channel, or correct the name.'
       FROM (SELECT 'team ' || m.name, x.channel FROM tracer.team m CROSS JOIN LATERAL unnest(m.page || m.inform) AS x (channel)
             UNION
             SELECT 'the rule at position ' || r.position, x.channel FROM tracer.route r CROSS JOIN LATERAL unnest(r.channels) AS x (channel)
             UNION
             SELECT 'the setting fallback_channel', o.value FROM tracer.setting_override o WHERE o.name = 'fallback_channel' AND o.value IS NOT NULL) AS u (who, channel)
      WHERE NOT EXISTS (SELECT FROM tracer.channel c WHERE c.name = u.channel)
     UNION ALL
     SELECT 'warning', 'channels', 'the rule at position ' || r.position,
            format('it leaves the channels to the team, %s no team with any, and there is no fallback_channel: nobody would hear', u.words),
            'Name channels in the rule, give those teams some, or SELECT tracer.set(''fallback_channel'', ''<channel>'').'
       FROM tracer.route r
      CROSS JOIN (SELECT count(*) AS n, CASE count(*) WHEN 1 THEN '1 asset has' ELSE count(*) || ' assets have' END AS words
                    FROM tracer.asset t
                    LEFT JOIN tracer.team m ON m.name = t.owner
                   WHERE NOT EXISTS (SELECT FROM tracer.channel c WHERE c.name = ANY (m.page || m.inform))) AS u
      WHERE u.n > 0
        AND r.mode IS DISTINCT FROM 'mute'
        AND NOT EXISTS (SELECT FROM tracer.channel c WHERE c.name = ANY (r.channels))
        AND NOT EXISTS (SELECT FROM tracer.channel c WHERE c.name = tracer.get('fallback_channel'))
     UNION ALL
     SELECT CASE WHEN EXISTS (SELECT FROM tracer.route x WHERE x.position < r.position) THEN 'info' ELSE 'warning' END, 'rules', 'the rule at position ' || r.position,
            'it mutes whatever no rule before it decides',
            'Narrow its match, unless that is what you want.'
       FROM tracer.route r
      WHERE r.mode = 'mute' AND r.match = '{}'
     UNION ALL
     SELECT 'info', 'rules', 'the rule at position ' || r.position, format('it is never tried: the one at position %s matches everything', e.position),
            'Give it a lower position, or let the other one continue.'
       FROM tracer.route r
       JOIN LATERAL (SELECT x.position FROM tracer.route x WHERE x.match = '{}' AND NOT x.continue AND x.position < r.position ORDER BY x.position LIMIT 1) AS e ON true
      WHERE NOT tracer.asks_at_risk(r.match)
     UNION ALL
     SELECT 'warning', 'rules', 'silence ' || s.silence_id, format('it silences everything%s', CASE WHEN isfinite(s.ends_at) THEN ' until ' || date_trunc('minute', s.ends_at) END),
            'Narrow its matchers, or end it.'
       FROM tracer.silence s
      WHERE s.matchers = '{}' AND s.ends_at > now()
     UNION ALL
     -- a name that nobody has is a misspelt one
     SELECT 'warning', 'rules', m.subject, format('it wants %s "%s", which no asset has', m.key, m.value),
            'Correct it, unless such an asset is still to come.'
       FROM (SELECT 'the rule at position ' || r.position AS subject, x.* FROM tracer.route r CROSS JOIN LATERAL tracer.matchers(r.match) x
             UNION ALL
             SELECT 'silence ' || s.silence_id, x.* FROM tracer.silence s CROSS JOIN LATERAL tracer.matchers(s.matchers) x WHERE s.ends_at > now()) AS m
      WHERE m.op = '=' AND m.value <> ''
        AND CASE regexp_replace(m.key, '^(root|affected)\.', '')
                 WHEN 'asset' THEN NOT EXISTS (SELECT FROM tracer.asset t WHERE t.name = m.value) AND NOT EXISTS (SELECT FROM tracer.alert_key k WHERE k.asset = m.value)
                 WHEN 'owner' THEN NOT EXISTS (SELECT FROM tracer.asset t WHERE t.owner = m.value)
                 WHEN 'kind' THEN NOT EXISTS (SELECT FROM tracer.asset t WHERE t.kind = m.value)
                 WHEN 'tier' THEN NOT EXISTS (SELECT FROM tracer.asset t WHERE t.tier::text = m.value) END
     UNION ALL
     SELECT 'warning', 'time zones', z.subject, format('this server does not know its time zone "%s" and goes by its own, %s', z.zone, current_setting('TimeZone')),
            'Name another (SELECT name FROM pg_timezone_names), or install it: some releases have older names in a package of their own, such as tzdata-legacy.'
       FROM (SELECT 'team ' || t.name, t.time_zone FROM tracer.team t
             UNION ALL
             SELECT 'channel ' || c.name, c.settings ->> 'time_zone' FROM tracer.channel c
             UNION ALL
             SELECT 'the rule at position ' || r.position, (tracer.window_part(m.value))[4] FROM tracer.route r CROSS JOIN LATERAL tracer.matchers(r.match) m WHERE m.key = 'time'
             UNION ALL
             SELECT 'silence ' || s.silence_id, (tracer.window_part(m.value))[4] FROM tracer.silence s CROSS JOIN LATERAL tracer.matchers(s.matchers) m
              WHERE m.key = 'time' AND s.ends_at > now()) AS z (subject, zone)
      WHERE tracer.known_zone(z.zone) <> z.zone
     UNION ALL
     SELECT 'warning', 'deadlines', t.name, format('cannot read its deadline "%s"', t.due),
            'Write it as wall-clock time and zone, such as 08:00 Europe/London.'
       FROM tracer.asset t
      WHERE t.due IS NOT NULL AND tracer.next_due(t.due, now()) IS NULL
     UNION ALL
     SELECT 'warning', 'sources', p.source,
            format('silent for %s; between its last alerts lay at most %s', tracer.span(extract(epoch FROM now() - p.last)), tracer.span(p.longest)),
            'Check that the tool still sends; a tool without failures is silent too.'
       FROM pace p
      WHERE p.n >= 10
        AND extract(epoch FROM now() - p.last) > greatest(p.longest * 3, 86400)
     UNION ALL
     SELECT 'warning', 'sources', k.source, format('its clock runs ahead: it sent an alert that fired %s from now', tracer.span(extract(epoch FROM max(k.last_event_at) - now()))),
            'Correct the clock or the time zone of that tool; event time decides what belongs together.'
       FROM key k
      WHERE k.last_event_at > now() + interval '1 hour'
      GROUP BY k.source
)
SELECT f.severity, f.topic, f.subject, f.problem, f.remedy
  FROM finding f
 ORDER BY array_position(ARRAY['error', 'warning', 'info'], f.severity), f.topic, f.subject COLLATE "C", f.problem COLLATE "C"
$$;
COMMENT ON FUNCTION tracer.doctor() IS 'What stands in the way of good answers, worst first: severity (error: incidents are missing or wrong, warning: answers suffer, info: worth knowing), topic, subject (NULL: all of it), the problem, and what to do about it. No rows: nothing found.';
