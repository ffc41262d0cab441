/*
 * evidence.c
 *		Facts for and against a root-cause candidate, and what each adds.
 *
 * Each fact is one row of evidence: an amount, which says how much of it there
 * is, times the weight that the settings give it. A weight that is not declared
 * here cannot be set, and one that is has a default: setting.sql declares both
 * under the same name.
 */
#include "compat.h"

#include <math.h>

#include "utils/builtins.h"

#include "incident/rank.h"

/* By Fact: what the row says, and the setting with its weight after "weight_". */
const char *const fact_name[FACTS] = {
	[FACT_ORIGIN] = "origin",
	[FACT_EXPLAINED] = "explained",
	[FACT_COVERAGE] = "coverage",
	[FACT_FIRST] = "first",
	[FACT_LATE] = "late",
	[FACT_DELAY] = "delay",
	[FACT_CHANGE] = "change",
	[FACT_MESSAGE] = "message",
	[FACT_HISTORY] = "history",
	[FACT_CONSUMERS] = "consumers",
	[FACT_SILENT] = "silent",
	[FACT_UNPLACED] = "unplaced",
	[FACT_LEARNED] = "learned",
	[FACT_METRIC] = "metric",
	[FACT_SPREAD] = "spread",
	[FACT_SOURCE_MOVES] = "source_moves",
	[FACT_STILL] = "still",
	[FACT_CONFIRMED] = "confirmed"
};

static const double CHANGE_PER_HOP = 0.7;
static const double HISTORY_MOST = 4;	/* times */

/* Notes a fact about the candidate at hand. */
void
evidence(Ranker *r, Fact fact, double amount, int64 ref, double num, double num2, const char *name)
{
	double		weight = rint(r->p->weight[fact] * amount * 100) / 100; /* what a reader adds up */

	column_int64(&r->row[0], r->inc->number);
	column_id(&r->row[1], r->asset_id);
	column_text(&r->row[2], r->asset);
	column_text(&r->row[3], fact_name[fact]);
	column_add(&r->row[4], Float4GetDatum((float4) weight), false);
	column_add(&r->row[5], Float4GetDatum((float4) amount), false);
	column_id(&r->row[6], ref);
	column_add(&r->row[7], Float8GetDatum(num), isnan(num));
	column_add(&r->row[8], Float8GetDatum(num2), isnan(num2));
	column_text(&r->row[9], name);
	r->score += weight;
}

static int
compare_changes(const void *pa, const void *pb)
{
	const PassChange *a = pa,
			   *b = pb;

	if (a->node != b->node)
		return a->node < b->node ? -1 : 1;
	if (a->at != b->at)
		return a->at > b->at ? -1 : 1;	/* latest first */
	return a->id < b->id ? -1 : a->id > b->id;
}

/* Changes on a node that took effect before t, within the lookback. */
static int32
changes_on(Ranker *r, uint32 node, int64 t, const PassChange **list)
{
	const Pass *p = r->p;
	int32		lo = 0,
				hi = p->nchanges,
				n = 0;
	int64		latest = cascade_add(t, p->rules.detection_lag);

	while (lo < hi)
	{
		int32		mid = lo + (hi - lo) / 2;

		if (r->by_node[mid].node < node ||
			(r->by_node[mid].node == node && r->by_node[mid].at > latest))
			lo = mid + 1;
		else
			hi = mid;
	}
	*list = &r->by_node[lo];
	while (lo + n < p->nchanges && r->by_node[lo + n].node == node &&
		   r->by_node[lo + n].at >= cascade_sub(t, p->rules.change_lookback))
		n++;
	return n;
}

/* The nearer in lineage and time, the more. */
static double
change_amount(const Pass *p, int64 t, int64 at, uint32 hops)
{
	double		age = Max(0.0, (double) t - (double) at);

	return pow(CHANGE_PER_HOP, hops) * exp(-age / Max(1.0, (double) p->rules.change_lookback));
}

void
change_evidence(Ranker *r, uint32 node, int64 t, uint32 hops, int *left)
{
	const PassChange *list;
	int32		n = changes_on(r, node, t, &list);

	for (int32 i = 0; i < n && *left > 0; i++, (*left)--)
		evidence(r, FACT_CHANGE, change_amount(r->p, t, list[i].at, hops), list[i].id, hops,
				 ((double) t - (double) list[i].at) / USECS_PER_SEC, NULL);
}

bool
has_changed(Ranker *r, uint32 node, int64 t)
{
	const PassChange *list;

	return changes_on(r, node, t, &list) > 0;
}

/* The pass's changes, by where and when. */
void
sort_changes(Ranker *r)
{
	Pass	   *p = r->p;

	r->by_node = pure_array(PassChange, p->nchanges);
	if (p->nchanges > 0)
		memcpy(r->by_node, p->changes, sizeof(PassChange) * p->nchanges);
	qsort(r->by_node, p->nchanges, sizeof(PassChange), compare_changes);
}

