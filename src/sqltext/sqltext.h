/*
 * sqltext.h
 *		Lineage from SQL text: what a statement writes, and from what.
 *
 *	relation.c	columns, what they come from, and what the catalog knows
 *	select.c	queries: FROM, expressions, set operations, WITH
 *	statement.c	statements that write
 *	sql_lineage.c	the SQL function: parsing, errors, rows
 *
 * The text is parsed by PostgreSQL's own grammar and not analysed further, as
 * its tables need not be here. A query becomes an SqlRel: its output columns,
 * each with the table columns that it is computed from, and all tables that it
 * reads. Where a star stands for a table that the catalog does not know, the
 * relation is `open`: it may have columns that are not listed. What cannot be
 * told stays out; nothing is assumed.
 *
 * Names are interned, so that equal names are equal pointers. Everything is
 * allocated in the current context, and freed with it.
 */
#ifndef TRACER_SQLTEXT_H
#define TRACER_SQLTEXT_H

#include "compat.h"

#include "nodes/parsenodes.h"
#include "utils/hsearch.h"

typedef struct SqlDep
{
	const char *table;
	const char *column;
} SqlDep;

typedef struct SqlDeps
{
	SqlDep	   *v;
	int			n;
	int			room;
} SqlDeps;

typedef struct SqlNames
{
	const char **v;
	int			n;
	int			room;
} SqlNames;

typedef struct SqlColumn
{
	const char *name;
	SqlDeps		deps;
} SqlColumn;

typedef struct SqlRel
{
	const char *alias;			/* how expressions call it */
	SqlColumn  *cols;
	int			ncols;
	int			room;
	bool		open;			/* may have columns beyond these */
	SqlNames	through;		/* tables whose columns those would be */
	SqlDeps		any;			/* what a function computes them from */
	SqlNames	tables;			/* all that is read for it */
} SqlRel;

/* A WITH query, or a temporary table of the text. */
typedef struct SqlCte
{
	const char *name;
	Node	   *query;			/* NULL once it has been looked at */
	List	   *colnames;
	SqlRel	   *rel;			/* NULL: not looked at yet */
	const char *self;			/* stands for itself while that goes on */
	struct SqlScope *scope;		/* what its query sees */
	struct SqlCte *next;
} SqlCte;

typedef struct SqlScope
{
	List	   *rels;			/* of SqlRel: what FROM put within reach */
	SqlCte	   *ctes;
	struct SqlScope *up;
} SqlScope;

typedef struct SqlRow
{
	const char *target;			/* NULL: the result of a query */
	const char *source;
	const char *target_column;	/* both NULL: the table as such */
	const char *source_column;
} SqlRow;

typedef struct SqlText
{
	const char *default_schema; /* or NULL */
	HTAB	   *strings;
	SqlCte	   *temps;
	SqlRow	   *rows;
	int			nrows;
	int			room;
} SqlText;

/* relation.c */
extern const char *sql_intern(SqlText *t, const char *s);
extern void sql_add_name(SqlNames *names, const char *name);
extern void sql_add_names(SqlNames *names, const SqlNames *more);
extern void sql_add_dep(SqlDeps *deps, const char *table, const char *column);
extern void sql_add_deps(SqlDeps *deps, const SqlDeps *more);
extern SqlRel *sql_new_rel(const char *alias);
extern SqlColumn *sql_add_column(SqlRel *rel, const char *name);
extern SqlColumn *sql_find_column(const SqlRel *rel, const char *name);
extern void sql_add_all_columns(SqlRel *rel, const SqlRel *from);
extern void sql_rename_columns(SqlText *t, SqlRel *rel, List *names);
extern bool sql_column_deps(const SqlRel *rel, const char *name, SqlDeps *out);
extern SqlRel *sql_rel_of_table(SqlText *t, RangeVar *rv);
extern const char *sql_table_name(SqlText *t, RangeVar *rv);
extern SqlCte *sql_find_temp(SqlText *t, RangeVar *rv);

/* select.c */
extern SqlRel *sql_query(SqlText *t, Node *query, SqlScope *up);
extern SqlScope *sql_new_scope(SqlScope *up);
extern void sql_with(SqlText *t, WithClause *with, SqlScope *scope);
extern SqlRel *sql_from_item(SqlText *t, Node *item, SqlScope *scope, SqlNames *tables);
extern void sql_expression(SqlText *t, Node *expr, SqlScope *scope, SqlDeps *deps, SqlNames *tables);
extern SqlRel *sql_targets(SqlText *t, List *targets, SqlScope *scope, List *from, SqlNames *tables);

/* statement.c */
extern SqlRel *sql_statement(SqlText *t, Node *stmt, SqlScope *up, bool outermost);

#endif							/* TRACER_SQLTEXT_H */
