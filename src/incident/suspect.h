/*
 * suspect.h
 *		Assets without an alert of their own that best explain several
 *		origins. Pure; see suspect.c.
 */
#ifndef TRACER_SUSPECT_H
#define TRACER_SUSPECT_H

#include "incident/cascade.h"

typedef struct SuspectChange
{
	uint32		node;
	int64		at;
} SuspectChange;

typedef struct SuspectInput
{
	const Cascade *cascade;		/* decided */
	const bool *consider;		/* by episode: may be covered */
	const SuspectChange *changes;	/* in any order */
	int32		nchanges;

	/* Has the asset an episode above info, not loaded, that meets the span? */
	bool		(*older_alerts) (void *context, uint32 node, int64 from, int64 to);
	int			(*compare_names) (void *context, uint32 a, uint32 b);
	void	   *context;
} SuspectInput;

typedef struct Suspect
{
	uint32		node;
	int32	   *origins;		/* episodes covered, the first one first */
	int32		norigins;
	uint32		failing;		/* of its consumers; 0: known by a change alone */
	uint32		bearing;
} Suspect;

extern Suspect *suspects_find(const SuspectInput *in, int32 *n);

#endif							/* TRACER_SUSPECT_H */
