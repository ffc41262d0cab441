/*
 * select.c
 *		Queries of an SQL text: FROM, expressions, set operations, WITH.
 *
 * Names are looked up as the server does it: innermost query first, WITH before
 * tables. An unqualified column belongs to the relations in FROM that list it;
 * where none does, to the only open one; where several are open, to nobody.
 *
 * A recursive WITH query is looked at once. Within it, its own columns come from
 * columns of a table that stands for itself; when it is done, those are replaced
 * by what they come from in turn, until nothing changes.
 */
#include "compat.h"

#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_target.h"

#include "sqltext/sqltext.h"

SqlScope *
sql_new_scope(SqlScope *up)
{
	SqlScope   *s = palloc0(sizeof(SqlScope));

	s->up = up;
	return s;
}

/* ---- expressions ----------------------------------------------------------------------- */

typedef struct Expression
{
	SqlText    *text;
	SqlScope   *scope;
	SqlDeps    *deps;			/* NULL: only what it reads is wanted */
	SqlNames   *tables;
} Expression;

static SqlRel *
find_rel(SqlScope *scope, const char *alias)
{
	ListCell   *lc;

	for (; scope; scope = scope->up)
		foreach(lc, scope->rels)
		{
			SqlRel	   *rel = lfirst(lc);

			if (rel->alias == alias)
				return rel;
		}
	return NULL;
}

static void
whole_row(const SqlRel *rel, SqlDeps *out)
{
	if (out == NULL)
		return;
	for (int i = 0; i < rel->ncols; i++)
		sql_add_deps(out, &rel->cols[i].deps);
	sql_add_deps(out, &rel->any);
}

static void
unqualified(SqlScope *scope, const char *name, SqlDeps *out)
{
	SqlScope   *start = scope;
	SqlRel	   *row;

	for (; scope; scope = scope->up)
	{
		SqlRel	   *open = NULL;
		bool		listed = false;
		int			nopen = 0;
		ListCell   *lc;

		foreach(lc, scope->rels)
		{
			SqlRel	   *rel = lfirst(lc);

			if (sql_find_column(rel, name) != NULL)
			{
				sql_column_deps(rel, name, out);	/* twice after USING */
				listed = true;
			}
			else if (rel->open)
			{
				open = rel;
				nopen++;
			}
		}
		if (listed)
			return;
		if (nopen > 0 && find_rel(start, name) != NULL)
			break;				/* rather a whole row */
		if (nopen == 1)
			sql_column_deps(open, name, out);
		if (nopen > 0)
			return;
	}
	row = find_rel(start, name);
	if (row)
		whole_row(row, out);
}

static void
column_ref(Expression *e, ColumnRef *ref)
{
	int			n = list_length(ref->fields);
	Node	   *last = llast(ref->fields);
	SqlRel	   *rel;

	if (e->deps == NULL)
		return;
	if (n == 1)
	{
		if (IsA(last, String))
			unqualified(e->scope, sql_intern(e->text, strVal(last)), e->deps);
		return;
	}
	rel = find_rel(e->scope, sql_intern(e->text, strVal(list_nth(ref->fields, n - 2))));
	if (rel == NULL)
		return;
	if (IsA(last, A_Star))
		whole_row(rel, e->deps);
	else
		sql_column_deps(rel, sql_intern(e->text, strVal(last)), e->deps);
}

static bool
expression_walker(Node *node, void *context)
{
	Expression *e = context;

	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, ColumnRef))
	{
		column_ref(e, (ColumnRef *) node);
		return false;
	}
	if (IsA(node, SubLink))
	{
		SubLink    *link = (SubLink *) node;
		SqlRel	   *rel = sql_query(e->text, link->subselect, e->scope);

		sql_add_names(e->tables, &rel->tables);
		if (link->subLinkType != EXISTS_SUBLINK)
			whole_row(rel, e->deps);
		return expression_walker(link->testexpr, context);
	}
	if (IsA(node, SelectStmt))
	{
		/* a query in a place where walkers know of none, such as JSON_ARRAY() */
		SqlRel	   *rel = sql_query(e->text, node, e->scope);

		sql_add_names(e->tables, &rel->tables);
		whole_row(rel, e->deps);
		return false;
	}
	return raw_expression_tree_walker(node, expression_walker, context);
}

