/*
 * measure.c
 *		What the metrics around an incident say: who moved with the symptom.
 *
 * The symptom is the member of the incident with metrics that lies most
 * downstream: nobody else's failure descends from it. Its series that are off
 * during the incident are the reference; only those whose names its alerts
 * mention, if there are such. Every asset above it, the nearest first, is held against
 * that reference:
 *
 *		move = strength x correlation ^ 2 x (1, or CROSS for another metric)
 *
 * with the strength of its own deviation and the correlation of series.c, for
 * the best pair of series, times the strength of the reference's deviation. A
 * series of the same name counts to the side to which the reference is off (if
 * the symptom's latency is up, a latency that is down is no cause), any other
 * series to both.
 *
 * Metrics decide no grouping, so they are read when an incident is ranked, and
 * one that arrives later counts the next time.
 */
#include "compat.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "incident/pass.h"
#include "table/peek.h"
#include "incident/series.h"

#define MAX_ASSETS 256			/* above the symptom */
#define MAX_SERIES 16			/* of an asset */
#define MAX_WINDOW 1000			/* points from the first alert on; before it half as many */
#define MAX_NORMAL 600			/* points */
#define MAX_SINKS 64			/* members among which the symptom is looked for */

static const double CROSS = 0.3;

typedef struct AssetSeries
{
	int32		asset;			/* index into Measures.list */
	const char *name;
	bool		named;			/* an alert of the symptom mentions it */
	bool		known;
	Series		series;
	int			room;
} AssetSeries;

typedef struct Load
{
	AssetSeries *list;
	int			n;
	int			room;
	int64		from;			/* the window begins here */
} Load;

static void
measured_row(void *context, HeapTuple tuple, TupleDesc desc)
{
	Pass	   *p = context;

	p->measured[DatumGetInt32(SPI_getbinval(tuple, desc, 1, &(bool) {false}))] = true;
}

/* Which members of the pass's incidents have metrics at all. */
void
find_measured(Pass *p)
{
	static Statement st = {
		"SELECT u.i FROM unnest($1, $2) u(i, name) "
		" WHERE EXISTS (SELECT FROM tracer.metric m WHERE m.asset = u.name) "
		"    OR EXISTS (SELECT FROM tracer.asset_alias l JOIN tracer.metric m ON m.asset = l.alias "
		"                WHERE l.asset = u.name)"
	};
	Column		c[2];

	p->measured = NULL;
	if (peek_empty("metric"))
		return;
	p->measured = pure_array0(bool, p->nplaces);
	column_init(&c[0], INT4OID);
	column_init(&c[1], TEXTOID);
	for (int32 i = 0; i < p->nincidents; i++)
		for (int32 e = p->incidents[i].first_member; e != CASCADE_NONE; e = p->next_member[e])
		{
			uint32		place = p->ce[e].place;

			if (p->measured[place] || p->place_node[place] == GRAPH_NONE)
				continue;
			p->measured[place] = true;	/* asked for */
			column_add(&c[0], Int32GetDatum((int32) place), false);
			column_text(&c[1], p->keys[p->pe[e].key].asset);
		}
	memset(p->measured, 0, sizeof(bool) * p->nplaces);
	if (c[0].n > 0)
		query_columns(&st, c, 2, measured_row, p);
}

/* How many of the incident's members lie above a node. */
static int
members_above(Pass *p, const bool *member, uint32 node)
{
	uint32		n;
	const AncestorVisit *v = ancestry_walk(p->cascade.ancestry, node, GRAPH_NONE, &n);
	int			found = 0;

	for (uint32 i = 0; i < n; i++)
		for (uint32 m = ancestry_first_member(p->cascade.ancestry, v[i].component);
			 m != GRAPH_NONE; m = ancestry_next_member(p->cascade.ancestry, m))
		{
			uint32		place = p->cascade.node_place[m];

			found += place != GRAPH_NONE && member[place];
		}
	return found;
}

