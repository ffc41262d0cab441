/*
 * subgraph.c
 *		The part of lineage around one asset, where no graph is cached.
 *
 * Breadth first through an index of tracer.lineage alone, visibility map
 * permitting, or by a recursive query
 * where row-level security decides what the user may see. Either way the edges
 * found make a small graph, on which every walk then runs as on the cached one.
 */
#include "compat.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/visibilitymap.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/predicate.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "lineage/scan.h"
#include "lineage/subgraph.h"

uint64		subgraph_rows_read = 0;

typedef struct SeenEntry
{
	int64		id;
	char		status;
} SeenEntry;

#define SH_PREFIX seen
#define SH_ELEMENT_TYPE SeenEntry
#define SH_KEY_TYPE int64
#define SH_KEY id
#define SH_HASH_KEY(tb, key) ((uint32) (((uint64) (key) * UINT64CONST(0x9E3779B97F4A7C15)) >> 32))
#define SH_EQUAL(tb, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

typedef struct EdgeList
{
	GraphEdge  *edge;
	Size		n;
	Size		room;
} EdgeList;

static void
add_edge(EdgeList *l, int64 upstream, int64 downstream)
{
	if (l->n == l->room)
	{
		l->room = Max(256, l->room * 2);
		l->edge = pure_realloc(l->edge, sizeof(GraphEdge) * l->room);
	}
	l->edge[l->n].upstream = upstream;
	l->edge[l->n].downstream = downstream;
	l->edge[l->n].lag = 0;
	l->edge[l->n].runs = false;
	l->n++;
}

/*
 * The next edge of an index scan, from the index alone where the page of the
 * table is all-visible: both indexes begin with the two ends, the one searched
 * for first.
 */
static bool
next_edge(IndexScanDesc scan, TupleTableSlot *slot, Buffer *vmbuffer,
		  int64 *other)
{
	ItemPointer tid;
	bool		isnull;

	while ((tid = index_getnext_tid(scan, ForwardScanDirection)) != NULL)
	{
		BlockNumber block = ItemPointerGetBlockNumber(tid);

		if (VM_ALL_VISIBLE(scan->heapRelation, block, vmbuffer))
			PredicateLockPage(scan->heapRelation, block, scan->xs_snapshot);
		else if (!index_fetch_heap(scan, slot))
			continue;
		*other = DatumGetInt64(index_getattr(scan->xs_itup, 2,
											 scan->xs_itupdesc, &isnull));
		return true;
	}
	return false;
}

Graph *
subgraph_by_index(int64 start, WalkDirection dir, int32 max_depth,
				  uint64 max_rows, Snapshot snapshot)
{
	Relation	rel = table_open(tracer_relid("lineage", false), AccessShareLock);
	Relation	index = index_open(tracer_relid(dir == WALK_UP ? "lineage_downstream"
												: "lineage_pkey", false),
								   AccessShareLock);
	IndexScanDesc scan = index_beginscan_compat(rel, index, snapshot, 1);
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	Buffer		vmbuffer = InvalidBuffer;
	seen_hash  *seen = seen_create(CurrentMemoryContext, 256, NULL);
	EdgeList	list = {0};
	Size		room = 256;
	int64	   *queue = pure_array(int64, room);
	Size		head = 0,
				tail = 0,
				level_end = 0;
	int64		depth = -1;
	bool		found;
	uint64		rows = 0;

	scan->xs_want_itup = true;
	seen_insert(seen, start, &found);
	queue[tail++] = start;
	while (head < tail && rows <= max_rows)
	{
		ScanKeyData key;
		int64		here,
					next;

		if (head == level_end)
		{
			level_end = tail;
			if (++depth >= max_depth)
				break;
		}
		CHECK_FOR_INTERRUPTS();
		here = queue[head++];
		ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(here));
		index_rescan(scan, &key, 1, NULL, 0);
		rows++;
		while (rows <= max_rows && next_edge(scan, slot, &vmbuffer, &next))
		{
			if (++rows % 1024 == 0)
				CHECK_FOR_INTERRUPTS();
			if (dir == WALK_UP)
				add_edge(&list, next, here);
			else
				add_edge(&list, here, next);
			seen_insert(seen, next, &found);
			if (found)
				continue;
			if (tail == room)
			{
				room *= 2;
				queue = pure_realloc(queue, sizeof(int64) * room);
			}
			queue[tail++] = next;
		}
	}
	if (BufferIsValid(vmbuffer))
		ReleaseBuffer(vmbuffer);
	ExecDropSingleTupleTableSlot(slot);
	index_endscan(scan);
	index_close(index, AccessShareLock);
	table_close(rel, AccessShareLock);
	subgraph_rows_read += rows;
	return rows <= max_rows ? graph_build(list.edge, list.n) : NULL;
}

