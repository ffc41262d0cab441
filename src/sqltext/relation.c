/*
 * relation.c
 *		Columns, what they come from, and what the catalog knows of tables.
 */
#include "compat.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "sqltext/sqltext.h"

/* Three identifiers and the dots between them, and a terminator. */
#define NAME_ROOM (4 * NAMEDATALEN)

const char *
sql_intern(SqlText *t, const char *s)
{
	char		key[NAME_ROOM];

	if (s == NULL)
		return NULL;
	strlcpy(key, s, sizeof(key));
	return hash_search(t->strings, key, HASH_ENTER, NULL);
}

static void *
grown(void *v, int *room, int n, Size size)
{
	if (n < *room)
		return v;
	*room = Max(8, *room * 2);
	return v ? repalloc_huge(v, size * *room) : palloc(size * *room);
}

void
sql_add_name(SqlNames *names, const char *name)
{
	for (int i = 0; i < names->n; i++)
		if (names->v[i] == name)
			return;
	names->v = grown(names->v, &names->room, names->n, sizeof(char *));
	names->v[names->n++] = name;
}

void
sql_add_names(SqlNames *names, const SqlNames *more)
{
	for (int i = 0; i < more->n; i++)
		sql_add_name(names, more->v[i]);
}

void
sql_add_dep(SqlDeps *deps, const char *table, const char *column)
{
	if (deps == NULL)
		return;
	for (int i = 0; i < deps->n; i++)
		if (deps->v[i].table == table && deps->v[i].column == column)
			return;
	CHECK_FOR_INTERRUPTS();
	deps->v = grown(deps->v, &deps->room, deps->n, sizeof(SqlDep));
	deps->v[deps->n++] = (SqlDep) {table, column};
}

void
sql_add_deps(SqlDeps *deps, const SqlDeps *more)
{
	if (deps == more)
		return;
	for (int i = 0; i < more->n; i++)
		sql_add_dep(deps, more->v[i].table, more->v[i].column);
}

SqlRel *
sql_new_rel(const char *alias)
{
	SqlRel	   *rel = palloc0(sizeof(SqlRel));

	rel->alias = alias;
	return rel;
}

/* The limit is the server's own, and keeps nested stars from exploding. */
SqlColumn *
sql_add_column(SqlRel *rel, const char *name)
{
	if (rel->ncols >= MaxTupleAttributeNumber)
		ereport(ERROR,
				(errcode(ERRCODE_TOO_MANY_COLUMNS),
				 errmsg("a query in the SQL text has more than %d columns", MaxTupleAttributeNumber),
				 errhint("PostgreSQL could not run it either.")));
	rel->cols = grown(rel->cols, &rel->room, rel->ncols, sizeof(SqlColumn));
	rel->cols[rel->ncols] = (SqlColumn) {name};
	return &rel->cols[rel->ncols++];
}

SqlColumn *
sql_find_column(const SqlRel *rel, const char *name)
{
	for (int i = 0; i < rel->ncols; i++)
		if (rel->cols[i].name == name)
			return &rel->cols[i];
	return NULL;
}

/* What a star adds. */
void
sql_add_all_columns(SqlRel *rel, const SqlRel *from)
{
	for (int i = 0; i < from->ncols; i++)
		sql_add_deps(&sql_add_column(rel, from->cols[i].name)->deps, &from->cols[i].deps);
	rel->open |= from->open;
	sql_add_names(&rel->through, &from->through);
	sql_add_deps(&rel->any, &from->any);
}

/*
 * Gives the first columns these names: AS x (a, b). Where columns are missing
 * from the list, places say nothing, and the new names come from what is there
 * as a whole.
 */
void
sql_rename_columns(SqlText *t, SqlRel *rel, List *names)
{
	ListCell   *lc;
	int			i = 0;

	foreach(lc, names)
	{
		const char *name = sql_intern(t, strVal(lfirst(lc)));

		if (i < rel->ncols && !rel->open)
			rel->cols[i].name = name;
		else if (sql_find_column(rel, name) == NULL)
			sql_add_deps(&sql_add_column(rel, name)->deps, &rel->any);
		i++;
	}
}

