/*
 * intern.c
 *		Names of the pass as small numbers: keys, runs, assets, sources.
 *
 * A storm repeats few strings many times. Each is kept once and looked up in a
 * hash table; everything after that compares integers. What orders keys (the
 * tie-break of the rule) is computed once, bytewise, when all are known.
 */
#include "compat.h"

#include "common/hashfn.h"

#include "incident/idtab.h"
#include "incident/pass.h"

/* ---- keys: (source, dedup_key, asset) ---------------------------------------- */

typedef struct KeyName
{
	const char *source;
	const char *dedup;
	const char *asset;			/* NULL: none */
} KeyName;

typedef struct KeyEntry
{
	KeyName		name;
	uint32		hash;
	int32		index;
	char		status;
} KeyEntry;

static uint32
hash_string(const char *s)
{
	return s ? hash_bytes((const unsigned char *) s, strlen(s)) : 0;
}

static uint32
hash_key_name(KeyName k)
{
	return hash_combine(hash_combine(hash_string(k.dedup), hash_string(k.source)),
						hash_string(k.asset));
}

static bool
same_string(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool
same_key_name(KeyName a, KeyName b)
{
	return same_string(a.dedup, b.dedup) && same_string(a.source, b.source) &&
		same_string(a.asset, b.asset);
}

#define SH_PREFIX keytab
#define SH_ELEMENT_TYPE KeyEntry
#define SH_KEY_TYPE KeyName
#define SH_KEY name
#define SH_HASH_KEY(tb, key) hash_key_name(key)
#define SH_EQUAL(tb, a, b) same_key_name(a, b)
#define SH_STORE_HASH
#define SH_GET_HASH(tb, a) (a)->hash
#define SH_SCOPE static inline
#define SH_DEFINE
#define SH_DECLARE
#include "lib/simplehash.h"

/* ---- plain names --------------------------------------------------------------- */

typedef struct NameEntry
{
	const char *name;
	uint32		hash;
	int64		value;
	char		status;
} NameEntry;

#define SH_PREFIX nametab
#define SH_ELEMENT_TYPE NameEntry
#define SH_KEY_TYPE const char *
#define SH_KEY name
#define SH_HASH_KEY(tb, key) hash_string(key)
#define SH_EQUAL(tb, a, b) (strcmp(a, b) == 0)
#define SH_STORE_HASH
#define SH_GET_HASH(tb, a) (a)->hash
#define SH_SCOPE static inline
#define SH_DEFINE
#define SH_DECLARE
#include "lib/simplehash.h"

void
pass_create_indexes(Pass *p)
{
	HASHCTL		ctl = {.keysize = sizeof(int64), .entrysize = 2 * sizeof(int64), .hcxt = p->context};

	p->key_index = keytab_create(p->context, 256, NULL);
	p->run_index = nametab_create(p->context, 64, NULL);
	p->source_index = nametab_create(p->context, 16, NULL);
	p->place_index = nametab_create(p->context, 256, NULL);
	p->episode_index = idtab_create(p->context, 1024, NULL);
	p->affected = hash_create("tracer affected incidents", 64, &ctl,
							  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	ctl.entrysize = sizeof(AssetName);
	p->asset_names = hash_create("tracer asset names", 64, &ctl,
								 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* The key of that name, or -1. */
int32
pass_find_key(Pass *p, const char *source, const char *dedup, const char *asset)
{
	KeyEntry   *e = keytab_lookup(p->key_index, (KeyName) {source, dedup, asset});

	return e ? e->index : -1;
}

/* The key of that name, made if need be; the strings are copied then. */
int32
pass_key(Pass *p, const char *source, const char *dedup, const char *asset, int64 asset_id)
{
	bool		found;
	KeyEntry   *e = keytab_insert(p->key_index, (KeyName) {source, dedup, asset}, &found);
	PassKey    *k;
	NameEntry  *s;

	if (found)
		return e->index;

	e->name.source = pstrdup(source);
	e->name.dedup = pstrdup(dedup);
	e->name.asset = asset ? pstrdup(asset) : NULL;
	e->index = p->nkeys;

	if (p->nkeys == p->maxkeys)
	{
		p->maxkeys = p->maxkeys ? 2 * p->maxkeys : 256;
		p->keys = pure_realloc(p->keys, sizeof(PassKey) * (Size) p->maxkeys);
	}
	k = &p->keys[p->nkeys];
	memset(k, 0, sizeof(PassKey));
	k->source = e->name.source;
	k->dedup = e->name.dedup;
	k->asset = e->name.asset;
	k->asset_id = asset_id;
	k->last_event = PG_INT64_MIN;
	k->oldest = PG_INT64_MAX;
	k->newest = PG_INT64_MIN;
	k->place = GRAPH_NONE;
	k->first_event = -1;
	k->wildcard = -1;
	s = nametab_lookup(p->source_index, k->source);
	k->quiet_after = s ? s->value : p->quiet_after;
	return p->nkeys++;
}

int32
pass_run(Pass *p, const char *run_id)
{
	bool		found;
	NameEntry  *e;

	if (run_id == NULL || run_id[0] == '\0')
		return CASCADE_NONE;
	e = nametab_insert(p->run_index, run_id, &found);
	if (!found)
	{
		e->name = pstrdup(run_id);
		e->value = p->nruns;
		if (p->nruns == p->maxruns)
		{
			p->maxruns = p->maxruns ? 2 * p->maxruns : 64;
			p->runs = pure_realloc(p->runs, sizeof(char *) * (Size) p->maxruns);
		}
		p->runs[p->nruns++] = (char *) e->name;
	}
	return (int32) e->value;
}

void
pass_source_quiet(Pass *p, const char *source, int64 quiet_after)
{
	bool		found;
	NameEntry  *e = nametab_insert(p->source_index, source, &found);

	if (!found)
		e->name = pstrdup(source);
	e->value = quiet_after;
}

/* The asset of a key as a dense number; a key without asset has its own. */
uint32
pass_place(Pass *p, int32 key)
{
	PassKey    *k = &p->keys[key];

	if (k->place != GRAPH_NONE)
		return k->place;
	if (k->asset != NULL)
	{
		bool		found;
		NameEntry  *e = nametab_insert(p->place_index, k->asset, &found);

		if (found)
		{
			k->place = (uint32) e->value;
			if (p->place_node[k->place] == GRAPH_NONE && k->asset_id != 0)
				p->place_node[k->place] = graph_find(p->graph, k->asset_id);
			return k->place;
		}
		e->name = k->asset;
		e->value = p->nplaces;
	}
	if (p->nplaces == p->maxplaces)
	{
		p->maxplaces = p->maxplaces ? 2 * p->maxplaces : 256;
		p->place_node = pure_realloc(p->place_node, sizeof(uint32) * (Size) p->maxplaces);
	}
	p->place_node[p->nplaces] = k->asset_id != 0 ? graph_find(p->graph, k->asset_id) : GRAPH_NONE;
	return k->place = p->nplaces++;
}

/*
 * The alert of that id, or -1. Few passes ask, so the index is built by the
 * first question and grows with the next.
 */
int32
pass_find_alert(Pass *p, int64 id)
{
	int64	   *entry;

	if (p->alert_index == NULL)
	{
		HASHCTL		ctl = {.keysize = sizeof(int64), .entrysize = 2 * sizeof(int64), .hcxt = p->context};

		p->alert_index = hash_create("tracer alerts", Max(p->nalerts, 64), &ctl,
									 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	for (; p->nindexed < p->nalerts; p->nindexed++)
	{
		entry = hash_search(p->alert_index, &p->alerts[p->nindexed].id, HASH_ENTER, NULL);
		entry[1] = p->nindexed;
	}
	entry = hash_search(p->alert_index, &id, HASH_FIND, NULL);
	return entry ? (int32) entry[1] : -1;
}

static int
compare_strings(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return (a != NULL) - (b != NULL);
	return strcmp(a, b);
}

static int
compare_keys(const void *pa, const void *pb)
{
	const PassKey *a = *(const PassKey *const *) pa,
			   *b = *(const PassKey *const *) pb;
	int			c = compare_strings(a->source, b->source);

	if (c == 0)
		c = compare_strings(a->dedup, b->dedup);
	if (c == 0)
		c = compare_strings(a->asset, b->asset);
	return c;
}

/* The tie-break: (source, dedup_key, asset), bytewise, NULL first. */
void
pass_rank_keys(Pass *p)
{
	PassKey   **order = palloc_extended(sizeof(PassKey *) * (Size) Max(p->nkeys, 1), MCXT_ALLOC_HUGE);

	for (int32 i = 0; i < p->nkeys; i++)
		order[i] = &p->keys[i];
	qsort(order, p->nkeys, sizeof(PassKey *), compare_keys);
	for (int32 i = 0; i < p->nkeys; i++)
		order[i]->tie = i;
	pfree(order);
	for (int32 i = 0; i < p->nepisodes; i++)
		p->ce[i].tie = p->keys[p->pe[i].key].tie;
}
