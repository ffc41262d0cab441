/*
 * cache.c
 *		The lineage graph that this backend keeps, and how it stays true.
 *
 * The graph equals tracer.lineage under one MVCC snapshot, its "as of". Every
 * statement that changes tracer.lineage leaves a row per touched pair in
 * tracer.lineage_log and sends a relcache invalidation of tracer.lineage,
 * which arrives at commit elsewhere and at the next command here. The callback
 * only counts a generation up: ANALYZE and VACUUM send the same message.
 *
 * On entry, if the generation has moved, a new snapshot is taken and the log
 * rows that it sees and the old one did not tell which pairs to read again;
 * they are patched into the graph, and the new snapshot becomes its "as of".
 * So commit order does not matter, and a transaction open elsewhere stalls
 * nothing. The graph is built anew where the log says that too much changed,
 * where it was trimmed beyond our snapshot, where patches have piled up.
 *
 * Our own transaction counts as not seen by the snapshot, since it may yet
 * roll back. What it has put into the graph is remembered (own_pairs) and read
 * again after any rollback of it or of a subtransaction, and after PREPARE.
 *
 * READ COMMITTED moves to the latest snapshot. REPEATABLE READ moves to the
 * transaction's own, which is later than any before it in this backend, and
 * has the generation checked again when the transaction is over. A snapshot
 * that was imported may be older than our graph: then one is built for this
 * transaction alone.
 *
 * Invariants: the generation is read before the snapshot is taken, and stored
 * once the graph stands; a build happens in a context of its own that replaces
 * the old one on success; a patch that was interrupted leaves `broken` set,
 * and the next entry builds.
 */
#include "compat.h"

#include "access/table.h"
#include "access/transam.h"
#include "access/xact.h"
#include "access/parallel.h"
#include "storage/bufmgr.h"
#include "storage/proc.h"
#include "utils/inval.h"
#include "utils/snapmgr.h"

#include "guc.h"
#include "lineage/cache.h"
#include "lineage/scan.h"

/* What a snapshot saw, in 64-bit transaction ids, kept after its release. */
typedef struct AsOf
{
	uint64		xmin;			/* all before it is seen */
	uint64		xmax;			/* nothing from it on is */
	uint64	   *running;		/* in between and not seen; ascending */
	uint32		n;
	uint64		own_xid;		/* our transaction then; 0: none */
	int64		own_log_id;		/* its log rows up to this one were seen */
} AsOf;

typedef struct CachedGraph
{
	MemoryContext cxt;			/* NULL: nothing cached */
	Graph	   *graph;
	Oid			relid;			/* tracer.lineage when it was built */
	AsOf		as_of;
	uint64		generation;		/* of the invalidations taken in */
	bool		broken;			/* a patch did not come to its end */
	LineagePair *own_pairs;		/* put in by our running transaction */
	uint32		own_n;
	uint32		own_room;
	bool		own_bulk;		/* more of them than were listed */
	bool		own_doubt;		/* some may have been rolled back */
} CachedGraph;

static CachedGraph shared_graph;	/* survives transactions */
static CachedGraph private_graph;	/* of one with an imported snapshot */

static uint64 generation = 1;
static Oid	watched_relid = InvalidOid;
static LocalTransactionId repeatable_lxid = InvalidLocalTransactionId;
static Size too_large_for = 0;	/* a limit that a build has exceeded, bytes */
static BlockNumber too_large_blocks;	/* size of the table then */
static uint64 builds = 0;
static uint64 patches = 0;

static void
relcache_callback(Datum arg, Oid relid)
{
	if (relid == InvalidOid || relid == watched_relid)
		generation++;
}

static void
drop_graph(CachedGraph *c)
{
	MemoryContext cxt = c->cxt;

	memset(c, 0, sizeof(*c));
	if (cxt)
		MemoryContextDelete(cxt);
}

/* What our transaction put in may be gone again. */
static void
doubt_own(CachedGraph *c)
{
	if (c->own_n == 0 && !c->own_bulk)
		return;
	c->own_doubt = true;
	generation++;
}

static void
xact_callback(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			doubt_own(&shared_graph);
			drop_graph(&private_graph);
			break;
		case XACT_EVENT_COMMIT:
			if (!shared_graph.own_doubt)
			{
				/* Committed and seen. */
				shared_graph.own_n = 0;
				shared_graph.own_bulk = false;
			}
			drop_graph(&private_graph);
			break;
		default:
			break;
	}
}

