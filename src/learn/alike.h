/*
 * alike.h
 *		What two names say about lineage between them. Pure; see alike.c.
 */
#ifndef TRACER_ALIKE_H
#define TRACER_ALIKE_H

#include "pure.h"

#define ALIKE_BINS 5

/* A name as the set of its words. */
typedef struct Words
{
	uint32	   *hash;			/* ascending */
	int32		n;
} Words;

/* How names of connected assets differ from those of any two. */
typedef struct Likeness
{
	double		log_odds[ALIKE_BINS];
	double		connected[ALIKE_BINS];
	double		others[ALIKE_BINS];
	int32		pairs;
} Likeness;

extern Words words_of(const char *name);
extern int	words_alike(const Words *a, const Words *b);
extern void likeness_finish(Likeness *l);

#endif							/* TRACER_ALIKE_H */
