/*
 * learn.c
 *		Missing lineage from what keeps following what. Pure.
 */
#ifndef TRACER_STANDALONE
#include "compat.h"
#endif

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "learn/learn.h"
#include "lineage/traverse.h"

#define LATER 12				/* bins of lag from 0 up to the horizon */
#define EARLIER 4				/* and below 0 down to -detection_lag */
#define BINS (LATER + EARLIER)
#define ROUNDS 3				/* of learning how lags are distributed */
#define MAX_PARENTS 12
static double SUSPICION = 0.01;
#define LEAST 0.05				/* confidence below which nothing is told */

/* One possible cause of the target's failures. */
typedef struct Candidate
{
	int32		asset;
	int32		first;			/* entries, linked */
	int32		n;
	double		failures;
	double		prior;			/* log odds */
	double		gain;
	double		p;				/* share of its failures that show */
	bool		chosen;
} Candidate;

/* The candidate's failure nearest before one of the target's. */
typedef struct Entry
{
	int32		failure;		/* index among the target's */
	int32		candidate;
	int32		next;
	int64		lag;
	double		density;
} Entry;

typedef struct Target
{
	int32		asset;
	int32	   *event;			/* its unexplained failures */
	double	   *background;
	double	   *known;			/* what a suspicion accounts for */
	double	   *intensity;		/* at each, by all that is chosen */
	int32		n;
	double		share;			/* of them that nothing chosen explains */
	Candidate  *candidates;
	int32		ncandidates;
	Entry	   *entries;
	int32		nentries;
	int32		maxentries;
} Target;

typedef struct Learner
{
	Learn	   *l;
	int32	   *by_asset;		/* events by asset, then time */
	int32	   *asset_start;
	double	   *burst;			/* by event: activity around it, 1 as usual */
	double		span;			/* seconds */
	double		mass[BINS];
	double		density[BINS];	/* per second */
	double		learned[BINS];
	double		typical;		/* density at a lag as lags are */
	int32		reach;			/* most events to look back at */
	int32	   *mark;			/* by asset: candidate of the target at hand */
	double		consumers;		/* of all alerting assets, each once more */
	double		missing;		/* causes unknown to lineage, per target */
	double		found;			/* expected number of them in this round */
	int32		targets;
	double		alpha;			/* prior of p: Beta */
	double		beta;
	int32		maxedges;
	uint64	   *blocked;		/* pairs that would close a circle, ascending */
	int32		nblocked;
	int32		maxblocked;
} Learner;

/* An asset with many consumers is likelier to have one more. */
static double
fan_out(const Learner *s, int32 asset)
{
	const Learn *l = s->l;

	if (l->graph == NULL || l->asset_node[asset] == GRAPH_NONE)
		return 1;
	return 1 + graph_down(l->graph, l->asset_node[asset]).n;
}

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
	return (int) a->explained - (int) b->explained;
}

/* ---- how lags are distributed ------------------------------------------------- */

/* Bins double in width away from 0. */
static int
lag_bin(const Learner *s, int64 lag)
{
	int			bin;
	int64		edge;

	if (lag >= 0)
	{
		edge = s->l->rules.horizon;
		for (bin = LATER - 1; bin > 0 && lag < edge / 2; bin--)
			edge /= 2;
		return bin;
	}
	edge = s->l->rules.detection_lag;
	for (bin = EARLIER - 1; bin > 0 && -lag < edge / 2; bin--)
		edge /= 2;
	return LATER + bin;
}

static void
set_density(Learner *s)
{
	double		total = 0;

	if (getenv("KAPPA")) SUSPICION=atof(getenv("KAPPA"));
	s->typical = 0;
	for (int i = 0; i < BINS; i++)
		total += s->mass[i];
	for (int i = 0; i < BINS; i++)
	{
		bool		later = i < LATER;
		int			k = later ? i : i - LATER;
		double		whole = (double) (later ? s->l->rules.horizon : s->l->rules.detection_lag) / 1e6;
		double		high = ldexp(whole, k - (later ? LATER : EARLIER) + 1);
		double		width = k == 0 ? high : high / 2;

		s->density[i] = width > 0 ? s->mass[i] / total / width : 0;
		s->typical += s->density[i] * s->mass[i] / total;
	}
}