/* Adds what a column comes from; false: the relation has no such column. */
bool
sql_column_deps(const SqlRel *rel, const char *name, SqlDeps *out)
{
	SqlColumn  *c = sql_find_column(rel, name);

	if (c != NULL)
	{
		if (out)
			sql_add_deps(out, &c->deps);
		return true;
	}
	if (!rel->open)
		return false;
	if (out)
		sql_add_deps(out, &rel->any);
	if (rel->through.n == 1 && rel->any.n == 0)
		sql_add_dep(out, rel->through.v[0], name);
	return true;
}

/* ---- tables ------------------------------------------------------------------------- */

static bool
is_system_schema(const char *schema)
{
	return schema && (strcmp(schema, "pg_catalog") == 0 || strcmp(schema, "information_schema") == 0 ||
					  strncmp(schema, "pg_toast", 8) == 0);
}

/* The schema of a table, as written or by default; NULL: none is known. */
static const char *
schema_of(SqlText *t, RangeVar *rv)
{
	if (rv->schemaname)
		return rv->schemaname;
	if (rv->catalogname == NULL && OidIsValid(get_relname_relid(rv->relname, PG_CATALOG_NAMESPACE)))
		return "pg_catalog";
	return t->default_schema;
}

/* [database.][schema.]table */
const char *
sql_table_name(SqlText *t, RangeVar *rv)
{
	const char *schema = schema_of(t, rv);

	return sql_intern(t, psprintf("%s%s%s%s%s",
								  rv->catalogname ? rv->catalogname : "", rv->catalogname ? "." : "",
								  schema ? schema : "", schema ? "." : "", rv->relname));
}

/* A temporary table that the text has made, or NULL. */
SqlCte *
sql_find_temp(SqlText *t, RangeVar *rv)
{
	if (rv->schemaname && strcmp(rv->schemaname, "pg_temp") != 0)
		return NULL;
	for (SqlCte *c = t->temps; c; c = c->next)
		if (strcmp(c->name, rv->relname) == 0)
			return c;
	return NULL;
}

static Oid
table_oid(SqlText *t, RangeVar *rv)
{
	const char *schema = schema_of(t, rv);
	Oid			nsp;
	Oid			relid;
	char		kind;

	if (rv->catalogname)
	{
		char	   *here = get_database_name(MyDatabaseId);

		if (here == NULL || strcmp(rv->catalogname, here) != 0)
			return InvalidOid;
	}
	if (schema == NULL)
		relid = RelnameGetRelid(rv->relname);
	else
	{
		nsp = get_namespace_oid(schema, true);
		relid = OidIsValid(nsp) ? get_relname_relid(rv->relname, nsp) : InvalidOid;
	}
	if (!OidIsValid(relid))
		return InvalidOid;
	kind = get_rel_relkind(relid);
	return kind == RELKIND_RELATION || kind == RELKIND_VIEW || kind == RELKIND_MATVIEW ||
		kind == RELKIND_FOREIGN_TABLE || kind == RELKIND_PARTITIONED_TABLE ? relid : InvalidOid;
}

/*
 * A table as a relation; its columns as the catalog has them, without a lock:
 * one that is being altered is read before or after. System tables can be
 * read but are no sources.
 */
SqlRel *
sql_rel_of_table(SqlText *t, RangeVar *rv)
{
	SqlRel	   *rel = sql_new_rel(sql_intern(t, rv->alias ? rv->alias->aliasname : rv->relname));
	const char *name = sql_table_name(t, rv);
	bool		system = is_system_schema(schema_of(t, rv));
	Oid			relid = table_oid(t, rv);
	HeapTuple	tuple = OidIsValid(relid) ? SearchSysCache1(RELOID, ObjectIdGetDatum(relid)) : NULL;

	if (!system)
		sql_add_name(&rel->tables, name);
	if (!HeapTupleIsValid(tuple))
	{
		rel->open = true;
		if (!system)
			sql_add_name(&rel->through, name);
		return rel;
	}
	for (int i = 1; i <= ((Form_pg_class) GETSTRUCT(tuple))->relnatts; i++)
	{
		HeapTuple	att = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid), Int16GetDatum(i));

		if (!HeapTupleIsValid(att))
			continue;
		if (!((Form_pg_attribute) GETSTRUCT(att))->attisdropped)
		{
			const char *column = sql_intern(t, NameStr(((Form_pg_attribute) GETSTRUCT(att))->attname));
			SqlColumn  *c = sql_add_column(rel, column);

			if (!system)
				sql_add_dep(&c->deps, name, column);
		}
		ReleaseSysCache(att);
	}
	ReleaseSysCache(tuple);
	return rel;
}
