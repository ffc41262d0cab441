/*
 * Upkeep: edges that nobody names any more expire, and what is over for long
 * enough is deleted, in batches that commit.
 *
 * Deleting is off by default. An incident goes as a whole, with its alerts, or not at all,
 * so that what stays folds and groups as before. Each batch takes the
 * correlator's lock, as a pass would, and holds it for a fraction of a second.
 */
CREATE FUNCTION tracer.retained_from() RETURNS timestamptz
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT CASE WHEN r.kept IS NOT NULL THEN tracer.before(s.watermark, r.kept) END
  FROM tracer.correlate_state s, CAST(tracer.get('retention') AS interval) AS r (kept)
$$;
COMMENT ON FUNCTION tracer.retained_from() IS 'The moment before which tracer.maintain() deletes: the latest alert''s time, not after now, less the setting retention. NULL: nothing is deleted.';

-- Each batch costs what it deletes, not what there is: rows are found by key.
CREATE FUNCTION tracer.forget_incidents(before timestamptz, at_most int DEFAULT 500) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET jit = off SET enable_seqscan = off
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    old      bigint[];
    episodes bigint[];
    keys     bigint[];
    alerts   bigint[];
BEGIN
    PERFORM tracer.hold_correlation();
    -- over, and nothing leads to it any more but numbers
    SELECT array_agg(x.incident_id) INTO old
      FROM (SELECT i.incident_id
              FROM tracer.incident i
             WHERE i.opened_at < before
               AND i.last_alert_at < before
               AND CASE WHEN i.merged_into IS NULL
                        THEN (SELECT v.status IN ('resolved', 'quiet') FROM tracer.incidents v WHERE v.incident_id = i.incident_id)
                        ELSE NOT EXISTS (SELECT FROM tracer.incident t WHERE t.incident_id = i.merged_into) END
             ORDER BY i.opened_at
             LIMIT at_most) x;
    IF old IS NULL THEN
        RETURN 0;
    END IF;
    SELECT array_agg(e.episode_id), array_agg(DISTINCT e.key_id) INTO episodes, keys
      FROM tracer.episode e WHERE e.incident_id = ANY (old);
    -- An alert lies under the key of its episode; or, where it ended the episode
    -- without naming an asset, under the key that has none.
    keys := keys || ARRAY(SELECT w.key_id
                            FROM unnest(keys) AS x (id)
                           CROSS JOIN LATERAL (SELECT k.source, k.dedup_key FROM tracer.alert_key k WHERE k.key_id = x.id AND k.asset IS NOT NULL OFFSET 0) AS k
                           CROSS JOIN LATERAL (SELECT o.key_id FROM tracer.alert_key o
                                                WHERE hashtextextended(o.dedup_key, 0) = hashtextextended(k.dedup_key, 0)
                                                  AND hashtextextended(o.source, 0) = hashtextextended(k.source, 0)
                                                  AND o.dedup_key = k.dedup_key AND o.source = k.source AND o.asset IS NULL OFFSET 0) AS w);
    WITH gone AS (
        DELETE FROM tracer.placement p
         USING unnest(episodes) AS x (episode_id)
         WHERE p.key_id = ANY (keys) AND p.episode_id = x.episode_id
        RETURNING p.alert_id
    )
    SELECT array_agg(g.alert_id) INTO alerts FROM gone g;
    DELETE FROM tracer.alert a WHERE a.alert_id = ANY (alerts);
    DELETE FROM tracer.decision d WHERE d.alert_id = ANY (alerts);
    DELETE FROM tracer.episode e WHERE e.episode_id = ANY (episodes);
    DELETE FROM tracer.evidence_row r WHERE r.incident_id = ANY (old);
    DELETE FROM tracer.incident_event v WHERE v.incident_id = ANY (old);
    DELETE FROM tracer.delivery_attempt a
     WHERE a.notification_id = ANY (ARRAY(SELECT n.notification_id FROM tracer.notification n WHERE n.incident_id = ANY (old)));
    DELETE FROM tracer.notification n WHERE n.incident_id = ANY (old);
    DELETE FROM tracer.thread t WHERE t.incident_id = ANY (old) AND t.closed_at IS NULL;
    DELETE FROM tracer.thread t WHERE t.incident_id = ANY (old) AND t.closed_at IS NOT NULL;
    DELETE FROM tracer.incident i WHERE i.incident_id = ANY (old);
    RETURN cardinality(old);
END
$$;
COMMENT ON FUNCTION tracer.forget_incidents(timestamptz, int) IS 'Deletes at most so many incidents that are resolved or quiet and had their last alert before a moment, with their alerts, episodes, evidence, decisions, timeline and notifications, and redirects that lead nowhere; returns how many. Not for users: tracer.maintain() calls it.';

