/*
 * Views for people and dashboards.
 *
 * What costs something (category, team_count, path, downstream_count) is a
 * function call or a scalar subquery in the select list, and what is joined
 * outside of that is joined by primary key: the planner drops what a query does
 * not ask for.
 *
 * Weights are rounded once, in tracer.evidence, and only then summed: a user
 * who adds up the rows gets the score to the digit.
 */
CREATE FUNCTION tracer.span(seconds double precision) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT CASE WHEN s IS NULL THEN NULL
            WHEN s < 60 THEN s || 's'
            WHEN s < 3600 THEN s / 60 || 'm'
            WHEN s < 86400 THEN s / 3600 || 'h' || coalesce(' ' || nullif(s % 3600 / 60, 0) || 'm', '')
            ELSE s / 86400 || 'd' || coalesce(' ' || nullif(s % 86400 / 3600, 0) || 'h', '')
       END
  FROM (SELECT trunc(abs(span.seconds))::bigint AS s) AS whole
$$;
COMMENT ON FUNCTION tracer.span(double precision) IS 'Seconds as people say them: 40s, 15m, 5h 50m, 2d 3h. The sign is dropped; NULL gives NULL.';

CREATE FUNCTION tracer.confirmed_root(incident bigint) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT v.asset
  FROM tracer.evidence_row v
 WHERE v.incident_id = confirmed_root.incident
   AND v.fact = 'confirmed'
 LIMIT 1
$$;
COMMENT ON FUNCTION tracer.confirmed_root(bigint) IS 'The root cause that a person confirmed for this incident; NULL: nobody did.';

CREATE FUNCTION tracer.incident_category(incident bigint) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
WITH heard AS (
     -- What the evidence on the root says. A change is a cause, a message often
     -- only its consequence: changes count double.
     SELECT CASE v.fact WHEN 'change' THEN 2 ELSE 1 END * greatest(v.weight, 0.01) AS weight,
            (tracer.categorize(
               CASE v.fact WHEN 'change' THEN 'change' ELSE 'alert' END,
               CASE v.fact WHEN 'change' THEN coalesce(c.kind, '') || ': ' || c.title
                    ELSE a.title || coalesce('. ' || a.description, '') END)).category AS category
       FROM tracer.incident i
       LEFT JOIN tracer.episode o ON o.episode_id = i.origin_id
       LEFT JOIN tracer.alert_key k ON k.key_id = o.key_id
       LEFT JOIN tracer.asset s ON s.asset_id = i.suspect_id
       JOIN tracer.evidence_row v
         ON v.incident_id = i.incident_id
        AND v.asset = coalesce(tracer.confirmed_root(i.incident_id), s.name, k.asset, '(no asset)')
       LEFT JOIN tracer.change c ON v.fact = 'change' AND c.change_id = v.ref
       LEFT JOIN tracer.alert a ON v.fact = 'message' AND a.alert_id = v.ref
      WHERE i.incident_id = incident_category.incident
        AND v.fact IN ('change', 'message')
        AND v.weight >= 0
), vote AS (
     SELECT h.category, sum(h.weight) AS votes
       FROM heard h
      WHERE h.category IS NOT NULL
      GROUP BY h.category
)
SELECT coalesce(i.resolution ->> 'category',
                (SELECT v.category
                   FROM vote v
                  WHERE v.votes > ALL (SELECT w.votes FROM vote w WHERE w.category <> v.category)))
  FROM tracer.incident i
 WHERE i.incident_id = incident_category.incident
$$;
COMMENT ON FUNCTION tracer.incident_category(bigint) IS 'data change, logic change or operational issue: what the person who resolved the incident said, else what the changes and messages on its root speak for by tracer.category_rules. NULL where they say nothing or contradict each other.';

-- Alerts may claim any date: one at the edge of time must not take a view away.
CREATE FUNCTION tracer.before(at timestamptz, span interval) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN at >= '0001-01-01 UTC' THEN at - least(span, '1000 years') ELSE '-infinity' END;
COMMENT ON FUNCTION tracer.before(timestamptz, interval) IS 'The time that lies span before at, without an error at the edge of time: a span counts as 1,000 years at most, and before a time earlier than the year 1, or NULL, lies -infinity.';