static void
subxact_callback(SubXactEvent event, SubTransactionId mine,
				 SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		doubt_own(&shared_graph);
		doubt_own(&private_graph);
	}
}

/* Callbacks cannot be taken back: once in the life of a process. */
static void
watch(Oid relid)
{
	static bool registered = false;

	if (!registered)
	{
		CacheRegisterRelcacheCallback(relcache_callback, (Datum) 0);
		RegisterXactCallback(xact_callback, NULL);
		RegisterSubXactCallback(subxact_callback, NULL);
		registered = true;
	}
	if (watched_relid != relid)
	{
		watched_relid = relid;
		generation++;
	}
}

/*
 * Snapshots.
 */

static uint64
widen(TransactionId xid, FullTransactionId next)
{
	uint64		n = U64FromFullTransactionId(next);
	int32		back = (int32) ((uint32) n - xid);

	if (!TransactionIdIsNormal(xid))
		return xid;
	return n - back;
}

static int
cmp_uint64(const void *a, const void *b)
{
	uint64		x = *(const uint64 *) a;
	uint64		y = *(const uint64 *) b;

	return (x > y) - (x < y);
}

/* Keeps what a snapshot sees; allocates in cxt. */
static AsOf
as_of_snapshot(Snapshot s, MemoryContext cxt)
{
	AsOf		a;
	FullTransactionId next = ReadNextFullTransactionId();
	TransactionId own = GetTopTransactionIdIfAny();

	memset(&a, 0, sizeof(a));
	a.xmin = widen(s->xmin, next);
	a.xmax = widen(s->xmax, next);
	a.running = MemoryContextAlloc(cxt, sizeof(uint64) * (s->xcnt + s->subxcnt + 1));
	for (uint32 i = 0; i < s->xcnt; i++)
		a.running[a.n++] = widen(s->xip[i], next);

	/* A standby keeps all that runs, top or not, among the subtransactions. */
	if (s->takenDuringRecovery)
		for (int32 i = 0; i < s->subxcnt; i++)
			a.running[a.n++] = widen(s->subxip[i], next);
	if (TransactionIdIsValid(own))
	{
		a.own_xid = widen(own, next);
		a.running[a.n++] = a.own_xid;
		a.xmin = Min(a.xmin, a.own_xid);
	}
	qsort(a.running, a.n, sizeof(uint64), cmp_uint64);
	return a;
}

static bool
as_of_sees(const AsOf *a, uint64 xid)
{
	if (xid < a->xmin)
		return true;
	if (xid >= a->xmax)
		return false;
	return bsearch(&xid, a->running, a->n, sizeof(uint64), cmp_uint64) == NULL;
}

/* Whether a snapshot sees all that the graph holds. */
static bool
not_before(Snapshot s, const AsOf *a)
{
	FullTransactionId next = ReadNextFullTransactionId();

	if (widen(s->xmax, next) < a->xmax)
		return false;
	for (uint32 i = 0; i < s->xcnt; i++)
		if (as_of_sees(a, widen(s->xip[i], next)))
			return false;
	return true;
}

/*
 * Building and patching.
 */

typedef struct LogReading
{
	const AsOf *since;			/* NULL: only what is our own */
	uint64		own_xid;
	bool		own_again;		/* those seen before too */
	Size		limit;
	LineagePair *pair;
	Size		n;
	Size		room;
	bool		bulk;
	LineagePair *own;
	Size		own_n;
	Size		own_room;
	bool		own_bulk;
	int64		own_log_id;
} LogReading;

static void
keep_pair(LineagePair **pairs, Size *n, Size *room, LineagePair p)
{
	if (*n == *room)
	{
		*room = Max(64, *room * 2);
		*pairs = pure_realloc(*pairs, sizeof(LineagePair) * *room);
	}
	(*pairs)[(*n)++] = p;
}

static bool
take_log_row(const LogRow *row, void *arg)
{
	LogReading *r = arg;
	bool		own = r->own_xid != 0 && row->xid == r->own_xid;
	bool		seen;

	if (own)
		r->own_log_id = Max(r->own_log_id, row->log_id);
	if (r->since == NULL)
		seen = true;
	else if (row->xid == r->since->own_xid)
		seen = row->log_id <= r->since->own_log_id;
	else
		seen = as_of_sees(r->since, row->xid);

	if (row->bulk)
	{
		r->own_bulk |= own;
		r->bulk |= !seen;
		return !r->bulk;
	}
	if (own)
		keep_pair(&r->own, &r->own_n, &r->own_room, row->pair);
	if (!seen)
		keep_pair(&r->pair, &r->n, &r->room, row->pair);
	return r->n <= r->limit;
}

