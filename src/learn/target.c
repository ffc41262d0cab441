/*
 * target.c
 *		Which causes one asset's unexplained failures have. Pure.
 *
 * The failures of an asset, the target, that nothing known explains are taken
 * to come from a background, its own rate, and from causes: each failure of a
 * cause brings one of the target's with probability p, after a lag as lags are.
 * The rate at a moment is then
 *
 *		share x background + sum over causes of p x density(lag)
 *
 * and what it leaves unsaid, failures of a cause that brought nothing, costs p
 * each. The target is a cause of its own, as failures repeat, and so is all that
 * is upstream of it in known lineage.
 *
 * Causes are added one by one, each time the likeliest. Its weight is a Bayes
 * factor: how much better the failures are explained with it than without, p
 * being unknown. As the failures that an earlier cause accounts for are
 * explained already, what merely accompanies that cause gains nothing more.
 * The posterior compares the candidate with all others and with none; so two
 * that cannot be told apart share the confidence.
 */
#ifndef TRACER_STANDALONE
#include "compat.h"
#endif

#include <math.h>

#include "learn/learner.h"
#include "lineage/traverse.h"

#define MAX_CAUSES 12
#define LEAST_CONFIDENCE 0.05	/* below, nothing is told */

/*
 * Where a silent asset is suspected behind a failure, that counts as a cause,
 * this much as sure as one that is seen to fail.
 */
static const double SUSPICION = 0.01;

typedef struct Candidate
{
	int32		asset;
	int32		first;			/* entries, linked */
	int32		n;
	double		failures;		/* of it, that had a chance to show */
	double		prior;			/* log odds */
	double		gain;			/* log of the Bayes factor */
	double		p;
	bool		known;			/* upstream in known lineage: a cause, but no news */
	bool		chosen;
} Candidate;

/* The likeliest failure of a candidate to have brought one of the target's. */
typedef struct Entry
{
	int32		failure;		/* index among the target's */
	int32		next;
	int64		lag;
	double		density;
} Entry;

typedef struct Target
{
	int32		asset;
	int32	   *event;			/* its unexplained failures */
	double	   *background;
	double	   *suspicion;
	double	   *intensity;		/* by all that is chosen */
	int32		n;
	double		share;			/* of the background that is left */
	Candidate  *candidates;		/* the first is the target itself */
	int32		ncandidates,
				maxcandidates;
	Entry	   *entries;
	int32		nentries,
				maxentries;
} Target;

#define each_entry(x, t, c) \
	for (const Entry *x = (c)->n > 0 ? &(t)->entries[(c)->first] : NULL; x != NULL; \
		 x = x->next == LEARN_NONE ? NULL : &(t)->entries[x->next])

/* How many consumers it is known to have, and one more. */
double
fan_out(const Learner *s, int32 asset)
{
	const Learn *l = s->l;

	if (l->graph == NULL || l->asset_node[asset] == GRAPH_NONE)
		return 1;
	return 1.0 + graph_down(l->graph, l->asset_node[asset]).n;
}

/* ---- candidates ----------------------------------------------------------------- */

static Candidate *
candidate(Learner *s, Target *t, int32 asset)
{
	if (s->mark[asset] == LEARN_NONE)
	{
		if (t->ncandidates == t->maxcandidates)
		{
			t->maxcandidates = Max(16, 2 * t->maxcandidates);
			t->candidates = pure_realloc(t->candidates, sizeof(Candidate) * (Size) t->maxcandidates);
		}
		s->mark[asset] = t->ncandidates;
		t->candidates[t->ncandidates++] = (Candidate) {.asset = asset, .first = LEARN_NONE};
	}
	return &t->candidates[s->mark[asset]];
}

static void
add_entry(Learner *s, Target *t, int32 failure, int32 asset, int64 lag)
{
	Candidate  *c = candidate(s, t, asset);
	double		density = s->density[lag_step(&s->l->rules, lag)];

	if (c->n > 0 && t->entries[c->first].failure == failure)
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
	t->entries[t->nentries] = (Entry) {failure, c->first, lag, density};
	c->first = t->nentries++;
	c->n++;
}