CREATE VIEW tracer.incidents AS
SELECT i.incident_id,
       CASE
       WHEN i.ended_at IS NOT NULL AND (i.reopened_at IS NULL OR i.reopened_at < i.ended_at)
       THEN 'resolved'
       WHEN i.open_count > 0 AND NOT EXISTS (
            SELECT
              FROM tracer.episode e
              JOIN tracer.alert_key q ON q.key_id = e.key_id
              LEFT JOIN tracer.source r ON r.name = q.source
             WHERE e.incident_id = i.incident_id
               AND e.resolved_at IS NULL
               AND e.last_fired_at >= tracer.before((SELECT c.watermark FROM tracer.correlate_state c),
                                                    coalesce(r.quiet_after, (SELECT tracer.get('quiet_after')::interval))))
       THEN 'quiet'
       WHEN i.open_count > 0 AND NOT i.origin_open
       THEN 'recovering'
       WHEN i.acknowledged_at IS NULL
       THEN 'open'
       WHEN EXISTS (
            SELECT
              FROM tracer.incident_event v
             WHERE v.incident_id = i.incident_id
               AND v.kind IN ('note', 'confirmed')
               AND v.at >= i.acknowledged_at)
       THEN 'investigating'
       ELSE 'acknowledged' END AS status,
       i.severity,
       i.title,
       coalesce(tracer.confirmed_root(i.incident_id),
                CASE WHEN i.placed
                      AND i.confidence >= (SELECT tracer.get('min_confidence')::real)
                     THEN i.root_asset END) AS root_asset,
       (SELECT t.owner
          FROM tracer.asset t
         WHERE t.name = coalesce(tracer.confirmed_root(i.incident_id),
                                 CASE WHEN i.placed
                                       AND i.confidence >= (SELECT tracer.get('min_confidence')::real)
                                      THEN i.root_asset END)) AS root_owner,
       round(i.confidence::numeric, 2)::real AS confidence,
       tracer.incident_category(i.incident_id) AS category,
       i.opened_at,
       i.last_alert_at,
       i.acknowledged_at,
       i.acknowledged_by,
       CASE WHEN i.reopened_at IS NULL OR i.reopened_at < i.ended_at THEN i.ended_at END AS resolved_at,
       greatest(least(CASE WHEN i.ended_at IS NOT NULL AND (i.reopened_at IS NULL OR i.reopened_at < i.ended_at)
                           THEN i.ended_at ELSE now() END, '100000-01-01 UTC')
                    - least(i.opened_at, '100000-01-01 UTC'), '0') AS duration,
       i.alert_count,
       i.asset_count,
       (SELECT count(DISTINCT t.owner)
          FROM tracer.episode e
          JOIN tracer.alert_key ek ON ek.key_id = e.key_id
          JOIN tracer.asset t ON t.asset_id = ek.asset_id
         WHERE e.incident_id = i.incident_id) AS team_count,
       i.open_count,
       coalesce(s.name, k.asset) AS origin_asset,
       i.suspect_id IS NOT NULL AS suspect,
       i.placed,
       i.resolution
  FROM tracer.incident i
  LEFT JOIN tracer.episode o ON o.episode_id = i.origin_id
  LEFT JOIN tracer.alert_key k ON k.key_id = o.key_id
  LEFT JOIN tracer.asset s ON s.asset_id = i.suspect_id
 WHERE i.merged_into IS NULL;