static void
remember_own(CachedGraph *c, const LogReading *r)
{
	if (r->own_n > c->own_room)
	{
		c->own_pairs = c->own_pairs
			? repalloc_huge(c->own_pairs, sizeof(LineagePair) * r->own_n)
			: MemoryContextAllocHuge(c->cxt, sizeof(LineagePair) * r->own_n);
		c->own_room = r->own_n;
	}
	if (r->own_n > 0)
		memcpy(c->own_pairs, r->own, sizeof(LineagePair) * r->own_n);
	c->own_n = r->own_n;
	c->own_bulk = r->own_bulk;
}

/* Patches beyond this many cost more than a build. */
static Size
patch_limit(const Graph *g)
{
	return Max(10000, graph_edges(g) / 20);
}

/* False: more edges than allowed. */
static bool
build(CachedGraph *c, Relation rel, Relation log, Snapshot snapshot,
	  uint64 at_generation, Size max_bytes)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext,
											  "tracer lineage graph",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old;
	CachedGraph new = {0};
	LogReading	own = {0};
	GraphEdge  *edges;
	Size		n;

	edges = lineage_scan_all(rel, snapshot, max_bytes / 8, &n);
	if (edges != NULL)
	{
		old = MemoryContextSwitchTo(cxt);
		new.graph = graph_build(edges, n);
		MemoryContextSwitchTo(old);
		pure_free(edges);
	}
	if (edges == NULL || graph_memory(new.graph) > max_bytes)
	{
		MemoryContextDelete(cxt);
		return false;
	}

	new.cxt = cxt;
	new.relid = RelationGetRelid(rel);
	new.as_of = as_of_snapshot(snapshot, cxt);
	new.generation = at_generation;
	if (new.as_of.own_xid != 0)
	{
		own.own_xid = new.as_of.own_xid;
		own.limit = SIZE_MAX;
		lineage_read_log(log, snapshot, own.own_xid, take_log_row, &own);
		new.as_of.own_log_id = own.own_log_id;
		remember_own(&new, &own);
	}

	drop_graph(c);
	MemoryContextSetParent(cxt, CacheMemoryContext);
	*c = new;
	builds++;
	return true;
}

/* False: build instead. */
static bool
patch(CachedGraph *c, Relation rel, Relation log, Snapshot snapshot,
	  uint64 at_generation)
{
	LogReading	r = {0};
	AsOf		as_of;
	MemoryContext old;

	if (c->broken || (c->own_doubt && c->own_bulk) ||
		c->as_of.xmin < lineage_log_floor(snapshot))
		return false;

	as_of = as_of_snapshot(snapshot, c->cxt);
	r.since = &c->as_of;
	r.own_xid = as_of.own_xid;
	r.limit = patch_limit(c->graph);
	lineage_read_log(log, snapshot, c->as_of.xmin, take_log_row, &r);
	if (c->own_doubt)
		for (uint32 i = 0; i < c->own_n; i++)
			keep_pair(&r.pair, &r.n, &r.room, c->own_pairs[i]);
	if (r.bulk || r.n > r.limit || graph_delta(c->graph) + r.n > r.limit)
	{
		pfree(as_of.running);
		return false;
	}

	c->broken = true;
	for (Size i = 0; i < r.n; i++)
	{
		int32		lag;
		bool		runs;
		bool		present;

		CHECK_FOR_INTERRUPTS();
		present = lineage_read_pair(rel, snapshot, r.pair[i], &lag, &runs);
		old = MemoryContextSwitchTo(c->cxt);
		graph_patch(c->graph, r.pair[i].upstream, r.pair[i].downstream,
					present, lag, runs);
		MemoryContextSwitchTo(old);
		patches++;
	}
	remember_own(c, &r);
	as_of.own_log_id = r.own_log_id;
	pfree(c->as_of.running);
	c->as_of = as_of;
	c->own_doubt = false;
	c->generation = at_generation;
	c->broken = false;
	return true;
}

