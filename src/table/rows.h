/*
 * rows.h
 *		New rows into tracer's own tables without a query: see rows.c.
 */
#ifndef TRACER_ROWS_H
#define TRACER_ROWS_H

/* One column of the rows to insert; without nulls, none is NULL. */
typedef struct RowsColumn
{
	const char *name;
	const Datum *values;
	const bool *nulls;
} RowsColumn;

extern void rows_insert(const char *table, const RowsColumn *columns, int ncolumns, int64 nrows);

#endif							/* TRACER_ROWS_H */