/*
 * What known lineage says about lags, with as much before it as a few
 * observations would weigh: any order of magnitude alike, earlier rarely.
 */
static void
learn_lags(Learner *s)
{
	for (int i = 0; i < BINS; i++)
		s->mass[i] = s->learned[i] + (i < LATER ? 1.0 : 0.1);
	for (int32 i = 0; i < s->l->nevents; i++)
	{
		const LearnEvent *e = &s->l->events[i];

		if (e->adjacent && e->lag >= -s->l->rules.detection_lag && e->lag <= s->l->rules.horizon)
			s->mass[lag_bin(s, e->lag)] += 1.0;
	}
	set_density(s);
}

/* ---- a target's candidates ------------------------------------------------------ */

static int32
add_candidate(Learner *s, Target *t, int32 asset)
{
	Candidate  *c;

	if (s->mark[asset] != LEARN_NONE)
		return s->mark[asset];
	if ((t->ncandidates & (t->ncandidates - 1)) == 0)
		t->candidates = pure_realloc(t->candidates, sizeof(Candidate) * (Size) Max(16, 2 * t->ncandidates));
	c = &t->candidates[t->ncandidates];
	memset(c, 0, sizeof(*c));
	c->asset = asset;
	c->first = LEARN_NONE;
	return s->mark[asset] = t->ncandidates++;
}

static void
add_entry(Learner *s, Target *t, int32 failure, int32 asset, int64 lag)
{
	int32		at = add_candidate(s, t, asset);
	Candidate  *c = &t->candidates[at];
	double		density = s->density[lag_bin(s, lag)];

	/* the likeliest of several failures of one asset */
	if (c->first != LEARN_NONE && t->entries[c->first].failure == failure)
	{
		Entry	   *e = &t->entries[c->first];

		if (density > e->density)
		{
			e->density = density;
			e->lag = lag;
		}
		return;
	}
	if (t->nentries == t->maxentries)
	{
		t->maxentries = Max(256, 2 * t->maxentries);
		t->entries = pure_realloc(t->entries, sizeof(Entry) * (Size) t->maxentries);
	}
	t->entries[t->nentries] = (Entry) {failure, at, c->first, lag, density};
	c->first = t->nentries++;
	c->n++;
}

/* Everything that failed around a failure, the nearest first. */
static void
look_around(Learner *s, Target *t, int32 failure)
{
	const Learn *l = s->l;
	int32		i = t->event[failure];
	const LearnEvent *e = &l->events[i];
	int32		left = s->reach;

	for (int32 j = i + 1; j < l->nevents && left > 0; j++, left--)
	{
		const LearnEvent *c = &l->events[j];

		if (c->group != e->group || c->at - e->at > l->rules.detection_lag)
			break;
		if (c->asset != e->asset && (c->suspicion == 0 || c->suspicion != e->suspicion))
			add_entry(s, t, failure, c->asset, e->at - c->at);
	}
	left = s->reach;
	for (int32 j = i - 1; j >= 0 && left > 0; j--, left--)
	{
		const LearnEvent *c = &l->events[j];

		if (c->group != e->group || e->at - c->at > l->rules.horizon)
			break;
		if ((c->asset != e->asset || c->at < e->at) &&
			(c->suspicion == 0 || c->suspicion != e->suspicion))
			add_entry(s, t, failure, c->asset, e->at - c->at);
	}
}

/*
 * Failures of a candidate that had a chance to show in the target: not those
 * after which the target failed for a known reason.
 */
static double
failures_that_count(const Learner *s, int32 asset, int32 target)
{
	const Learn *l = s->l;
	int32		n = 0;
	int32		j = s->asset_start[target];
	int32		end = s->asset_start[target + 1];

	for (int32 i = s->asset_start[asset]; i < s->asset_start[asset + 1]; i++)
	{
		const LearnEvent *c = &l->events[s->by_asset[i]];
		bool		known = false;

		while (j < end && (l->events[s->by_asset[j]].group < c->group ||
						   (l->events[s->by_asset[j]].group == c->group &&
							l->events[s->by_asset[j]].at < c->at - l->rules.detection_lag)))
			j++;
		for (int32 k = j; k < end; k++)
		{
			const LearnEvent *e = &l->events[s->by_asset[k]];

			if (e->group != c->group || e->at - c->at > l->rules.horizon)
				break;
			known = e->explained;
			if (!known)
				break;
		}
		if (!known)
			n++;
	}
	return n;
}

