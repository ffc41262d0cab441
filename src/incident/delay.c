/*
 * delay.c
 *		Did the consequences of a candidate follow when they usually do?
 *
 * tracer.usual_delay knows, for pairs of assets that failed together before, the
 * span in which nine of ten second failures began. One within it speaks for the
 * first being its cause; one outside against it, the more the farther, up to the
 * width of the span. Delays are compared as signed logarithms, since ten minutes
 * are much beside one and nothing beside five hours: 1 within the span, else
 * 1 - 2 x distance / width, at least -1.
 */
#include "compat.h"

#include <math.h>

#include "catalog/pg_type.h"

#include "incident/rank.h"
#include "table/peek.h"

static const double UNIT = 60 * (double) USECS_PER_SEC;
static const double NARROWEST = 0.7;	/* of a span: log 2 */

static double
on_scale(double us)
{
	return us < 0 ? -log1p(-us / UNIT) : log1p(us / UNIT);
}

static void
delay_row(void *context, HeapTuple row, TupleDesc desc)
{
	Ranker	   *r = context;
	int32		i = (int32) row_int64(row, desc, 1, 0);
	const Pass *p = r->p;
	double		least = on_scale((double) row_int64(row, desc, 2, 0)),
				most = on_scale((double) row_int64(row, desc, 3, 0)),
				d = on_scale((double) p->ce[i].start - (double) p->ce[p->pe[i].parent].start),
				off = d < least ? least - d : d > most ? d - most : 0;

	r->usual[i] = (float) Max(-1.0, 1 - 2 * off / Max(most - least, NARROWEST));
}

/* How usual the delays behind their parents are, of all that is ranked. */
void
load_delays(Ranker *r)
{
	static Statement st = {
		"SELECT u.i, (extract(epoch FROM d.least) * 1000000)::bigint, (extract(epoch FROM d.most) * 1000000)::bigint "
		"  FROM unnest($1, $2, $3) u(i, upstream, downstream) "
		"  JOIN tracer.usual_delay d ON d.upstream_id = u.upstream AND d.downstream_id = u.downstream"
	};
	Pass	   *p = r->p;
	Column		c[3];

	r->usual = NULL;
	if (peek_empty("usual_delay"))
		return;
	r->usual = pure_array(float, p->nepisodes);
	column_init(&c[0], INT8OID);
	column_init(&c[1], INT8OID);
	column_init(&c[2], INT8OID);
	for (int32 k = 0; k < p->nincidents; k++)
		for (int32 i = p->incidents[k].first_member; i != CASCADE_NONE; i = p->next_member[i])
		{
			int32		up = p->pe[i].parent;
			int64		from = up == CASCADE_NONE ? 0 : p->keys[p->pe[up].key].asset_id,
						to = p->keys[p->pe[i].key].asset_id;

			r->usual[i] = NAN;
			if (from == 0 || to == 0 || from == to)
				continue;
			column_int64(&c[0], i);
			column_int64(&c[1], from);
			column_int64(&c[2], to);
		}
	if (c[0].n > 0)
		query_columns(&st, c, 3, delay_row, r);
}

/* Of what the candidate explains at first hand. */
void
delay_evidence(Ranker *r, int32 at)
{
	const Pass *p = r->p;
	double		sum = 0;
	int			n = 0,
				usual = 0;

	if (r->usual == NULL)
		return;
	for (int32 i = r->inc->first_member; i != CASCADE_NONE; i = p->next_member[i])
		if (descends_from(p, i) == at && !isnan(r->usual[i]))
		{
			sum += r->usual[i];
			usual += r->usual[i] >= 1;
			n++;
		}
	if (n > 0)
		evidence(r, FACT_DELAY, sum / n, 0, usual, n, NULL);
}
