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
extern bool peek_any(const char *table, const char *index);
extern bool peek_row(const char *table, const char *const *columns, int ncolumns, Datum *values, bool *nulls);
extern void peek_versions(StringInfo out, const char *table);
extern bool peek_unseen(const char *table, const char *index, Datum seen);
extern int	peek_recent(const char *table, const char *index, Datum seen, int max);

typedef struct PeekById PeekById;

extern PeekById *peek_by_id_begin(const char *table, const char *index);
extern int	peek_column(const PeekById *peek, const char *column);
extern struct TupleTableSlot *peek_by_id(PeekById *peek, int64 id);
extern char *peek_text_by_id(const char *table, const char *index, const char *column, int64 id);
extern void peek_by_id_end(PeekById *peek);

#endif							/* TRACER_PEEK_H */