COMMENT ON VIEW tracer.incidents IS 'One row per incident. Numbers that were merged into another are not shown; the functions that take an incident follow them.';
COMMENT ON COLUMN tracer.incidents.incident_id IS 'Number of the incident.';
COMMENT ON COLUMN tracer.incidents.status IS 'open; acknowledged; investigating (a note or a confirmed root came after that); recovering (the origin is resolved, others are not); quiet (nothing in it fires any more, though not all was resolved); resolved.';
COMMENT ON COLUMN tracer.incidents.severity IS 'Highest severity in it.';
COMMENT ON COLUMN tracer.incidents.title IS 'What broke: the title of the origin.';
COMMENT ON COLUMN tracer.incidents.root_asset IS 'Likely root cause, or the one that a person confirmed; NULL where confidence is below the setting min_confidence or lineage cannot place it.';
COMMENT ON COLUMN tracer.incidents.root_owner IS 'Team that owns root_asset; NULL: none, or no root cause is named.';
COMMENT ON COLUMN tracer.incidents.confidence IS 'How sure the root cause is, 0 to 1, to two digits; NULL: not judged.';
COMMENT ON COLUMN tracer.incidents.category IS 'data change, logic change or operational issue; NULL: unknown.';
COMMENT ON COLUMN tracer.incidents.opened_at IS 'When its first alert fired.';
COMMENT ON COLUMN tracer.incidents.last_alert_at IS 'When its latest alert fired.';
COMMENT ON COLUMN tracer.incidents.acknowledged_at IS 'When somebody took it; NULL: nobody has.';
COMMENT ON COLUMN tracer.incidents.acknowledged_by IS 'Who took it.';
COMMENT ON COLUMN tracer.incidents.resolved_at IS 'When the last of its alerts was resolved; NULL: not resolved, or reopened since.';
COMMENT ON COLUMN tracer.incidents.duration IS 'How long it lasted, or has lasted by now; 0 for one that lies in the future.';
COMMENT ON COLUMN tracer.incidents.alert_count IS 'Alerts that fired in it.';
COMMENT ON COLUMN tracer.incidents.asset_count IS 'Assets that alert in it.';
COMMENT ON COLUMN tracer.incidents.team_count IS 'Teams that own these assets.';
COMMENT ON COLUMN tracer.incidents.open_count IS 'Failures in it that are not resolved.';
COMMENT ON COLUMN tracer.incidents.origin_asset IS 'Where it began, however sure tracer is; NULL: the alert named no asset.';
COMMENT ON COLUMN tracer.incidents.suspect IS 'True where origin_asset has no alert of its own and is inferred from those below it.';
COMMENT ON COLUMN tracer.incidents.placed IS 'False where lineage does not know the asset, so that nothing can be related to it.';
COMMENT ON COLUMN tracer.incidents.resolution IS 'What the person who resolved it said: note, fix_url, category, by, at; NULL: nobody did.';

CREATE FUNCTION tracer.because_words(because "char") RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
SELECT CASE because
       WHEN 'o' THEN 'nothing upstream of it failed'
       WHEN 'h' THEN 'an asset upstream failed shortly before'
       WHEN 'f' THEN 'an asset upstream was still failing'
       WHEN 's' THEN 'the same asset had failed before'
       WHEN 'r' THEN 'it failed in the same run'
       WHEN 'p' THEN 'a person decided so'
       WHEN 'g' THEN 'a group rule matches its labels'
       WHEN 'u' THEN 'it is fed by the suspect'
       ELSE 'unknown' END
$$;
COMMENT ON FUNCTION tracer.because_words("char") IS 'Words for tracer.episode.because: why an episode is where it is.';

CREATE FUNCTION tracer.episode_path(root text, episode bigint) RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT CASE WHEN k.asset IS NULL THEN NULL
            WHEN k.asset = episode_path.root THEN ARRAY[k.asset]
            ELSE coalesce(
                 CASE WHEN (SELECT count(*) FROM tracer.asset t WHERE t.name IN (episode_path.root, k.asset)) = 2
                      THEN tracer.lineage_path(episode_path.root, k.asset) END,
                 (WITH RECURSIVE up (asset, parent_id, n) AS (
                       SELECT k.asset, e.parent_id, 1
                       UNION ALL
                       SELECT pk.asset, p.parent_id, up.n + 1
                         FROM up
                         JOIN tracer.episode p ON p.episode_id = up.parent_id
                         JOIN tracer.alert_key pk ON pk.key_id = p.key_id
                        WHERE up.n < 1000)
                  SELECT array_agg(up.asset ORDER BY up.n DESC) FILTER (WHERE up.asset IS NOT NULL)
                    FROM up))
       END
  FROM tracer.episode e
  JOIN tracer.alert_key k ON k.key_id = e.key_id
 WHERE e.episode_id = episode_path.episode
