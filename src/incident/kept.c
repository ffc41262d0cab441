/*
 * kept.c
 *		What a process keeps of stored episodes from one pass to the next.
 *
 * A pass looks at all episodes of some days. To read them anew for one alert would
 * be most of its work, and more of it the more alerts there are; they hardly differ
 * from what the process knew at the end of its last pass. So it keeps the rows, and
 * a pass changes among them what it changes in the table.
 *
 * What is kept is right while nobody else has written episodes or their keys. Who
 * does leaves a new version of the one row of tracer.correlate_state: another pass
 * in any case, anything else through a trigger on both tables. A pass knows the
 * version that it left itself, and goes on from what is kept if that is the one it
 * finds, under the correlator's lock. From the moment at which a pass begins to
 * change what is kept until it has left its version, there is none that would do:
 * if it fails, all is read anew; if it is rolled back, its version is never found.
 *
 * Only small passes keep anything. One that takes a storm, or news of names or
 * settings, would change most of it.
 *
 * Built with -DTRACER_CHECK, each pass compares what is kept with what is stored.
 */
#include "compat.h"

#include "commands/trigger.h"
#include "fmgr.h"
#include "utils/memutils.h"

#include "incident/correlate.h"
#include "incident/idtab.h"
#include "incident/pass.h"
#include "table/peek.h"

#define KEPT_MAX 200000			/* episodes: some 80 MB */
#define SPARE_KEYS 1000

PG_FUNCTION_INFO_V1(tracer_void_kept);

typedef struct KeptKey
{
	int64		id;
	const char *source;
	const char *dedup;
	const char *asset;
	int64		asset_id;
	int64		last_event;
	uint64		pass;			/* in which it was given */
	int32		index;			/* among that pass's keys */
} KeptKey;

typedef struct KeptEpisode
{
	StoredEpisode row;			/* id 0: it is gone */
	int32		key;
} KeptEpisode;

static struct
{
	MemoryContext context;		/* NULL: nothing is kept */
	char	   *version;		/* of the state that it goes with; NULL: none */
	int64		from;			/* every stored episode that starts from here on */
	KeptEpisode *episodes;
	int32		n,
				max,
				ngone;
	struct idtab_hash *episode_index;	/* id -> index */
	KeptKey    *keys;
	int32		nkeys,
				maxkeys;
	struct idtab_hash *key_index;	/* id -> index */
	uint64		pass;
	int64		offered;		/* while nothing is kept */
} kept;

void
kept_forget(void)
{
	if (kept.context)
		MemoryContextDelete(kept.context);
	kept.context = NULL;
	kept.version = NULL;
}

/* Which version of its state the correlator's last pass left, or this one. */
static char *
state_version(void)
{
	StringInfoData buf;

	initStringInfo(&buf);
	peek_begin();
	peek_versions(&buf, "correlate_state");
	peek_end();
	return buf.data;
}

/* At the start of a pass: is what is kept still so? */
void
kept_begin(bool keep)
{
	if (kept.context && (!keep || !kept.version || strcmp(kept.version, state_version()) != 0))
		kept_forget();
	kept.pass++;
}

/*
 * From here on it is this pass that is kept: nothing so far. Nothing at all where
 * the last one had more than may be kept.
 */
void
kept_start(int64 from)
{
	bool		too_many = kept.offered > KEPT_MAX;

	kept_forget();
	kept.offered = 0;
	if (too_many)
		return;
	kept.context = AllocSetContextCreate(TopMemoryContext, "tracer kept episodes", ALLOCSET_DEFAULT_SIZES);
	kept.from = from;
	kept.n = kept.ngone = kept.nkeys = 0;
	kept.max = kept.maxkeys = 256;
	kept.episodes = MemoryContextAlloc(kept.context, sizeof(KeptEpisode) * kept.max);
	kept.keys = MemoryContextAlloc(kept.context, sizeof(KeptKey) * kept.maxkeys);
	kept.episode_index = idtab_create(kept.context, 1024, NULL);
	kept.key_index = idtab_create(kept.context, 1024, NULL);
}

