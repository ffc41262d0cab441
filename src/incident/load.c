/*
 * load.c
 *		What is stored, into the working set: how far correlation has come,
 *		episodes, decisions, changes.
 *
 * Episodes are loaded by start from a moment on, all of them, because the rule
 * looks at time spans; and one by one where something older is needed: a key's
 * last episode, the rest of an incident, what a decision speaks of.
 */
#include "compat.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"

#include "incident/idtab.h"
#include "incident/pass.h"
#include "table/peek.h"

/* ---- state ------------------------------------------------------------------------ */

/*
 * Reads how far the last pass came. False if there was none, or if it ran in
 * another cluster, or rows came from one since: then its snapshot means nothing
 * here, and every alert without a placement is new.
 */
bool
load_state(Pass *p)
{
	static const char *const columns[] = {"seen", "system_id", "pass", "watermark", "fingerprint"};
	static Statement foreign = {"SELECT FROM tracer.foreign_row LIMIT 1"};
	Datum		state[lengthof(columns)];
	bool		null[lengthof(columns)];

	p->first = true;
	p->watermark = PG_INT64_MIN;
	if (!peek_row("correlate_state", columns, lengthof(columns), state, null))
		return false;
	p->seen = OidOutputFunctionCall(F_PG_SNAPSHOT_OUT, state[0]);
	p->first = (uint64) DatumGetInt64(state[1]) != GetSystemIdentifier();
	p->pass_number = DatumGetInt64(state[2]);
	if (!null[3])
		p->watermark = DatumGetTimestampTz(state[3]);
	p->settings_changed = null[4] || strcmp(TextDatumGetCString(state[4]), p->fingerprint) != 0;
	if (!peek_empty("foreign_row") && query(&foreign, 0, NULL, NULL, NULL) > 0)
	{
		SPI_freetuptable(SPI_tuptable);
		p->seen = SEEN_NOTHING;
	}
	return !p->first && strcmp(p->seen, SEEN_NOTHING) != 0;
}

/* ---- episodes -------------------------------------------------------------------- */

int32
pass_add_episode(Pass *p)
{
	int32		at = p->nepisodes;

	if (at == p->maxepisodes)
	{
		p->maxepisodes = at ? 2 * at : 1024;
		p->ce = pure_realloc(p->ce, sizeof(CascadeEpisode) * (Size) p->maxepisodes);
		p->pe = pure_realloc(p->pe, sizeof(PassEpisode) * (Size) p->maxepisodes);
	}
	memset(&p->ce[at], 0, sizeof(CascadeEpisode));
	memset(&p->pe[at], 0, sizeof(PassEpisode));
	p->ce[at].parent = CASCADE_NONE;
	p->ce[at].because = BECAUSE_ORIGIN;
	p->pe[at].base_parent = CASCADE_NONE;
	p->pe[at].base_because = BECAUSE_ORIGIN;
	p->pe[at].parent = CASCADE_NONE;
	p->pe[at].because = BECAUSE_ORIGIN;
	p->nepisodes++;
	return at;
}

int32
pass_find_episode(Pass *p, int64 id)
{
	IdEntry    *entry = idtab_lookup(p->episode_index, id);

	return entry ? entry->index : CASCADE_NONE;
}

/* The episode, as stored, is no more: what it explained must be looked at. */
void
pass_add_ghost(Pass *p, int32 episode)
{
	if (p->nghosts == p->maxghosts)
	{
		p->maxghosts = p->maxghosts ? 2 * p->maxghosts : 64;
		p->ghosts = pure_realloc(p->ghosts, sizeof(CascadeGhost) * (Size) p->maxghosts);
	}
	p->ghosts[p->nghosts].place = p->ce[episode].place;
	p->ghosts[p->nghosts++].start = p->ce[episode].start;
}

