/*
 * capture.c
 *		Lineage from what sessions do, while tracer.capture_lineage is on.
 *
 * When a statement that writes a table from others has come to its end, one row
 * for each (target, source) goes to tracer.lineage_captured, in the statement's
 * own transaction: what rolls back was no lineage. tracer.take_captured() makes
 * edges of them later.
 *
 * The statement is never in danger from it. Which tables it named is read from
 * the finished plan: those for which it needed privileges of its own, so that a
 * view counts and the tables under it do not. A backend that has recorded a pair
 * does not record it again for half a day, so that a busy statement costs a look
 * at its plan and a hash lookup. The rare row is written by one insertion into a
 * table without key, index or trigger, under a lock that is taken only if it is
 * free and is given back at once, within a subtransaction: whatever goes wrong
 * is logged and forgotten.
 *
 * For CREATE TABLE AS the target's name is known to the utility command, its
 * sources to the query within; a stack of frames brings them together.
 */
#include "compat.h"

#include "access/parallel.h"
#include "access/relation.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/plannodes.h"
#include "parser/parsetree.h"
#include "storage/lmgr.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "database/capture.h"
#include "guc.h"
#include "lineage/scan.h"

/* How long a backend takes a pair for recorded. */
#define REMEMBER_US (12 * USECS_PER_HOUR)

/* A backend that has seen more pairs than this begins to forget. */
#define MAX_REMEMBERED 10000

typedef struct Pair
{
	Oid			target;
	Oid			source;			/* invalid: a materialized view was refreshed */
} Pair;

typedef struct Remembered
{
	Pair		pair;
	TimestampTz at;
} Remembered;

/* A CREATE TABLE AS under way. */
typedef struct Frame
{
	List	   *sources;		/* of Oid */
	struct Frame *outer;
} Frame;

static ExecutorEnd_hook_type next_executor_end = NULL;
static ProcessUtility_hook_type next_process_utility = NULL;
static HTAB *remembered = NULL;
static bool in_doubt = false;	/* some of it is of a transaction still open */
static bool callbacks = false;
static Frame *frame = NULL;
static bool busy = false;

/* ---- what was recorded --------------------------------------------------------------------- */

static void
forget(void)
{
	if (remembered)
		hash_destroy(remembered);
	remembered = NULL;
	in_doubt = false;
}

static void
xact_ended(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_ABORT && in_doubt)
		forget();
	else if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE)
		in_doubt = false;
}

static void
subxact_ended(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB && in_doubt)
		forget();
}

