/*
 * cascade_impl.h
 *		What order.c prepares and cascade.c decides by.
 */
#ifndef TRACER_CASCADE_IMPL_H
#define TRACER_CASCADE_IMPL_H

#include "incident/cascade.h"

typedef struct InnerPlace
{
	uint32		place;			/* alert-bearing asset in a runner's closure */
	uint32		hops;			/* `runs` edges between */
} InnerPlace;

typedef struct InnerList
{
	InnerPlace *items;
	uint32		n,
				max;
} InnerList;

typedef struct Decider
{
	Cascade    *c;
	int32	   *order;			/* episodes as they are decided */
	int32	   *position;		/* in it, by episode */
	InnerList  *inner;			/* by place; only runners have any */
	uint8	   *below;			/* by place: on or below something dirty */
	/* ancestors of the component at hand */
	uint32		visits_of;
	const AncestorVisit *visits;
	uint32		nvisits;
} Decider;

/* The order in which episodes are decided, and all that it needs. */
extern void cascade_order(Decider *d);

/* One past the last episode of the place that starts at or before t. */
extern int32 cascade_upper_bound(const Cascade *c, uint32 place, int64 t);

/* Is m, on the closure of r's asset, within the run that r reports? */
extern bool cascade_within(const Cascade *c, const CascadeEpisode *m, const CascadeEpisode *r);

/* Is m, which is within r, a failure that explains r? */
extern bool cascade_wraps(const CascadeEpisode *m, const CascadeEpisode *r);

#endif							/* TRACER_CASCADE_IMPL_H */
