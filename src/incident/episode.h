/*
 * episode.h
 *		Folds the alerts of one key into episodes. Pure; see episode.c.
 */
#ifndef TRACER_EPISODE_H
#define TRACER_EPISODE_H

#include "incident/cascade.h"

/* How many of its latest alerts a check is judged by. */
#define RECENT_EVENTS 10

/* One alert of the key, or a resolve that reaches it without naming an asset. */
typedef struct FoldEvent
{
	int64		at;
	int64		alert;			/* its id; opaque here */
	int32		run;			/* run_id, or CASCADE_NONE */
	int8		severity;
	bool		firing;
	bool		foreign;		/* another key's resolve: not this key's alert */
	int32		episode;		/* out: index into the fold's episodes, or none */
} FoldEvent;

typedef struct FoldEpisode
{
	int64		start;
	int64		last;
	int64		end;			/* CASCADE_NEVER: none */
	int64		chronic_from;
	int64		first_alert;
	int64		alerts;			/* firings */
	int32	   *runs;
	int32		nruns;
	int8		severity;
	bool		changed;		/* by the events folded since it was given */
	int64		id;				/* opaque: the stored episode, 0 for a new one */
} FoldEpisode;

typedef struct Fold
{
	int64		quiet_after;
	FoldEpisode *episodes;		/* by start */
	int32		n,
				max;
	int32		maybe_open;		/* all episodes before this one have an end */
	/* the key's latest alerts, oldest first: time and whether it fired */
	int64		recent_at[RECENT_EVENTS];
	bool		recent_firing[RECENT_EVENTS];
	int32		nrecent;
} Fold;

extern void fold_sort(FoldEvent *events, Size n);
extern void fold_event(Fold *f, FoldEvent *event);

#endif							/* TRACER_EPISODE_H */
