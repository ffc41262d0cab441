/*
 * learn.c
 *		Missing lineage from what keeps following what. Pure.
 *
 * Each asset with failures that nothing known explains is looked at for itself
 * (target.c): which other assets' failures bring them about. What one cause
 * explains, the next need not; so each target has few. Together they are then
 * kept free of circles, the weightiest first: of two assets that cause each
 * other the lesser direction is dropped, and its target looked at again
 * without it, until nothing changes.
 *
 * This is done in rounds, as three things are learned on the way that the next
 * round begins with: how long after its cause a failure shows (lag.c), and how
 * many causes lineage lacks per target, which is the prior for any pair. The
 * third is given: which assets have many consumers, and how alike the names of
 * connected assets are.
 *
 * Cost: the pairs of failures within the window, at most `work` of them: in a
 * storm only the nearest in time are looked at.
 *
 * Nothing depends on the order in which events come.
 */
#ifndef TRACER_STANDALONE
#include "compat.h"
#endif

#include <math.h>

#include "learn/learner.h"

#define ROUNDS 3
#define REVISIONS 20			/* of circles, in a round */
#define LEAST_REACH 16
#define MOST_REACH 4096

static int
compare_events(const void *pa, const void *pb)
{
	const LearnEvent *a = pa,
			   *b = pb;

	if (a->group != b->group)
		return a->group < b->group ? -1 : 1;
	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	if (a->asset != b->asset)
		return a->asset < b->asset ? -1 : 1;
	if (a->explained != b->explained)
		return a->explained ? 1 : -1;
	if (a->suspicion != b->suspicion)
		return a->suspicion < b->suspicion ? -1 : 1;
	return a->lag < b->lag ? -1 : a->lag > b->lag;
}

static int
compare_times(const void *a, const void *b)
{
	int64		x = *(const int64 *) a,
				y = *(const int64 *) b;

	return x < y ? -1 : x > y;
}

/* By weight of evidence; the rest only so that the order is always the same. */
static int
compare_gains(const void *pa, const void *pb)
{
	const LearnEdge *a = pa,
			   *b = pb;

	if (a->gain != b->gain)
		return a->gain > b->gain ? -1 : 1;
	if (a->downstream != b->downstream)
		return a->downstream < b->downstream ? -1 : 1;
	return a->upstream < b->upstream ? -1 : a->upstream > b->upstream;
}

static int
compare_confidences(const void *pa, const void *pb)
{
	const LearnEdge *a = pa,
			   *b = pb;

	if (a->confidence != b->confidence)
		return a->confidence > b->confidence ? -1 : 1;
	return compare_gains(a, b);
}

/* ---- what is measured once ------------------------------------------------------- */

static void
index_events(Learner *s)
{
	Learn	   *l = s->l;
	int32	   *fill = pure_array(int32, l->nassets);

	qsort(l->events, l->nevents, sizeof(LearnEvent), compare_events);
	s->asset_start = pure_array0(int32, l->nassets + 1);
	s->by_asset = pure_array(int32, l->nevents);
	s->mark = pure_array(int32, l->nassets);
	s->first_blocked = pure_array(int32, l->nassets);
	for (int32 i = 0; i < l->nevents; i++)
		s->asset_start[l->events[i].asset + 1]++;
	for (int32 a = 0; a < l->nassets; a++)
	{
		if (s->asset_start[a + 1] > 0)
			s->consumers += fan_out(s, a);
		s->asset_start[a + 1] += s->asset_start[a];
		fill[a] = s->asset_start[a];
		s->mark[a] = LEARN_NONE;
	}
	for (int32 i = 0; i < l->nevents; i++)
		s->by_asset[fill[l->events[i].asset]++] = i;
	pure_free(fill);
}

/* How many of n ascending times lie before t. */
static int32
times_before(const int64 *times, int32 n, int64 t)
{
	int32		lo = 0;

	while (lo < n)
	{
		int32		mid = lo + (n - lo) / 2;

		if (times[mid] < t)
			lo = mid + 1;
		else
			n = mid;
	}
	return lo;
}

/*
 * How lively it was within a horizon of each event, by what nothing explains:
 * where everything fails at night, following at night means little. Half of it
 * counts, as a lively hour may also be what is looked for.
 */
static void
measure_bursts(Learner *s)
{
	Learn	   *l = s->l;
	int64	   *times = pure_array(int64, l->nevents);
	int64		horizon = l->rules.horizon;
	int32		n = 0;
	double		usual;

	s->burst = pure_array(double, l->nevents);
	for (int32 i = 0; i < l->nevents; i++)
		if (!l->events[i].explained)
			times[n++] = l->events[i].at;
	qsort(times, n, sizeof(int64), compare_times);
	s->span = (n > 0 ? (double) times[n - 1] - (double) times[0] : 0) / 1e6 + 2.0 * horizon / 1e6;
	usual = n * 2.0 * horizon / 1e6 / s->span;
	for (int32 i = 0; i < l->nevents; i++)
	{
		int64		at = l->events[i].at;

		s->burst[i] = l->events[i].explained ? 1 : 0.5 + 0.5 *
			(times_before(times, n, at + horizon + 1) - times_before(times, n, at - horizon)) / usual;
	}
	s->reach = (int32) Max(LEAST_REACH, Min(MOST_REACH, l->rules.work / Max(1, n)));
	pure_free(times);
}

