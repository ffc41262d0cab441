/*
 * Categories: what sort of thing went wrong, read off words.
 *
 * A rule is a regular expression over the words of an alert ("title.
 * description") or of a change ("kind: title"). The heaviest rule that matches
 * decides: it gives the category that the words speak for and the kind of
 * evidence that they are. The rules that ship are the rows of a function, so
 * that a dump holds only what a user added and restores into a newer version
 * without conflict; a user's row with the same pattern takes a shipped one's
 * place.
 */
CREATE TABLE tracer.category_rule (
    pattern    text PRIMARY KEY CHECK (pattern <> '' AND ('' ~* pattern) IS NOT NULL),
    applies_to text CHECK (applies_to IN ('alert', 'change')),
    category   text CHECK (category IN ('data change', 'logic change', 'operational issue')),
    kind       text CHECK (kind IN ('code', 'data', 'environment')),
    weight     real NOT NULL DEFAULT 5 CHECK (weight >= 0)
);
SELECT pg_catalog.pg_extension_config_dump('tracer.category_rule', '');
COMMENT ON TABLE tracer.category_rule IS 'Your own rules that read the likely category off the words of alerts and changes; tracer.category_rules shows them with those that ship. A row with a shipped pattern replaces it.';
COMMENT ON COLUMN tracer.category_rule.pattern IS 'Regular expression, matched without regard to case against "title. description" of an alert or "kind: title" of a change.';
COMMENT ON COLUMN tracer.category_rule.applies_to IS 'alert or change; NULL: both.';
COMMENT ON COLUMN tracer.category_rule.category IS 'data change, logic change or operational issue; NULL: such words say nothing (which silences a shipped rule).';
COMMENT ON COLUMN tracer.category_rule.kind IS 'Kind of evidence that such words are: code, data or environment; NULL: the usual one (code for changes, data for alerts).';
COMMENT ON COLUMN tracer.category_rule.weight IS 'The heaviest rule that matches decides. Shipped rules weigh 1 to 4.';

CREATE FUNCTION tracer.category_rule_defaults()
RETURNS TABLE (pattern text, applies_to text, category text, kind text, weight real)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
VALUES
  ('^(schema|ddl|migration|data|backfill|import)\y',
   'change', 'data change', 'data', 4::real),
  ('\y(credentials?|passwords?|tokens?|secrets?|certificates?|api keys?|service accounts?|permissions?|access rights|iam|quotas?|expire[ds]?|firewall|dns|failover)\y',
   'change', 'operational issue', 'environment', 3),
  ('^(infrastructure|infra|maintenance|capacity|restart|scaling|access|network)\y',
   'change', 'operational issue', 'environment', 3),
  ('\y(columns?|tables?|partitions?|data ?types?)\y.*\y(renamed|dropped|added|removed|retyped|altered)\y',
   'change', 'data change', 'data', 2),
  ('^(commit|deploy|deployment|release|rollout|config|configuration|code|merge|pull request|feature flag|dag|job|model)\y',
   'change', 'logic change', 'code', 1),
  ('\y(oom|oomkilled|out of memory|out-of-memory|sigkill|was killed|(container|process|pod|executor|task) (was )?killed|executorlost\w*|exit (code|status) (137|139|143)|evicted|preempted)\y',
   'alert', 'operational issue', 'environment', 3),
  ('\y(access|permission) denied\y|\y(forbidden|unauthori[sz]ed|authentication failed|login failed|bad credentials)\y|\y(token|certificate|password|credentials?|secret|key)s? (has |have |is |are )?(expired|expires|expiring|revoked|invalid)\y',
   'alert', 'operational issue', 'environment', 3),
  ('\y(http|status|code|error)\W{0,3}(401|403|407|429|5\d\d)\y|\y(401|403|429|500|502|503|504) (unauthori[sz]ed|forbidden|too many|internal|bad|service|gateway)',
   'alert', 'operational issue', 'environment', 3),
  ('\y(disk( is)?( \d+ ?%)? full|no space left|connection (refused|reset|closed|lost|timed out|error|failed)|could not connect|unreachable|host not found|name resolution|quota exceeded|rate limit\w*|too many connections|throttled)\y',
   'alert', 'operational issue', 'environment', 3),
  ('\y(timeout|timed out|deadline exceeded)\y',
   'alert', 'operational issue', 'environment', 2),
  ('\y(column|relation|table|field|schema)\y.*\y(does not exist|not found|was (renamed|dropped|removed))\y|\y(unknown|missing|unexpected|invalid) (column|field)s?\y|\yschema (change|mismatch|drift)|\ytype mismatch\y|\ycannot cast\y|\yinvalid input (syntax|value)\y',
   'alert', 'data change', 'data', 3),
  ('\yduplicate[ds]?\y|\ynot[- _]null\y|\ynulls?\y|\yunique(ness)?\y|\yout of range\y|\youtliers?\y',
   'alert', 'data change', 'data', 2),
  ('\y(volume|row ?count)\y|\y(late|missing|empty|no|stale) (\w+ )?(data|partitions?|files?|rows?|records?)\y|\y(data|partitions?|files?|rows?|records?) (is |are )?(late|missing|empty)\y',
   'alert', 'data change', 'data', 1),
  ('\y(syntax error|compilation error|parse error|division by zero|undefined (variable|name|function)|keyerror|typeerror|attributeerror|nameerror|importerror|modulenotfounderror|assertionerror|nullpointerexception)\y',
   'alert', 'logic change', 'code', 2)
