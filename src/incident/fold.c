/*
 * fold.c
 *		Keys into episodes.
 *
 * A key whose new alerts all come later than anything known of it goes on from
 * its stored episodes. Any other is folded again from all its alerts, and the
 * result is matched to its stored episodes by the alerts that they hold, so that
 * an episode, and the incident that claims it, keeps its identity.
 */
#include "compat.h"

#include "catalog/pg_type.h"

#include "incident/pass.h"

/* What folding found about an episode, into the working set. */
static void
store_fold(Pass *p, int32 key, int32 at, const FoldEpisode *f)
{
	CascadeEpisode *c = &p->ce[at];
	PassEpisode *e = &p->pe[at];

	if (!e->row_new &&
		(c->start != f->start || c->last != f->last || c->end != f->end ||
		 c->chronic_from != f->chronic_from || c->severity != f->severity ||
		 e->first_alert != f->first_alert || e->alerts != f->alerts || c->nruns != f->nruns ||
		 (f->nruns > 0 && memcmp(c->runs, f->runs, sizeof(int32) * f->nruns) != 0)))
	{
		if (c->start != f->start)
			pass_add_ghost(p, at);
		e->row_changed = true;
	}
	if (e->row_new || e->row_changed)
		c->dirty = true;
	e->key = key;
	e->first_alert = f->first_alert;
	e->alerts = f->alerts;
	c->place = pass_place(p, key);
	c->start = f->start;
	c->last = f->last;
	c->end = f->end;
	c->quiet_at = cascade_add(f->last, p->keys[key].quiet_after);
	c->chronic_from = f->chronic_from;
	c->severity = f->severity;
	c->runs = f->runs;
	c->nruns = f->nruns;
}

static int32
new_episode(Pass *p)
{
	int32		at = pass_add_episode(p);

	p->pe[at].row_new = true;
	p->ce[at].dirty = true;
	return at;
}

static void
recent_row(void *context, HeapTuple tuple, TupleDesc desc)
{
	Fold	   *folds = context;
	Fold	   *f = &folds[DatumGetInt32(SPI_getbinval(tuple, desc, 1, &(bool) {false}))];

	if (f->nrecent == RECENT_EVENTS)
		return;
	/* latest first: filled from the back, moved to the front by the caller */
	f->recent_at[RECENT_EVENTS - 1 - f->nrecent] = row_int64(tuple, desc, 2, 0);
	f->recent_firing[RECENT_EVENTS - 1 - f->nrecent++] = row_bool(tuple, desc, 3);
}

/* The latest alerts of the keys that go on from what is stored. */
static void
load_recent(Pass *p, Fold *folds)
{
	static Statement st = {
		"SELECT u.i, p.fired_at, p.firing "
		"  FROM unnest($1, $2) u(i, key_id), "
		"       LATERAL (SELECT fired_at, firing FROM tracer.placement p WHERE p.key_id = u.key_id "
		"                 ORDER BY fired_at DESC, firing LIMIT 10) p "
		" ORDER BY u.i, p.fired_at DESC, p.firing"
	};
	Column		c[2];

	column_init(&c[0], INT4OID);
	column_init(&c[1], INT8OID);
	for (int32 i = 0; i < p->nkeys; i++)
		if (p->keys[i].touched && !p->keys[i].refold && p->keys[i].id != 0)
		{
			column_add(&c[0], Int32GetDatum(i), false);
			column_int64(&c[1], p->keys[i].id);
		}
	if (c[0].n == 0)
		return;
	query_columns(&st, c, 2, recent_row, folds);
	for (int i = 0; i < c[0].n; i++)
	{
		Fold	   *f = &folds[DatumGetInt32(c[0].values[i])];

		memmove(f->recent_at, f->recent_at + RECENT_EVENTS - f->nrecent, sizeof(int64) * f->nrecent);
		memmove(f->recent_firing, f->recent_firing + RECENT_EVENTS - f->nrecent,
				sizeof(bool) * f->nrecent);
	}
}

/* The stored episodes of one key, by start. */
typedef struct StoredList
{
	int32	   *at;
	int32		n,
				max;
} StoredList;

/*
 * Matches episodes folded anew to stored ones: each takes the stored episode
 * that holds its first alert, if that is still free.
 */
static void
match_episodes(Pass *p, int32 key, Fold *f, const StoredList *stored,
			   const FoldEvent *events, const int32 *source, int32 nevents, int32 *index)
{
	int64	   *wish = palloc0(sizeof(int64) * Max(f->n, 1));
	int32	   *holder = palloc(sizeof(int32) * Max(f->n, 1));

	for (int32 i = 0; i < nevents; i++)
	{
		const PassAlert *a = &p->alerts[source[i]];
		int32		e = events[i].episode;

		if (e != CASCADE_NONE && events[i].firing && wish[e] == 0)
			wish[e] = a->old_episode;
	}

	for (int32 i = 0; i < stored->n; i++)
		p->pe[stored->at[i]].gone = true;
	for (int32 e = 0; e < f->n; e++)
	{
		int32		at = wish[e] ? pass_find_episode(p, wish[e]) : CASCADE_NONE;

		if (at == CASCADE_NONE || !p->pe[at].gone)
			at = new_episode(p);
		p->pe[at].gone = false;
		store_fold(p, key, at, &f->episodes[e]);
		index[e] = holder[e] = at;
	}
	for (int32 i = 0; i < nevents; i++)
	{
		int64		old_id = p->alerts[source[i]].old_episode;
		int32		old = old_id ? pass_find_episode(p, old_id) : CASCADE_NONE;

		if (old != CASCADE_NONE && events[i].episode != CASCADE_NONE && events[i].firing &&
			old != holder[events[i].episode] && p->pe[old].incident != 0)
			pass_add_claim(p, p->pe[old].incident, holder[events[i].episode]);
	}
	for (int32 i = 0; i < stored->n; i++)
		if (p->pe[stored->at[i]].gone)
			pass_add_ghost(p, stored->at[i]);
	pfree(wish);
	pfree(holder);
}