$$;
COMMENT ON FUNCTION tracer.episode_path(text, bigint) IS 'Assets from the root cause to where the episode is, along lineage; where lineage has no such path (a runner below what it ran, a merge by hand), along the failures that explain each other. NULL for an alert without asset.';

CREATE FUNCTION tracer.learned_steps(from_asset text, to_asset text) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT string_agg(s.u || ' -> ' || s.d, ', ' ORDER BY s.n)
  FROM (SELECT p.path[n.n] AS u, p.path[n.n + 1] AS d, n.n
          FROM (SELECT tracer.lineage_path(f.name, t.name) AS path FROM tracer.asset f, tracer.asset t
                 WHERE f.name = learned_steps.from_asset AND t.name = learned_steps.to_asset) AS p,
               generate_series(1, cardinality(p.path) - 1) AS n (n)) AS s
  JOIN tracer.asset a ON a.name = s.u
  JOIN tracer.asset b ON b.name = s.d
 WHERE EXISTS (SELECT FROM tracer.lineage l WHERE l.upstream = a.asset_id AND l.downstream = b.asset_id AND l.source = 'learned')
   AND NOT EXISTS (SELECT FROM tracer.lineage l WHERE l.upstream = a.asset_id AND l.downstream = b.asset_id AND l.source <> 'learned')
$$;
COMMENT ON FUNCTION tracer.learned_steps(text, text) IS 'The steps of tracer.lineage_path() between two assets that only learned lineage speaks for, as a -> b; NULL: there are none, or one of the two is no asset (any more).';

CREATE VIEW tracer.incident_alerts AS
SELECT e.incident_id,
       p.alert_id,
       k.asset,
       CASE WHEN e.episode_id = i.origin_id AND i.suspect_id IS NULL THEN 'origin' ELSE 'symptom' END AS role,
       a.title,
       coalesce(a.severity, 'error') AS severity,
       CASE WHEN e.resolved_at IS NULL THEN 'firing' ELSE 'resolved' END::tracer.status AS status,
       k.source,
       p.fired_at,
       t.owner,
       pk.asset AS parent_asset,
       CASE WHEN e.parent_id IS NOT NULL THEN e.hops END AS hops,
       tracer.because_words(e.because)
       || CASE WHEN e.because IN ('h', 'f', 'u') AND EXISTS (SELECT FROM tracer.lineage y WHERE y.source = 'learned')
               THEN coalesce(', by learned lineage ' || tracer.learned_steps(
                        CASE e.because WHEN 'u' THEN (SELECT s.name FROM tracer.asset s WHERE s.asset_id = e.suspect_id) ELSE pk.asset END,
                        k.asset), '') ELSE '' END AS because,
       tracer.episode_path(coalesce((SELECT s.name FROM tracer.asset s WHERE s.asset_id = i.suspect_id), ok.asset), e.episode_id) AS path,
       e.episode_id,
       e.resolved_at,
       a.description,
       a.url
  FROM tracer.episode e
  JOIN tracer.incident i ON i.incident_id = e.incident_id
  JOIN tracer.alert_key k ON k.key_id = e.key_id
  JOIN tracer.placement p ON p.episode_id = e.episode_id AND p.key_id = e.key_id
  JOIN tracer.alert a ON a.alert_id = p.alert_id AND coalesce(a.status, 'firing') = 'firing'
  LEFT JOIN tracer.asset t ON t.asset_id = k.asset_id
  LEFT JOIN tracer.episode pe ON pe.episode_id = e.parent_id
  LEFT JOIN tracer.alert_key pk ON pk.key_id = pe.key_id
  LEFT JOIN tracer.episode oe ON oe.episode_id = i.origin_id
  LEFT JOIN tracer.alert_key ok ON ok.key_id = oe.key_id;