/* The episode holds alerts that an incident of that number held. */
void
pass_add_claim(Pass *p, int64 number, int32 episode)
{
	if (p->nclaims > 0 && p->claims[p->nclaims - 1].number == number &&
		p->claims[p->nclaims - 1].episode == episode)
		return;
	if (p->nclaims == p->maxclaims)
	{
		p->maxclaims = p->maxclaims ? 2 * p->maxclaims : 64;
		p->claims = pure_realloc(p->claims, sizeof(PassClaim) * (Size) p->maxclaims);
	}
	p->claims[p->nclaims++] = (PassClaim) {number, episode};
}

/*
 * Takes episodes that are no more out of the working set, before anything
 * points to them by index but alerts and claims.
 */
void
pass_drop_gone(Pass *p)
{
	int32	   *moved = palloc_extended(sizeof(int32) * (Size) Max(p->nepisodes, 1), MCXT_ALLOC_HUGE);
	int32		n = 0;

	for (int32 i = 0; i < p->nepisodes; i++)
	{
		int64		id = p->pe[i].id;

		if (p->pe[i].gone)
		{
			column_int64(&p->gone, id);
			affect_incident(p, p->pe[i].incident);
			/* its row is still there: remembered, so that it is not loaded again */
			idtab_lookup(p->episode_index, id)->index = CASCADE_NONE;
			moved[i] = CASCADE_NONE;
			continue;
		}
		moved[i] = n;
		if (n != i)
		{
			p->ce[n] = p->ce[i];
			p->pe[n] = p->pe[i];
			if (id != 0)
				idtab_lookup(p->episode_index, id)->index = n;
		}
		n++;
	}
	p->nepisodes = n;
	for (int32 i = 0; i < p->nalerts; i++)
		if (p->alerts[i].episode != CASCADE_NONE)
			p->alerts[i].episode = moved[p->alerts[i].episode];
	for (int32 i = 0; i < p->nclaims; i++)
		p->claims[i].episode = moved[p->claims[i].episode];
	pfree(moved);
}

#define EPISODE_COLUMNS \
	"SELECT e.episode_id, k.source, k.dedup_key, k.asset, k.asset_id, k.key_id, e.incident_id, " \
	"       e.parent_id, e.because, e.hops, e.suspect_id, e.base_parent_id, e.base_because, " \
	"       e.origin_at, e.started_at, e.last_fired_at, e.resolved_at, e.chronic_from, " \
	"       CASE e.severity WHEN 'info' THEN 0 WHEN 'warning' THEN 1 WHEN 'error' THEN 2 ELSE 3 END, " \
	"       e.alert_count, e.first_alert_id, e.run_ids, k.last_event_at " \
	"  FROM tracer.episode e JOIN tracer.alert_key k USING (key_id) "
#define EPISODE_WIDTH 23

static int
compare_int32(const void *a, const void *b)
{
	int32		x = *(const int32 *) a,
				y = *(const int32 *) b;

	return x < y ? -1 : x > y;
}

/* A row taken apart at once: it is wide, and there may be many. */
typedef struct EpisodeRow
{
	Datum		value[EPISODE_WIDTH + 1];	/* by attribute number */
	bool		null[EPISODE_WIDTH + 1];
} EpisodeRow;

static int64
int64_of(const EpisodeRow *r, int attno, int64 if_null)
{
	return r->null[attno] ? if_null : DatumGetInt64(r->value[attno]);
}

static char
char_of(const EpisodeRow *r, int attno, char if_null)
{
	return r->null[attno] ? if_null : DatumGetChar(r->value[attno]);
}

static char *
text_of(const EpisodeRow *r, int attno)
{
	return r->null[attno] ? NULL : TextDatumGetCString(r->value[attno]);
}

