/*
 * statement.c
 *		Statements of an SQL text that write: into what, and from what.
 *
 * Each gives rows (target, source) with the columns that can be told. A table
 * that only decides which rows are written (WHERE, USING, a join) is a source,
 * too, without columns. What a table gives to itself is left out. A temporary
 * table is no target: it stands for what it was filled from.
 *
 * The value of sql_statement() is what the statement returns, so that it can
 * stand in a WITH: the result of a query, or the RETURNING list.
 */
#include "compat.h"

#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"

#include "sqltext/sqltext.h"

#if PG_VERSION_NUM >= 180000
#define RETURNING(stmt) ((stmt)->returningClause ? (stmt)->returningClause->exprs : NIL)
#else
#define RETURNING(stmt) ((stmt)->returningList)
#endif

/* What is written to: a table, or a temporary one of the text. */
typedef struct Target
{
	const char *table;			/* NULL: the result of a query */
	SqlRel	   *temp;			/* or this */
	SqlRel	   *rel;			/* its columns */
} Target;

static void
add_row(SqlText *t, const char *target, const char *source, const char *target_column,
		const char *source_column)
{
	if (target == source)
		return;
	if (t->nrows == t->room)
	{
		t->room = Max(64, t->room * 2);
		t->rows = t->rows ? repalloc_huge(t->rows, sizeof(SqlRow) * t->room)
			: palloc(sizeof(SqlRow) * t->room);
	}
	t->rows[t->nrows++] = (SqlRow) {target, source, target_column, source_column};
}

static void
write_column(SqlText *t, const Target *to, const char *column, const SqlDeps *deps)
{
	if (to->temp)
	{
		SqlColumn  *c = sql_find_column(to->temp, column);

		if (c == NULL)
			c = sql_add_column(to->temp, column);
		sql_add_deps(&c->deps, deps);
		return;
	}
	for (int i = 0; i < deps->n; i++)
		add_row(t, to->table, deps->v[i].table, column, deps->v[i].column);
}

static void
write_tables(SqlText *t, const Target *to, const SqlNames *tables)
{
	if (to->temp)
		sql_add_names(&to->temp->tables, tables);
	else
		for (int i = 0; i < tables->n; i++)
			add_row(t, to->table, tables->v[i], NULL, NULL);
}

/* Where a statement writes to; its columns as the catalog or the text has them. */
static Target
target_of(SqlText *t, RangeVar *rv)
{
	SqlCte	   *temp = sql_find_temp(t, rv);

	if (temp)
		return (Target) {NULL, temp->rel, temp->rel};
	return (Target) {sql_table_name(t, rv), NULL, sql_rel_of_table(t, rv)};
}

/* Columns of a target, as an expression of the statement calls them. */
static SqlRel *
target_in_scope(SqlText *t, const Target *to, RangeVar *rv)
{
	SqlRel	   *rel;

	if (to->temp == NULL)
		return to->rel;
	rel = sql_new_rel(sql_intern(t, rv->alias ? rv->alias->aliasname : rv->relname));
	sql_add_all_columns(rel, to->temp);
	return rel;
}

/* ---- what defines a relation -------------------------------------------------------------- */

/* CREATE TABLE AS, SELECT INTO, CREATE VIEW: columns are called as in the query. */
static void
define(SqlText *t, RangeVar *rv, List *colnames, SqlRel *from)
{
	Target		to = {0};

	sql_rename_columns(t, from, colnames);
	if (rv->relpersistence == RELPERSISTENCE_TEMP)
	{
		SqlCte	   *temp = palloc0(sizeof(SqlCte));

		temp->name = sql_intern(t, rv->relname);
		temp->rel = from;
		temp->next = t->temps;
		t->temps = temp;
		return;
	}
	to.table = sql_table_name(t, rv);
	for (int i = 0; i < from->ncols; i++)
		write_column(t, &to, from->cols[i].name, &from->cols[i].deps);
	write_tables(t, &to, &from->tables);
}

/* CREATE TEMP TABLE with columns, to be filled by later statements. */
static void
create_temp(SqlText *t, CreateStmt *s)
{
	SqlRel	   *rel = sql_new_rel(NULL);
	ListCell   *lc;

	if (s->relation->relpersistence != RELPERSISTENCE_TEMP)
		return;
	foreach(lc, s->tableElts)
	{
		if (IsA(lfirst(lc), ColumnDef))
			sql_add_column(rel, sql_intern(t, ((ColumnDef *) lfirst(lc))->colname));
		else if (IsA(lfirst(lc), TableLikeClause))
		{
			SqlRel	   *like = sql_rel_of_table(t, ((TableLikeClause *) lfirst(lc))->relation);

			rel->open |= like->open;
			for (int i = 0; i < like->ncols; i++)
				sql_add_column(rel, like->cols[i].name);
		}
	}
	define(t, s->relation, NIL, rel);
}