/* ---- the model of one target ------------------------------------------------------ */

/*
 * Fits how much each chosen cause explains, and what is left to chance.
 */
static void
fit(Target *t)
{
	double	   *share = pure_array(double, t->ncandidates);

	for (int round = 0; round < 30; round++)
	{
		double		left = 0;

		for (int32 i = 0; i < t->n; i++)
			t->intensity[i] = t->known[i] + t->share * t->background[i];
		for (int32 c = 0; c < t->ncandidates; c++)
		{
			share[c] = 0;
			if (t->candidates[c].chosen)
				for (int32 x = t->candidates[c].first; x != LEARN_NONE; x = t->entries[x].next)
					t->intensity[t->entries[x].failure] += t->candidates[c].p * t->entries[x].density;
		}
		for (int32 i = 0; i < t->n; i++)
			left += t->share * t->background[i] / t->intensity[i];
		for (int32 c = 0; c < t->ncandidates; c++)
		{
			Candidate  *k = &t->candidates[c];

			if (!k->chosen)
				continue;
			for (int32 x = k->first; x != LEARN_NONE; x = t->entries[x].next)
				share[c] += k->p * t->entries[x].density / t->intensity[t->entries[x].failure];
			k->p = (share[c] + 0.5) / (k->failures + 1);
		}
		t->share = (left + 0.5) / (t->n + 1);
	}
	pure_free(share);
}

/*
 * Log of the Bayes factor for one more cause: the likelihood at the best p,
 * times the width of the peak (Laplace), any p between 0 and 1 alike before.
 */
static void
weigh(const Target *t, Candidate *c)
{
	double		p = 0.5,
				curve = 0,
				gain;

	c->gain = -HUGE_VAL;
	for (int round = 0; round < 40; round++)
	{
		double		slope = -c->failures,
					step;

		curve = 0;
		for (int32 x = c->first; x != LEARN_NONE; x = t->entries[x].next)
		{
			double		r = t->entries[x].density / t->intensity[t->entries[x].failure];
			double		q = r / (1 + p * r);

			slope += q;
			curve += q * q;
		}
		if (curve <= 0)
			return;
		step = slope / curve;
		step = Max(-p / 2, Min(step, (1 - p) / 2 + 1e-6));
		p += step;
		p = Min(p, 1.0);
		if (fabs(step) < 1e-6 * p)
			break;
		if (p < 1e-7)
			return;
	}
	gain = -p * c->failures;
	for (int32 x = c->first; x != LEARN_NONE; x = t->entries[x].next)
		gain += log1p(p * t->entries[x].density / t->intensity[t->entries[x].failure]);
	c->p = p;
	c->gain = gain + Min(0.0, 0.5 * log(2 * 3.14159265358979 / curve));
}

static int
compare_lags(const void *a, const void *b)
{
	int64		x = *(const int64 *) a,
				y = *(const int64 *) b;

	return x < y ? -1 : x > y;
}

static void
report_edge(Learner *s, const Target *t, int32 best, int32 next, double z, double top)
{
	Learn	   *l = s->l;
	const Candidate *c = &t->candidates[best];
	LearnEdge  *e;
	int64	   *lags = pure_array(int64, c->n);
	int32		n = 0;

	if (l->nedges == s->maxedges)
	{
		s->maxedges = Max(64, 2 * s->maxedges);
		l->edges = pure_realloc(l->edges, sizeof(LearnEdge) * (Size) s->maxedges);
	}
	e = &l->edges[l->nedges++];
	memset(e, 0, sizeof(*e));
	e->upstream = c->asset;
	e->downstream = t->asset;
	e->gain = c->gain;
	e->confidence = exp(c->gain + c->prior - top) / z;
	e->unexplained = t->n;
	e->failures = (int32) c->failures;
	for (int32 x = c->first; x != LEARN_NONE; x = t->entries[x].next)
	{
		const Entry *y = &t->entries[x];

		if (c->p * y->density > t->intensity[y->failure])
			lags[n++] = y->lag;
	}
	qsort(lags, n, sizeof(int64), compare_lags);
	e->support = n;
	if (n > 0)
	{
		e->lag = lags[n / 2];
		e->lag_least = lags[0];
		e->lag_most = lags[n - 1];
	}
	e->chance = c->failures * t->n * (double) (l->rules.horizon + l->rules.detection_lag) / 1e6 / s->span;
	e->rival = next == LEARN_NONE ? LEARN_NONE : t->candidates[next].asset;
	e->rival_confidence = next == LEARN_NONE ? 0
		: exp(t->candidates[next].gain + t->candidates[next].prior - top) / z;
	pure_free(lags);
}