/*
 * Through SQL.
 */

/* Runs a query in the active snapshot; its result outlives SPI_finish() not. */
static void
run_query(const char *sql, Oid type, Datum value)
{
	if (SPI_execute_with_args(sql, 1, &type, &value, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not walk lineage through SQL");
}

static void
connect_spi(void)
{
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
}

static int64
result_int64(uint64 row, int column, bool *isnull)
{
	return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[row],
									   SPI_tuptable->tupdesc, column, isnull));
}

#define VISIBLE_EDGES \
	"SELECT l.upstream, l.downstream FROM tracer.lineage l" \
	" JOIN tracer.asset u ON u.asset_id OPERATOR(pg_catalog.=) l.upstream" \
	" JOIN tracer.asset d ON d.asset_id OPERATOR(pg_catalog.=) l.downstream"

#define WALK_QUERY(from, to) \
	"WITH RECURSIVE edge AS NOT MATERIALIZED (" VISIBLE_EDGES ")," \
	" r(id) AS (SELECT $1 UNION SELECT e." to " FROM r JOIN edge e" \
	" ON e." from " OPERATOR(pg_catalog.=) r.id)" \
	" SELECT e.upstream, e.downstream FROM r JOIN edge e" \
	" ON e." from " OPERATOR(pg_catalog.=) r.id"

Graph *
subgraph_by_sql(int64 start, WalkDirection dir)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext spi;
	EdgeList	list = {0};

	connect_spi();
	run_query(dir == WALK_UP ? WALK_QUERY("downstream", "upstream")
			  : WALK_QUERY("upstream", "downstream"),
			  INT8OID, Int64GetDatum(start));
	spi = MemoryContextSwitchTo(caller);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;

		add_edge(&list, result_int64(i, 1, &isnull), result_int64(i, 2, &isnull));
	}
	MemoryContextSwitchTo(spi);
	SPI_finish();
	return graph_build(list.edge, list.n);
}

bool
asset_id_by_sql(text *name, int64 *id)
{
	bool		isnull = true;

	connect_spi();
	run_query("SELECT coalesce("
			  "(SELECT a.asset_id FROM tracer.asset a WHERE a.name OPERATOR(pg_catalog.=) $1), "
			  "(SELECT a.asset_id FROM tracer.asset a JOIN tracer.asset_alias s "
			  "ON s.asset OPERATOR(pg_catalog.=) a.name "
			  "WHERE s.alias OPERATOR(pg_catalog.=) $1))",
			  TEXTOID, PointerGetDatum(name));
	if (SPI_processed == 1)
		*id = result_int64(0, 1, &isnull);
	SPI_finish();
	return !isnull;
}

bool
asset_id_derived(text *name, int64 *id)
{
	bool		isnull = true;

	connect_spi();
	run_query("SELECT a.asset_id FROM tracer.derived_names(ARRAY[$1]) d JOIN tracer.asset a"
			  " ON a.name OPERATOR(pg_catalog.=) d.name",
			  TEXTOID, PointerGetDatum(name));
	if (SPI_processed == 1)
		*id = result_int64(0, 1, &isnull);
	SPI_finish();
	return !isnull;
}

text	  **
asset_names_by_sql(const int64 *ids, Size n)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext spi;
	text	  **out = pure_array0(text *, n);
	Datum	   *id = pure_array(Datum, n);

	for (Size i = 0; i < n; i++)
		id[i] = Int64GetDatum(ids[i]);
	connect_spi();
	run_query("SELECT i.place, a.name FROM pg_catalog.unnest($1) WITH ORDINALITY i(id, place) "
			  "JOIN tracer.asset a ON a.asset_id OPERATOR(pg_catalog.=) i.id",
			  INT8ARRAYOID,
			  PointerGetDatum(construct_array(id, (int) n, INT8OID, 8,
											  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE)));
	spi = MemoryContextSwitchTo(caller);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;
		int64		place = result_int64(i, 1, &isnull);

		out[place - 1] = DatumGetTextPCopy(SPI_getbinval(SPI_tuptable->vals[i],
														 SPI_tuptable->tupdesc, 2, &isnull));
	}
	MemoryContextSwitchTo(spi);
	SPI_finish();
	return out;
}