/*
 * Everything that failed around one of the target's failures, the nearest
 * first, as many as may be looked at in each direction. What is suspected to
 * have the same silent cause says nothing about each other.
 */
static void
look_around(Learner *s, Target *t, int32 failure)
{
	const Learn *l = s->l;
	int32		at = t->event[failure];
	const LearnEvent *e = &l->events[at];

	for (int direction = -1; direction <= 1; direction += 2)
	{
		int32		left = s->reach;

		for (int32 i = at + direction; i >= 0 && i < l->nevents && left > 0; i += direction, left--)
		{
			const LearnEvent *c = &l->events[i];
			int64		lag = e->at - c->at;

			if (c->group != e->group || lag > l->rules.horizon || lag < -l->rules.detection_lag)
				break;
			if (c->asset == e->asset && lag <= 0)
				continue;
			if (c->suspicion != 0 && c->suspicion == e->suspicion)
				continue;
			add_entry(s, t, failure, c->asset, lag);
		}
	}
}

/*
 * How many failures of a candidate had a chance to show in the target: all but
 * those after which it failed next for a reason that is known.
 */
static double
failures_that_count(const Learner *s, int32 asset, int32 target)
{
	const Learn *l = s->l;
	int32		next = s->asset_start[target];
	int32		end = s->asset_start[target + 1];
	int32		n = 0;

	for (int32 i = s->asset_start[asset]; i < s->asset_start[asset + 1]; i++)
	{
		const LearnEvent *c = &l->events[s->by_asset[i]];
		const LearnEvent *e = NULL;

		for (; next < end; next++)
		{
			e = &l->events[s->by_asset[next]];
			if (e->group > c->group ||
				(e->group == c->group && e->at >= c->at - l->rules.detection_lag))
				break;
		}
		if (next == end || e->group != c->group || e->at - c->at > l->rules.horizon || !e->explained)
			n++;
	}
	return n;
}

static bool
is_blocked(const Learner *s, int32 upstream, int32 downstream)
{
	for (int32 i = s->first_blocked[downstream]; i != LEARN_NONE; i = s->blocked[i].next)
		if (s->blocked[i].upstream == upstream)
			return true;
	return false;
}

/*
 * Keeps the candidates that may be: those that failed before the target twice.
 * What is upstream of it in known lineage is a cause from the start (stored
 * failures may be older than that lineage); an edge from what is downstream
 * would close a circle. That is looked up only where there are any.
 */
static void
sift_candidates(Learner *s, Target *t)
{
	const Learn *l = s->l;
	uint32		node = l->graph ? l->asset_node[t->asset] : GRAPH_NONE;
	Reach		up = {0},
				down = {0};
	int32		left = 0;

	for (int32 i = 0; i < t->ncandidates; i++)
	{
		s->mark[t->candidates[i].asset] = LEARN_NONE;
		if (i > 0 && t->candidates[i].n < 2)
			t->candidates[i].n = 0;
		else
			left += i > 0;
	}
	if (left == 0)
		node = GRAPH_NONE;
	if (node != GRAPH_NONE)
	{
		up = graph_reach(l->graph, node, WALK_UP, NO_MAX_DEPTH, NO_MAX_NODES);
		down = graph_reach(l->graph, node, WALK_DOWN, NO_MAX_DEPTH, NO_MAX_NODES);
	}
	for (int32 i = 0; i < t->ncandidates; i++)
	{
		Candidate  *c = &t->candidates[i];
		uint32		n = node == GRAPH_NONE ? GRAPH_NONE : l->asset_node[c->asset];
		bool		below = n != GRAPH_NONE && ((down.seen[n >> 6] >> (n & 63)) & 1);

		if (c->n == 0)
			continue;
		c->known = i == 0 || (n != GRAPH_NONE && ((up.seen[n >> 6] >> (n & 63)) & 1));
		c->chosen = c->known;
		c->p = 0.1;
		if (!c->known && (below || is_blocked(s, c->asset, t->asset)))
		{
			c->n = 0;
			continue;
		}
		c->failures = failures_that_count(s, c->asset, t->asset);
		c->prior = log(s->missing * fan_out(s, c->asset) / s->consumers);
		if (l->alike)
			c->prior += l->alike(l->context, c->asset, t->asset);
	}
	if (node != GRAPH_NONE)
	{
		reach_free(&up);
		reach_free(&down);
	}
}