static Remembered *
lookup(Pair pair, bool enter)
{
	if (remembered && hash_get_num_entries(remembered) > MAX_REMEMBERED)
		forget();
	if (remembered == NULL)
	{
		HASHCTL		ctl = {.keysize = sizeof(Pair), .entrysize = sizeof(Remembered), .hcxt = TopMemoryContext};

		if (!enter)
			return NULL;
		remembered = hash_create("tracer captured lineage", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	return hash_search(remembered, &pair, enter ? HASH_ENTER : HASH_FIND, NULL);
}

/* ---- writing a row --------------------------------------------------------------------------- */

/* schema.table of a table that can be an asset, or NULL. */
static char *
asset_name(Oid relid)
{
	Oid			nsp = get_rel_namespace(relid);
	char		kind = get_rel_relkind(relid);
	char	   *schema = OidIsValid(nsp) ? get_namespace_name(nsp) : NULL;
	char	   *table = get_rel_name(relid);

	if (schema == NULL || table == NULL || isAnyTempNamespace(nsp) ||
		nsp == PG_CATALOG_NAMESPACE || nsp == PG_TOAST_NAMESPACE ||
		strcmp(schema, "information_schema") == 0 || strcmp(schema, "tracer") == 0)
		return NULL;
	if (kind != RELKIND_RELATION && kind != RELKIND_VIEW && kind != RELKIND_MATVIEW &&
		kind != RELKIND_FOREIGN_TABLE && kind != RELKIND_PARTITIONED_TABLE)
		return NULL;
	return psprintf("%s.%s", schema, table);
}

/* Whoever made this table, only rows that fit it are written. */
static bool
fits(TupleDesc desc)
{
	return desc->natts == 3 && TupleDescAttr(desc, 0)->atttypid == TEXTOID &&
		TupleDescAttr(desc, 1)->atttypid == TEXTOID &&
		TupleDescAttr(desc, 2)->atttypid == TIMESTAMPTZOID;
}

/* False: not now. */
static bool
write_row(Pair pair)
{
	Oid			relid = tracer_relid("lineage_captured", true);
	char	   *target = asset_name(pair.target);
	char	   *source = OidIsValid(pair.source) ? asset_name(pair.source) : NULL;
	bool		written = false;
	Relation	rel;

	if (!OidIsValid(relid))
		return false;
	if (target == NULL || (OidIsValid(pair.source) && source == NULL))
		return true;			/* nothing to write, ever */
	if (!ConditionalLockRelationOid(relid, RowExclusiveLock))
		return false;
	rel = try_relation_open(relid, NoLock);
	if (rel == NULL)
	{
		UnlockRelationOid(relid, RowExclusiveLock);
		return false;
	}
	if (rel->rd_rel->relkind == RELKIND_RELATION && fits(RelationGetDescr(rel)))
	{
		TupleTableSlot *slot = table_slot_create(rel, NULL);

		ExecClearTuple(slot);
		slot->tts_values[0] = CStringGetTextDatum(target);
		slot->tts_values[1] = source ? CStringGetTextDatum(source) : (Datum) 0;
		slot->tts_values[2] = TimestampTzGetDatum(GetCurrentStatementStartTimestamp());
		slot->tts_isnull[0] = slot->tts_isnull[2] = false;
		slot->tts_isnull[1] = source == NULL;
		ExecStoreVirtualTuple(slot);
		simple_table_tuple_insert(rel, slot);
		ExecDropSingleTupleTableSlot(slot);
		written = true;
	}
	relation_close(rel, RowExclusiveLock);
	return written;
}

static void
remember(Pair pair)
{
	if (!callbacks)
	{
		RegisterXactCallback(xact_ended, NULL);
		RegisterSubXactCallback(subxact_ended, NULL);
		callbacks = true;
	}
	lookup(pair, true)->at = GetCurrentStatementStartTimestamp();
	in_doubt = true;
}

/* Records a pair unless that was done lately; nothing that happens here gets out. */
static void
record(Oid target, Oid source)
{
	Pair		pair = {target, source};
	Remembered *known = lookup(pair, false);
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	if (target == source ||
		(known && GetCurrentStatementStartTimestamp() - known->at < REMEMBER_US))
		return;
	if (IsInParallelMode() || RecoveryInProgress() || XactReadOnly)
		return;

	busy = true;
	BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		bool		done;

		MemoryContextSwitchTo(context);
		done = write_row(pair);
		ReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
		if (done)
			remember(pair);
	}
	PG_CATCH();
	{
		ErrorData  *e;

		MemoryContextSwitchTo(context);
		e = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
		busy = false;
		if (e->sqlerrcode == ERRCODE_QUERY_CANCELED || e->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN)
			ReThrowError(e);	/* that was meant for the statement */
		ereport(LOG_SERVER_ONLY,
				(errcode(e->sqlerrcode),
				 errmsg("could not record captured lineage: %s", e->message)));
		FreeErrorData(e);
	}
	PG_END_TRY();
	busy = false;
}

/* ---- what a plan names ------------------------------------------------------------------------- */

#if PG_VERSION_NUM >= 160000
#define NAMED_LIST(plan) ((plan)->permInfos)
typedef RTEPermissionInfo NamedItem;
#define IS_NAMED(item) (!OidIsValid((item)->checkAsUser))
#else
#define NAMED_LIST(plan) ((plan)->rtable)
typedef RangeTblEntry NamedItem;
#define IS_NAMED(item) ((item)->rtekind == RTE_RELATION && !OidIsValid((item)->checkAsUser))
#endif

static bool
is_result(PlannedStmt *plan, Oid relid)
{
	ListCell   *lc;

	foreach(lc, plan->resultRelations)
		if (rt_fetch(lfirst_int(lc), plan->rtable)->relid == relid)
			return true;
	return false;
}

/* The tables that a statement reads by name, those that it writes apart. */
static List *
sources_of(PlannedStmt *plan, Oid *target, int *ntargets)
{
	List	   *sources = NIL;
	ListCell   *lc;

	*ntargets = 0;
	foreach(lc, NAMED_LIST(plan))
	{
		NamedItem  *item = lfirst(lc);

		if (!IS_NAMED(item) || !OidIsValid(item->relid))
			continue;
		if ((item->requiredPerms & (ACL_INSERT | ACL_UPDATE | ACL_DELETE)) != 0 &&
			is_result(plan, item->relid))
		{
			*target = item->relid;
			(*ntargets)++;
		}
		else if (item->requiredPerms & ACL_SELECT)
			sources = list_append_unique_oid(sources, item->relid);
	}
	return sources;
}

static bool
enabled(void)
{
	return tracer_capture_lineage && !busy && !IsParallelWorker() && IsTransactionState();
}

static void
note_statement(QueryDesc *q)
{
	PlannedStmt *plan = q->plannedstmt;
	List	   *sources;
	Oid			target = InvalidOid;
	int			ntargets;
	MemoryContext context;
	ListCell   *lc;

	if (q->operation == CMD_SELECT)
	{
		if (frame == NULL || q->dest == NULL || q->dest->mydest != DestIntoRel)
			return;
		sources = sources_of(plan, &target, &ntargets);
		/* what the frame lives in outlives the query */
		context = MemoryContextSwitchTo(GetMemoryChunkContext(frame));
		frame->sources = list_concat_unique_oid(frame->sources, sources);
		MemoryContextSwitchTo(context);
		return;
	}
	if (q->operation != CMD_INSERT && q->operation != CMD_UPDATE && q->operation != CMD_MERGE)
		return;
	if (list_length(NAMED_LIST(plan)) < 2)
		return;
	sources = sources_of(plan, &target, &ntargets);
	/* with several targets nobody can tell which was written from what */
	if (ntargets != 1)
		return;
	foreach(lc, sources)
		record(target, lfirst_oid(lc));
}

static void
executor_end(QueryDesc *q)
{
	bool		wanted = enabled() && q->estate && !(q->estate->es_top_eflags & EXEC_FLAG_EXPLAIN_ONLY);

	if (next_executor_end)
		next_executor_end(q);
	else
		standard_ExecutorEnd(q);
	if (wanted)
		note_statement(q);
}

/* ---- CREATE TABLE AS, REFRESH ---------------------------------------------------------------- */

static void
process(PlannedStmt *pstmt, const char *sql, bool read_only_tree, ProcessUtilityContext context,
		ParamListInfo params, QueryEnvironment *env, DestReceiver *dest, QueryCompletion *qc)
{
	if (next_process_utility)
		next_process_utility(pstmt, sql, read_only_tree, context, params, env, dest, qc);
	else
		standard_ProcessUtility(pstmt, sql, read_only_tree, context, params, env, dest, qc);
}

static void
process_utility(PlannedStmt *pstmt, const char *sql, bool read_only_tree, ProcessUtilityContext context,
				ParamListInfo params, QueryEnvironment *env, DestReceiver *dest, QueryCompletion *qc)
{
	Node	   *stmt = pstmt->utilityStmt;
	Frame	   *mine;
	RangeVar   *rel;
	bool		matview;
	Oid			target;

	if (!enabled() || !(IsA(stmt, CreateTableAsStmt) || IsA(stmt, RefreshMatViewStmt)))
	{
		process(pstmt, sql, read_only_tree, context, params, env, dest, qc);
		return;
	}
	matview = IsA(stmt, RefreshMatViewStmt) || ((CreateTableAsStmt *) stmt)->objtype == OBJECT_MATVIEW;
	rel = copyObject(IsA(stmt, RefreshMatViewStmt) ? ((RefreshMatViewStmt *) stmt)->relation
					 : ((CreateTableAsStmt *) stmt)->into->rel);
	mine = palloc0(sizeof(Frame));
	mine->outer = frame;
	frame = mine;
	PG_TRY();
	{
		process(pstmt, sql, read_only_tree, context, params, env, dest, qc);
	}
	PG_FINALLY();
	{
		frame = mine->outer;
	}
	PG_END_TRY();

	if (!matview && mine->sources == NIL)
		return;
	target = RangeVarGetRelid(rel, NoLock, true);
	if (!OidIsValid(target))
		return;
	if (matview)
		record(target, InvalidOid);
	else
	{
		ListCell   *lc;

		foreach(lc, mine->sources)
			record(target, lfirst_oid(lc));
	}
}

void
tracer_capture_init(void)
{
	next_executor_end = ExecutorEnd_hook;
	ExecutorEnd_hook = executor_end;
	next_process_utility = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
}