/* Adds the columns that an expression is computed from, and the tables it reads. */
void
sql_expression(SqlText *t, Node *expr, SqlScope *scope, SqlDeps *deps, SqlNames *tables)
{
	Expression	e = {t, scope, deps, tables};

	expression_walker(expr, &e);
}

static void
list_reads(SqlText *t, List *list, SqlScope *scope, SqlNames *tables)
{
	sql_expression(t, (Node *) list, scope, NULL, tables);
}

/* ---- FROM --------------------------------------------------------------------------------- */

static SqlRel *cte_rel(SqlText *t, SqlCte *c);

/* The same columns under another name. */
static SqlRel *
aliased(SqlText *t, const SqlRel *rel, const char *alias, List *colnames)
{
	SqlRel	   *out = sql_new_rel(alias);

	sql_add_all_columns(out, rel);
	sql_add_names(&out->tables, &rel->tables);
	sql_rename_columns(t, out, colnames);
	return out;
}

static SqlRel *
range_var(SqlText *t, RangeVar *rv, SqlScope *scope)
{
	const char *alias = sql_intern(t, rv->alias ? rv->alias->aliasname : rv->relname);
	List	   *colnames = rv->alias ? rv->alias->colnames : NIL;
	SqlCte	   *temp;
	SqlRel	   *rel;

	if (rv->schemaname == NULL)
		for (SqlScope *s = scope; s; s = s->up)
			for (SqlCte *c = s->ctes; c; c = c->next)
				if (strcmp(c->name, rv->relname) == 0)
					return aliased(t, cte_rel(t, c), alias, colnames);
	temp = sql_find_temp(t, rv);
	if (temp)
		return aliased(t, temp->rel, alias, colnames);
	rel = sql_rel_of_table(t, rv);
	sql_rename_columns(t, rel, colnames);
	return rel;
}

/* What a function, XMLTABLE or JSON_TABLE returns comes from its arguments. */
static SqlRel *
computed(SqlText *t, Node *args, Alias *alias, const char *name, List *columns,
		 SqlScope *scope, SqlNames *tables)
{
	SqlRel	   *rel = sql_new_rel(sql_intern(t, alias ? alias->aliasname : name));
	ListCell   *lc;

	rel->open = true;
	sql_expression(t, args, scope, &rel->any, tables);
	foreach(lc, columns)
	{
		Node	   *c = lfirst(lc);

		if (IsA(c, ColumnDef))
			sql_add_deps(&sql_add_column(rel, sql_intern(t, ((ColumnDef *) c)->colname))->deps, &rel->any);
		else if (IsA(c, RangeTableFuncCol))
			sql_add_deps(&sql_add_column(rel, sql_intern(t, ((RangeTableFuncCol *) c)->colname))->deps, &rel->any);
	}
	if (alias && alias->colnames)
		sql_rename_columns(t, rel, alias->colnames);
	else if (columns == NIL && rel->alias)
		sql_add_deps(&sql_add_column(rel, rel->alias)->deps, &rel->any);
	return rel;
}

