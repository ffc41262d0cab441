/*
 * walk.c
 *		The walks as SQL functions: upstream, downstream, their counts, roots
 *		and paths.
 *
 * Each call decides where to walk. The cached graph, if this backend has one.
 * Otherwise the index, as far as a budget goes: a small question must not pay
 * for a build. A call that exceeds it has the graph built, and so do many
 * small ones together, once they have read as many rows as a build would cost
 * (rent until you have paid the price of buying). A graph larger than
 * tracer.graph_cache_size is never kept, and the index walked to the end. Where
 * row-level security applies to the user, a recursive query walks instead.
 *
 * Callers need SELECT on tracer.lineage and tracer.asset, whatever is cached.
 */
#include "compat.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/supportnodes.h"
#include "nodes/makefuncs.h"
#include "storage/bufmgr.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"

#include "lineage/cache.h"
#include "lineage/names.h"
#include "lineage/scan.h"
#include "lineage/subgraph.h"

/* Index rows that one call may read before the graph is built. */
#define CALL_BUDGET 8192

/* Building costs about as much per row as reading 1/20 of one by the index. */
#define BUILD_SHARE 20

/* Rows of tracer.lineage on a page, roughly. */
#define ROWS_PER_PAGE 90

typedef struct Walk
{
	bool		by_sql;			/* row-level security applies */
	Snapshot	snapshot;
	const Graph *g;
	int64		start_id;
	uint32		start;			/* GRAPH_NONE: no edges */
} Walk;

PG_FUNCTION_INFO_V1(tracer_upstream);
PG_FUNCTION_INFO_V1(tracer_downstream);
PG_FUNCTION_INFO_V1(tracer_upstream_count);
PG_FUNCTION_INFO_V1(tracer_downstream_count);
PG_FUNCTION_INFO_V1(tracer_upstream_roots);
PG_FUNCTION_INFO_V1(tracer_lineage_path);
PG_FUNCTION_INFO_V1(tracer_walk_support);
PG_FUNCTION_INFO_V1(tracer_lineage_cache);

/*
 * Privileges, names and snapshot.
 */

static const char *const tables_read[] = {"lineage", "asset", "asset_alias"};

static void
check_privileges(void)
{
	for (int i = 0; i < lengthof(tables_read); i++)
	{
		AclResult	r = pg_class_aclcheck(tracer_relid(tables_read[i], false),
										  GetUserId(), ACL_SELECT);

		if (r != ACLCHECK_OK)
			aclcheck_error(r, OBJECT_TABLE, tables_read[i]);
	}
}

static bool
row_security_applies(void)
{
	for (int i = 0; i < lengthof(tables_read); i++)
		if (check_enable_rls(tracer_relid(tables_read[i], false), InvalidOid,
							 false) == RLS_ENABLED)
			return true;
	return false;
}

static Walk
begin_walk(void)
{
	Walk		w = {0};

	check_privileges();
	w.by_sql = row_security_applies();
	w.snapshot = RegisterSnapshot(IsolationUsesXactSnapshot() ? GetTransactionSnapshot()
								  : IsInParallelMode() ? GetActiveSnapshot()
								  : GetLatestSnapshot());
	return w;
}

static void
end_walk(Walk *w)
{
	UnregisterSnapshot(w->snapshot);
}

/* Who may not read the rules does without them, and without folded spelling. */
static bool
may_derive(void)
{
	return pg_class_aclcheck(tracer_relid("alias_rule", false), GetUserId(),
							 ACL_SELECT) == ACLCHECK_OK;
}

static int64
resolve(const Walk *w, text *name)
{
	int64		id;

	if (!(w->by_sql ? asset_id_by_sql(name, &id) : asset_id_of(name, w->snapshot, &id)) &&
		!(may_derive() && asset_id_derived(name, &id)))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("asset \"%s\" does not exist", text_to_cstring(name)),
				 errhint("Declare it with INSERT INTO tracer.asset (name) or tracer.link(), "
						 "or give it as another name of an asset in tracer.asset_alias.")));
	return id;
}