/* An episode that is stored, unless it is here already. */
void
pass_add_stored(Pass *p, const StoredEpisode *row, int32 key)
{
	bool		found;
	int32		at;
	IdEntry    *entry = idtab_insert(p->episode_index, row->id, &found);
	CascadeEpisode *c;
	PassEpisode *e;

	if (found)
		return;
	at = pass_add_episode(p);
	entry->index = at;
	c = &p->ce[at];
	e = &p->pe[at];

	e->id = row->id;
	e->key = key;
	e->incident = row->incident;
	e->stored_parent = row->parent;
	e->stored_because = row->because;
	e->stored_hops = row->hops;
	e->stored_suspect = e->suspect = row->suspect;
	e->stored_base_because = row->base_because;
	e->stored_base_parent = row->base_parent;
	e->stored_origin_start = c->origin_start = row->origin_start;
	e->because = e->stored_because;
	e->base_because = e->stored_base_because ? e->stored_base_because : e->stored_because;
	e->alerts = row->alerts;
	e->first_alert = row->first_alert;

	c->because = e->base_because;
	c->hops = e->stored_hops;
	if (e->base_because == BECAUSE_SUSPECT || e->base_because == BECAUSE_RULE)
		c->because = BECAUSE_ORIGIN;	/* what the rule alone says of it */
	c->place = pass_place(p, key);
	c->start = row->start;
	c->last = row->last;
	c->end = row->end;
	c->quiet_at = cascade_add(c->last, p->keys[key].quiet_after);
	c->chronic_from = row->chronic_from;
	c->severity = row->severity;
	if (row->nruns > 0)
	{
		int32	   *list = palloc(sizeof(int32) * row->nruns);

		for (int32 i = 0; i < row->nruns; i++)
			list[i] = pass_run(p, row->runs[i]);
		qsort(list, row->nruns, sizeof(int32), compare_int32);
		c->runs = list;
		c->nruns = row->nruns;
	}
}

static StoredEpisode
episode_of_row(const EpisodeRow *r)
{
	StoredEpisode row = {
		.id = int64_of(r, 1, 0), .incident = int64_of(r, 7, 0), .parent = int64_of(r, 8, 0),
		.because = char_of(r, 9, BECAUSE_ORIGIN), .hops = DatumGetInt32(r->value[10]),
		.suspect = int64_of(r, 11, 0), .base_parent = int64_of(r, 12, 0),
		.base_because = char_of(r, 13, '\0'), .origin_start = int64_of(r, 14, 0),
		.start = int64_of(r, 15, 0), .last = int64_of(r, 16, 0), .end = int64_of(r, 17, CASCADE_NEVER),
		.chronic_from = int64_of(r, 18, CASCADE_NEVER), .severity = (int8) DatumGetInt32(r->value[19]),
		.alerts = int64_of(r, 20, 0), .first_alert = int64_of(r, 21, 0)
	};

	if (!r->null[22])
	{
		Datum	   *items;

		deconstruct_array(DatumGetArrayTypeP(r->value[22]), TEXTOID, -1, false, TYPALIGN_INT, &items, NULL, &row.nruns);
		row.runs = palloc(sizeof(char *) * Max(row.nruns, 1));
		for (int i = 0; i < row.nruns; i++)
			row.runs[i] = TextDatumGetCString(items[i]);
	}
	return row;
}

/* Takes a row apart; the key that comes with it is made known to the pass. */
static int32
read_episode(Pass *p, HeapTuple tuple, TupleDesc desc, StoredEpisode *row)
{
	EpisodeRow	r;
	char	   *source,
			   *dedup,
			   *asset;
	int32		key;

	Assert(desc->natts == EPISODE_WIDTH);
	heap_deform_tuple(tuple, desc, r.value + 1, r.null + 1);
	source = text_of(&r, 2);
	dedup = text_of(&r, 3);
	asset = text_of(&r, 4);
	key = pass_key(p, source, dedup, asset, int64_of(&r, 5, 0));
	p->keys[key].id = int64_of(&r, 6, 0);
	p->keys[key].last_event = int64_of(&r, 23, PG_INT64_MIN);
	pfree(source);
	pfree(dedup);
	if (asset)
		pfree(asset);

	*row = episode_of_row(&r);
	return key;
}

static void
episode_row(void *context, HeapTuple tuple, TupleDesc desc)
{
	StoredEpisode row;
	int32		key = read_episode(context, tuple, desc, &row);

	pass_add_stored(context, &row, key);
}

