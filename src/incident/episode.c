/*
 * episode.c
 *		Folds the alerts of one key into episodes: docs/correlation.md,
 *		section 1. Pure.
 *
 * A fold is a small state machine that is fed events in order of event time.
 * It can start empty, or from what is stored of a key (its unresolved episodes,
 * its last one and its latest alerts), as long as what it is fed comes after
 * all that is stored. An event that comes earlier means folding the whole key
 * again: that is the caller's business.
 */
#include "incident/episode.h"

#define DAY INT64_C(86400000000)

/* How far back a check's record counts, and what makes it long enough. */
#define RECENT_SPAN (30 * DAY)
#define CHRONIC_SPAN (3 * DAY)
#define CHRONIC_EVENTS 5

static int
compare_events(const void *pa, const void *pb)
{
	const FoldEvent *a = pa,
			   *b = pb;

	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	if (a->firing != b->firing)
		return a->firing ? -1 : 1;
	/* the rest decides nothing but which of two equals is called first */
	if (a->severity != b->severity)
		return a->severity > b->severity ? -1 : 1;
	return a->alert < b->alert ? -1 : a->alert > b->alert;
}

void
fold_sort(FoldEvent *events, Size n)
{
	qsort(events, n, sizeof(FoldEvent), compare_events);
}

static void
remember(Fold *f, const FoldEvent *event)
{
	if (f->nrecent == RECENT_EVENTS)
	{
		memmove(f->recent_at, f->recent_at + 1, sizeof(int64) * (RECENT_EVENTS - 1));
		memmove(f->recent_firing, f->recent_firing + 1, sizeof(bool) * (RECENT_EVENTS - 1));
		f->nrecent--;
	}
	f->recent_at[f->nrecent] = event->at;
	f->recent_firing[f->nrecent++] = event->firing;
}

/* Does the key's record, up to a firing of e at t, make e chronic? */
static bool
is_chronic(const Fold *f, const FoldEpisode *e, int64 t)
{
	int64		from = cascade_sub(e->start, RECENT_SPAN);
	int64		oldest = t;
	int			n = 0,
				firing = 0;

	for (int i = f->nrecent; i-- > 0 && f->recent_at[i] >= from;)
	{
		n++;
		firing += f->recent_firing[i];
		oldest = f->recent_at[i];
	}
	return n >= CHRONIC_EVENTS && 2 * firing > n &&
		(oldest < e->start || oldest <= cascade_sub(t, CHRONIC_SPAN));
}

static void
add_run(FoldEpisode *e, int32 run)
{
	int32		i,
				lo = 0,
				hi = e->nruns;

	if (run == CASCADE_NONE)
		return;
	while (lo < hi)
	{
		int32		mid = lo + (hi - lo) / 2;

		if (e->runs[mid] < run)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo < e->nruns && e->runs[lo] == run)
		return;
	/* grown by doubling: a power of two is full */
	if ((e->nruns & (e->nruns - 1)) == 0)
		e->runs = pure_realloc(e->runs, sizeof(int32) * (Size) Max(1, 2 * e->nruns));
	for (i = e->nruns; i > lo; i--)
		e->runs[i] = e->runs[i - 1];
	e->runs[lo] = run;
	e->nruns++;
}

static void
fold_firing(Fold *f, FoldEvent *event)
{
	FoldEpisode *e = f->n > 0 ? &f->episodes[f->n - 1] : NULL;

	if (e == NULL || e->end != CASCADE_NEVER ||
		event->at > cascade_add(e->last, f->quiet_after))
	{
		if (f->n == f->max)
		{
			f->max = f->max ? 2 * f->max : 2;
			f->episodes = pure_realloc(f->episodes, sizeof(FoldEpisode) * (Size) f->max);
		}
		e = &f->episodes[f->n++];
		memset(e, 0, sizeof(FoldEpisode));
		e->start = event->at;
		e->end = CASCADE_NEVER;
		e->chronic_from = CASCADE_NEVER;
		e->first_alert = event->alert;
		e->severity = event->severity;
	}
	e->last = event->at;
	e->alerts++;
	e->severity = Max(e->severity, event->severity);
	e->changed = true;
	add_run(e, event->run);
	remember(f, event);
	if (e->chronic_from == CASCADE_NEVER && is_chronic(f, e, event->at))
		e->chronic_from = event->at;
	event->episode = f->n - 1;
}

static void
fold_resolve(Fold *f, FoldEvent *event)
{
	event->episode = CASCADE_NONE;
	for (int32 i = f->n; i-- > f->maybe_open;)
	{
		FoldEpisode *e = &f->episodes[i];

		if (e->end != CASCADE_NEVER)
			continue;
		e->end = event->at;
		e->changed = true;
		event->episode = Max(event->episode, i);
	}
	f->maybe_open = f->n;
	if (!event->foreign)
		remember(f, event);
}

/* Feeds the next event in order. */
void
fold_event(Fold *f, FoldEvent *event)
{
	if (event->firing)
		fold_firing(f, event);
	else
		fold_resolve(f, event);
}