COMMENT ON VIEW tracer.incident_alerts IS 'One row per alert that fired and belongs to an incident.';
COMMENT ON COLUMN tracer.incident_alerts.incident_id IS 'The incident.';
COMMENT ON COLUMN tracer.incident_alerts.alert_id IS 'The alert (tracer.alert).';
COMMENT ON COLUMN tracer.incident_alerts.asset IS 'Canonical name of its asset; NULL: it named none.';
COMMENT ON COLUMN tracer.incident_alerts.role IS 'origin or symptom. An incident under a suspect has symptoms only.';
COMMENT ON COLUMN tracer.incident_alerts.title IS 'What happened.';
COMMENT ON COLUMN tracer.incident_alerts.severity IS 'Severity of this alert.';
COMMENT ON COLUMN tracer.incident_alerts.status IS 'firing, or resolved since.';
COMMENT ON COLUMN tracer.incident_alerts.source IS 'Tool that sent it.';
COMMENT ON COLUMN tracer.incident_alerts.fired_at IS 'When it happened.';
COMMENT ON COLUMN tracer.incident_alerts.owner IS 'Team that owns the asset; NULL: nobody.';
COMMENT ON COLUMN tracer.incident_alerts.parent_asset IS 'Asset whose failure explains it; NULL for an origin.';
COMMENT ON COLUMN tracer.incident_alerts.hops IS 'Lineage edges from parent_asset; NULL for an origin.';
COMMENT ON COLUMN tracer.incident_alerts.because IS 'Why it is explained by that, or by nothing.';
COMMENT ON COLUMN tracer.incident_alerts.path IS 'Assets from the root cause to this one, both included; NULL where the alert named no asset.';
COMMENT ON COLUMN tracer.incident_alerts.episode_id IS 'Repeats of one alert share it.';
COMMENT ON COLUMN tracer.incident_alerts.resolved_at IS 'When it was resolved; NULL: it was not.';
COMMENT ON COLUMN tracer.incident_alerts.description IS 'More text, as it came.';
COMMENT ON COLUMN tracer.incident_alerts.url IS 'Where to see it in the tool.';