/* ---- the model ------------------------------------------------------------------- */

/* Its own rate within each group, times how lively it was around. */
static void
set_background(Learner *s, Target *t)
{
	const LearnEvent *events = s->l->events;

	for (int32 first = 0, i = 1; i <= t->n; i++)
	{
		if (i < t->n && events[t->event[i]].group == events[t->event[first]].group)
			continue;
		for (int32 j = first; j < i; j++)
		{
			t->background[j] = (i - first) / s->span * s->burst[t->event[j]];
			t->suspicion[j] = events[t->event[j]].suspicion ? SUSPICION * s->typical : 0;
		}
		first = i;
	}
	t->share = 1;
}

/* Fits p of what is chosen, and the share that is left to the background. */
static void
fit(Target *t)
{
	for (int round = 0; round < 30; round++)
	{
		double		left = 0,
					moved = 0;

		for (int32 i = 0; i < t->n; i++)
			t->intensity[i] = t->suspicion[i] + t->share * t->background[i];
		for (int32 i = 0; i < t->ncandidates; i++)
			if (t->candidates[i].chosen)
				each_entry(x, t, &t->candidates[i])
					t->intensity[x->failure] += t->candidates[i].p * x->density;
		for (int32 i = 0; i < t->n; i++)
			left += t->share * t->background[i] / t->intensity[i];
		for (int32 i = 0; i < t->ncandidates; i++)
		{
			Candidate  *c = &t->candidates[i];
			double		due = 0,
						before = c->p;

			if (!c->chosen)
				continue;
			each_entry(x, t, c)
				due += before * x->density / t->intensity[x->failure];
			c->p = (due + 0.5) / (c->failures + 1);
			moved = Max(moved, fabs(c->p - before));
		}
		t->share = (left + 0.5) / (t->n + 1);
		if (round > 0 && moved < 1e-4)
			break;
	}
}

/*
 * The Bayes factor of one more cause: the likelihood at the best p, by Newton's
 * method as it is concave in p, times the width of the peak (Laplace), every p
 * from 0 to 1 being as likely before.
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
		each_entry(x, t, c)
		{
			double		r = x->density / t->intensity[x->failure];
			double		q = r / (1 + p * r);

			slope += q;
			curve += q * q;
		}
		if (curve <= 0)
			return;				/* no lag of its is ever seen */
		step = Max(-p / 2, Min(slope / curve, 1 - p));
		p += step;
		if (p < 1e-6)
			return;				/* better without */
		if (fabs(step) < 1e-4 * p)
			break;
	}
	gain = -p * c->failures;
	each_entry(x, t, c)
		gain += log1p(p * x->density / t->intensity[x->failure]);
	c->p = p;
	c->gain = gain + Min(0.0, 0.5 * log(2 * 3.14159265358979 / curve));
}

/* ---- what is found ----------------------------------------------------------------- */

static int
compare_lags(const void *a, const void *b)
{
	int64		x = *(const int64 *) a,
				y = *(const int64 *) b;

	return x < y ? -1 : x > y;
}