/* ---- what changes one ----------------------------------------------------------------------- */

/* SET a = ..., (b, c) = ... */
static void
set_clause(SqlText *t, const Target *to, List *targets, SqlScope *scope, SqlNames *tables)
{
	ListCell   *lc;

	foreach(lc, targets)
	{
		ResTarget  *r = lfirst(lc);
		Node	   *value = r->val;
		SqlDeps		deps = {0};

		if (value && IsA(value, MultiAssignRef))
		{
			MultiAssignRef *m = (MultiAssignRef *) value;

			value = m->source;
			if (IsA(value, RowExpr) && m->colno <= list_length(((RowExpr *) value)->args))
				value = list_nth(((RowExpr *) value)->args, m->colno - 1);
			else if (IsA(value, SubLink))
			{
				SqlRel	   *rel = sql_query(t, ((SubLink *) value)->subselect, scope);

				if (m->colno <= rel->ncols && !rel->open)
					sql_add_deps(&deps, &rel->cols[m->colno - 1].deps);
				sql_add_names(tables, &rel->tables);
				value = NULL;
			}
		}
		sql_expression(t, value, scope, &deps, tables);
		write_column(t, to, sql_intern(t, r->name), &deps);
	}
}

/*
 * The columns that an INSERT fills, by place: those that it names, or those of
 * the table. NULL: not known.
 */
static const char *
filled_column(SqlText *t, const Target *to, List *cols, int place)
{
	if (cols != NIL)
		return place < list_length(cols)
			? sql_intern(t, ((ResTarget *) list_nth(cols, place))->name) : NULL;
	return place < to->rel->ncols && !to->rel->open ? to->rel->cols[place].name : NULL;
}

static SqlRel *
returning(SqlText *t, List *targets, SqlScope *scope, SqlRel *target, SqlNames *tables)
{
	SqlRel	   *out = sql_targets(t, targets, scope, scope->rels, tables);

	/* What follows reads the table that was written. */
	if (targets != NIL)
		sql_add_names(&out->tables, &target->tables);
	return out;
}

static SqlRel *
insert(SqlText *t, InsertStmt *s, SqlScope *up)
{
	SqlScope   *scope = sql_new_scope(up);
	Target		to = target_of(t, s->relation);
	SqlRel	   *own = target_in_scope(t, &to, s->relation);
	SqlRel	   *excluded = sql_new_rel(sql_intern(t, "excluded"));
	SqlNames	tables = {0};

	sql_with(t, s->withClause, scope);
	if (s->selectStmt)
	{
		SqlRel	   *from = sql_query(t, s->selectStmt, scope);

		for (int i = 0; i < from->ncols && !from->open; i++)
		{
			const char *column = filled_column(t, &to, s->cols, i);

			if (column == NULL)
				continue;
			write_column(t, &to, column, &from->cols[i].deps);
			sql_add_deps(&sql_add_column(excluded, column)->deps, &from->cols[i].deps);
		}
		sql_add_names(&tables, &from->tables);
	}
	scope->rels = list_make1(own);
	if (s->onConflictClause)
	{
		SqlScope   *conflict = sql_new_scope(scope);

		conflict->rels = list_make1(excluded);
		set_clause(t, &to, s->onConflictClause->targetList, conflict, &tables);
		sql_expression(t, s->onConflictClause->whereClause, conflict, NULL, &tables);
	}
	write_tables(t, &to, &tables);
	return returning(t, RETURNING(s), scope, own, &tables);
}

/* UPDATE and DELETE: a table, and others that it is joined with. */
static SqlRel *
change(SqlText *t, RangeVar *rv, WithClause *with, List *from, List *set, Node *where,
	   List *return_list, SqlScope *up)
{
	SqlScope   *scope = sql_new_scope(up);
	Target		to = target_of(t, rv);
	SqlRel	   *own = target_in_scope(t, &to, rv);
	SqlNames	tables = {0};
	ListCell   *lc;

	sql_with(t, with, scope);
	scope->rels = list_make1(own);
	foreach(lc, from)
		sql_from_item(t, lfirst(lc), scope, &tables);
	set_clause(t, &to, set, scope, &tables);
	sql_expression(t, where, scope, NULL, &tables);
	write_tables(t, &to, &tables);
	return returning(t, return_list, scope, own, &tables);
}