/* What of the lags of a chosen cause its own weight says, for the next round. */
static void
keep_lags(Learner *s, const Target *t)
{
	for (int32 c = 0; c < t->ncandidates; c++)
	{
		const Candidate *k = &t->candidates[c];

		if (k->chosen && k->asset != t->asset)
			for (int32 x = k->first; x != LEARN_NONE; x = t->entries[x].next)
				if (t->entries[x].lag >= 0)
				s->learned[lag_bin(s, t->entries[x].lag)] +=
					k->p * t->entries[x].density / t->intensity[t->entries[x].failure];
	}
}

static bool
is_blocked(const Learner *s, int32 up, int32 down)
{
	uint64		key = ((uint64) up << 32) | (uint32) down;

	for (int32 i = 0; i < s->nblocked; i++)
		if (s->blocked[i] == key)
			return true;
	return false;
}

static void
learn_target(Learner *s, int32 asset)
{
	Learn	   *l = s->l;
	Target		t = {.asset = asset,.share = 1};
	int32		here = 0,
				group_first = 0;

	for (int32 i = s->asset_start[asset]; i < s->asset_start[asset + 1]; i++)
		t.n += !l->events[s->by_asset[i]].explained;
	if (t.n < 2)
		return;
	s->targets++;
	t.event = pure_array(int32, t.n);
	t.background = pure_array(double, t.n);
	t.known = pure_array(double, t.n);
	t.intensity = pure_array(double, t.n);
	t.n = 0;
	for (int32 i = s->asset_start[asset]; i < s->asset_start[asset + 1]; i++)
		if (!l->events[s->by_asset[i]].explained)
			t.event[t.n++] = s->by_asset[i];
	for (int32 i = 0; i < t.n; i++)
		t.known[i] = l->events[t.event[i]].suspicion != 0 ? SUSPICION * s->typical : 0;
	/* its own rate, group by group */
	for (int32 i = 0; i <= t.n; i++)
		if (i == t.n || l->events[t.event[i]].group != l->events[t.event[group_first]].group)
		{
			for (int32 j = group_first; j < i; j++)
				t.background[j] = here / s->span * s->burst[t.event[j]];
			group_first = i;
			here = 1;
		}
		else
			here++;

	add_candidate(s, &t, asset);
	for (int32 i = 0; i < t.n; i++)
		look_around(s, &t, i);

	/* a cause must precede twice */
	{
		const Graph *g = l->graph;
		uint32		node = g ? l->asset_node[asset] : GRAPH_NONE;
		Reach		up = {0},
					down = {0};

		if (node != GRAPH_NONE)
		{
			up = graph_reach(g, node, WALK_UP, NO_MAX_DEPTH, NO_MAX_NODES);
			down = graph_reach(g, node, WALK_DOWN, NO_MAX_DEPTH, NO_MAX_NODES);
		}
		for (int32 c = 0; c < t.ncandidates; c++)
		{
			Candidate  *k = &t.candidates[c];
			uint32		n = g ? l->asset_node[k->asset] : GRAPH_NONE;

			s->mark[k->asset] = LEARN_NONE;
			if (c > 0 && (k->n < 2 || is_blocked(s, k->asset, asset) || (node != GRAPH_NONE && n != GRAPH_NONE &&
							 (((up.seen[n >> 6] | down.seen[n >> 6]) >> (n & 63)) & 1))))
			{
				k->n = 0;
				continue;
			}
			k->failures = failures_that_count(s, k->asset, asset);
			k->prior = log(s->missing * fan_out(s, k->asset) / s->consumers);
			if (l->alike)
				k->prior += l->alike(l->context, k->asset, asset);
		}
		if (node != GRAPH_NONE)
		{
			reach_free(&up);
			reach_free(&down);
		}
	}
	t.candidates[0].chosen = t.candidates[0].n > 0;
	t.candidates[0].p = 0.1;

	for (int parents = 0; parents < MAX_PARENTS; parents++)
	{
		double		top = 0,
					z;
		int32		best = LEARN_NONE,
					next = LEARN_NONE;

		fit(&t);
		for (int32 c = 1; c < t.ncandidates; c++)
		{
			Candidate  *k = &t.candidates[c];

			if (k->chosen || k->n < 2)
				continue;
			weigh(&t, k);
			if (best == LEARN_NONE || k->gain + k->prior > t.candidates[best].gain + t.candidates[best].prior)
			{
				next = best;
				best = c;
			}
			else if (next == LEARN_NONE || k->gain + k->prior > t.candidates[next].gain + t.candidates[next].prior)
				next = c;
		}
		if (best == LEARN_NONE)
			break;
		top = Max(0.0, t.candidates[best].gain + t.candidates[best].prior);
		z = exp(-top);
		for (int32 c = 1; c < t.ncandidates; c++)
			if (!t.candidates[c].chosen && t.candidates[c].n >= 2)
				z += exp(t.candidates[c].gain + t.candidates[c].prior - top);
		if (exp(t.candidates[best].gain + t.candidates[best].prior - top) / z < LEAST)
			break;
		report_edge(s, &t, best, next, z, top);
		t.candidates[best].chosen = true;
	}
	fit(&t);
	keep_lags(s, &t);
	pure_free(t.event);
	pure_free(t.background);
	pure_free(t.known);
	pure_free(t.intensity);
	pure_free(t.candidates);
	pure_free(t.entries);
}

