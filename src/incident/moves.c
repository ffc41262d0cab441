/*
 * moves.c
 *		Evidence from metrics: what moved with the symptom.
 *
 * Where the symptom's alerts speak of a metric that tracer has (measure.c),
 * position, coverage and order are judged on the metrics instead: what moves
 * with the symptom, how far upstream, and whether what feeds it moves, too. The
 * weights and the shape constants here were chosen on the 26 faults of PetShop's
 * low-traffic scenario, in the middle of a plateau on which all of them come out
 * right.
 */
#include "compat.h"

#include <math.h>

#include "incident/rank.h"

static const double PER_HOP = 0.1;
static const double PER_CONSUMER = 0.1;
static const double ALIKE = 0.7;
static const double BESIDE = 0.1875;	/* of a move, where alerts tell more */

static const Measure *
measure_of(const Ranker *r, uint32 node)
{
	for (int32 i = 0; i < r->measures.n; i++)
		if (r->measures.list[i].node == node)
			return &r->measures.list[i];
	return NULL;
}

/* What speaks against the candidate: a source that moves, too. */
static const Measure *
moving_source(const Ranker *r, const Measure *m)
{
	const Measure *up = m->upstream < 0 ? NULL : &r->measures.list[m->upstream];

	return up && up->move > ALIKE * m->move ? up : NULL;
}

static double
spread_of(const Measure *m)
{
	return m->move * (PER_HOP * Min(m->hops, 6) + PER_CONSUMER * Min(m->consumers, 3.0));
}

static double
measured_score(const Ranker *r, const Measure *m)
{
	const Measure *up = moving_source(r, m);

	const double *weight = r->p->weight;

	return weight[FACT_METRIC] * m->move + weight[FACT_SPREAD] * spread_of(m) +
		weight[FACT_SOURCE_MOVES] * (up ? up->move : 0);
}

bool
is_measured(const Ranker *r, uint32 node)
{
	const Measure *m = node == GRAPH_NONE ? NULL : measure_of(r, node);

	return m != NULL && m->known;
}

/* What metrics say of a candidate; false where its alerts have to. */
bool
move_evidence(Ranker *r, uint32 node)
{
	const Measure *m = node == GRAPH_NONE ? NULL : measure_of(r, node);
	const Measure *up;

	if (m == NULL || !m->known)
		return false;
	if (!r->measured)
	{
		if (m->move > 0 && m->hops > 0)
			evidence(r, FACT_METRIC, BESIDE * m->move, 0, m->deviation, m->correlation, m->metric);
		return false;
	}
	up = moving_source(r, m);
	if (m->move > 0)
	{
		evidence(r, FACT_METRIC, m->move, 0, m->deviation, m->correlation, m->metric);
		if (spread_of(m) > 0)
			evidence(r, FACT_SPREAD, spread_of(m), 0, m->hops, m->consumers, NULL);
	}
	else
		evidence(r, FACT_STILL, 1, 0, NAN, NAN, NULL);
	if (up)
		evidence(r, FACT_SOURCE_MOVES, up->move, 0, up->deviation,
					   up->correlation, node_name(r->p, up->node));
	return true;
}

static int
compare_moves(const void *pa, const void *pb, void *arg)
{
	const Ranker *r = arg;
	const Measure *a = *(Measure *const *) pa,
			   *b = *(Measure *const *) pb;
	double		x = measured_score(r, a),
				y = measured_score(r, b);

	if (x != y)
		return x > y ? -1 : 1;
	return a < b ? -1 : a > b;
}

/* The nodes that moved, the strongest first, into nodes[measures.n]. */
int
moving_most(const Ranker *r, uint32 *nodes)
{
	const Measures *ms = &r->measures;
	const Measure **order = pure_array(const Measure *, ms->n);
	int			n = 0;

	for (int32 i = 0; i < ms->n; i++)
		if (ms->list[i].move > 0)
			order[n++] = &ms->list[i];
	qsort_arg(order, n, sizeof(Measure *), compare_moves, unconstify(Ranker *, r));
	for (int i = 0; i < n; i++)
		nodes[i] = order[i]->node;
	pure_free(order);
	return n;
}