CREATE VIEW tracer.evidence AS
SELECT v.incident_id,
       v.asset,
       CASE v.fact WHEN 'change' THEN (tracer.categorize('change', coalesce(c.kind, '') || ': ' || c.title)).kind
                   WHEN 'message' THEN (tracer.categorize('alert', a.title || coalesce('. ' || a.description, ''))).kind
                   WHEN 'history' THEN 'history'
                   WHEN 'confirmed' THEN 'history'
                   WHEN 'delay' THEN 'history'
                   WHEN 'metric' THEN 'data'
                   WHEN 'still' THEN 'data'
                   ELSE 'lineage' END AS kind,
       round(v.weight::numeric, 2) AS weight,
       CASE v.fact
       WHEN 'origin' THEN CASE x.because WHEN 'p' THEN 'a person decided that it begins here'
                                         ELSE 'nothing upstream of it has failed' END
       WHEN 'explained' THEN CASE WHEN x.because = 'u'
                                  THEN 'explained by ' || coalesce((SELECT s.name FROM tracer.asset s WHERE s.asset_id = x.suspect_id), 'the suspect') || ', which is suspected upstream'
                                  WHEN x.because = 'p' THEN 'a person put it under ' || coalesce(pk.asset, 'another failure')
                                  WHEN x.because = 'g' THEN 'a group rule put it under ' || coalesce(pk.asset, 'another failure')
                                  WHEN x.because = 'r' THEN 'explained by ' || coalesce(pk.asset, 'another failure') || ', which failed in the same run'
                                  WHEN pk.asset = v.asset THEN 'it had failed before'
                                  ELSE 'explained by ' || coalesce(pk.asset, 'another failure') || ', which failed upstream'
                                       || coalesce(' (' || tracer.columns_between(pk.asset_id, v.asset_id) || ')', '') END
       WHEN 'coverage' THEN CASE WHEN v.num < v.num2 THEN v.num || ' of the ' || v.num2 || ' other failures descend from it'
                                 WHEN v.num2 = 1 THEN 'the one other failure descends from it'
                                 WHEN v.num2 = 2 THEN 'both other failures descend from it'
                                 ELSE 'all ' || v.num2 || ' other failures descend from it' END
       WHEN 'first' THEN 'began first' || coalesce(', ' || tracer.span(v.num) || ' before the next', '')
       WHEN 'late' THEN 'began ' || tracer.span(v.num) || ' after the incident did'
       WHEN 'delay' THEN CASE WHEN v.num = v.num2 THEN CASE v.num2 WHEN 1 THEN 'what failed next' ELSE 'the ' || v.num2 || ' that failed next' END || ' did so as long after it as usual'
                              WHEN v.num = 0 THEN CASE v.num2 WHEN 1 THEN 'what failed next' ELSE 'the ' || v.num2 || ' that failed next' END || ' did so sooner or later than usual'
                              ELSE v.num || ' of the ' || v.num2 || ' that failed next did so as long after it as usual' END
       WHEN 'change' THEN coalesce(c.kind || ' change', 'change') || ' "' || c.title || '"'
            || coalesce(' by ' || c.author, '')
            || CASE WHEN coalesce(v.num, 0) = 0 THEN ' on it'
                    ELSE ' on ' || coalesce(c.asset, '?') || ', ' || v.num
                         || CASE v.num WHEN 1 THEN ' hop' ELSE ' hops' END || ' upstream' END
            || CASE WHEN v.num2 IS NULL THEN ''
                    WHEN v.num2 < 0 THEN ', ' || tracer.span(v.num2) || ' after'
                    ELSE ', ' || tracer.span(v.num2) || ' before' END
       WHEN 'message' THEN 'its alert says: ' || a.title || coalesce(': ' || a.description, '')
       WHEN 'history' THEN 'confirmed as the cause ' || CASE v.num WHEN 1 THEN 'once' ELSE v.num || ' times' END || ' before'
       WHEN 'consumers' THEN CASE WHEN v.num < v.num2 THEN v.num || ' of its ' || v.num2 ELSE 'all ' || v.num2 || ' of its' END
            || ' consumers that ever alert fail at once'
       WHEN 'silent' THEN 'it has no alert of its own'
       WHEN 'metric' THEN v.name || ' ' || CASE WHEN v.num < 1000 THEN round(v.num::numeric)::text ELSE 'over 999' END
            || ' times its usual spread off' || CASE WHEN v.num2 >= 0.995 THEN '' ELSE ', alike to the symptom''s by ' || round(100 * v.num2) || '%' END
       WHEN 'spread' THEN concat_ws(', ', CASE WHEN v.num > 0 THEN v.num || CASE v.num WHEN 1 THEN ' hop' ELSE ' hops' END || ' upstream of the symptom' END,
                                    CASE WHEN v.num2 > 0.05 THEN 'and what it feeds moves with it' END)
       WHEN 'source_moves' THEN v.name || ', which feeds it, moves with the symptom, too'
       WHEN 'still' THEN 'its own metrics are as usual'
       WHEN 'confirmed' THEN 'a person confirmed it'
       WHEN 'unplaced' THEN 'lineage does not know it'
       WHEN 'learned' THEN v.num || CASE v.num WHEN 1 THEN ' is' ELSE ' are' END || ' below it only by lineage that was learned, not declared'
            || coalesce(': ' || coalesce(l.upstream || ' -> ' || l.downstream, v.name), '')
            || coalesce(' (confidence ' || round(l.confidence::numeric, 2) || ')', '')
       ELSE v.fact END AS detail,
       CASE v.fact WHEN 'change' THEN coalesce(c.changed_at, c.received_at)
                   WHEN 'message' THEN coalesce(a.fired_at, a.received_at)
                   WHEN 'explained' THEN CASE WHEN x.because <> 'u' THEN y.started_at END END AS at,
       CASE v.fact WHEN 'change' THEN c.url WHEN 'message' THEN a.url END AS url,
       v.fact
  FROM tracer.evidence_row v
  LEFT JOIN tracer.change c ON v.fact = 'change' AND c.change_id = v.ref
  LEFT JOIN tracer.alert a ON v.fact = 'message' AND a.alert_id = v.ref
  LEFT JOIN tracer.episode x ON v.fact IN ('origin', 'explained') AND x.episode_id = v.ref
  LEFT JOIN tracer.episode y ON v.fact = 'explained' AND y.episode_id = x.parent_id
  LEFT JOIN tracer.alert_key pk ON pk.key_id = y.key_id
  LEFT JOIN tracer.learned_lineage l ON v.fact = 'learned' AND l.learned_id = v.ref;