/* ---- circles ---------------------------------------------------------------------- */

/* The edges kept so far, as lists of downstream assets. */
typedef struct Kept
{
	int32	   *first;			/* by asset */
	int32	   *next;			/* by edge */
	int32	   *seen;			/* by asset: the search that last came here */
	int32	   *queue;
	int32		searches;
} Kept;

static bool
leads_to(const Learn *l, Kept *k, int32 from, int32 to)
{
	int32		head = 0,
				tail = 0;

	k->searches++;
	k->seen[from] = k->searches;
	k->queue[tail++] = from;
	while (head < tail)
	{
		int32		at = k->queue[head++];

		if (at == to)
			return true;
		for (int32 e = k->first[at]; e != LEARN_NONE; e = k->next[e])
		{
			int32		down = l->edges[e].downstream;

			if (k->seen[down] == k->searches)
				continue;
			k->seen[down] = k->searches;
			k->queue[tail++] = down;
		}
	}
	return false;
}

static void
block(Learner *s, int32 upstream, int32 downstream)
{
	if (s->nblocked == s->maxblocked)
	{
		s->maxblocked = Max(64, 2 * s->maxblocked);
		s->blocked = pure_realloc(s->blocked, sizeof(BlockedPair) * (Size) s->maxblocked);
	}
	s->blocked[s->nblocked] = (BlockedPair) {upstream, s->first_blocked[downstream]};
	s->first_blocked[downstream] = s->nblocked++;
}

/*
 * Takes out, of every circle, the edge with the least weight, together with all
 * other edges of its target, which is to be looked at again. False: no circle.
 */
static bool
break_circles(Learner *s, bool *again)
{
	Learn	   *l = s->l;
	Kept		k = {0};
	int32		n = 0;
	bool		any = false;

	if (l->nedges == 0)
		return false;
	k.first = pure_array(int32, l->nassets);
	k.next = pure_array(int32, l->nedges);
	k.seen = pure_array0(int32, l->nassets);
	k.queue = pure_array(int32, l->nassets);
	for (int32 a = 0; a < l->nassets; a++)
		k.first[a] = LEARN_NONE;
	qsort(l->edges, l->nedges, sizeof(LearnEdge), compare_gains);
	for (int32 i = 0; i < l->nedges; i++)
	{
		const LearnEdge *e = &l->edges[i];

		if (again[e->downstream])
			continue;
		if (leads_to(l, &k, e->downstream, e->upstream))
		{
			block(s, e->upstream, e->downstream);
			again[e->downstream] = any = true;
			continue;
		}
		k.next[i] = k.first[e->upstream];
		k.first[e->upstream] = i;
	}
	for (int32 i = 0; i < l->nedges; i++)
		if (!again[l->edges[i].downstream])
			l->edges[n++] = l->edges[i];
	l->nedges = n;
	pure_free(k.first);
	pure_free(k.next);
	pure_free(k.seen);
	pure_free(k.queue);
	return any;
}

/* ---- the whole ---------------------------------------------------------------------- */

/* One look at every asset; returns how many causes per target it expects. */
static double
learn_round(Learner *s, bool *again)
{
	Learn	   *l = s->l;
	int32		targets = 0;
	double		found = 0;

	learn_lags(s);
	s->nblocked = 0;
	l->nedges = 0;
	for (int32 a = 0; a < l->nassets; a++)
	{
		again[a] = true;
		s->first_blocked[a] = LEARN_NONE;
	}
	for (int32 i = 0; i < l->nrejected; i++)
		block(s, l->rejected[i].upstream, l->rejected[i].downstream);
	for (int revision = 0; revision < REVISIONS; revision++)
	{
		s->targets = 0;
		for (int32 a = 0; a < l->nassets; a++)
			if (again[a])
			{
				learn_target(s, a);
				again[a] = false;
				PURE_INTERRUPTS();
			}
		if (revision == 0)
			targets = s->targets;
		if (!break_circles(s, again))
			break;
	}
	for (int32 i = 0; i < l->nedges; i++)
		found += l->edges[i].confidence;
	return (found + 0.5) / (targets + 1);
}

void
learn_edges(Learn *l)
{
	Learner		s = {.l = l};
	bool	   *again;

	l->edges = NULL;
	l->nedges = 0;
	if (l->nevents == 0)
		return;
	index_events(&s);
	measure_bursts(&s);
	s.missing = l->rules.missing;
	again = pure_array(bool, l->nassets);
	for (int round = 0; round < ROUNDS; round++)
		s.missing = learn_round(&s, again);
	if (l->nedges > 0)
		qsort(l->edges, l->nedges, sizeof(LearnEdge), compare_confidences);
}