/* Brings a graph to a snapshot, building it where patching does not do. */
static bool
refresh(CachedGraph *c, Oid relid, Snapshot snapshot, uint64 at_generation,
		Size max_bytes)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext,
												  "tracer lineage refresh",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	Relation	rel = table_open(relid, AccessShareLock);
	Relation	log = table_open(tracer_relid("lineage_log", false),
								 AccessShareLock);
	bool		ok;

	ok = (c->graph != NULL && patch(c, rel, log, snapshot, at_generation)) ||
		build(c, rel, log, snapshot, at_generation, max_bytes);
	table_close(log, AccessShareLock);
	table_close(rel, AccessShareLock);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	return ok;
}

static BlockNumber
table_blocks(Oid relid)
{
	Relation	rel = table_open(relid, AccessShareLock);
	BlockNumber n = RelationGetNumberOfBlocks(rel);

	table_close(rel, AccessShareLock);
	return n;
}

/* Trying again makes sense with a higher limit or a much smaller table. */
static bool
still_too_large(Oid relid, Size max_bytes)
{
	return max_bytes <= too_large_for &&
		table_blocks(relid) > too_large_blocks / 2;
}

static const Graph *
up_to_date(Size max_bytes, bool may_build)
{
	CachedGraph *c = &shared_graph;
	Oid			relid = tracer_relid("lineage", false);
	bool		repeatable = IsolationUsesXactSnapshot();
	uint64		at_generation;
	Snapshot	snapshot;

	AcceptInvalidationMessages();
	watch(relid);
	if (c->graph && c->relid != relid)
		drop_graph(c);			/* dropped and created again */

	/* After REPEATABLE READ look again at what came in meanwhile. */
	if (repeatable_lxid != InvalidLocalTransactionId &&
		repeatable_lxid != my_lxid())
	{
		repeatable_lxid = InvalidLocalTransactionId;
		generation++;
	}
	if (private_graph.graph)
		c = &private_graph;
	if (c->graph && c->generation == generation &&
		(!repeatable || repeatable_lxid == my_lxid()))
		return graph_memory(c->graph) <= max_bytes ? c->graph : NULL;
	if (c->graph == NULL && !may_build)
		return NULL;

	if (c->graph == NULL && still_too_large(relid, max_bytes))
		return NULL;

	at_generation = generation;
	if (repeatable)
		snapshot = GetTransactionSnapshot();
	else if (IsInParallelMode())
		snapshot = GetActiveSnapshot();	/* no new one may be taken now */
	else
		snapshot = GetLatestSnapshot();

	if (c == &shared_graph && c->graph && !not_before(snapshot, &c->as_of))
	{
		if (!repeatable)
			return c->graph;
		c = &private_graph;
	}
	snapshot = RegisterSnapshot(snapshot);
	if (!refresh(c, relid, snapshot, at_generation, max_bytes))
	{
		too_large_for = max_bytes;
		too_large_blocks = table_blocks(relid);
		drop_graph(c);
	}
	UnregisterSnapshot(snapshot);
	if (repeatable)
		repeatable_lxid = my_lxid();
	if (c->graph == NULL)
		return NULL;
	return graph_memory(c->graph) <= max_bytes ? c->graph : NULL;
}

void
lineage_graph_recheck(void)
{
	generation++;
}

const Graph *
lineage_graph(void)
{
	return up_to_date(SIZE_MAX, true);
}

const Graph *
lineage_graph_within_limit(void)
{
	Size		limit = (Size) tracer_graph_cache_size * 1024;

	return limit > 0 ? up_to_date(limit, true) : NULL;
}

const Graph *
lineage_graph_if_cached(void)
{
	Size		limit = (Size) tracer_graph_cache_size * 1024;

	return limit > 0 ? up_to_date(limit, false) : NULL;
}

const Graph *
lineage_graph_peek(void)
{
	return shared_graph.broken ? NULL : shared_graph.graph;
}

void
lineage_cache_stats(LineageCacheStats *stats)
{
	const CachedGraph *c = private_graph.graph ? &private_graph : &shared_graph;

	memset(stats, 0, sizeof(*stats));
	stats->builds = builds;
	stats->patches = patches;
	stats->state = "empty";
	if (c->graph == NULL)
		return;
	stats->state = c->generation == generation ? "current" : "to check";
	stats->nodes = graph_nodes(c->graph);
	stats->edges = graph_edges(c->graph);
	stats->delta = graph_delta(c->graph);
	stats->bytes = graph_memory(c->graph);
}