/* An episode on the symptom, or none. */
static int32
find_symptom(Pass *p, const PassIncident *inc)
{
	bool	   *member = pure_array0(bool, p->nplaces);
	int32		best = CASCADE_NONE;
	int			most = -1,
				looked = 0;

	for (int32 e = inc->first_member; e != CASCADE_NONE; e = p->next_member[e])
		member[p->ce[e].place] = true;
	for (int32 e = inc->first_member; e != CASCADE_NONE && looked < MAX_SINKS; e = p->next_member[e])
	{
		const CascadeEpisode *c = &p->ce[e];
		uint32		node = p->place_node[c->place];
		int			above;

		if (!p->measured[c->place] || node == GRAPH_NONE ||
			ancestry_component(p->cascade.ancestry, node) == GRAPH_NONE ||
			(best != CASCADE_NONE && p->ce[best].place == c->place))
			continue;
		above = members_above(p, member, node);
		looked++;
		if (above > most || (above == most && c->tie < p->ce[best].tie))
		{
			most = above;
			best = e;
		}
	}
	pure_free(member);
	return best;
}

static void
point_row(void *context, HeapTuple tuple, TupleDesc desc)
{
	Load	   *l = context;
	int32		asset = DatumGetInt32(SPI_getbinval(tuple, desc, 1, &(bool) {false}));
	char	   *name = row_text(tuple, desc, 2);
	int64		at = row_int64(tuple, desc, 4, 0);
	double		value = DatumGetFloat8(SPI_getbinval(tuple, desc, 5, &(bool) {false}));
	AssetSeries *s = l->n > 0 ? &l->list[l->n - 1] : NULL;

	if (s == NULL || s->asset != asset || strcmp(s->name, name) != 0)
	{
		if (l->n == l->room)
		{
			l->room = l->room ? 2 * l->room : 64;
			l->list = pure_realloc(l->list, sizeof(AssetSeries) * (Size) l->room);
		}
		s = &l->list[l->n++];
		memset(s, 0, sizeof(*s));
		s->asset = asset;
		s->name = name;
		s->named = row_bool(tuple, desc, 3);
	}
	else
		pfree(name);
	if (s->series.n == s->room)
	{
		s->room = s->room ? 2 * s->room : 256;
		s->series.at = pure_realloc((void *) s->series.at, sizeof(int64) * (Size) s->room);
		s->series.value = pure_realloc((void *) s->series.value, sizeof(double) * (Size) s->room);
	}
	((int64 *) s->series.at)[s->series.n] = at;
	((double *) s->series.value)[s->series.n++] = value;
	s->series.normal += at < l->from;
}