/* One of the window, which is kept. */
static void
window_row(void *context, HeapTuple tuple, TupleDesc desc)
{
	Pass	   *p = context;
	StoredEpisode row;
	int32		key = read_episode(p, tuple, desc, &row);

	pass_add_stored(p, &row, key);
	kept_put(&row, &p->keys[key]);
}

#ifdef TRACER_CHECK
static void
check_row(void *context, HeapTuple tuple, TupleDesc desc)
{
	EpisodeRow	r;
	StoredEpisode row;
	PassKey		key = {0};

	heap_deform_tuple(tuple, desc, r.value + 1, r.null + 1);
	row = episode_of_row(&r);
	key.source = text_of(&r, 2);
	key.dedup = text_of(&r, 3);
	key.asset = text_of(&r, 4);
	key.asset_id = int64_of(&r, 5, 0);
	key.id = int64_of(&r, 6, 0);
	key.last_event = int64_of(&r, 23, PG_INT64_MIN);
	kept_check(&row, &key);
	--*(int64 *) context;
}
#endif

/* Of each key the last episode and those without an end, by start. */
void
load_key_episodes(Pass *p)
{
	static Statement st = {
		EPISODE_COLUMNS
		" WHERE e.key_id = ANY ($1) "
		"   AND (e.resolved_at IS NULL OR NOT EXISTS (SELECT 1 FROM tracer.episode n "
		"         WHERE n.key_id = e.key_id AND n.started_at > e.started_at)) "
		" ORDER BY e.key_id, e.started_at"
	};
	static Statement all = {
		EPISODE_COLUMNS " WHERE e.key_id = ANY ($1) ORDER BY e.key_id, e.started_at"
	};
	Column		refold;
	Column		go_on;

	column_init(&refold, INT8OID);
	column_init(&go_on, INT8OID);
	for (int32 i = 0; i < p->nkeys; i++)
		if (p->keys[i].touched && p->keys[i].id != 0)
			column_int64(p->keys[i].refold ? &refold : &go_on, p->keys[i].id);
	if (refold.n > 0)
		query_columns(&all, &refold, 1, episode_row, p);
	if (go_on.n > 0)
		query_columns(&st, &go_on, 1, episode_row, p);
}

/* Every stored episode that starts from a moment on; kept for the next pass, or not. */
void
load_window(Pass *p, int64 from, bool keep)
{
	static Statement st = {EPISODE_COLUMNS " WHERE e.started_at >= $1"};
	Oid			types[] = {TIMESTAMPTZOID};
	Datum		values[] = {TimestampTzGetDatum(from)};

	p->loaded_from = from;
	if (kept_load(p, from))
	{
#ifdef TRACER_CHECK
		int64		left = kept_count(from);

		if (left >= 0)
			query_each(&st, 1, types, values, " ", check_row, &left);
		if (left > 0)
			elog(PANIC, "%lld episodes are kept that are not stored", (long long) left);
#endif
		return;
	}
	if (keep)
		kept_start(from);
	else
		kept_forget();
	query_each(&st, 1, types, values, " ", keep ? window_row : episode_row, p);
}

/* The incident of that old number is to be regrouped: its episodes are needed. */
void
affect_incident(Pass *p, int64 number)
{
	if (number != 0)
		hash_search(p->affected, &number, HASH_ENTER, NULL);
}

bool
is_affected(Pass *p, int64 number)
{
	return number != 0 && hash_search(p->affected, &number, HASH_FIND, NULL) != NULL;
}

/* Every stored episode of some incidents. */
void
load_incidents(Pass *p, Column *numbers)
{
	static Statement st = {
		EPISODE_COLUMNS " WHERE e.incident_id = ANY ($1)"
	};

	if (numbers->n > 0)
		query_columns(&st, numbers, 1, episode_row, p);
}

