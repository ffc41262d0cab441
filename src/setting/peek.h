/*
 * peek.h
 *		Looks into tracer's own small tables without a query: see peek.c.
 */
#ifndef TRACER_PEEK_H
#define TRACER_PEEK_H

#include "lib/stringinfo.h"
#include "utils/relcache.h"

extern void peek_begin(void);
extern void peek_end(void);
extern Relation peek_open(const char *table);
extern bool peek_empty(const char *table);
extern void peek_versions(StringInfo out, const char *table);
extern bool peek_unseen(const char *table, const char *index, Datum seen);
extern int	peek_recent(const char *table, const char *index, Datum seen, int max);

#endif							/* TRACER_PEEK_H */