/* The series of the assets in the list, within and before the incident. */
static void
load_series(Pass *p, const PassIncident *inc, int32 symptom, Measures *out, Load *l)
{
	static Statement st = {
		"WITH asked AS MATERIALIZED ("
		"  SELECT a.i, k.known "
		"    FROM unnest($1, $2) a(i, asset_id) JOIN tracer.asset t USING (asset_id), "
		"         LATERAL (SELECT t.name UNION ALL SELECT x.alias FROM tracer.asset_alias x WHERE x.asset = t.name) k(known)) "
		"SELECT a.i, s.name, "
		"       a.i = 0 AND EXISTS (SELECT FROM tracer.alert w WHERE w.alert_id = ANY ($3) "
		"                              AND strpos(lower(concat_ws(' ', w.title, w.dedup_key, w.labels)), lower(s.name)) > 0), "
		"       m.ts, m.value "
		"  FROM asked a, "
		/* the names of an asset's series, one index probe each */
		"       LATERAL (WITH RECURSIVE n(name) AS ("
		"           (SELECT x.name FROM tracer.metric x WHERE x.asset = a.known ORDER BY x.name LIMIT 1) "
		"           UNION ALL "
		"           SELECT (SELECT x.name FROM tracer.metric x WHERE x.asset = a.known AND x.name > n.name "
		"                    ORDER BY x.name LIMIT 1) FROM n WHERE n.name IS NOT NULL) "
		"         SELECT n.name FROM n WHERE n.name IS NOT NULL LIMIT $6) s, "
		"       LATERAL ((SELECT x.ts, x.value FROM tracer.metric x "
		"                  WHERE x.asset = a.known AND x.name = s.name AND x.ts < $4 AND x.value - x.value = 0 "
		"                  ORDER BY x.ts DESC, x.value DESC LIMIT $7) "
		"                UNION ALL "
		"                (SELECT x.ts, x.value FROM tracer.metric x "
		"                  WHERE x.asset = a.known AND x.name = s.name AND x.ts >= $4 AND x.ts < $9 AND x.value - x.value = 0 "
		"                  ORDER BY x.ts DESC, x.value DESC LIMIT $8 / 2) "
		"                UNION ALL "
		"                (SELECT x.ts, x.value FROM tracer.metric x "
		"                  WHERE x.asset = a.known AND x.name = s.name AND x.ts >= $9 AND x.ts <= $5 AND x.value - x.value = 0 "
		"                  ORDER BY x.ts, x.value LIMIT $8)) m "
		" ORDER BY a.i, s.name, m.ts, m.value"
	};
	Oid			types[] = {INT4ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID, INT4OID, INT4OID, TIMESTAMPTZOID};
	Datum		values[9];
	Column		index,
				asset,
				alerts;
	int64		to = Min(cascade_add(inc->last_alert_at, p->rules.detection_lag), DT_NOEND);

	l->from = Max(cascade_sub(inc->opened_at, p->rules.detection_lag), DT_NOBEGIN);
	column_init(&index, INT4OID);
	column_init(&asset, INT8OID);
	column_init(&alerts, INT8OID);
	for (int32 i = 0; i < out->n; i++)
	{
		column_add(&index, Int32GetDatum(i), false);
		column_int64(&asset, graph_asset(p->graph, out->list[i].node));
	}
	for (int32 e = inc->first_member; e != CASCADE_NONE; e = p->next_member[e])
		if (p->ce[e].place == p->ce[symptom].place)
			column_int64(&alerts, p->pe[e].first_alert);
	values[0] = column_array(&index, 0, index.n);
	values[1] = column_array(&asset, 0, asset.n);
	values[2] = column_array(&alerts, 0, alerts.n);
	values[3] = TimestampTzGetDatum(l->from);
	values[4] = TimestampTzGetDatum(to);
	values[5] = Int32GetDatum(MAX_SERIES);
	values[6] = Int32GetDatum(MAX_NORMAL);
	values[7] = Int32GetDatum(MAX_WINDOW);
	values[8] = TimestampTzGetDatum(inc->opened_at);
	query_each(&st, 9, types, values, "         ", point_row, l);

	for (int i = 0; i < l->n; i++)
		l->list[i].known = series_describe(&l->list[i].series);
}

/* What the best pair of an asset's series and a reference says. */
static void
measure_asset(const AssetSeries *mine, int nmine, const AssetSeries *refs, int nrefs, bool named,
			  Measure *m)
{
	for (int r = 0; r < nrefs; r++)
	{
		const Series *ref = &refs[r].series;
		SeriesSide	ref_side;
		double		ref_strength;

		if (!refs[r].known || (named && !refs[r].named))
			continue;
		ref_side = series_most(ref, SERIES_UP) >= series_most(ref, SERIES_DOWN) ? SERIES_UP : SERIES_DOWN;
		/* an alert that names it says that it is off */
		ref_strength = named ? series_degree(series_most(ref, ref_side))
			: series_strength(series_most(ref, ref_side));
		if (ref_strength == 0)
			continue;
		for (int i = 0; i < nmine; i++)
		{
			bool		same = strcmp(mine[i].name, refs[r].name) == 0;
			SeriesSide	side = same ? ref_side : SERIES_BOTH;
			double		most,
						move,
						corr;

			if (!mine[i].known)
				continue;
			most = series_most(&mine[i].series, side);
			move = series_strength(most) * ref_strength;
			if (move == 0)
				continue;
			corr = series_correlation(&mine[i].series, side, ref, ref_side);
			move *= corr * corr * (same ? 1.0 : CROSS);
			if (move > m->move)
			{
				m->move = move;
				m->metric = mine[i].name;
				m->deviation = most;
				m->correlation = corr;
			}
		}
	}
}

