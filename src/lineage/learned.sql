/*
 * What was learned about lineage, and who said yes or no to it.
 *
 * An edge that was learned is an ordinary row of tracer.lineage with source
 * 'learned'; this table says where it comes from and how far to trust it. A
 * pair that is here is not suggested again, whatever became of its edge: who
 * takes a learned edge back has said no.
 */
CREATE TABLE tracer.learned_lineage (
    learned_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    upstream   text NOT NULL,
    downstream text NOT NULL,
    verdict    text NOT NULL CHECK (verdict IN ('accepted', 'rejected')),
    confidence real CHECK (confidence BETWEEN 0 AND 1),
    why        text,
    decided_by text NOT NULL,
    decided_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (upstream, downstream)
);
COMMENT ON TABLE tracer.learned_lineage IS 'Lineage that was learned from alerts and accepted or rejected: one row per pair. The edge itself is in tracer.lineage, source learned. Delete a row to have the pair suggested anew.';
COMMENT ON COLUMN tracer.learned_lineage.learned_id IS 'Id.';
COMMENT ON COLUMN tracer.learned_lineage.upstream IS 'Canonical name of what feeds.';
COMMENT ON COLUMN tracer.learned_lineage.downstream IS 'Canonical name of what is fed.';
COMMENT ON COLUMN tracer.learned_lineage.verdict IS 'accepted or rejected.';
COMMENT ON COLUMN tracer.learned_lineage.confidence IS 'How sure the suggestion was, 0 to 1; NULL: it was rejected without one.';
COMMENT ON COLUMN tracer.learned_lineage.why IS 'What spoke for it, or against it; NULL: nothing was said.';
COMMENT ON COLUMN tracer.learned_lineage.decided_by IS 'Who decided; tracer where tracer.learn_lineage() did by itself.';
COMMENT ON COLUMN tracer.learned_lineage.decided_at IS 'When.';
COMMENT ON SEQUENCE tracer.learned_lineage_learned_id_seq IS 'Ids of tracer.learned_lineage.';
SELECT pg_catalog.pg_extension_config_dump('tracer.learned_lineage', '');
SELECT pg_catalog.pg_extension_config_dump('tracer.learned_lineage_learned_id_seq', '');