/*
 * Where to walk.
 */

/* What reading by index may cost before building is the better bargain. */
static uint64
rent_limit(void)
{
	Relation	rel = table_open(tracer_relid("lineage", false), AccessShareLock);
	uint64		rows = (uint64) RelationGetNumberOfBlocks(rel) * ROWS_PER_PAGE;

	table_close(rel, AccessShareLock);
	return Max(CALL_BUDGET, rows / BUILD_SHARE);
}

static void
choose_graph(Walk *w, int64 start, WalkDirection dir, int32 max_depth)
{
	w->start_id = start;
	if (w->by_sql)
		w->g = subgraph_by_sql(start, dir);
	else
	{
		w->g = lineage_graph_if_cached();
		if (w->g == NULL && subgraph_rows_read < rent_limit())
			w->g = subgraph_by_index(start, dir, max_depth, CALL_BUDGET, w->snapshot);
		if (w->g == NULL && (w->g = lineage_graph_within_limit()) != NULL)
			subgraph_rows_read = 0;
		if (w->g == NULL)
			w->g = subgraph_by_index(start, dir, max_depth, PG_UINT64_MAX, w->snapshot);
	}
	w->start = graph_find(w->g, start);
}

/*
 * Results.
 */

static text **
names_of(const Walk *w, const int64 *ids, Size n)
{
	return w->by_sql ? asset_names_by_sql(ids, n)
		: asset_names(ids, n, w->snapshot);
}

/* Rows (asset, depth); assets that are gone by now are left out. */
static void
put_rows(FunctionCallInfo fcinfo, const Walk *w, const int64 *ids,
		 const int32 *depths, Size n)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	text	  **names = names_of(w, ids, n);

	for (Size i = 0; i < n; i++)
	{
		Datum		values[2];
		bool		nulls[2] = {false, false};

		if (i % 1024 == 0)
			CHECK_FOR_INTERRUPTS();
		if (names[i] == NULL)
			continue;
		values[0] = PointerGetDatum(names[i]);
		values[1] = Int32GetDatum(depths[i]);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
}

/* The argument max_depth; false where it leaves nothing to find. */
static bool
max_depth_arg(FunctionCallInfo fcinfo, int32 *max_depth)
{
	*max_depth = NO_MAX_DEPTH;
	if (PG_ARGISNULL(1))
		return true;
	*max_depth = PG_GETARG_INT32(1);
	if (*max_depth < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max_depth must not be negative: %d", *max_depth),
				 errhint("Give the greatest number of edges to walk, or NULL for no limit.")));
	return *max_depth > 0;
}

static void
closure(FunctionCallInfo fcinfo, WalkDirection dir)
{
	Walk		w;
	int32		max_depth;
	bool		any;
	int64		start;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0))
		return;
	any = max_depth_arg(fcinfo, &max_depth);
	w = begin_walk();
	start = resolve(&w, PG_GETARG_TEXT_PP(0));
	if (any)
		choose_graph(&w, start, dir, max_depth);
	if (any && w.start != GRAPH_NONE)
	{
		Reach		r = graph_reach(w.g, w.start, dir, max_depth, NO_MAX_NODES);
		int64	   *ids = pure_array(int64, r.n);
		int32	   *depths = pure_array(int32, r.n);

		for (uint32 k = 1; k < r.levels; k++)
			for (uint32 i = r.level[k]; i < r.level[k + 1]; i++)
			{
				ids[i - 1] = graph_asset(w.g, r.node[i]);
				depths[i - 1] = (int32) k;
			}
		put_rows(fcinfo, &w, ids, depths, r.n - 1);
	}
	end_walk(&w);
}

Datum
tracer_upstream(PG_FUNCTION_ARGS)
{
	closure(fcinfo, WALK_UP);
	return (Datum) 0;
}

