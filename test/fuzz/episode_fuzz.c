/*
 * episode_fuzz.c
 *		Folding the alerts of one key, whole against step by step.
 *
 * Episodes must not overlap or be out of order, every firing belongs to exactly
 * one, and what is folded does not depend on the order in which events of one
 * time are handed to the sort.
 *
 * Cores: incident/episode.c
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "incident/episode.h"
#include "input.h"
#include "pure_standalone.h"

#define EVENTS 200
#define HOUR INT64_C(3600000000)

static void
fold_all(Fold *f, FoldEvent *events, int n)
{
	memset(f, 0, sizeof *f);
	f->quiet_after = 26 * HOUR;
	fold_sort(events, n);
	for (int i = 0; i < n; i++)
		fold_event(f, &events[i]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Input		in = {data, data + size};
	FoldEvent	events[EVENTS],
				reversed[EVENTS];
	Fold		f,
				r;
	int			n = 0;
	int			firings = 0;
	int64		counted = 0;

	memset(events, 0, sizeof events);
	while (n < EVENTS && left(&in) >= 3)
	{
		FoldEvent  *e = &events[n];
		uint32		what;

		e->at = (int64) take16(&in) % 2000 * (HOUR / 4);
		what = take8(&in);
		e->alert = 1024 * (n + 1);
		e->run = what & 4 ? (int32) (what >> 6) : CASCADE_NONE;
		e->severity = what & 3;
		e->firing = (what & 24) != 24;
		e->foreign = !e->firing && (what & 32) != 0;
		firings += e->firing;
		n++;
	}
	for (int i = 0; i < n; i++)
		reversed[i] = events[n - 1 - i];

	fold_all(&f, events, n);
	for (int32 i = 0; i < f.n; i++)
	{
		const FoldEpisode *e = &f.episodes[i];

		MUST(e->start <= e->last && e->last <= e->end && e->alerts > 0);
		MUST(i == 0 || f.episodes[i - 1].last < e->start || f.episodes[i - 1].end <= e->start);
		for (int32 k = 1; k < e->nruns; k++)
			MUST(e->runs[k - 1] < e->runs[k]);
		counted += e->alerts;
	}
	MUST(counted == firings);
	for (int i = 0; i < n; i++)
		if (events[i].firing)
			MUST(events[i].episode >= 0 && events[i].episode < f.n);

	fold_all(&r, reversed, n);
	MUST(r.n == f.n);
	for (int32 i = 0; i < f.n; i++)
		MUST(r.episodes[i].start == f.episodes[i].start && r.episodes[i].last == f.episodes[i].last &&
			 r.episodes[i].end == f.episodes[i].end && r.episodes[i].severity == f.episodes[i].severity &&
			 r.episodes[i].alerts == f.episodes[i].alerts && r.episodes[i].chronic_from == f.episodes[i].chronic_from);
	pure_free_all();
	return 0;
}
