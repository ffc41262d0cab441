/*
 * cascade.h
 *		The rule: which episode explains which. Pure; see cascade.c.
 */
#ifndef TRACER_CASCADE_H
#define TRACER_CASCADE_H

#include "incident/ancestry.h"

#define CASCADE_NEVER	PG_INT64_MAX	/* no end, never quiet, never chronic */
#define CASCADE_NONE	(-1)

/* Severities, as the enum tracer.severity orders them. */
enum
{
	SEVERITY_INFO,
	SEVERITY_WARNING,
	SEVERITY_ERROR,
	SEVERITY_CRITICAL
};

/* What made an episode a symptom; stored in tracer.episode.because. */
enum
{
	BECAUSE_ORIGIN = 'o',
	BECAUSE_NEAR = 'h',
	BECAUSE_FIRING = 'f',
	BECAUSE_SAME = 's',
	BECAUSE_RUN = 'r',
	BECAUSE_PERSON = 'p',
	BECAUSE_RULE = 'g',
	BECAUSE_SUSPECT = 'u'
};

/* Settings, in microseconds. */
typedef struct CascadeRules
{
	int64		horizon;
	int64		detection_lag;
	int64		max_incident_age;
	int64		change_lookback;
	uint32		max_hops;		/* GRAPH_NONE: any number */
} CascadeRules;

typedef struct CascadeEpisode
{
	/* given */
	uint32		place;			/* its asset: dense, equal for equal assets */
	int32		tie;			/* order of (source, dedup_key, asset) */
	int64		start;
	int64		last;			/* last firing */
	int64		end;			/* resolve, or CASCADE_NEVER */
	int64		quiet_at;		/* last firing + quiet_after */
	int64		chronic_from;
	const int32 *runs;			/* its run_ids, ascending */
	int32		nruns;
	int8		severity;
	bool		dirty;			/* new, changed, or under changed lineage */

	/* given for a clean episode, decided for the others */
	int32		parent;			/* index, or CASCADE_NONE */
	int32		hops;
	char		because;
	int64		origin_start;	/* start of the origin that it descends from */

	/* decided */
	bool		wrapped;		/* a runner's, explained from within its run */
	bool		decided;		/* looked at in this pass */
} CascadeEpisode;

/* An episode that is gone or has moved: what it explained must be looked at. */
typedef struct CascadeGhost
{
	uint32		place;
	int64		start;
} CascadeGhost;

typedef struct Cascade
{
	const Graph *graph;			/* NULL: no lineage at all */
	CascadeRules rules;
	CascadeEpisode *episodes;
	int32		nepisodes;
	const uint32 *place_node;	/* node of each place, GRAPH_NONE: no lineage */
	uint32		nplaces;
	const CascadeGhost *ghosts;
	int32		nghosts;
	bool		all;			/* decide every episode, dirty or not */
	bool		no_runs;		/* edges of kind `runs` are edges like any other */

	/* filled by cascade_decide, for those who look further */
	Ancestry   *ancestry;
	int32	   *by_place;		/* episodes sorted by (place, start, tie) */
	int32	   *place_first;	/* nplaces + 1 offsets into by_place */
	uint32	   *node_place;		/* by node; GRAPH_NONE where none */
} Cascade;

extern void cascade_decide(Cascade *c);

/* Fills ancestry and node_place: again, where places came after a decision. */
extern void cascade_map_nodes(Cascade *c);

/* Index of the first episode of the place that starts at or after t. */
extern int32 cascade_lower_bound(const Cascade *c, uint32 place, int64 t);

static inline int64
cascade_add(int64 t, int64 d)
{
	int64		r;

	if (__builtin_add_overflow(t, d, &r))
		return d > 0 ? PG_INT64_MAX : PG_INT64_MIN;
	return r;
}

static inline int64
cascade_sub(int64 t, int64 d)
{
	int64		r;

	if (__builtin_sub_overflow(t, d, &r))
		return d > 0 ? PG_INT64_MIN : PG_INT64_MAX;
	return r;
}

#endif							/* TRACER_CASCADE_H */
