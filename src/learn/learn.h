/*
 * learn.h
 *		Missing lineage from what keeps following what. Pure; see learn.c.
 */
#ifndef TRACER_LEARN_H
#define TRACER_LEARN_H

#include "lineage/graph.h"

#define LEARN_NONE (-1)

/* One failure of one asset: the start of an episode, in microseconds. */
typedef struct LearnEvent
{
	int64		at;
	int32		asset;			/* dense, 0 .. nassets - 1 */
	int32		group;			/* only events of one group are related */
	bool		explained;		/* known lineage or a person accounts for it */
	int32		suspicion;		/* a silent asset is suspected to be the cause of
								 * all with this number; 0: none is */
	bool		adjacent;		/* ... namely a direct upstream, and near */
	int64		lag;			/* then: how long after that */
} LearnEvent;

typedef struct LearnRules
{
	int64		horizon;
	int64		detection_lag;
	double		missing;		/* prior: missing causes an asset has */
	int64		work;			/* about how many pairs of events to look at */
} LearnRules;

typedef struct LearnPair
{
	int32		upstream;
	int32		downstream;
} LearnPair;

typedef struct Learn
{
	/* given */
	const Graph *graph;			/* known lineage; NULL: none */
	const uint32 *asset_node;	/* by asset; GRAPH_NONE: not in the graph */
	int32		nassets;
	LearnEvent *events;			/* will be sorted */
	int32		nevents;
	LearnRules	rules;
	LearnPair  *rejected;		/* out of the question */
	int32		nrejected;
	/* log odds that two names add; NULL: names say nothing */
	double		(*alike) (void *context, int32 a, int32 b);
	void	   *context;

	/* found, best first */
	struct LearnEdge *edges;
	int32		nedges;
} Learn;

typedef struct LearnEdge
{
	int32		upstream;
	int32		downstream;
	double		confidence;		/* posterior that the edge is there */
	double		gain;			/* log of the Bayes factor for it */
	int32		support;		/* downstream failures best explained by it */
	int32		unexplained;	/* downstream failures that nothing known explains */
	int32		failures;		/* of upstream, as far as they could show */
	double		chance;			/* of the support, expected by chance */
	int64		lag;			/* median of those, and their range */
	int64		lag_least;
	int64		lag_most;
	int32		rival;			/* the next best upstream, or LEARN_NONE */
	double		rival_confidence;
} LearnEdge;

extern void learn_edges(Learn *l);

#endif							/* TRACER_LEARN_H */
