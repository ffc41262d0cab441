/*
 * lag.c
 *		How long after its cause a failure shows, over all edges. Pure.
 *
 * The time between the two is counted in steps that double in width away from
 * 0: some up to the horizon, fewer below 0 down to detection_lag before the
 * cause. What is counted are lags between direct neighbours in known lineage,
 * and, weighed by how sure they are, those of edges learned in the round
 * before. Of the latter only those that come after the cause: two failures in
 * the wrong order must not teach that the wrong order is common.
 */
#ifndef TRACER_STANDALONE
#include "compat.h"
#endif

#include <math.h>

#include "learn/learner.h"

/* Counts before any are seen: any order of magnitude alike, earlier rarely. */
static const double LATER_BEFORE = 1.0;
static const double EARLIER_BEFORE = 0.1;

/* The step of a lag within -detection_lag .. horizon. */
int
lag_step(const LearnRules *rules, int64 lag)
{
	bool		later = lag >= 0;
	int64		edge = later ? rules->horizon : rules->detection_lag;
	int			step = (later ? LEARN_LATER : LEARN_EARLIER) - 1;

	for (lag = later ? lag : -lag; step > 0 && lag < edge / 2; step--)
		edge /= 2;
	return later ? step : LEARN_LATER + step;
}

/* Turns counts into a density over time. */
void
learn_lags(Learner *s)
{
	const Learn *l = s->l;
	double		mass[LEARN_LAGS];
	double		total = 0;

	for (int i = 0; i < LEARN_LAGS; i++)
		mass[i] = s->lags[i] + (i < LEARN_LATER ? LATER_BEFORE : EARLIER_BEFORE);
	for (int32 i = 0; i < l->nevents; i++)
	{
		const LearnEvent *e = &l->events[i];

		if (e->adjacent && e->lag >= -l->rules.detection_lag && e->lag <= l->rules.horizon)
			mass[lag_step(&l->rules, e->lag)] += 1.0;
	}
	for (int i = 0; i < LEARN_LAGS; i++)
		total += mass[i];
	s->typical = 0;
	for (int i = 0; i < LEARN_LAGS; i++)
	{
		bool		later = i < LEARN_LATER;
		int			k = later ? i : i - LEARN_LATER;
		double		whole = (double) (later ? l->rules.horizon : l->rules.detection_lag) / 1e6;
		double		width = ldexp(whole, k - (later ? LEARN_LATER : LEARN_EARLIER) + (k == 0));

		s->density[i] = width > 0 ? mass[i] / total / width : 0;
		s->typical += s->density[i] * mass[i] / total;
		s->lags[i] = 0;
	}
}