/* ---- the whole -------------------------------------------------------------------- */

static int
compare_edges(const void *pa, const void *pb)
{
	const LearnEdge *a = pa,
			   *b = pb;

	if (a->confidence != b->confidence)
		return a->confidence > b->confidence ? -1 : 1;
	if (a->gain != b->gain)
		return a->gain > b->gain ? -1 : 1;
	if (a->downstream != b->downstream)
		return a->downstream < b->downstream ? -1 : 1;
	return a->upstream < b->upstream ? -1 : a->upstream > b->upstream;
}

static void
index_events(Learner *s)
{
	Learn	   *l = s->l;
	int32	   *fill;

	qsort(l->events, l->nevents, sizeof(LearnEvent), compare_events);
	s->asset_start = pure_array0(int32, l->nassets + 1);
	s->by_asset = pure_array(int32, l->nevents);
	for (int32 i = 0; i < l->nevents; i++)
		s->asset_start[l->events[i].asset + 1]++;
	for (int32 a = 0; a < l->nassets; a++)
	{
		if (s->asset_start[a + 1] > 0)
			s->consumers += fan_out(s, a);
		s->asset_start[a + 1] += s->asset_start[a];
	}
	fill = pure_array(int32, l->nassets + 1);
	memcpy(fill, s->asset_start, sizeof(int32) * (l->nassets + 1));
	for (int32 i = 0; i < l->nevents; i++)
		s->by_asset[fill[l->events[i].asset]++] = i;
	pure_free(fill);
	s->mark = pure_array(int32, l->nassets);
	for (int32 a = 0; a < l->nassets; a++)
		s->mark[a] = LEARN_NONE;
}

static void
measure_bursts(Learner *s)
{
	Learn	   *l = s->l;
	int64	   *at = pure_array(int64, l->nevents);
	int32		n = 0,
				lo = 0,
				hi = 0;
	double		usual;
	int32	   *order;

	s->burst = pure_array(double, l->nevents);
	for (int32 i = 0; i < l->nevents; i++)
		if (!l->events[i].explained)
			at[n++] = l->events[i].at;
	qsort(at, n, sizeof(int64), compare_lags);
	s->span = n > 0 ? (double) (at[n - 1] - at[0] + 2 * l->rules.horizon) / 1e6 : 1;
	usual = n * 2.0 * l->rules.horizon / 1e6 / s->span;
	(void) order; (void) lo; (void) hi;
	for (int32 i = 0; i < l->nevents; i++)
	{
		int32 a = 0, b = n, c, d;
		int64 from = l->events[i].at - l->rules.horizon, to = l->events[i].at + l->rules.horizon;
		c = 0; d = n;
		while (a < b) { int32 m = (a + b) / 2; if (at[m] < from) a = m + 1; else b = m; }
		while (c < d) { int32 m = (c + d) / 2; if (at[m] <= to) c = m + 1; else d = m; }
		s->burst[i] = 0.5 + 0.5 * (c - a) / Max(usual, 1e-9);
	}
	pure_free(at);
}