COMMENT ON VIEW tracer.evidence IS 'One row per piece of evidence for or against a candidate root cause.';
COMMENT ON COLUMN tracer.evidence.incident_id IS 'The incident.';
COMMENT ON COLUMN tracer.evidence.asset IS 'The candidate.';
COMMENT ON COLUMN tracer.evidence.kind IS 'lineage (position, coverage and order in time), code, data, environment or history.';
COMMENT ON COLUMN tracer.evidence.weight IS 'What it adds to the candidate''s score; negative: speaks against it.';
COMMENT ON COLUMN tracer.evidence.detail IS 'The evidence in words.';
COMMENT ON COLUMN tracer.evidence.at IS 'When what it speaks of happened; NULL: it speaks of no moment.';
COMMENT ON COLUMN tracer.evidence.url IS 'Where to see it; NULL: nowhere.';
COMMENT ON COLUMN tracer.evidence.fact IS 'What sort of fact it is, for programs: origin, explained, coverage, first, late, delay, change, message, history, consumers, silent, metric, spread, source_moves, still, confirmed, unplaced or learned.';

CREATE VIEW tracer.root_causes AS
SELECT w.incident_id,
       row_number() OVER (PARTITION BY w.incident_id ORDER BY w.score DESC, w.asset IS DISTINCT FROM i.root_asset, w.asset COLLATE "C") AS rank,
       w.asset,
       (SELECT t.owner FROM tracer.asset t WHERE t.name = w.asset) AS owner,
       w.score,
       (SELECT w.asset || ': '
               || string_agg(b.detail, '; ' ORDER BY b.fact = 'learned', b.fact <> 'change', abs(b.weight) DESC, b.detail COLLATE "C")
          FROM (SELECT v.fact, v.weight, v.detail
                  FROM (SELECT e.fact, e.weight, e.detail,
                               row_number() OVER (PARTITION BY e.fact ORDER BY abs(e.weight) DESC, e.at DESC, e.detail COLLATE "C") AS n
                          FROM tracer.evidence e
                         WHERE e.incident_id = w.incident_id
                           AND e.asset = w.asset
                           AND ((e.weight > 0) = (w.score > 0) OR e.fact = 'learned')
                           AND e.fact <> 'message') AS v
                 WHERE v.fact <> 'change' OR v.n = 1
                 ORDER BY v.fact <> 'learned', v.fact <> 'change', abs(v.weight) DESC, v.detail COLLATE "C"
                 LIMIT 3) AS b) AS why
  FROM (SELECT v.incident_id, v.asset, sum(round(v.weight::numeric, 2)) AS score
          FROM tracer.evidence_row v
         GROUP BY v.incident_id, v.asset) AS w
  JOIN tracer.incident i USING (incident_id);
COMMENT ON VIEW tracer.root_causes IS 'Candidate root causes of each incident, best first.';
COMMENT ON COLUMN tracer.root_causes.incident_id IS 'The incident.';
COMMENT ON COLUMN tracer.root_causes.rank IS '1 for the likeliest.';
COMMENT ON COLUMN tracer.root_causes.asset IS 'The candidate.';
COMMENT ON COLUMN tracer.root_causes.owner IS 'Team that owns it; NULL: nobody.';
COMMENT ON COLUMN tracer.root_causes.score IS 'Sum of weight over its rows in tracer.evidence, to the digit.';
COMMENT ON COLUMN tracer.root_causes.why IS 'The strongest evidence in one sentence, a change before all else; NULL where there is none to tell.';

CREATE VIEW tracer.timeline AS
SELECT e.incident_id,
       p.fired_at AS at,
       CASE WHEN a.status = 'resolved' THEN 'resolve' ELSE 'alert' END AS kind,
       k.asset,
       a.title AS what,
       CASE WHEN a.status = 'resolved' AND a.source = 'tracer' THEN a.labels ->> 'by' ELSE k.source END AS who
  FROM tracer.episode e
  JOIN tracer.alert_key k ON k.key_id = e.key_id
  JOIN tracer.placement p ON p.episode_id = e.episode_id AND p.key_id = e.key_id
  JOIN tracer.alert a ON a.alert_id = p.alert_id
 WHERE e.incident_id IS NOT NULL