CREATE FUNCTION tracer.forget_rows(what text, before timestamptz, first_block bigint, blocks int DEFAULT 2000) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    size bigint := pg_relation_size(format('tracer.%I', what)) / current_setting('block_size')::bigint;
    lo   tid := format('(%s,0)', first_block)::tid;
    hi   tid := format('(%s,0)', first_block + blocks)::tid;
BEGIN
    IF first_block >= size THEN
        RETURN false;
    END IF;
    PERFORM tracer.hold_correlation();
    CASE what
    WHEN 'placement' THEN           -- resolves of nothing
        WITH gone AS (
            DELETE FROM tracer.placement p
             WHERE p.ctid >= lo AND p.ctid < hi AND p.episode_id IS NULL AND p.fired_at < before
            RETURNING p.alert_id
        )
        DELETE FROM tracer.alert a USING gone g WHERE a.alert_id = g.alert_id;
    WHEN 'episode' THEN             -- info, which is in no incident
        WITH over AS (
            DELETE FROM tracer.episode e
             WHERE e.ctid >= lo AND e.ctid < hi AND e.incident_id IS NULL AND e.last_fired_at < before
               AND NOT EXISTS (SELECT FROM tracer.episode c WHERE c.key_id = e.key_id AND c.incident_id IS NOT NULL)
            RETURNING e.episode_id, e.key_id
        ), gone AS (
            DELETE FROM tracer.placement p
             USING over o
             WHERE p.key_id = o.key_id AND p.episode_id = o.episode_id
            RETURNING p.alert_id
        )
        DELETE FROM tracer.alert a USING gone g WHERE a.alert_id = g.alert_id;
    WHEN 'alert_key' THEN           -- whose last alert went
        DELETE FROM tracer.alert_key k
         WHERE k.ctid >= lo AND k.ctid < hi AND k.last_event_at < before
           AND NOT EXISTS (SELECT FROM tracer.placement p WHERE p.key_id = k.key_id);
    WHEN 'change' THEN
        DELETE FROM tracer.change c
         WHERE c.ctid >= lo AND c.ctid < hi AND coalesce(c.changed_at, c.received_at) < before;
    WHEN 'metric' THEN
        DELETE FROM tracer.metric m WHERE m.ctid >= lo AND m.ctid < hi AND m.ts < before;
    WHEN 'intake_event' THEN        -- events that may be delivered twice
        DELETE FROM tracer.intake_event v WHERE v.ctid >= lo AND v.ctid < hi AND v.seen_at < before;
    WHEN 'quarantine' THEN
        DELETE FROM tracer.quarantine q WHERE q.ctid >= lo AND q.ctid < hi AND q.last_at < before;
    END CASE;
    RETURN true;
END
$$;
COMMENT ON FUNCTION tracer.forget_rows(text, timestamptz, bigint, int) IS 'Deletes what is older than a moment and belongs to no incident from some blocks of a table: placement, episode, alert_key, change, metric, intake_event or quarantine. False: there are no such blocks. Not for users: tracer.maintain() calls it.';

-- No SET clause and no SECURITY DEFINER, as a procedure with either cannot commit.
CREATE PROCEDURE tracer.maintain()
LANGUAGE plpgsql
AS $$
DECLARE
    before timestamptz := tracer.retained_from();
    what   text;
    block  bigint;
BEGIN
    PERFORM tracer.take_captured();
    PERFORM tracer.expire_lineage();
    PERFORM tracer.learn_delays();
    COMMIT;
    IF tracer.get('retention') IS NULL THEN
        RAISE NOTICE 'nothing is deleted: retention is off'
            USING HINT = 'SELECT tracer.set(''retention'', ''400 days'') keeps that much.';
        RETURN;
    END IF;
    LOOP
        EXIT WHEN tracer.forget_incidents(before) OPERATOR(pg_catalog.=) 0;
        COMMIT;
    END LOOP;
    FOREACH what IN ARRAY ARRAY['placement', 'episode', 'alert_key', 'change', 'metric', 'intake_event', 'quarantine'] LOOP
        block := 0;
        LOOP
            EXIT WHEN NOT tracer.forget_rows(what, before, block);
            COMMIT;
            block := block OPERATOR(pg_catalog.+) 2000;
        END LOOP;
    END LOOP;
END
$$;
COMMENT ON PROCEDURE tracer.maintain() IS 'Daily upkeep: takes up captured lineage, expires edges that their source no longer names, renews what delays are usual, and deletes what is older than the setting retention, counted back from the latest alert: incidents that are resolved or quiet, with all that belongs to them, loose alerts, changes, metrics, quarantined bodies. Commits after each batch, so it cannot run inside a transaction. Without the setting nothing is deleted. Confirmed root causes go with their incidents.';
