/*
 * rows.c
 *		New rows into tracer's own tables without a query.
 *
 * A pass over one alert writes a row or two into each of half a dozen tables. As
 * INSERT, each would cost ten times what the row does, for a plan to be checked,
 * started and ended. This inserts as COPY does: the executor's own steps for one
 * row (triggers, defaults, constraints, heap, indexes) and nothing around them.
 * What is hung on a table works as with INSERT; what a statement would ask for
 * itself, permission, is the caller's to have.
 *
 * Columns that are not given take their defaults. Rows are visible to what runs
 * after the call, as those of a statement are.
 */
#include "compat.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "executor/nodeModifyTable.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "parser/parse_relation.h"
#include "rewrite/rewriteHandler.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "table/rows.h"

typedef struct Target
{
	Relation	rel;
	EState	   *estate;
	ResultRelInfo *info;
	TransitionCaptureState *capture;	/* for triggers that look at all rows */
	TupleTableSlot *slot;
	int		   *attribute;		/* of each given column, from 0 */
	int		   *defaulted;		/* attributes that are not given and have a default */
	ExprState **defaults;
	int			ndefaults;
} Target;

/* Which attributes are given, and what the others are by default. */
static void
map_columns(Target *t, const RowsColumn *columns, int ncolumns)
{
	TupleDesc	desc = RelationGetDescr(t->rel);
	bool	   *given = palloc0(sizeof(bool) * desc->natts);

	t->attribute = palloc(sizeof(int) * ncolumns);
	t->defaulted = palloc(sizeof(int) * desc->natts);
	t->defaults = palloc(sizeof(ExprState *) * desc->natts);
	for (int i = 0; i < ncolumns; i++)
	{
		/* mostly in the table's own order */
		int			a = i;

		if (a >= desc->natts || strcmp(NameStr(TupleDescAttr(desc, a)->attname), columns[i].name) != 0)
			for (a = 0; a < desc->natts; a++)
				if (strcmp(NameStr(TupleDescAttr(desc, a)->attname), columns[i].name) == 0)
					break;
		if (a == desc->natts || TupleDescAttr(desc, a)->attisdropped)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("column \"%s\" of table \"tracer.%s\" does not exist", columns[i].name,
							RelationGetRelationName(t->rel)),
					 errhint("The extension's tables were changed by hand.")));
		t->attribute[i] = a;
		given[a] = true;
	}
	for (int a = 0; a < desc->natts; a++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, a);
		Node	   *expression;

		if (given[a] || attribute->attisdropped || attribute->attgenerated)
			continue;
		expression = build_column_default(t->rel, a + 1);
		if (expression == NULL)
			continue;
		t->defaulted[t->ndefaults] = a;
		t->defaults[t->ndefaults++] = ExecInitExpr(expression_planner((Expr *) expression), NULL);
	}
	pfree(given);
}

static void
begin_insert(Target *t, const char *table, const RowsColumn *columns, int ncolumns)
{
	RangeTblEntry *rte = makeNode(RangeTblEntry);
	MemoryContext old;

	memset(t, 0, sizeof(Target));
	t->rel = table_open(get_relname_relid(table, get_namespace_oid("tracer", false)), RowExclusiveLock);
	t->estate = CreateExecutorState();
	old = MemoryContextSwitchTo(t->estate->es_query_cxt);
	rte->rtekind = RTE_RELATION;
	rte->relid = RelationGetRelid(t->rel);
	rte->relkind = t->rel->rd_rel->relkind;
	rte->rellockmode = RowExclusiveLock;
	init_range_table(t->estate, rte, &(List *) {NIL});
	t->info = makeNode(ResultRelInfo);
	ExecInitResultRelation(t->estate, t->info, 1);
	ExecOpenIndices(t->info, false);
	t->estate->es_output_cid = GetCurrentCommandId(true);
	t->slot = table_slot_create(t->rel, &t->estate->es_tupleTable);
	map_columns(t, columns, ncolumns);
	AfterTriggerBeginQuery();
	t->capture = MakeTransitionCaptureState(t->rel->trigdesc, RelationGetRelid(t->rel), CMD_INSERT);
	ExecBSInsertTriggers(t->estate, t->info);
	MemoryContextSwitchTo(old);
}

/* The row whose given columns are in the slot. */
static void
insert_row(Target *t)
{
	TupleConstr *constr = t->rel->rd_att->constr;
	TriggerDesc *triggers = t->rel->trigdesc;
	List	   *recheck = NIL;

	for (int i = 0; i < t->ndefaults; i++)
		t->slot->tts_values[t->defaulted[i]] =
			ExecEvalExprSwitchContext(t->defaults[i], GetPerTupleExprContext(t->estate),
									  &t->slot->tts_isnull[t->defaulted[i]]);
	ExecStoreVirtualTuple(t->slot);
	t->slot->tts_tableOid = RelationGetRelid(t->rel);
	if (triggers && triggers->trig_insert_before_row &&
		!ExecBRInsertTriggers(t->estate, t->info, t->slot))
		return;
	if (constr)
	{
		if (constr->has_generated_stored)
			ExecComputeStoredGenerated(t->info, t->estate, t->slot, CMD_INSERT);
		ExecConstraints(t->info, t->slot, t->estate);
	}
	table_tuple_insert(t->rel, t->slot, t->estate->es_output_cid, 0, NULL);
	if (t->info->ri_NumIndices > 0)
		recheck = insert_index_tuples(t->info, t->slot, t->estate);
	ExecARInsertTriggers(t->estate, t->info, t->slot, recheck, t->capture);
	list_free(recheck);
}

static void
end_insert(Target *t)
{
	ExecASInsertTriggers(t->estate, t->info, t->capture);
	AfterTriggerEndQuery(t->estate);
	ExecResetTupleTable(t->estate->es_tupleTable, false);
	ExecCloseResultRelations(t->estate);
	ExecCloseRangeTableRelations(t->estate);
	FreeExecutorState(t->estate);
	table_close(t->rel, NoLock);
	CommandCounterIncrement();
}

/*
 * Inserts nrows rows into a table of schema tracer. Needs an active snapshot, as
 * triggers and defaults may.
 */
void
rows_insert(const char *table, const RowsColumn *columns, int ncolumns, int64 nrows)
{
	Target		t;

	begin_insert(&t, table, columns, ncolumns);
	for (int64 i = 0; i < nrows; i++)
	{
		ExecClearTuple(t.slot);
		memset(t.slot->tts_isnull, true, sizeof(bool) * t.slot->tts_tupleDescriptor->natts);
		for (int c = 0; c < ncolumns; c++)
		{
			t.slot->tts_values[t.attribute[c]] = columns[c].values[i];
			t.slot->tts_isnull[t.attribute[c]] = columns[c].nulls && columns[c].nulls[i];
		}
		insert_row(&t);
		ResetPerTupleExprContext(t.estate);
		CHECK_FOR_INTERRUPTS();
	}
	end_insert(&t);
}
