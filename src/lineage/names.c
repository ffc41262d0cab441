/*
 * names.c
 *		From names of assets to ids and back.
 *
 * A name is looked up in the index each time: that is one of a few per call.
 * The way back is taken thousands of times per call, so the backend keeps id ->
 * name, filled as ids are asked for: through the index where few are missing,
 * by one scan of the table where many are. Ids are never reused, so only a
 * rename makes an entry wrong: a trigger on tracer.asset sends a relcache
 * invalidation then, and everything is dropped. As ANALYZE sends the same,
 * dropping is all that happens; filling again is the next caller's.
 *
 * Under REPEATABLE READ names are those of the transaction's snapshot, so what
 * was filled then is dropped after it.
 */
#include "compat.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_collation.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#include "guc.h"
#include "lineage/names.h"
#include "lineage/scan.h"

#define ASSET_ID		1
#define ASSET_NAME		2
#define ALIAS_ALIAS		1
#define ALIAS_ASSET		2

typedef struct NameEntry
{
	int64		id;
	text	   *name;
	char		status;
} NameEntry;

#define SH_PREFIX names
#define SH_ELEMENT_TYPE NameEntry
#define SH_KEY_TYPE int64
#define SH_KEY id
#define SH_HASH_KEY(tb, key) ((uint32) (((uint64) (key) * UINT64CONST(0x9E3779B97F4A7C15)) >> 32))
#define SH_EQUAL(tb, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

static MemoryContext names_cxt = NULL;
static names_hash *names = NULL;
static Oid	names_relid = InvalidOid;
static bool names_stale = false;
static LocalTransactionId names_lxid = InvalidLocalTransactionId;

static void
relcache_callback(Datum arg, Oid relid)
{
	if (relid == InvalidOid || relid == names_relid)
		names_stale = true;
}

/* An empty table of names where there is none or it may be wrong. */
static void
prepare(Oid relid)
{
	static bool registered = false;
	LocalTransactionId lxid = IsolationUsesXactSnapshot() ? my_lxid()
		: InvalidLocalTransactionId;

	if (!registered)
	{
		CacheRegisterRelcacheCallback(relcache_callback, (Datum) 0);
		registered = true;
	}
	AcceptInvalidationMessages();
	if (names_cxt != NULL &&
		(names_stale || names_relid != relid || names_lxid != lxid ||
		 MemoryContextMemAllocated(names_cxt, true) > (Size) tracer_graph_cache_size * 1024))
	{
		MemoryContextDelete(names_cxt);
		names_cxt = NULL;
	}
	if (names_cxt == NULL)
	{
		names_relid = relid;
		names_lxid = lxid;
		names_stale = false;
		names_cxt = AllocSetContextCreate(CacheMemoryContext,
										  "tracer asset names",
										  ALLOCSET_DEFAULT_SIZES);
		names = names_create(names_cxt, 1024, NULL);
	}
}

static void
keep(int64 id, Datum name)
{
	struct varlena *t = PG_DETOAST_DATUM(name);
	text	   *copy = MemoryContextAlloc(names_cxt, VARSIZE(t));
	bool		found;
	NameEntry  *e;

	memcpy(copy, t, VARSIZE(t));
	e = names_insert(names, id, &found);
	e->name = copy;
	if ((Pointer) t != DatumGetPointer(name))
		pfree(t);
}

static void
load_by_index(Relation rel, Snapshot snapshot, const int64 *ids, Size n)
{
	Relation	index = index_open(tracer_relid("asset_pkey", false), AccessShareLock);
	IndexScanDesc scan = index_beginscan_compat(rel, index, snapshot, 1);
	TupleTableSlot *slot = table_slot_create(rel, NULL);

	for (Size i = 0; i < n; i++)
	{
		ScanKeyData key;
		bool		isnull;
		Datum		name;

		CHECK_FOR_INTERRUPTS();
		ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(ids[i]));
		index_rescan(scan, &key, 1, NULL, 0);
		if (!index_getnext_slot(scan, ForwardScanDirection, slot))
			continue;
		name = slot_getattr(slot, ASSET_NAME, &isnull);
		keep(ids[i], name);
	}
	ExecDropSingleTupleTableSlot(slot);
	index_endscan(scan);
	index_close(index, AccessShareLock);
}

static void
load_all(Relation rel, Snapshot snapshot)
{
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	TableScanDesc scan = table_beginscan(rel, snapshot, 0, NULL);

	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		int64		id;

		CHECK_FOR_INTERRUPTS();
		slot_getsomeattrs(slot, ASSET_NAME);
		id = DatumGetInt64(slot->tts_values[ASSET_ID - 1]);
		if (names_lookup(names, id) == NULL)
			keep(id, slot->tts_values[ASSET_NAME - 1]);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
}

text	  **
asset_names(const int64 *ids, Size n, Snapshot snapshot)
{
	Oid			relid = tracer_relid("asset", false);
	text	  **out = pure_array(text *, n);
	int64	   *missing = NULL;
	Size		nmissing = 0;

	prepare(relid);
	for (Size i = 0; i < n; i++)
	{
		NameEntry  *e = names_lookup(names, ids[i]);

		out[i] = e ? e->name : NULL;
		if (e == NULL)
		{
			if (missing == NULL)
				missing = pure_array(int64, n - i);
			missing[nmissing++] = ids[i];
		}
	}
	if (nmissing > 0)
	{
		Relation	rel = table_open(relid, AccessShareLock);

		/* A page holds some fifty assets; a look-up costs about two pages. */
		if (nmissing > 100 && nmissing > (Size) RelationGetNumberOfBlocks(rel) * 5)
			load_all(rel, snapshot);
		else
			load_by_index(rel, snapshot, missing, nmissing);
		table_close(rel, AccessShareLock);
		pure_free(missing);
		for (Size i = 0; i < n; i++)
			if (out[i] == NULL)
			{
				NameEntry  *e = names_lookup(names, ids[i]);

				out[i] = e ? e->name : NULL;
			}
	}
	return out;
}

/* A column of the row whose text column has this value, copied. */
static bool
read_by_text(const char *table, const char *index, AttrNumber key_column,
			 text *value, AttrNumber wanted, Snapshot snapshot, Datum *out)
{
	Relation	rel = table_open(tracer_relid(table, false), AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	/* The index's collation, or its order would not be the one searched. */
	ScanKeyEntryInitialize(&key, 0, key_column, BTEqualStrategyNumber, InvalidOid,
						   TupleDescAttr(RelationGetDescr(rel), key_column - 1)->attcollation,
						   F_TEXTEQ, PointerGetDatum(value));
	scan = systable_beginscan(rel, tracer_relid(index, false), true, snapshot, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool		isnull;
		Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel), wanted - 1);

		*out = heap_getattr(tuple, wanted, RelationGetDescr(rel), &isnull);
		if (!att->attbyval)
			*out = PointerGetDatum(PG_DETOAST_DATUM_COPY(*out));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return HeapTupleIsValid(tuple);
}

bool
asset_id_of(text *name, Snapshot snapshot, int64 *id)
{
	Datum		value;

	if (!read_by_text("asset", "asset_name_key", ASSET_NAME, name, ASSET_ID,
					  snapshot, &value))
	{
		Datum		canonical;

		if (!read_by_text("asset_alias", "asset_alias_pkey", ALIAS_ALIAS, name,
						  ALIAS_ASSET, snapshot, &canonical) ||
			!read_by_text("asset", "asset_name_key", ASSET_NAME,
						  DatumGetTextPP(canonical), ASSET_ID, snapshot, &value))
			return false;
	}
	*id = DatumGetInt64(value);
	return true;
}