static int32
find_node(const Measures *ms, const int32 *by_node, uint32 node)
{
	int32		lo = 0,
				hi = ms->n;

	while (lo < hi)
	{
		int32		mid = lo + (hi - lo) / 2;

		if (ms->list[by_node[mid]].node < node)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < ms->n && ms->list[by_node[lo]].node == node ? by_node[lo] : -1;
}

static int
compare_nodes(const void *pa, const void *pb, void *arg)
{
	const Measure *list = arg;
	uint32		a = list[*(const int32 *) pa].node,
				b = list[*(const int32 *) pb].node;

	return a < b ? -1 : a > b;
}

/* What moves directly below and above each asset. */
static void
measure_neighbours(Pass *p, Measures *ms)
{
	int32	   *by_node = pure_array(int32, ms->n);

	for (int32 i = 0; i < ms->n; i++)
		by_node[i] = i;
	qsort_arg(by_node, ms->n, sizeof(int32), compare_nodes, ms->list);
	for (int32 i = 0; i < ms->n; i++)
	{
		GraphSpan	up = graph_up(p->graph, ms->list[i].node);

		for (uint32 k = 0; k < up.n; k++)
		{
			int32		u = find_node(ms, by_node, GRAPH_NODE(up.word[k]));

			if (u < 0 || u == i)
				continue;
			ms->list[u].consumers += ms->list[i].move;
			if (ms->list[u].move > 0 &&
				(ms->list[i].upstream < 0 || ms->list[u].move > ms->list[ms->list[i].upstream].move))
				ms->list[i].upstream = u;
		}
	}
	pure_free(by_node);
}

/*
 * False where metrics say nothing of the incident: the symptom has none, or none
 * of them is off and its alerts speak of none.
 */
bool
measure_incident(Pass *p, const PassIncident *inc, Measures *out)
{
	int32		symptom;
	uint32		node,
				n;
	const AncestorVisit *v;
	Load		load = {0};
	bool		named = false;
	int			refs = 0,
				begin = 0;

	out->n = 0;
	if (p->measured == NULL || p->cascade.ancestry == NULL)
		return false;
	symptom = find_symptom(p, inc);
	if (symptom == CASCADE_NONE)
		return false;

	out->list = pure_array0(Measure, MAX_ASSETS + 1);
	node = p->place_node[p->ce[symptom].place];
	out->list[out->n++] = (Measure) {.node = node, .upstream = -1};
	v = ancestry_walk(p->cascade.ancestry, node, p->rules.max_hops, &n);
	for (uint32 i = 0; i < n; i++)
		for (uint32 m = ancestry_first_member(p->cascade.ancestry, v[i].component);
			 m != GRAPH_NONE && out->n <= MAX_ASSETS; m = ancestry_next_member(p->cascade.ancestry, m))
			out->list[out->n++] = (Measure) {.node = m, .hops = v[i].hops, .upstream = -1};

	load_series(p, inc, symptom, out, &load);
	while (refs < load.n && load.list[refs].asset == 0)
	{
		named |= load.list[refs].named && load.list[refs].known;
		refs++;
	}
	for (int end; begin < load.n; begin = end)
	{
		Measure    *m = &out->list[load.list[begin].asset];

		for (end = begin; end < load.n && load.list[end].asset == load.list[begin].asset; end++)
			m->known |= load.list[end].known;
		measure_asset(&load.list[begin], end - begin, load.list, refs, named, m);
	}
	measure_neighbours(p, out);
	return named || out->list[0].move > 0;
}
