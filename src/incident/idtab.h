/*
 * idtab.h
 *		A hash table from ids to small numbers, for a pass that puts every episode
 *		of some days into one: without dynahash's calls through pointers.
 */
#ifndef TRACER_IDTAB_H
#define TRACER_IDTAB_H

#include "common/hashfn.h"

typedef struct IdEntry
{
	int64		id;
	int32		index;
	char		status;
} IdEntry;

#define SH_PREFIX idtab
#define SH_ELEMENT_TYPE IdEntry
#define SH_KEY_TYPE int64
#define SH_KEY id
#define SH_HASH_KEY(tb, key) murmurhash32((uint32) (key) ^ (uint32) ((uint64) (key) >> 32))
#define SH_EQUAL(tb, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DEFINE
#define SH_DECLARE
#include "lib/simplehash.h"

#endif							/* TRACER_IDTAB_H */