static SqlRel *
merge(SqlText *t, MergeStmt *s, SqlScope *up)
{
	SqlScope   *scope = sql_new_scope(up);
	Target		to = target_of(t, s->relation);
	SqlRel	   *own = target_in_scope(t, &to, s->relation);
	SqlNames	tables = {0};
	ListCell   *lc;

	sql_with(t, s->withClause, scope);
	scope->rels = list_make1(own);
	sql_from_item(t, s->sourceRelation, scope, &tables);
	sql_expression(t, s->joinCondition, scope, NULL, &tables);
	foreach(lc, s->mergeWhenClauses)
	{
		MergeWhenClause *w = lfirst(lc);

		sql_expression(t, w->condition, scope, NULL, &tables);
		if (w->commandType == CMD_UPDATE)
			set_clause(t, &to, w->targetList, scope, &tables);
		else if (w->commandType == CMD_INSERT)
			for (int i = 0; i < list_length(w->values); i++)
			{
				const char *column = filled_column(t, &to, w->targetList, i);
				SqlDeps		deps = {0};

				sql_expression(t, list_nth(w->values, i), scope, &deps, &tables);
				if (column)
					write_column(t, &to, column, &deps);
			}
	}
	write_tables(t, &to, &tables);
#if PG_VERSION_NUM >= 170000
	return returning(t, RETURNING(s), scope, own, &tables);
#else
	return sql_new_rel(NULL);
#endif
}

static void
copy(SqlText *t, CopyStmt *s)
{
	const char *file;

	/* A query that is copied out reads; a file on the server can be named. */
	if (s->query)
		sql_statement(t, s->query, NULL, true);
	if (s->filename == NULL || s->is_program || s->relation == NULL)
		return;
	file = sql_intern(t, psprintf("file://%s", s->filename));
	if (s->is_from)
		write_tables(t, &(Target) {.table = sql_table_name(t, s->relation)},
					 &(SqlNames) {&file, 1, 1});
	else
	{
		SqlRel	   *rel = sql_rel_of_table(t, s->relation);

		write_tables(t, &(Target) {.table = file}, &rel->tables);
	}
}

/* outermost: what a query returns goes to whoever asks; its target is NULL. */
SqlRel *
sql_statement(SqlText *t, Node *stmt, SqlScope *up, bool outermost)
{
	SqlRel	   *rel;

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	switch (nodeTag(stmt))
	{
		case T_SelectStmt:
			{
				SelectStmt *s = (SelectStmt *) stmt;
				SelectStmt *first = s;

				rel = sql_query(t, stmt, up);
				while (first->larg)
					first = first->larg;
				if (first->intoClause)
					define(t, first->intoClause->rel, first->intoClause->colNames, rel);
				else if (outermost)
				{
					Target		nobody = {0};

					for (int i = 0; i < rel->ncols; i++)
						write_column(t, &nobody, rel->cols[i].name, &rel->cols[i].deps);
					write_tables(t, &nobody, &rel->tables);
				}
				return rel;
			}
		case T_InsertStmt:
			return insert(t, (InsertStmt *) stmt, up);
		case T_UpdateStmt:
			{
				UpdateStmt *s = (UpdateStmt *) stmt;

				return change(t, s->relation, s->withClause, s->fromClause, s->targetList,
							  s->whereClause, RETURNING(s), up);
			}
		case T_DeleteStmt:
			{
				DeleteStmt *s = (DeleteStmt *) stmt;

				return change(t, s->relation, s->withClause, s->usingClause, NIL,
							  s->whereClause, RETURNING(s), up);
			}
		case T_MergeStmt:
			return merge(t, (MergeStmt *) stmt, up);
		case T_CreateTableAsStmt:
			{
				CreateTableAsStmt *s = (CreateTableAsStmt *) stmt;

				if (IsA(s->query, SelectStmt))
					define(t, s->into->rel, s->into->colNames, sql_query(t, s->query, up));
				break;
			}
		case T_ViewStmt:
			{
				ViewStmt   *s = (ViewStmt *) stmt;

				define(t, s->view, s->aliases, sql_query(t, s->query, up));
				break;
			}
		case T_CreateStmt:
			create_temp(t, (CreateStmt *) stmt);
			break;
		case T_CopyStmt:
			copy(t, (CopyStmt *) stmt);
			break;
		case T_ExplainStmt:
			return sql_statement(t, ((ExplainStmt *) stmt)->query, up, outermost);
		case T_PrepareStmt:
			return sql_statement(t, ((PrepareStmt *) stmt)->query, up, outermost);
		case T_DeclareCursorStmt:
			return sql_statement(t, ((DeclareCursorStmt *) stmt)->query, up, outermost);
		default:
			break;				/* writes nothing from tables */
	}
	return sql_new_rel(NULL);
}