/* Before it is chosen: what it explains is what the others do not. */
static void
report(Learner *s, const Target *t, const Candidate *c, double confidence,
	   const Candidate *rival, double rival_confidence)
{
	Learn	   *l = s->l;
	LearnEdge  *e;
	int64	   *lags = pure_array(int64, c->n);
	int32		n = 0;

	if (l->nedges == s->maxedges)
	{
		s->maxedges = Max(64, 2 * s->maxedges);
		l->edges = pure_realloc(l->edges, sizeof(LearnEdge) * (Size) s->maxedges);
	}
	each_entry(x, t, c)
		if (c->p * x->density > t->intensity[x->failure])
			lags[n++] = x->lag;
	qsort(lags, n, sizeof(int64), compare_lags);

	e = &l->edges[l->nedges++];
	*e = (LearnEdge) {
		.upstream = c->asset, .downstream = t->asset,
		.confidence = confidence, .gain = c->gain,
		.support = n, .unexplained = t->n, .failures = (int32) c->failures,
		.chance = c->failures * t->n * (double) (l->rules.horizon + l->rules.detection_lag) / 1e6 / s->span,
		.rival = rival ? rival->asset : LEARN_NONE, .rival_confidence = rival_confidence
	};
	if (n > 0)
	{
		e->lag = lags[n / 2];
		e->lag_least = lags[0];
		e->lag_most = lags[n - 1];
	}
	pure_free(lags);
}

/* Adds the likeliest cause, if one is likely at all. */
static bool
choose(Learner *s, Target *t)
{
	Candidate  *best = NULL,
			   *rival = NULL;
	double		top,
				all;

	fit(t);
	for (int32 i = 1; i < t->ncandidates; i++)
	{
		Candidate  *c = &t->candidates[i];

		if (c->chosen || c->n == 0)
			continue;
		weigh(t, c);
		if (best == NULL || c->gain + c->prior > best->gain + best->prior)
		{
			rival = best;
			best = c;
		}
		else if (rival == NULL || c->gain + c->prior > rival->gain + rival->prior)
			rival = c;
	}
	if (best == NULL)
		return false;
	top = Max(0.0, best->gain + best->prior);
	all = exp(-top);
	for (int32 i = 1; i < t->ncandidates; i++)
		if (!t->candidates[i].chosen && t->candidates[i].n > 0)
			all += exp(t->candidates[i].gain + t->candidates[i].prior - top);
	if (exp(best->gain + best->prior - top) / all < LEAST_CONFIDENCE)
		return false;
	report(s, t, best, exp(best->gain + best->prior - top) / all,
		   rival, rival ? exp(rival->gain + rival->prior - top) / all : 0);
	best->chosen = true;
	return true;
}

/* What the next round is to know about lags. */
static void
keep_lags(Learner *s, const Target *t)
{
	for (int32 i = 1; i < t->ncandidates; i++)
		if (t->candidates[i].chosen && !t->candidates[i].known)
			each_entry(x, t, &t->candidates[i])
				if (x->lag >= 0)
					s->lags[lag_step(&s->l->rules, x->lag)] +=
						t->candidates[i].p * x->density / t->intensity[x->failure];
}

/* Finds the causes of one asset's failures; adds them to the edges. */
void
learn_target(Learner *s, int32 asset)
{
	const LearnEvent *events = s->l->events;
	Target		t = {.asset = asset};
	int32		first = s->asset_start[asset];
	int32		end = s->asset_start[asset + 1];

	for (int32 i = first; i < end; i++)
		t.n += !events[s->by_asset[i]].explained;
	if (t.n < 2)
		return;
	s->targets++;
	t.event = pure_array(int32, t.n);
	t.background = pure_array(double, t.n);
	t.suspicion = pure_array(double, t.n);
	t.intensity = pure_array(double, t.n);
	t.n = 0;
	for (int32 i = first; i < end; i++)
		if (!events[s->by_asset[i]].explained)
			t.event[t.n++] = s->by_asset[i];

	set_background(s, &t);
	candidate(s, &t, asset);
	for (int32 i = 0; i < t.n; i++)
		look_around(s, &t, i);
	sift_candidates(s, &t);

	for (int causes = 0; causes < MAX_CAUSES && choose(s, &t); causes++)
		PURE_INTERRUPTS();
	fit(&t);
	keep_lags(s, &t);

	pure_free(t.event);
	pure_free(t.background);
	pure_free(t.suspicion);
	pure_free(t.intensity);
	pure_free(t.candidates);
	pure_free(t.entries);
}