/* The events of a key with the resolves that reach it, in no order. */
static int32
gather_events(const Pass *p, int32 key, FoldEvent **events, int32 *max)
{
	int32		n = 0;
	const PassKey *k = &p->keys[key];

	for (int pass = 0; pass < 2; pass++)
	{
		int32		from = pass == 0 ? key : k->wildcard;

		if (from < 0)
			break;
		for (int32 i = p->keys[from].first_event; i >= 0; i = p->alerts[i].next_of_key)
		{
			const PassAlert *a = &p->alerts[i];

			if (pass == 1 && a->firing)
				continue;
			if (n == *max)
			{
				*max = *max ? 2 * *max : 64;
				*events = pure_realloc(*events, sizeof(FoldEvent) * (Size) *max);
			}
			(*events)[n++] = (FoldEvent) {
				a->at, a->id, a->run, a->severity, a->firing, pass == 1, i
			};
		}
	}
	return n;
}

static void
fold_key(Pass *p, int32 key, Fold *f, const StoredList *stored,
		 FoldEvent **events, int32 *max_events)
{
	int32		n = gather_events(p, key, events, max_events);
	int32	   *source = palloc(sizeof(int32) * Max(n, 1));
	int32	   *index;

	fold_sort(*events, n);
	for (int32 i = 0; i < n; i++)
	{
		source[i] = (*events)[i].episode;	/* gather_events left the alert here */
		fold_event(f, &(*events)[i]);
	}

	index = palloc(sizeof(int32) * Max(f->n, 1));
	if (p->keys[key].refold)
		match_episodes(p, key, f, stored, *events, source, n, index);
	else
		for (int32 e = 0; e < f->n; e++)
		{
			index[e] = f->episodes[e].id ? (int32) f->episodes[e].id - 1 : new_episode(p);
			if (f->episodes[e].changed)
				store_fold(p, key, index[e], &f->episodes[e]);
		}

	for (int32 i = 0; i < n; i++)
	{
		PassAlert  *a = &p->alerts[source[i]];

		if (!(*events)[i].foreign)
		{
			int32		e = (*events)[i].episode;

			a->episode = e == CASCADE_NONE ? CASCADE_NONE : index[e];
		}
	}
	pfree(source);
	pfree(index);
}

/* Folds every touched key. */
void
fold_keys(Pass *p)
{
	Fold	   *folds = pure_array0(Fold, p->nkeys);
	StoredList *stored = pure_array0(StoredList, p->nkeys);
	FoldEvent  *events = NULL;
	int32		max_events = 0;
	int32		nstored = p->nepisodes;

	if (!p->dry)
		load_recent(p, folds);

	/* load_key_episodes gives them by start */
	for (int32 i = 0; i < nstored; i++)
	{
		StoredList *l = &stored[p->pe[i].key];

		if (l->n == l->max)
		{
			l->max = l->max ? 2 * l->max : 2;
			l->at = pure_realloc(l->at, sizeof(int32) * (Size) l->max);
		}
		l->at[l->n++] = i;
	}

	for (int32 i = 0; i < p->nkeys; i++)
	{
		PassKey    *k = &p->keys[i];
		Fold	   *f = &folds[i];

		if (!k->touched)
			continue;
		f->quiet_after = k->quiet_after;
		if (!k->refold)
			for (int32 j = 0; j < stored[i].n; j++)
			{
				int32		at = stored[i].at[j];
				CascadeEpisode *c = &p->ce[at];
				FoldEpisode *e;

				if (f->n == f->max)
				{
					f->max = f->max ? 2 * f->max : 2;
					f->episodes = pure_realloc(f->episodes, sizeof(FoldEpisode) * (Size) f->max);
				}
				e = &f->episodes[f->n++];
				*e = (FoldEpisode) {
					c->start, c->last, c->end, c->chronic_from, p->pe[at].first_alert,
					p->pe[at].alerts, NULL, 0, c->severity, false, at + 1
				};
				for (int32 r = 0; r < c->nruns; r++)
				{
					/* copied the way episode.c grows them */
					if ((r & (r - 1)) == 0)
						e->runs = pure_realloc(e->runs, sizeof(int32) * (Size) Max(1, 2 * r));
					e->runs[r] = c->runs[r];
					e->nruns = r + 1;
				}
			}
		fold_key(p, i, f, &stored[i], &events, &max_events);
		if ((i & 0xFFF) == 0)
			CHECK_FOR_INTERRUPTS();
	}
	pure_free(folds);
	pure_free(stored);
	pure_free(events);
}