/* ---- what is kept, out ----------------------------------------------------------- */

static int32
given_key(Pass *p, KeptKey *k)
{
	if (k->pass != kept.pass)
	{
		k->index = pass_key(p, k->source, k->dedup, k->asset, k->asset_id);
		k->pass = kept.pass;
		p->keys[k->index].id = k->id;
		p->keys[k->index].last_event = k->last_event;
	}
	return k->index;
}

static void
free_runs(StoredEpisode *row)
{
	for (int32 i = 0; i < row->nruns; i++)
		pfree(row->runs[i]);
	if (row->runs)
		pfree(row->runs);
	row->runs = NULL;
	row->nruns = 0;
}

/*
 * Takes what has gone or begins too early out of the list. False: mostly keys are
 * left that nothing kept needs any more.
 */
static bool
sweep(int64 from)
{
	int32		n = 0;

	for (int32 i = 0; i < kept.n; i++)
	{
		KeptEpisode *e = &kept.episodes[i];

		if (e->row.id == 0)
			continue;
		if (e->row.start < from)
		{
			(void) idtab_delete(kept.episode_index, e->row.id);
			free_runs(&e->row);
			continue;
		}
		if (n != i)
		{
			kept.episodes[n] = *e;
			idtab_lookup(kept.episode_index, e->row.id)->index = n;
		}
		n++;
	}
	kept.n = n;
	kept.ngone = 0;
	kept.from = from;
	return kept.nkeys <= 2 * kept.n + SPARE_KEYS;
}

/*
 * Gives the pass every stored episode that starts from a moment on; false: they
 * have to be asked for. What is kept is the pass's to change from here on.
 */
bool
kept_load(Pass *p, int64 from)
{
	int32		early = 0;

	if (!kept.context || from < kept.from)
		return false;
	pfree(kept.version);
	kept.version = NULL;
	for (int32 i = 0; i < kept.n; i++)
	{
		KeptEpisode *e = &kept.episodes[i];

		if (e->row.id == 0)
			continue;
		if (e->row.start < from)
			early++;
		else
			pass_add_stored(p, &e->row, given_key(p, &kept.keys[e->key]));
	}
	if (early + kept.ngone > kept.n / 2 && !sweep(from))
		kept_forget();
	return true;
}

/* ---- and in ------------------------------------------------------------------------ */

/* A key's row as it is stored now. */
void
kept_key(const PassKey *k)
{
	IdEntry    *entry = kept.context ? idtab_lookup(kept.key_index, k->id) : NULL;

	if (entry)
		kept.keys[entry->index].last_event = k->last_event;
}

static int32
key_index(const PassKey *k)
{
	bool		found;
	IdEntry    *entry = idtab_insert(kept.key_index, k->id, &found);
	MemoryContext old;

	if (found)
		return entry->index;
	old = MemoryContextSwitchTo(kept.context);
	if (kept.nkeys == kept.maxkeys)
	{
		kept.maxkeys *= 2;
		kept.keys = repalloc_huge(kept.keys, sizeof(KeptKey) * (Size) kept.maxkeys);
	}
	kept.keys[kept.nkeys] = (KeptKey) {
		.id = k->id, .source = pstrdup(k->source), .dedup = pstrdup(k->dedup),
		.asset = k->asset ? pstrdup(k->asset) : NULL, .asset_id = k->asset_id, .last_event = k->last_event
	};
	MemoryContextSwitchTo(old);
	entry->index = kept.nkeys;
	return kept.nkeys++;
}

void
kept_drop(int64 id)
{
	IdEntry    *entry = kept.context ? idtab_lookup(kept.episode_index, id) : NULL;

	if (!entry)
		return;
	free_runs(&kept.episodes[entry->index].row);
	kept.episodes[entry->index].row.id = 0;
	kept.ngone++;
	(void) idtab_delete(kept.episode_index, id);
}