static SqlRel *
join(SqlText *t, JoinExpr *j, SqlScope *scope, SqlNames *tables)
{
	SqlRel	   *left = sql_from_item(t, j->larg, scope, tables);
	SqlRel	   *right = sql_from_item(t, j->rarg, scope, tables);
	SqlRel	   *out = sql_new_rel(NULL);
	ListCell   *lc;

	sql_expression(t, j->quals, scope, NULL, tables);

	/* Columns of USING come first, once. */
	foreach(lc, j->usingClause)
	{
		const char *name = sql_intern(t, strVal(lfirst(lc)));
		SqlColumn  *c = sql_add_column(out, name);

		sql_column_deps(left, name, &c->deps);
		sql_column_deps(right, name, &c->deps);
	}
	if (j->isNatural)
		for (int i = 0; i < left->ncols; i++)
			if (sql_find_column(right, left->cols[i].name))
			{
				SqlColumn  *c = sql_add_column(out, left->cols[i].name);

				sql_add_deps(&c->deps, &left->cols[i].deps);
				sql_column_deps(right, c->name, &c->deps);
			}
	for (int side = 0; side < 2; side++)
	{
		SqlRel	   *rel = side == 0 ? left : right;
		int			merged = list_length(j->usingClause) + (j->isNatural ? out->ncols : 0);

		if (side == 1 && j->isNatural)
			merged = 0;
		for (int i = 0; i < rel->ncols; i++)
		{
			const char *name = rel->cols[i].name;
			bool		shared = j->isNatural ? sql_find_column(side == 0 ? right : left, name) != NULL : false;

			for (int k = 0; !j->isNatural && k < merged; k++)
				shared |= out->cols[k].name == name;
			if (!shared)
				sql_add_deps(&sql_add_column(out, name)->deps, &rel->cols[i].deps);
		}
		out->open |= rel->open;
		sql_add_names(&out->through, &rel->through);
		sql_add_deps(&out->any, &rel->any);
	}
	if (j->alias)
	{
		out->alias = sql_intern(t, j->alias->aliasname);
		sql_rename_columns(t, out, j->alias->colnames);
		scope->rels = lappend(scope->rels, out);
	}
	return out;
}

/* Puts what an item of FROM provides within reach; returns what * makes of it. */
SqlRel *
sql_from_item(SqlText *t, Node *item, SqlScope *scope, SqlNames *tables)
{
	SqlRel	   *rel;

	check_stack_depth();
	switch (nodeTag(item))
	{
		case T_RangeVar:
			rel = range_var(t, (RangeVar *) item, scope);
			break;
		case T_RangeSubselect:
			{
				RangeSubselect *s = (RangeSubselect *) item;
				SqlScope   *up = scope;

				/* Without LATERAL it sees no neighbours, but WITH and what is outside. */
				if (!s->lateral)
				{
					up = sql_new_scope(scope->up);
					up->ctes = scope->ctes;
				}
				rel = aliased(t, sql_query(t, s->subquery, up),
							  s->alias ? sql_intern(t, s->alias->aliasname) : NULL,
							  s->alias ? s->alias->colnames : NIL);
				break;
			}
		case T_RangeFunction:
			{
				RangeFunction *f = (RangeFunction *) item;
				Node	   *call = linitial(linitial(f->functions));

				rel = computed(t, (Node *) f->functions, f->alias, FigureColname(call),
							   f->coldeflist, scope, tables);
				break;
			}
		case T_RangeTableFunc:
			{
				RangeTableFunc *f = (RangeTableFunc *) item;

				rel = computed(t, f->docexpr, f->alias, "xmltable", f->columns, scope, tables);
				break;
			}
#if PG_VERSION_NUM >= 170000
		case T_JsonTable:
			{
				JsonTable  *f = (JsonTable *) item;

				rel = computed(t, (Node *) f->context_item, f->alias, "json_table", NIL, scope, tables);
				break;
			}
#endif
		case T_RangeTableSample:
			return sql_from_item(t, ((RangeTableSample *) item)->relation, scope, tables);
		case T_JoinExpr:
			return join(t, (JoinExpr *) item, scope, tables);
		default:
			elog(ERROR, "unrecognized FROM item of an SQL text: %d", (int) nodeTag(item));
	}
	sql_add_names(tables, &rel->tables);
	scope->rels = lappend(scope->rels, rel);
	return rel;
}

/* ---- WITH ---------------------------------------------------------------------------------- */

