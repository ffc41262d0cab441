# Bodies of every format, mutated: no crash, no error, no lost body.
#
# A run takes a body of sql/intake.sql, sql/intake_pairs.sql or test/data/intake,
# changes it (a value of its JSON, or its bytes), and sends it, often to another
# tool's reader. Whatever it has become, tracer.ingest() returns, and either it was understood
# or it is in quarantine, byte for byte, with an alert. FUZZ_RUNS sets the number
# of runs, FUZZ_SEED the first seed; each 20,000 runs have the next seed and a
# database of their own.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use TracerTest;

my $runs = $ENV{FUZZ_RUNS} // 1500;
my $seed = $ENV{FUZZ_SEED} // 42;
my $round = 20000;
my $node = new_node('main', 'fsync = off', 'synchronous_commit = off');
my @corpus;

my $sql = join('', map { slurp_file(top() . "/sql/$_.sql") } qw(intake imports));
while ($sql =~ /(?:pg_temp\.sent|tracer\.ingest)\('(\w+)', '(\{(?:[^']|'')*\}|\[(?:[^']|'')*\])'(?:, '(\{[^']*\})')?\)/g)
{
	my ($source, $body, $headers) = ($1, $2, $3 // '{}');
	push @corpus, [ $source, $body =~ s/''/'/gr, $headers ];
}
my $pairs = slurp_file(top() . '/sql/intake_pairs.sql');
while ($pairs =~ /\('(\w+)', '((?:[^']|'')*)',\s*'((?:[^']|'')*)'\)/g)
{
	my ($source, @bodies) = ($1 =~ s/_(?:unified|sources|assertion|incident|metric)$//r, $2, $3);
	push @corpus, [ $source, $_ =~ s/''/'/gr, '{}' ] foreach @bodies;
}
push @corpus, [ $_ =~ m{data/intake/(\w+)/}, slurp_file($_), '{}' ] foreach glob(top() . '/test/data/intake/*/*.json');
cmp_ok(scalar(@corpus), '>', 150, 'there is something to mutate');

new_database($node, 'fuzz');
$node->safe_psql('fuzz', 'CREATE TABLE corpus (n serial, source text, body jsonb, headers jsonb);' . join('',
		map { sprintf('INSERT INTO corpus (source, body, headers) VALUES (%s, %s, %s);', map { quoted($_) } @$_) } @corpus));
$node->safe_psql('fuzz', <<'SQL');
	-- Some value of a document, replaced by another.
	CREATE FUNCTION mutate(doc jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
	DECLARE
		path text[] := '{}';
		here jsonb := doc;
		key  text;
		new  jsonb := (ARRAY['null', 'true', '0', '-1', '1e300', '""', '"x"', '[]', '{}', '[null]', '[[]]', '{"a": [1]}', '"2024-99-99"', '"infinity"', '"resolved"', '"firing"',
		                     '1705287600', '99999999999999999999', '"\u00e9\ud83d\ude00"', '["a", 1, {}]'])[1 + floor(random() * 20)]::jsonb;
	BEGIN
		LOOP
			key := CASE jsonb_typeof(here)
				WHEN 'object' THEN (SELECT k FROM jsonb_object_keys(here) k ORDER BY random() LIMIT 1)
				WHEN 'array' THEN (floor(random() * jsonb_array_length(here)))::int::text END;
			EXIT WHEN key IS NULL OR here -> key IS NULL AND here -> key::int IS NULL OR random() < CASE WHEN path = '{}' THEN 0.01 ELSE 0.1 END;
			path := path || key;
			here := here #> ARRAY[key];
			EXIT WHEN here IS NULL;
		END LOOP;
		IF random() < 0.01 THEN new := to_jsonb(repeat('long ', 20000)); END IF;
		RETURN CASE WHEN path = '{}' THEN new WHEN random() < 0.3 THEN doc #- path WHEN random() < 0.5 THEN jsonb_set(doc, path, new)
		            ELSE jsonb_set(doc, path, coalesce((SELECT body FROM corpus OFFSET floor(random() * (SELECT count(*) FROM corpus)) LIMIT 1), new)) END;
	EXCEPTION WHEN invalid_text_representation THEN RETURN doc;
	END $$;
	-- Some bytes of a body.
	CREATE FUNCTION mutate(body bytea) RETURNS bytea LANGUAGE plpgsql AS $$
	DECLARE
		at int;
		n  int;
	BEGIN
		FOR i IN 1 .. 1 + floor(random() * 4) LOOP
			at := floor(random() * length(body));
			n := 1 + floor(random() * 30);
			CONTINUE WHEN length(body) = 0;
			body := CASE floor(random() * 5)
				WHEN 0 THEN set_byte(body, at, floor(random() * 256)::int)
				WHEN 1 THEN substr(body, 1, at) || substr(body, at + n)
				WHEN 2 THEN substr(body, 1, at) || substr(body, at, n) || substr(body, at)
				WHEN 3 THEN substr(body, 1, at)
				ELSE substr(body, 1, at) || convert_to((ARRAY[',', '"', '\', '{', ']', E'\n', '\u0000', 'NaN', E'\uFEFF', ':', '\ud800'])[1 + floor(random() * 11)], 'UTF8') || substr(body, at + 1) END;
		END LOOP;
		RETURN body;
	END $$;
	CREATE TABLE lost (run int, source text, body bytea, what text);
	CREATE PROCEDURE fuzz(runs int) LANGUAGE plpgsql AS $$
	<<fuzz>>
	DECLARE
		c    corpus;
		to_  text;
		body bytea;
		r    record;
		kept bigint;
		last_ bigint := 0;
		bodies int := (SELECT count(*) FROM corpus);
	BEGIN
		FOR run IN 1 .. runs LOOP
			SELECT * INTO STRICT c FROM corpus OFFSET floor(random() * bodies) LIMIT 1;
			to_ := CASE WHEN random() < 0.8 THEN c.source ELSE (SELECT format FROM tracer.source_formats() ORDER BY random() LIMIT 1) END;
			FOR i IN 1 .. 1 + floor(random() * 3) LOOP c.body := mutate(c.body); END LOOP;
			body := convert_to(c.body::text, 'UTF8');
			IF random() < 0.25 THEN body := mutate(body); END IF;
			kept := (SELECT coalesce(sum(times), 0) FROM tracer.quarantine);
			BEGIN
				SELECT * INTO STRICT r FROM tracer.ingest(to_, body, CASE WHEN random() < 0.7 THEN c.headers WHEN random() < 0.5 THEN mutate(c.headers) END);
				IF r.quarantined <> (SELECT sum(times) FROM tracer.quarantine) - kept THEN
					INSERT INTO lost VALUES (run, to_, body, 'quarantined ' || r.quarantined);
				ELSIF r.quarantined > 0 AND NOT EXISTS (SELECT FROM tracer.quarantine q WHERE q.body = fuzz.body) THEN
					INSERT INTO lost VALUES (run, to_, body, 'not kept as it came');
				END IF;
			EXCEPTION WHEN OTHERS THEN
				INSERT INTO lost VALUES (run, to_, body, sqlstate || ' ' || sqlerrm);
			END;
			IF run % 500 = 0 OR run = runs THEN
				-- What was read once it was mended is an alert of its own; what a person could not do is none.
				INSERT INTO lost
				SELECT run, q.source, q.body, 'no alert: ' || q.reason
				  FROM tracer.quarantine q
				 WHERE q.reason !~ '^(repaired: |(acknowledge|resolve|reopen|note|wrong_root|not_mine|known) of )'
				   AND NOT EXISTS (SELECT FROM tracer.alert a WHERE a.alert_id > last_ AND a.labels ->> 'quarantine_id' = q.quarantine_id::text);
				last_ := coalesce((SELECT max(a.alert_id) FROM tracer.alert a), 0);
				TRUNCATE tracer.quarantine;
				COMMIT;
			END IF;
		END LOOP;
	END $$;
SQL
for (my $done = 0; $done < $runs; $done += $round, $seed++)
{
	my $n = $runs - $done < $round ? $runs - $done : $round;

	$node->safe_psql('postgres', "CREATE DATABASE round TEMPLATE fuzz");
	my ($rc, $out, $err) = $node->psql('round', "SELECT setseed(" . ($seed % 1000) / 1000 . "); CALL fuzz($n);", timeout => 14400);
	is($rc, 0, "seed $seed: $n runs without a crash") or diag($err);
	is($node->safe_psql('round', q{SELECT string_agg(format('%s %s: %s %s', run, source, what, encode(left(body::text, 300)::bytea, 'escape')), E'\n') FROM (SELECT * FROM lost LIMIT 10) AS l}), '', 'no body is lost');
	cmp_ok(correlate_all($node, 'round'), '>', 0, 'alerts came of them, and all of them correlate');
	is(unplaced($node, 'round'), 0, 'each is in one incident');
	$node->safe_psql('postgres', "DROP DATABASE round");
}

$node->stop;
done_testing();