/* Does asset a lead to asset b, by what is known and what is kept so far? */
static bool
leads(Learner *s, int32 n, const int32 *kept, int32 a, int32 b)
{
	Learn	   *l = s->l;
	bool *seen = pure_array0(bool, l->nassets);
	int32 *queue = pure_array(int32, l->nassets);
	int32 head = 0, tail = 0;
	bool found = false;

	queue[tail++] = a; seen[a] = true;
	while (head < tail && !found)
	{
		int32 x = queue[head++];
		if (x == b) found = true;
		for (int32 i = 0; i < n; i++)
			if (l->edges[kept[i]].upstream == x && !seen[l->edges[kept[i]].downstream])
			{ seen[l->edges[kept[i]].downstream] = true; queue[tail++] = l->edges[kept[i]].downstream; }
	}
	pure_free(seen); pure_free(queue);
	return found;
}

static int
compare_gain(const void *pa, const void *pb)
{
	const LearnEdge *a = pa,
			   *b = pb;

	if (a->gain != b->gain)
		return a->gain > b->gain ? -1 : 1;
	if (a->downstream != b->downstream)
		return a->downstream < b->downstream ? -1 : 1;
	return a->upstream < b->upstream ? -1 : a->upstream > b->upstream;
}

void
learn_edges(Learn *l)
{
	Learner		s = {.l = l};
	int32		open = 0;
	bool	   *todo;
	int32 first_targets = 0;

	l->edges = NULL;
	l->nedges = 0;
	if (l->nevents == 0)
		return;
	index_events(&s);
	measure_bursts(&s);
	for (int32 i = 0; i < l->nevents; i++)
		open += !l->events[i].explained;
	s.reach = (int32) Max(16, Min(4096, l->rules.work / Max(1, open)));
	todo = pure_array(bool, l->nassets);
	s.missing = l->rules.missing;
	for (int round = 0; round < ROUNDS; round++)
	{
		learn_lags(&s);
		memset(s.learned, 0, sizeof s.learned);
		for (int32 a = 0; a < l->nassets; a++)
			todo[a] = true;
		s.nblocked = 0;
		s.targets = 0;
		l->nedges = 0;
		for (int again = 0; again < 20; again++)
		{
			int32 n = 0, *kept;
			bool more = false;

			for (int32 i = 0; i < l->nedges; i++)
				if (!todo[l->edges[i].downstream])
					l->edges[n++] = l->edges[i];
			l->nedges = n;
			for (int32 a = 0; a < l->nassets; a++)
			{
				if (todo[a])
					learn_target(&s, a);
				todo[a] = false;
				PURE_INTERRUPTS();
			}
			qsort(l->edges, l->nedges, sizeof(LearnEdge), compare_gain);
			kept = pure_array(int32, l->nedges);
			n = 0;
			for (int32 i = 0; i < l->nedges; i++)
			{
				if (todo[l->edges[i].downstream]) continue;
				if (leads(&s, n, kept, l->edges[i].downstream, l->edges[i].upstream))
				{
					if (s.nblocked == s.maxblocked) { s.maxblocked = Max(64, 2 * s.maxblocked); s.blocked = pure_realloc(s.blocked, sizeof(uint64) * s.maxblocked); }
					s.blocked[s.nblocked++] = ((uint64) l->edges[i].upstream << 32) | (uint32) l->edges[i].downstream;
					todo[l->edges[i].downstream] = true;
					more = true;
				}
				else
					kept[n++] = i;
			}
			pure_free(kept);
			if (again == 0) first_targets = s.targets;
			if (!more) break;
		}
		{
		double found = 0;
		for (int32 i = 0; i < l->nedges; i++) found += l->edges[i].confidence;
		s.missing = (found + 0.5) / (first_targets + 1);
}
	}
	qsort(l->edges, l->nedges, sizeof(LearnEdge), compare_edges);
}
