/*
 * learner.h
 *		What the files of the search for missing lineage share. See learn.c.
 */
#ifndef TRACER_LEARNER_H
#define TRACER_LEARNER_H

#include "learn/learn.h"

#define LEARN_LATER 12			/* steps of lag from 0 up to the horizon */
#define LEARN_EARLIER 4			/* and below 0 down to -detection_lag */
#define LEARN_LAGS (LEARN_LATER + LEARN_EARLIER)

/* A pair that is out of the question. */
typedef struct BlockedPair
{
	int32		upstream;
	int32		next;			/* of the same downstream */
} BlockedPair;

typedef struct Learner
{
	Learn	   *l;
	int32	   *by_asset;		/* events by asset, then group and time */
	int32	   *asset_start;	/* nassets + 1 */
	double	   *burst;			/* by event: how lively it was around, 1 as usual */
	double		span;			/* of all events, in seconds */
	int32		reach;			/* how many events to look back at, at most */
	int32	   *mark;			/* by asset: candidate of the target at hand */
	double		consumers;		/* of all alerting assets, each and one more */
	double		missing;		/* expected causes that lineage lacks, per target */
	int32		targets;		/* assets looked at in this round */

	double		lags[LEARN_LAGS];	/* how often each was seen on learned edges */
	double		density[LEARN_LAGS];	/* per second */
	double		typical;		/* expected density at a lag as lags are */

	BlockedPair *blocked;
	int32		nblocked,
				maxblocked;
	int32	   *first_blocked;	/* by downstream */
	int32		maxedges;
} Learner;

/* lag.c */
extern int	lag_step(const LearnRules *rules, int64 lag);
extern void learn_lags(Learner *s);

/* target.c */
extern double fan_out(const Learner *s, int32 asset);
extern void learn_target(Learner *s, int32 asset);

#endif							/* TRACER_LEARNER_H */
