/*
 * confidence.h
 *		How often a root cause with such evidence is the right one: pure.
 */
#ifndef TRACER_CONFIDENCE_H
#define TRACER_CONFIDENCE_H

#include "pure.h"

typedef struct ConfidenceInput
{
	double		best;			/* scores of the best candidate */
	double		next;			/* and of the next best, 0 if there is none */
	int			assets;			/* that alert in the incident */
	bool		suspect;		/* it begins at an asset without an alert */
	bool		placed;			/* lineage knows where it begins */
	bool		measured;		/* metrics say where it began */
	bool		confirmed;		/* a person said so */
} ConfidenceInput;

extern double confidence(const ConfidenceInput *in);

#endif							/* TRACER_CONFIDENCE_H */