/* Replaces what comes from the query itself by what that comes from. */
static void
close_recursion(SqlRel *rel, const char *self)
{
	bool		changed = true;

	while (changed)
	{
		changed = false;
		for (int i = 0; i < rel->ncols; i++)
			for (int d = 0; d < rel->cols[i].deps.n; d++)
			{
				SqlDep		dep = rel->cols[i].deps.v[d];
				SqlColumn  *from = dep.table == self ? sql_find_column(rel, dep.column) : NULL;
				int			before = rel->cols[i].deps.n;

				if (from != NULL)
					sql_add_deps(&rel->cols[i].deps, &from->deps);
				changed |= rel->cols[i].deps.n > before;
			}
	}
	for (int i = 0; i < rel->ncols; i++)
	{
		SqlDeps    *deps = &rel->cols[i].deps;
		int			kept = 0;

		for (int d = 0; d < deps->n; d++)
			if (deps->v[d].table != self)
				deps->v[kept++] = deps->v[d];
		deps->n = kept;
	}
}

/* The columns of a query to itself. */
static SqlRel *
itself(SqlText *t, SqlCte *c, const SqlRel *first)
{
	SqlRel	   *rel = aliased(t, first, NULL, c->colnames);

	for (int i = 0; i < rel->ncols; i++)
	{
		rel->cols[i].deps = (SqlDeps) {0};
		sql_add_dep(&rel->cols[i].deps, c->self, rel->cols[i].name);
	}
	rel->tables = (SqlNames) {0};
	return rel;
}

static SqlRel *select_query(SqlText *t, SelectStmt *s, SqlScope *up, SqlCte *recursive);

static SqlRel *
cte_rel(SqlText *t, SqlCte *c)
{
	Node	   *query = c->query;
	SqlRel	   *rel;

	if (query == NULL)
		return c->rel ? c->rel : (c->rel = sql_new_rel(NULL));
	c->query = NULL;			/* from here on it is asked by itself */
	c->self = pstrdup(c->name);
	if (IsA(query, SelectStmt))
		rel = select_query(t, (SelectStmt *) query, c->scope, c);
	else
		rel = sql_statement(t, query, c->scope, false);
	rel = aliased(t, rel, NULL, c->colnames);
	close_recursion(rel, c->self);
	return c->rel = rel;
}

void
sql_with(SqlText *t, WithClause *with, SqlScope *scope)
{
	ListCell   *lc;

	if (with == NULL)
		return;
	foreach(lc, with->ctes)
	{
		CommonTableExpr *cte = lfirst(lc);
		SqlCte	   *c = palloc0(sizeof(SqlCte));

		c->name = sql_intern(t, cte->ctename);
		c->query = cte->ctequery;
		c->colnames = cte->aliascolnames;
		c->scope = scope;
		c->next = scope->ctes;
		if (with->recursive)
			scope->ctes = c;
		else
		{
			c->scope = sql_new_scope(scope->up);
			c->scope->ctes = scope->ctes;
			cte_rel(t, c);
			scope->ctes = c;
		}
	}
	/* With RECURSIVE they may name later ones. All are looked at, as some write. */
	if (with->recursive)
		for (SqlCte *c = scope->ctes; c; c = c->next)
			cte_rel(t, c);
}

/* ---- queries --------------------------------------------------------------------------------- */

/* Output columns; `from` are the relations that * stands for. */
SqlRel *
sql_targets(SqlText *t, List *targets, SqlScope *scope, List *from, SqlNames *tables)
{
	SqlRel	   *out = sql_new_rel(NULL);
	ListCell   *lc;

	foreach(lc, targets)
	{
		ResTarget  *target = lfirst(lc);
		ColumnRef  *ref = IsA(target->val, ColumnRef) ? (ColumnRef *) target->val : NULL;

		if (ref && IsA(llast(ref->fields), A_Star))
		{
			int			n = list_length(ref->fields);

			if (n == 1)
			{
				ListCell   *f;

				foreach(f, from)
					sql_add_all_columns(out, lfirst(f));
			}
			else
			{
				SqlRel	   *rel = find_rel(scope, sql_intern(t, strVal(list_nth(ref->fields, n - 2))));

				if (rel)
					sql_add_all_columns(out, rel);
				else
					out->open = true;
			}
		}
		else
		{
			const char *name = sql_intern(t, target->name ? target->name : FigureColname(target->val));
			SqlDeps		deps = {0};

			sql_expression(t, target->val, scope, &deps, tables);
			sql_add_column(out, name)->deps = deps;
		}
	}
	return out;
}