/* Some stored episodes. */
void
load_episodes(Pass *p, Column *ids)
{
	static Statement st = {
		EPISODE_COLUMNS " WHERE e.episode_id = ANY ($1)"
	};

	query_columns(&st, ids, 1, episode_row, p);
}

/*
 * Turns stored parent ids into indexes, of the episodes that this pass has not
 * decided itself. Done again whenever more is loaded: a parent may come after
 * its child, and one older than the window comes only with its whole incident.
 */
void
load_links(Pass *p)
{
	for (int32 i = 0; i < p->nepisodes; i++)
	{
		PassEpisode *e = &p->pe[i];
		CascadeEpisode *c = &p->ce[i];

		if (e->id == 0 || c->decided || e->considered)
			continue;
		e->parent = e->stored_parent != 0 ? pass_find_episode(p, e->stored_parent) : CASCADE_NONE;
		e->base_parent = !e->stored_base_because ? e->parent
			: e->stored_base_parent != 0 ? pass_find_episode(p, e->stored_base_parent)
			: CASCADE_NONE;
		if (c->because != BECAUSE_ORIGIN)
			c->parent = e->base_parent;
	}
}

/* ---- decisions and changes --------------------------------------------------------- */

static void
decision_row(void *context, HeapTuple row, TupleDesc desc)
{
	Pass	   *p = context;
	char	   *kind = row_text(row, desc, 1);
	PassDecision *d;

	if ((p->ndecisions & (p->ndecisions - 1)) == 0)
		p->decisions = pure_realloc(p->decisions,
									sizeof(PassDecision) * (Size) Max(1, 2 * p->ndecisions));
	d = &p->decisions[p->ndecisions++];
	d->kind = kind[0];
	d->alert = row_int64(row, desc, 2, 0);
	d->other_alert = row_int64(row, desc, 3, 0);
	d->episode_id = row_int64(row, desc, 4, 0);
	d->other_id = row_int64(row, desc, 5, 0);
	d->incident = row_int64(row, desc, 6, 0);
	d->other_incident = row_int64(row, desc, 7, 0);
	d->root_asset = row_int64(row, desc, 8, 0);
	d->asset = row_int64(row, desc, 9, 0);
	d->base_incident = row_int64(row, desc, 10, 0);
	d->episode = d->other = CASCADE_NONE;
	pfree(kind);
}

/*
 * Loads people's decisions in order, and where their alerts are as far as that is
 * stored; not the episodes, of which only those of regrouped incidents matter.
 */
void
load_decisions(Pass *p)
{
	static Statement st = {
		"SELECT d.kind, d.alert_id, d.other_id, e.episode_id, o.episode_id, e.incident_id, "
		"       o.incident_id, s.asset_id, coalesce(s.asset_id, k.asset_id), b.incident_id "
		"  FROM tracer.decision d "
		"  LEFT JOIN tracer.placement l ON l.alert_id = d.alert_id "
		"  LEFT JOIN tracer.alert_key k ON k.key_id = l.key_id "
		"  LEFT JOIN tracer.episode e ON e.episode_id = l.episode_id "
		"  LEFT JOIN tracer.episode b ON b.episode_id = e.base_parent_id "
		"  LEFT JOIN tracer.placement m ON m.alert_id = d.other_id "
		"  LEFT JOIN tracer.episode o ON o.episode_id = m.episode_id "
		"  LEFT JOIN tracer.asset s ON s.name = d.root_asset "
		/* who named an asset that is gone has named no other */
		" WHERE d.root_asset IS NULL OR s.asset_id IS NOT NULL "
		" ORDER BY d.decision_id"
	};

	if (!peek_empty("decision"))
		query_each(&st, 0, NULL, NULL, NULL, decision_row, p);
}

/* The episode that holds an alert: as this pass placed it, or as stored. */
static int32
episode_of(Pass *p, int64 alert, int64 stored)
{
	int32		a = alert == 0 ? -1 : pass_find_alert(p, alert);

	return a >= 0 ? p->alerts[a].episode : pass_find_episode(p, stored);
}

