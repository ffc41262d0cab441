/*
 * trust.c
 *		Lineage that was learned, not declared, is trusted less.
 *
 * An edge is learned where tracer.lineage holds it from source 'learned' alone.
 * What an incident owes to such edges is found per episode: the least trusted
 * learned edge on the way from the root down to it, along the same shortest
 * paths that reports show. Where nothing was learned, all this costs one query.
 */
#include "compat.h"

#include "catalog/pg_type.h"

#include "incident/pass.h"
#include "lineage/traverse.h"
#include "table/peek.h"

/* What is learned is believed nine times in ten at most. */
static const double MOST_TRUST = 0.9;

static int
compare_learned(const void *pa, const void *pb)
{
	const PassLearned *a = pa,
			   *b = pb;

	if (a->downstream != b->downstream)
		return a->downstream < b->downstream ? -1 : 1;
	return a->upstream < b->upstream ? -1 : a->upstream > b->upstream;
}

static void
learned_row(void *context, HeapTuple row, TupleDesc desc)
{
	Pass	   *p = context;
	bool		isnull;
	PassLearned e = {
		.upstream = graph_find(p->graph, row_int64(row, desc, 1, 0)),
		.downstream = graph_find(p->graph, row_int64(row, desc, 2, 0)),
		.id = row_int64(row, desc, 3, 0),
		.trust = MOST_TRUST * DatumGetFloat8(SPI_getbinval(row, desc, 4, &isnull))
	};

	if (e.upstream == GRAPH_NONE || e.downstream == GRAPH_NONE)
		return;
	if ((p->nlearned & (p->nlearned - 1)) == 0)
		p->learned = pure_realloc(p->learned, sizeof(PassLearned) * (Size) Max(1, 2 * p->nlearned));
	p->learned[p->nlearned++] = e;
}

void
load_learned(Pass *p)
{
	static Statement st = {
		"SELECT l.upstream, l.downstream, x.learned_id, coalesce(x.confidence, 0.5)::float8 "
		"  FROM tracer.lineage l "
		"  JOIN tracer.asset u ON u.asset_id = l.upstream "
		"  JOIN tracer.asset d ON d.asset_id = l.downstream "
		"  LEFT JOIN tracer.learned_lineage x ON x.upstream = u.name AND x.downstream = d.name "
		" WHERE l.source = 'learned' "
		"   AND NOT EXISTS (SELECT 1 FROM tracer.lineage o WHERE o.upstream = l.upstream "
		"                      AND o.downstream = l.downstream AND o.source <> 'learned')"
	};

	p->nlearned = 0;
	if (p->graph == NULL || !peek_any("lineage", "lineage_learned"))
		return;
	query_each(&st, 0, NULL, NULL, NULL, learned_row, p);
	qsort(p->learned, p->nlearned, sizeof(PassLearned), compare_learned);
}

static const PassLearned *
find_learned(const Pass *p, uint32 upstream, uint32 downstream)
{
	PassLearned key = {.upstream = upstream, .downstream = downstream};

	return bsearch(&key, p->learned, p->nlearned, sizeof(PassLearned), compare_learned);
}

/*
 * Does anything learned lead into the last `hops` steps above a node? Upward,
 * as few assets have many sources.
 */
static bool
learned_above(const Pass *p, uint32 node, int32 hops)
{
	Reach		up = graph_reach(p->graph, node, WALK_UP, hops - 1, NO_MAX_NODES);
	bool		found = false;

	for (int32 i = 0; i < p->nlearned && !found; i++)
		found = (up.seen[p->learned[i].downstream >> 6] >> (p->learned[i].downstream & 63)) & 1;
	reach_free(&up);
	return found;
}

/* The least trusted learned edge from what explains an episode to it, or NULL. */
const PassLearned *
learned_link(const Pass *p, int32 episode)
{
	const PassEpisode *e = &p->pe[episode];
	const PassLearned *least = NULL;
	uint32		to = p->place_node[p->ce[episode].place];
	uint32		from;
	uint32	   *path;
	uint32		n;

	if (p->nlearned == 0 || to == GRAPH_NONE)
		return NULL;
	if (e->suspect != 0)
		from = graph_find(p->graph, e->suspect);
	else if (e->parent != CASCADE_NONE && (e->because == BECAUSE_NEAR || e->because == BECAUSE_FIRING))
		from = p->place_node[p->ce[e->parent].place];
	else
		return NULL;
	if (from == GRAPH_NONE || from == to)
		return NULL;
	if (p->ce[episode].hops == 1)
		return find_learned(p, from, to);
	if (e->suspect == 0 && !learned_above(p, to, Max(1, p->ce[episode].hops)))
		return NULL;
	path = graph_path(p->graph, from, to, &n);
	for (uint32 i = 0; path != NULL && i + 1 < n; i++)
	{
		const PassLearned *x = find_learned(p, path[i], path[i + 1]);

		if (x != NULL && (least == NULL || x->trust < least->trust))
			least = x;
	}
	pure_free(path);
	return least;
}