static SqlRel *
values_lists(SqlText *t, List *lists, SqlScope *scope, SqlNames *tables)
{
	SqlRel	   *out = sql_new_rel(NULL);
	ListCell   *row;

	foreach(row, lists)
	{
		ListCell   *value;
		int			i = 0;

		foreach(value, (List *) lfirst(row))
		{
			SqlDeps		deps = {0};

			if (i >= out->ncols)
				sql_add_column(out, sql_intern(t, psprintf("column%d", i + 1)));
			sql_expression(t, lfirst(value), scope, &deps, tables);
			sql_add_deps(&out->cols[i].deps, &deps);
			i++;
		}
	}
	return out;
}

/* By place, as far as places are known. */
static SqlRel *
set_operation(SqlRel *left, const SqlRel *right)
{
	if (left->open || right->open || left->ncols != right->ncols)
	{
		left->open |= right->open;
		sql_add_names(&left->through, &right->through);
		sql_add_deps(&left->any, &right->any);
		for (int i = 0; i < right->ncols; i++)
		{
			SqlColumn  *c = sql_find_column(left, right->cols[i].name);

			if (c)
				sql_add_deps(&c->deps, &right->cols[i].deps);
		}
	}
	else
		for (int i = 0; i < left->ncols; i++)
			sql_add_deps(&left->cols[i].deps, &right->cols[i].deps);
	sql_add_names(&left->tables, &right->tables);
	return left;
}

static SqlRel *
select_query(SqlText *t, SelectStmt *s, SqlScope *up, SqlCte *recursive)
{
	SqlScope   *scope = sql_new_scope(up);
	SqlNames	tables = {0};
	List	   *from = NIL;
	SqlRel	   *out;
	ListCell   *lc;

	check_stack_depth();
	sql_with(t, s->withClause, scope);
	if (s->op != SETOP_NONE)
	{
		out = select_query(t, s->larg, scope, NULL);
		if (recursive)
			recursive->rel = itself(t, recursive, out);
		if (s->op == SETOP_EXCEPT)
			sql_add_names(&out->tables, &select_query(t, s->rarg, scope, NULL)->tables);
		else
			out = set_operation(out, select_query(t, s->rarg, scope, NULL));
	}
	else if (s->valuesLists)
		out = values_lists(t, s->valuesLists, scope, &tables);
	else
	{
		foreach(lc, s->fromClause)
			from = lappend(from, sql_from_item(t, lfirst(lc), scope, &tables));
		out = sql_targets(t, s->targetList, scope, from, &tables);
		list_reads(t, s->distinctClause, scope, &tables);
		sql_expression(t, s->whereClause, scope, NULL, &tables);
		list_reads(t, s->groupClause, scope, &tables);
		sql_expression(t, s->havingClause, scope, NULL, &tables);
		list_reads(t, s->windowClause, scope, &tables);
	}
	list_reads(t, s->sortClause, scope, &tables);
	sql_expression(t, s->limitOffset, scope, NULL, &tables);
	sql_expression(t, s->limitCount, scope, NULL, &tables);
	sql_add_names(&out->tables, &tables);
	return out;
}

SqlRel *
sql_query(SqlText *t, Node *query, SqlScope *up)
{
	if (IsA(query, SelectStmt))
		return select_query(t, (SelectStmt *) query, up, NULL);
	return sql_statement(t, query, up, false);
}