UNION ALL
SELECT v.incident_id, coalesce(c.changed_at, c.received_at), 'change', c.asset,
       coalesce(c.kind || ': ', '') || c.title, c.author
  FROM (SELECT DISTINCT r.incident_id, r.ref FROM tracer.evidence_row r WHERE r.fact = 'change') AS v
  JOIN tracer.change c ON c.change_id = v.ref
UNION ALL
SELECT i.incident_id, h.at, h.kind, NULL, coalesce(CASE h.kind WHEN 'severity' THEN 'severity: ' || h.detail END, h.detail,
                CASE h.kind WHEN 'root_changed' THEN 'root cause changed' ELSE 'incident ' || h.kind END), h.actor
  FROM tracer.incident i
 CROSS JOIN LATERAL (
       WITH RECURSIVE former (number) AS (
            SELECT i.incident_id
            UNION
            SELECT m.incident_id FROM former f JOIN tracer.incident m ON m.merged_into = f.number)
       SELECT f.number FROM former f) AS n
  JOIN tracer.incident_event h ON h.incident_id = n.number
 WHERE i.merged_into IS NULL;
COMMENT ON VIEW tracer.timeline IS 'What happened in and around an incident: alerts and their end, changes that are evidence, what people and tracer did. Numbers merged into an incident bring their history along. Order by at.';
COMMENT ON COLUMN tracer.timeline.incident_id IS 'The incident.';
COMMENT ON COLUMN tracer.timeline.at IS 'When.';
COMMENT ON COLUMN tracer.timeline.kind IS 'alert, resolve, change; note, acknowledged, resolution, reopened, merge, split, confirmed, declared by people; opened, merged, root_changed, severity, resolved, reopened and the like by tracer.';
COMMENT ON COLUMN tracer.timeline.asset IS 'Where; NULL for what concerns the whole incident.';
COMMENT ON COLUMN tracer.timeline.what IS 'What, in one line or in the words of a note.';
COMMENT ON COLUMN tracer.timeline.who IS 'Tool, author or person; NULL: tracer itself.';

CREATE VIEW tracer.open_warnings AS
SELECT k.asset,
       t.owner,
       a.title,
       k.source,
       e.started_at,
       e.last_fired_at,
       now() - e.started_at AS age,
       e.alert_count,
       e.incident_id,
       CASE WHEN t.name IS NOT NULL THEN tracer.downstream_count(t.name) END AS downstream_count,
       e.episode_id
  FROM tracer.episode e
  JOIN tracer.alert_key k ON k.key_id = e.key_id
  LEFT JOIN tracer.alert a ON a.alert_id = e.first_alert_id
  LEFT JOIN tracer.asset t ON t.asset_id = k.asset_id
 WHERE e.severity = 'warning'
   AND e.resolved_at IS NULL;
COMMENT ON VIEW tracer.open_warnings IS 'Warnings that nobody resolved: where the next incident often begins.';
COMMENT ON COLUMN tracer.open_warnings.asset IS 'Where; NULL: the alert named no asset.';
COMMENT ON COLUMN tracer.open_warnings.owner IS 'Team that owns it; NULL: nobody.';
COMMENT ON COLUMN tracer.open_warnings.title IS 'What its first alert said.';
COMMENT ON COLUMN tracer.open_warnings.source IS 'Tool that sent it.';
COMMENT ON COLUMN tracer.open_warnings.started_at IS 'When it first fired.';
COMMENT ON COLUMN tracer.open_warnings.last_fired_at IS 'When it last fired.';
COMMENT ON COLUMN tracer.open_warnings.age IS 'How long ago it first fired.';
COMMENT ON COLUMN tracer.open_warnings.alert_count IS 'How often it fired.';
COMMENT ON COLUMN tracer.open_warnings.incident_id IS 'Incident that it belongs to.';
COMMENT ON COLUMN tracer.open_warnings.downstream_count IS 'Assets downstream of it; NULL: the asset is unknown.';
COMMENT ON COLUMN tracer.open_warnings.episode_id IS 'Its episode.';