static int
compare_named(const void *pa, const void *pb)
{
	const NamedCause *a = pa,
			   *b = pb;

	if (a->incident != b->incident)
		return a->incident < b->incident ? -1 : 1;
	return a->decision < b->decision ? -1 : a->decision > b->decision;
}

/* What people named as causes: of each incident what they named last. */
void
load_history(Ranker *r)
{
	const Pass *p = r->p;
	int32		n = 0;

	r->named = pure_array(NamedCause, p->ndecisions);
	for (int32 i = 0; i < p->ndecisions; i++)
	{
		const PassDecision *d = &p->decisions[i];

		if (d->kind == 'r' && d->asset != 0)
			r->named[n++] = (NamedCause) {
				d->episode == CASCADE_NONE ? d->incident : p->pe[d->episode].new_incident, i, d->asset
			};
	}
	if (n > 0)
		qsort(r->named, n, sizeof(NamedCause), compare_named);
	r->nnamed = 0;
	for (int32 i = 0; i < n; i++)
		if (i + 1 == n || r->named[i].incident != r->named[i + 1].incident || r->named[i].incident == 0)
			r->named[r->nnamed++] = r->named[i];
}

/* How often people named the asset as the cause of another incident. */
void
history_evidence(Ranker *r)
{
	int			times = 0;

	for (int32 i = 0; i < r->nnamed; i++)
		times += r->named[i].asset == r->asset_id && r->named[i].incident != r->inc->number;
	if (times > 0)
		evidence(r, FACT_HISTORY, Min(HISTORY_MOST, times), 0, times, NAN, NULL);
}

/* Where its alerts stand among the others. */
void
position_evidence(Ranker *r, int32 at, int64 second_start)
{
	Pass	   *p = r->p;
	const PassIncident *inc = r->inc;
	const CascadeEpisode *c = &p->ce[at];
	const PassEpisode *e = &p->pe[at];
	bool		origin = at == inc->root && inc->suspect == 0;

	/* the words depend on why the episode is where it is */
	evidence(r, origin ? FACT_ORIGIN : FACT_EXPLAINED, 1, e->id, NAN, NAN, NULL);
	if (inc->nmembers > 1)
		evidence(r, FACT_COVERAGE, r->below[at] / (double) (inc->nmembers - 1), 0,
				 r->below[at], inc->nmembers - 1, NULL);
	if (inc->nmembers > 1 && c->start == inc->opened_at && second_start > c->start)
		evidence(r, FACT_FIRST, 1, 0, ((double) second_start - (double) c->start) / USECS_PER_SEC, NAN, NULL);
	else if (c->start > inc->opened_at && !origin)
		evidence(r, FACT_LATE, 1, 0, ((double) c->start - (double) inc->opened_at) / USECS_PER_SEC, NAN, NULL);
}

/* The least trusted learned edge from the root down to an episode, or NULL. */
static const PassLearned *
learned_way(Ranker *r, int32 episode)
{
	Pass	   *p = r->p;
	const PassLearned *least = NULL;
	int32		top,
				at;

	/* up to what is known, then the same way again to leave it there */
	for (top = episode; !r->known[top] && descends_from(p, top) != CASCADE_NONE; top = descends_from(p, top))
		r->waiting[descends_from(p, top)] = top;
	for (at = top;; at = r->waiting[at])
	{
		if (!r->known[at])
		{
			const PassLearned *link = learned_link(p, at);

			r->learned[at] = link != NULL && (least == NULL || link->trust < least->trust) ? link : least;
			r->known[at] = true;
		}
		least = r->learned[at];
		if (at == episode)
			return least;
	}
}

/*
 * What the root explains by way of learned lineage counts as much less as that
 * is not trusted.
 */
void
learned_evidence(Ranker *r)
{
	Pass	   *p = r->p;
	const PassIncident *inc = r->inc;
	int32		all = inc->suspect != 0 ? inc->nmembers : inc->nmembers - 1;
	const PassLearned *least = NULL;
	double		doubt = 0;
	int32		n = 0;

	if (p->nlearned == 0)
		return;
	for (int32 i = inc->first_member; i != CASCADE_NONE; i = p->next_member[i])
	{
		const PassLearned *x = learned_way(r, i);

		if (x == NULL)
			continue;
		n++;
		doubt += 1 - x->trust;
		if (least == NULL || x->trust < least->trust)
			least = x;
	}
	if (n > 0)
		evidence(r, FACT_LEARNED, doubt / Max(all, 1), least->id, n, all,
				 psprintf("%s -> %s", node_name(p, least->upstream), node_name(p, least->downstream)));
}