Datum
tracer_downstream(PG_FUNCTION_ARGS)
{
	closure(fcinfo, WALK_DOWN);
	return (Datum) 0;
}

static Datum
closure_count(FunctionCallInfo fcinfo, WalkDirection dir)
{
	MemoryContext mine,
				old;
	Walk		w;
	int32		max_depth;
	bool		any;
	int64		start;
	int64		n = 0;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	any = max_depth_arg(fcinfo, &max_depth);

	/* May be called once per row of a query: leave nothing behind. */
	mine = AllocSetContextCreate(CurrentMemoryContext, "tracer walk",
								 ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(mine);
	w = begin_walk();
	start = resolve(&w, PG_GETARG_TEXT_PP(0));
	if (any)
		choose_graph(&w, start, dir, max_depth);
	if (any && w.start != GRAPH_NONE)
		n = (int64) graph_reach(w.g, w.start, dir, max_depth, NO_MAX_NODES).n - 1;
	end_walk(&w);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(mine);
	PG_RETURN_INT64(n);
}

Datum
tracer_upstream_count(PG_FUNCTION_ARGS)
{
	return closure_count(fcinfo, WALK_UP);
}

Datum
tracer_downstream_count(PG_FUNCTION_ARGS)
{
	return closure_count(fcinfo, WALK_DOWN);
}

Datum
tracer_upstream_roots(PG_FUNCTION_ARGS)
{
	Walk		w;
	int64		start;
	int64	   *ids;
	int32	   *depths;
	uint32		n = 1;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	w = begin_walk();
	start = resolve(&w, PG_GETARG_TEXT_PP(0));
	choose_graph(&w, start, WALK_UP, NO_MAX_DEPTH);
	if (w.start == GRAPH_NONE)
	{
		ids = pure_array(int64, 1);
		depths = pure_array0(int32, 1);
		ids[0] = start;
	}
	else
	{
		NodeDepth  *roots = graph_roots(w.g, w.start, &n);

		ids = pure_array(int64, n);
		depths = pure_array(int32, n);
		for (uint32 i = 0; i < n; i++)
		{
			ids[i] = graph_asset(w.g, roots[i].node);
			depths[i] = roots[i].depth;
		}
	}
	put_rows(fcinfo, &w, ids, depths, n);
	end_walk(&w);
	return (Datum) 0;
}

Datum
tracer_lineage_path(PG_FUNCTION_ARGS)
{
	Walk		w;
	int64		from,
				to;
	int64	   *ids = NULL;
	uint32		n = 0;
	Datum	   *elems;
	text	  **names;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	w = begin_walk();
	from = resolve(&w, PG_GETARG_TEXT_PP(0));
	to = resolve(&w, PG_GETARG_TEXT_PP(1));
	if (from == to)
	{
		ids = pure_array(int64, 1);
		ids[n++] = from;
	}
	else
	{
		uint32		target;

		choose_graph(&w, from, WALK_DOWN, NO_MAX_DEPTH);
		target = graph_find(w.g, to);
		if (w.start != GRAPH_NONE && target != GRAPH_NONE)
		{
			uint32	   *path = graph_path(w.g, w.start, target, &n);

			if (path != NULL)
			{
				ids = pure_array(int64, n);
				for (uint32 i = 0; i < n; i++)
					ids[i] = graph_asset(w.g, path[i]);
			}
		}
	}
	if (ids == NULL)
	{
		end_walk(&w);
		PG_RETURN_NULL();
	}
	names = names_of(&w, ids, n);
	elems = pure_array(Datum, n);
	for (uint32 i = 0; i < n; i++)
	{
		if (names[i] == NULL)	/* deleted this very moment */
		{
			end_walk(&w);
			PG_RETURN_NULL();
		}
		elems[i] = PointerGetDatum(names[i]);
	}
	end_walk(&w);
	PG_RETURN_ARRAYTYPE_P(construct_array(elems, (int) n, TEXTOID, -1, false,
										  TYPALIGN_INT));
}

/*
 * Planner support: how many rows to expect. A constant asset is walked for a
 * little; otherwise a few nodes spread over the graph stand for all. Without a
 * cached graph, or without the right to read it, the default must do.
 */

#define ESTIMATE_NODES 10000
#define ESTIMATE_SAMPLES 8

static double
estimate_from(const Graph *g, uint32 node, WalkDirection dir, int32 max_depth,
			  uint32 max_nodes)
{
	Reach		r = graph_reach(g, node, dir, max_depth, max_nodes);
	double		n = r.cut ? Max((double) r.n, graph_nodes(g) / 4.0) : r.n - 1.0;

	reach_free(&r);
	return n;
}

static bool
may_estimate(void)
{
	for (int i = 0; i < lengthof(tables_read); i++)
	{
		Oid			relid = tracer_relid(tables_read[i], true);

		if (!OidIsValid(relid) ||
			pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) != ACLCHECK_OK ||
			check_enable_rls(relid, InvalidOid, true) != RLS_NONE)
			return false;
	}
	return ActiveSnapshotSet();
}