$$;
COMMENT ON FUNCTION tracer.category_rule_defaults() IS 'The rules that ship, with the columns of tracer.category_rule.';

CREATE VIEW tracer.category_rules AS
SELECT r.pattern, r.applies_to, r.category, r.kind, r.weight, true AS own
  FROM tracer.category_rule r
UNION ALL
SELECT d.pattern, d.applies_to, d.category, d.kind, d.weight, false
  FROM tracer.category_rule_defaults() d
 WHERE NOT EXISTS (SELECT FROM tracer.category_rule r WHERE r.pattern = d.pattern);
COMMENT ON VIEW tracer.category_rules IS 'Every rule in force that reads a category off words: yours and those that ship.';
COMMENT ON COLUMN tracer.category_rules.pattern IS 'Regular expression, matched without regard to case.';
COMMENT ON COLUMN tracer.category_rules.applies_to IS 'alert or change; NULL: both.';
COMMENT ON COLUMN tracer.category_rules.category IS 'What matching words speak for; NULL: nothing.';
COMMENT ON COLUMN tracer.category_rules.kind IS 'Kind of evidence that matching words are; NULL: the usual one.';
COMMENT ON COLUMN tracer.category_rules.weight IS 'The heaviest match decides.';
COMMENT ON COLUMN tracer.category_rules.own IS 'True for a row of tracer.category_rule, false for one that ships.';

CREATE FUNCTION tracer.categorize(subject text, words text, OUT category text, OUT kind text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT r.category, coalesce(r.kind, CASE categorize.subject WHEN 'change' THEN 'code' ELSE 'data' END)
  FROM (SELECT NULL) AS one
  LEFT JOIN LATERAL (
       SELECT c.category, c.kind
         FROM tracer.category_rules c
        WHERE (c.applies_to IS NULL OR c.applies_to = categorize.subject)
          AND left(categorize.words, 4000) ~* c.pattern
        ORDER BY c.weight DESC, c.own DESC, c.pattern
        LIMIT 1) AS r ON true
$$;
COMMENT ON FUNCTION tracer.categorize(text, text) IS 'What the words of an alert or of a change (subject: alert or change) speak for, by tracer.category_rules. category is NULL where no rule matches; kind is code, data or environment. Only the first 4,000 characters are read.';