/* An episode's row as it is stored now, or was when it was read. */
void
kept_put(const StoredEpisode *row, const PassKey *k)
{
	bool		found;
	IdEntry    *entry;
	KeptEpisode *e;
	char	  **runs = NULL;
	MemoryContext old;

	if (!kept.context)
	{
		kept.offered++;
		return;
	}
	if (row->start < kept.from)
	{
		kept_drop(row->id);
		return;
	}
	if (kept.n - kept.ngone >= KEPT_MAX)
	{
		kept.offered = KEPT_MAX + 1;
		kept_forget();
		return;
	}
	old = MemoryContextSwitchTo(kept.context);
	entry = idtab_insert(kept.episode_index, row->id, &found);
	if (!found)
	{
		if (kept.n == kept.max)
		{
			kept.max *= 2;
			kept.episodes = repalloc_huge(kept.episodes, sizeof(KeptEpisode) * (Size) kept.max);
		}
		kept.episodes[kept.n].row = (StoredEpisode) {0};
		entry->index = kept.n++;
	}
	if (row->nruns > 0)
	{
		runs = palloc(sizeof(char *) * row->nruns);
		for (int32 i = 0; i < row->nruns; i++)
			runs[i] = pstrdup(row->runs[i]);
	}
	e = &kept.episodes[entry->index];
	free_runs(&e->row);
	e->row = *row;
	e->row.runs = runs;
	e->key = key_index(k);
	MemoryContextSwitchTo(old);
}

/* At the end of a pass that has stored everything, its state, too. */
void
kept_end(void)
{
	if (kept.context)
		kept.version = MemoryContextStrdup(kept.context, state_version());
}

#ifdef TRACER_CHECK
/* -1: nothing is kept any more. */
int64
kept_count(int64 from)
{
	int64		count = 0;

	if (!kept.context)
		return -1;
	for (int32 i = 0; i < kept.n; i++)
		count += kept.episodes[i].row.id != 0 && kept.episodes[i].row.start >= from;
	return count;
}

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

void
kept_check(const StoredEpisode *row, const PassKey *k)
{
	IdEntry    *entry = idtab_lookup(kept.episode_index, row->id);
	const StoredEpisode *e = entry ? &kept.episodes[entry->index].row : NULL;
	const KeptKey *key = entry ? &kept.keys[kept.episodes[entry->index].key] : NULL;
	bool		same = e && e->id == row->id && e->incident == row->incident && e->parent == row->parent &&
		e->suspect == row->suspect && e->base_parent == row->base_parent &&
		e->origin_start == row->origin_start && e->start == row->start && e->last == row->last &&
		e->end == row->end && e->chronic_from == row->chronic_from && e->alerts == row->alerts &&
		e->first_alert == row->first_alert && e->hops == row->hops && e->nruns == row->nruns &&
		e->because == row->because && e->base_because == row->base_because && e->severity == row->severity &&
		key->id == k->id && key->asset_id == k->asset_id && key->last_event == k->last_event &&
		same_text(key->source, k->source) && same_text(key->dedup, k->dedup) && same_text(key->asset, k->asset);

	if (!same)
		elog(PANIC, "episode %lld is kept otherwise than it is stored", (long long) row->id);
}
#endif

/*
 * Trigger on tracer.episode and tracer.alert_key: whoever writes them outside a
 * pass makes every process read them anew.
 */
Datum
tracer_void_kept(PG_FUNCTION_ARGS)
{
	static Statement st = {"UPDATE tracer.correlate_state SET pass = pass"};

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("tracer.void_kept() was not called as a trigger"),
				 errhint("It is hung on tables by the extension; there is no need to call it.")));
	if (!correlate_is_passing())
	{
		correlate_hold();
		query_begin();
		query(&st, 0, NULL, NULL, NULL);
		SPI_finish();
	}
	return PointerGetDatum(NULL);
}