/* Finds the episodes that decisions speak of, among those that are loaded. */
void
find_decisions(Pass *p)
{
	for (int32 i = 0; i < p->ndecisions; i++)
	{
		PassDecision *d = &p->decisions[i];

		d->episode = episode_of(p, d->alert, d->episode_id);
		d->other = episode_of(p, d->other_alert, d->other_id);
	}
}

static void
change_row(void *context, HeapTuple tuple, TupleDesc desc)
{
	Pass	   *p = context;
	uint32		node = graph_find(p->graph, row_int64(tuple, desc, 3, 0));

	if (node == GRAPH_NONE)
		return;
	if ((p->nchanges & (p->nchanges - 1)) == 0)
		p->changes = pure_realloc(p->changes, sizeof(PassChange) * (Size) Max(1, 2 * p->nchanges));
	p->changes[p->nchanges++] = (PassChange) {
		row_int64(tuple, desc, 1, 0), row_int64(tuple, desc, 2, 0), node, row_bool(tuple, desc, 4)
	};
}

/* Changes that took effect in a span, on assets that lineage knows. */
void
load_changes(Pass *p, int64 from, int64 to)
{
	static Statement st = {
		"WITH c AS MATERIALIZED ("
		"  SELECT c.change_id, coalesce(c.changed_at, c.received_at) AS at, c.asset FROM tracer.change c "
		"   WHERE coalesce(c.changed_at, c.received_at) BETWEEN $1 AND $2 AND c.asset <> '') "
		"SELECT c.change_id, c.at, s.asset_id, false "
		"  FROM c JOIN tracer.resolve_names((SELECT array_agg(x.asset) FROM c x)) n ON n.called = c.asset "
		"  JOIN tracer.asset s ON s.name = n.name"
	};
	Oid			types[] = {TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		values[] = {TimestampTzGetDatum(from), TimestampTzGetDatum(to)};

	p->nchanges = 0;
	if (!peek_empty("change"))
		query_each(&st, 2, types, values, "  ", change_row, p);
	p->changes_from = from;
	p->changes_to = to;
}

/* ---- what the search for suspects asks ------------------------------------------------ */

/* Has the asset an episode above info, older than what is loaded, in the span? */
bool
older_alerts(void *context, uint32 node, int64 from, int64 to)
{
	static Statement st = {
		"SELECT 1 FROM tracer.alert_key k JOIN tracer.episode e USING (key_id) "
		" WHERE k.asset_id = $1 AND e.severity > 'info' AND e.started_at < $2 "
		"   AND e.started_at <= $4 AND e.last_fired_at >= $3 LIMIT 1"
	};
	Pass	   *p = context;
	Oid			types[] = {INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		values[] = {
		Int64GetDatum(graph_asset(p->graph, node)), TimestampTzGetDatum(p->loaded_from),
		TimestampTzGetDatum(from), TimestampTzGetDatum(to)
	};
	bool		found;

	if (p->dry || p->loaded_from <= from)
		return false;
	found = query(&st, 4, types, values, "    ") > 0;
	SPI_freetuptable(SPI_tuptable);
	return found;
}

/* NULL: there is no such asset. */
const char *
asset_name(Pass *p, int64 asset_id)
{
	AssetName  *entry;
	bool		found;

	if (asset_id == 0)
		return NULL;
	entry = hash_search(p->asset_names, &asset_id, HASH_ENTER, &found);
	if (!found)
	{
		MemoryContext old = MemoryContextSwitchTo(p->context);

		entry->name = NULL;
		entry->name = peek_text_by_id("asset", "asset_pkey", "name", asset_id);
		MemoryContextSwitchTo(old);
	}
	return entry->name;
}

const char *
node_name(Pass *p, uint32 node)
{
	const char *name = asset_name(p, graph_asset(p->graph, node));

	return name ? name : "";
}

/* Only ties between suspects need names: each is fetched when it first ties. */
int
compare_node_names(void *context, uint32 a, uint32 b)
{
	return strcmp(node_name(context, a), node_name(context, b));
}