static bool
estimate_rows(SupportRequestRows *req, WalkDirection dir)
{
	FuncExpr   *call = (FuncExpr *) req->node;
	const Graph *g;
	Node	   *arg;
	int32		max_depth = NO_MAX_DEPTH;

	if (!IsA(call, FuncExpr) || !may_estimate() ||
		(g = lineage_graph_peek()) == NULL || graph_nodes(g) == 0)
		return false;
	if (list_length(call->args) > 1 && IsA(lsecond(call->args), Const) &&
		!lsecond_node(Const, call->args)->constisnull)
		max_depth = DatumGetInt32(lsecond_node(Const, call->args)->constvalue);

	arg = linitial(call->args);
	if (IsA(arg, Const))
	{
		int64		id;
		uint32		node;

		if (((Const *) arg)->constisnull)
			req->rows = 0;
		else if (!asset_id_of(DatumGetTextPP(((Const *) arg)->constvalue),
							  GetActiveSnapshot(), &id) ||
				 (node = graph_find(g, id)) == GRAPH_NONE)
			req->rows = 1;
		else
			req->rows = estimate_from(g, node, dir, max_depth, ESTIMATE_NODES);
	}
	else
	{
		double		sum = 0;

		for (uint32 i = 0; i < ESTIMATE_SAMPLES; i++)
			sum += estimate_from(g, (uint32) ((uint64) graph_nodes(g) * i / ESTIMATE_SAMPLES),
								 dir, max_depth, ESTIMATE_NODES / ESTIMATE_SAMPLES);
		req->rows = sum / ESTIMATE_SAMPLES;
	}
	req->rows = Max(1, req->rows);
	return true;
}

Datum
tracer_walk_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);
	SupportRequestRows *req = (SupportRequestRows *) request;
	FmgrInfo	f;

	if (!IsA(request, SupportRequestRows))
		PG_RETURN_POINTER(NULL);

	/* The direction is the C function's; its SQL name is nobody's business. */
	fmgr_info(req->funcid, &f);
	PG_RETURN_POINTER(estimate_rows(req, f.fn_addr == tracer_downstream ? WALK_DOWN
									: WALK_UP) ? request : NULL);
}

/* What this backend has cached: one row. */
Datum
tracer_lineage_cache(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	Datum		values[7];
	bool		nulls[7] = {false};
	LineageCacheStats s;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	lineage_cache_stats(&s);
	values[0] = CStringGetTextDatum(s.state);
	values[1] = Int64GetDatum((int64) s.nodes);
	values[2] = Int64GetDatum((int64) s.edges);
	values[3] = Int64GetDatum((int64) s.delta);
	values[4] = Int64GetDatum((int64) s.builds);
	values[5] = Int64GetDatum((int64) s.patches);
	values[6] = Int64GetDatum((int64) s.bytes);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
