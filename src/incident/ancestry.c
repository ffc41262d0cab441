/*
 * ancestry.c
 *		Order and ancestors of the part of the lineage that alerts touch: pure.
 *
 * The rule decides from the top of the lineage down and lets the members of a
 * cycle count as one asset. Both come from one run of Tarjan's algorithm over
 * the reversed edges, started at the assets that bear alerts: it visits their
 * ancestors and nothing else, finishes a component only after all components
 * above it, and so numbers them in topological order. (R. Tarjan, "Depth-first
 * search and linear graph algorithms", SIAM J. Comput. 1, 1972; the stack is
 * explicit because lineage may be deeper than the C stack.)
 *
 * Runners need a second order. A runner's failure that comes from within its
 * run stands below what it runs, so each runner R has a second node R!, its
 * wrap, with edges
 *
 *		R -> R!,  c -> R! for each c that R runs,  c! -> R! if c is a runner,
 *		R! -> x for each edge u -> x, u in R or its closure, x in neither.
 *
 * Ranks are component numbers of this widened lineage. Whatever the rule lets
 * explain something else has a smaller rank, or an equal one and is ordered
 * within it by the plain lineage; that is why no circle of explanations can
 * close (see cascade.c). Without runners both orders are one.
 *
 * ancestry_walk goes up from a component breadth first, level by level, so
 * that when a level is expanded the largest lag over all fewest-hops paths is
 * known for each of its members.
 */
#include "incident/ancestry.h"

/* Where a component numbering comes from: the lineage, or the widened one. */
typedef struct Numbering
{
	uint32	   *component;		/* by node; GRAPH_NONE where not visited */
	uint32		ncomponents;
} Numbering;

struct Ancestry
{
	const Graph *g;
	uint32		nnodes;
	bool		has_runs;

	Numbering	plain;
	Numbering	widened;		/* the same as plain without runners */
	uint32	   *first_member;	/* by component */
	uint32	   *next_member;	/* by node; GRAPH_NONE ends the list */

	/* runners above each node, filled when first asked for */
	RunnerAbove **runners;
	uint32	   *nrunners;

	/* scratch of ancestry_walk */
	uint32	   *stamp;			/* by component */
	uint32	   *slot;			/* by component: its place in visits */
	uint32		stamp_now;
	AncestorVisit *visits;
	uint32		nvisits;
	uint32		maxvisits;
};

/* ---- runners -------------------------------------------------------------- */

/* Is the edge between node and the word's node one of running? Not in a cycle. */
static bool
is_runs_edge(const Ancestry *a, uint32 word, uint32 node)
{
	return (word & GRAPH_RUNS) != 0 &&
		(a->plain.component[node] == GRAPH_NONE ||
		 a->plain.component[node] != a->plain.component[GRAPH_NODE(word)]);
}

bool
ancestry_is_runner(const Ancestry *a, uint32 node)
{
	GraphSpan	down;

	if (!a->has_runs)
		return false;
	down = graph_down(a->g, node);
	for (uint32 i = 0; i < down.n; i++)
		if (is_runs_edge(a, down.word[i], node))
			return true;
	return false;
}

/*
 * Every runner above a node along `runs` edges alone, nearest first. Few, so a
 * list searched linearly is right.
 */
uint32
ancestry_runners(Ancestry *a, uint32 node, const RunnerAbove **list)
{
	RunnerAbove *found = NULL;
	uint32		n = 0,
				max = 0,
				at = 0;
	uint32		from = node,
				hops = 0;

	*list = NULL;
	if (!a->has_runs)
		return 0;
	if (a->nrunners[node] != GRAPH_NONE)
	{
		*list = a->runners[node];
		return a->nrunners[node];
	}

	for (;;)
	{
		GraphSpan	up = graph_up(a->g, from);

		for (uint32 i = 0; i < up.n; i++)
		{
			uint32		r = GRAPH_NODE(up.word[i]);
			bool		known = (r == node);

			if (!is_runs_edge(a, up.word[i], from))
				continue;
			for (uint32 j = 0; j < n && !known; j++)
				known = found[j].node == r;
			if (known)
				continue;
			if (n == max)
			{
				max = max ? max * 2 : 4;
				found = pure_realloc(found, sizeof(RunnerAbove) * max);
			}
			found[n].node = r;
			found[n++].hops = hops + 1;
		}
		if (at == n)
			break;
		from = found[at].node;
		hops = found[at++].hops;
	}

	a->runners[node] = found;
	a->nrunners[node] = n;
	*list = found;
	return n;
}

/* Is node in the runner's closure? */
bool
ancestry_runs(Ancestry *a, uint32 runner, uint32 node)
{
	const RunnerAbove *list;
	uint32		n = ancestry_runners(a, node, &list);

	for (uint32 i = 0; i < n; i++)
		if (list[i].node == runner)
			return true;
	return false;
}

/* ---- Tarjan --------------------------------------------------------------- */

typedef struct Frame
{
	uint32		node;
	uint32		next;			/* index into its sources */
	uint32		nsources;
	uint32	   *sources;		/* widened only; else NULL: the graph's span */
} Frame;

typedef struct SourceList
{
	uint32	   *node;
	uint32		n,
				max;
} SourceList;

static void
add_source(SourceList *s, uint32 node)
{
	if (s->n == s->max)
	{
		s->max = s->max ? s->max * 2 : 8;
		s->node = pure_realloc(s->node, sizeof(uint32) * s->max);
	}
	s->node[s->n++] = node;
}

/* Sources of a node of the widened lineage; wraps are nnodes + runner. */
static uint32 *
widened_sources(Ancestry *a, uint32 node, uint32 *n)
{
	SourceList	s = {NULL, 0, 0};

	if (node >= a->nnodes)
	{
		uint32		runner = node - a->nnodes;
		GraphSpan	down = graph_down(a->g, runner);

		add_source(&s, runner);
		for (uint32 i = 0; i < down.n; i++)
		{
			uint32		c = GRAPH_NODE(down.word[i]);

			if (!is_runs_edge(a, down.word[i], runner) || c == runner)
				continue;
			add_source(&s, c);
			if (ancestry_is_runner(a, c))
				add_source(&s, a->nnodes + c);
		}
	}
	else
	{
		GraphSpan	up = graph_up(a->g, node);

		for (uint32 i = 0; i < up.n; i++)
		{
			uint32		u = GRAPH_NODE(up.word[i]);
			const RunnerAbove *above;
			uint32		nabove = ancestry_runners(a, u, &above);

			add_source(&s, u);
			if (u != node && ancestry_is_runner(a, u) && !ancestry_runs(a, u, node))
				add_source(&s, a->nnodes + u);
			for (uint32 j = 0; j < nabove; j++)
				if (above[j].node != node && !ancestry_runs(a, above[j].node, node))
					add_source(&s, a->nnodes + above[j].node);
		}
	}
	*n = s.n;
	return s.node;
}

static void
push_frame(Ancestry *a, bool widened, Frame *f, uint32 node)
{
	f->node = node;
	f->next = 0;
	f->sources = NULL;
	if (widened)
		f->sources = widened_sources(a, node, &f->nsources);
	else
		f->nsources = graph_up(a->g, node).n;
}

static Numbering
number_components(Ancestry *a, bool widened, const uint32 *starts, Size nstarts)
{
	uint32		size = widened ? 2 * a->nnodes : a->nnodes;
	uint32	   *index = pure_array0(uint32, size);	/* 0: not visited */
	uint32	   *low = pure_array(uint32, size);
	uint32	   *stack = NULL;
	Frame	   *frames = NULL;
	uint32		nstack = 0,
				maxstack = 0,
				nframes = 0,
				maxframes = 0,
				counter = 0;
	Numbering	result;

	result.component = pure_array(uint32, size);
	memset(result.component, 0xFF, sizeof(uint32) * (Size) size);
	result.ncomponents = 0;

	for (Size s = 0; s < nstarts; s++)
	{
		uint32		start = starts[s];

		if (start == GRAPH_NONE || index[start] != 0)
			continue;

		for (;;)
		{
			if (start != GRAPH_NONE)
			{
				if (nframes == maxframes)
				{
					maxframes = maxframes ? maxframes * 2 : 64;
					frames = pure_realloc(frames, sizeof(Frame) * (Size) maxframes);
				}
				if (nstack == maxstack)
				{
					maxstack = maxstack ? maxstack * 2 : 64;
					stack = pure_realloc(stack, sizeof(uint32) * (Size) maxstack);
				}
				push_frame(a, widened, &frames[nframes++], start);
				stack[nstack++] = start;
				index[start] = low[start] = ++counter;
				if ((counter & 0xFFFF) == 0)
					PURE_INTERRUPTS();
				start = GRAPH_NONE;
			}

			{
				Frame	   *f = &frames[nframes - 1];
				uint32		v = f->node;

				if (f->next < f->nsources)
				{
					uint32		w = f->sources ? f->sources[f->next]
						: GRAPH_NODE(graph_up(a->g, v).word[f->next]);

					f->next++;
					if (index[w] == 0)
						start = w;
					else if (result.component[w] == GRAPH_NONE)
						low[v] = Min(low[v], index[w]);
					continue;
				}

				if (low[v] == index[v])
				{
					uint32		w;

					do
					{
						w = stack[--nstack];
						result.component[w] = result.ncomponents;
					} while (w != v);
					result.ncomponents++;
				}
				pure_free(f->sources);
				nframes--;
				if (nframes == 0)
					break;
				f = &frames[nframes - 1];
				low[f->node] = Min(low[f->node], low[v]);
			}
		}
	}

	pure_free(index);
	pure_free(low);
	pure_free(stack);
	pure_free(frames);
	return result;
}

/*
 * Orders the ancestors of the given nodes (GRAPH_NONE among them is passed
 * over). Everything else keeps component GRAPH_NONE. Without runs, edges of that
 * kind are edges like any other.
 */
Ancestry *
ancestry_create(const Graph *g, const uint32 *nodes, Size n, bool runs)
{
	Ancestry   *a = pure_array0(Ancestry, 1);

	a->g = g;
	a->nnodes = graph_nodes(g);
	a->has_runs = runs && graph_has_runs(g);
	if (a->has_runs)
	{
		a->runners = pure_array(RunnerAbove *, a->nnodes);
		a->nrunners = pure_array(uint32, a->nnodes);
		memset(a->nrunners, 0xFF, sizeof(uint32) * (Size) a->nnodes);
	}

	a->plain = number_components(a, false, nodes, n);
	if (a->has_runs)
	{
		/* wraps of the runners that bear alerts must be numbered too */
		uint32	   *starts = pure_array(uint32, 2 * n);
		Size		nstarts = 0;

		for (Size i = 0; i < n; i++)
		{
			if (nodes[i] == GRAPH_NONE)
				continue;
			starts[nstarts++] = nodes[i];
			if (ancestry_is_runner(a, nodes[i]))
				starts[nstarts++] = a->nnodes + nodes[i];
		}
		a->widened = number_components(a, true, starts, nstarts);
		pure_free(starts);
	}
	else
		a->widened = a->plain;

	a->first_member = pure_array(uint32, a->plain.ncomponents);
	memset(a->first_member, 0xFF, sizeof(uint32) * (Size) a->plain.ncomponents);
	a->next_member = pure_array(uint32, a->nnodes);
	for (uint32 v = a->nnodes; v-- > 0;)
	{
		uint32		c = a->plain.component[v];

		if (c == GRAPH_NONE)
			continue;
		a->next_member[v] = a->first_member[c];
		a->first_member[c] = v;
	}
	a->stamp = pure_array0(uint32, a->plain.ncomponents);
	a->slot = pure_array(uint32, a->plain.ncomponents);
	return a;
}

uint32
ancestry_component(const Ancestry *a, uint32 node)
{
	return a->plain.component[node];
}

uint32
ancestry_first_member(const Ancestry *a, uint32 component)
{
	return a->first_member[component];
}

uint32
ancestry_next_member(const Ancestry *a, uint32 node)
{
	return a->next_member[node];
}

uint32
ancestry_rank(const Ancestry *a, uint32 node)
{
	return a->widened.component[node];
}

uint32
ancestry_wrap_rank(const Ancestry *a, uint32 runner)
{
	return a->has_runs ? a->widened.component[a->nnodes + runner] : GRAPH_NONE;
}

/* ---- walking up ------------------------------------------------------------ */

/*
 * The components above a node's own, nearest first, the own one excluded. The
 * result is valid until the next walk. The node must have been ordered.
 */
const AncestorVisit *
ancestry_walk(Ancestry *a, uint32 node, uint32 max_hops, uint32 *n)
{
	uint32		own = a->plain.component[node];
	bool		lags = graph_has_lags(a->g);
	uint32		steps = 0;
	AncestorVisit self = {own, 0, 0};

	a->nvisits = 0;
	if (++a->stamp_now == 0)
	{
		memset(a->stamp, 0, sizeof(uint32) * (Size) a->plain.ncomponents);
		a->stamp_now = 1;
	}
	a->stamp[own] = a->stamp_now;
	a->slot[own] = GRAPH_NONE;

	/* visits doubles as the queue; -1 stands for the start */
	for (int64 at = -1; at < (int64) a->nvisits; at++)
	{
		AncestorVisit from = at < 0 ? self : a->visits[at];

		if (from.hops >= max_hops)
			break;
		for (uint32 v = a->first_member[from.component]; v != GRAPH_NONE; v = a->next_member[v])
		{
			GraphSpan	up = graph_up(a->g, v);

			if ((steps += up.n) > 0xFFFF)
			{
				PURE_INTERRUPTS();
				steps = 0;
			}
			for (uint32 i = 0; i < up.n; i++)
			{
				uint32		u = GRAPH_NODE(up.word[i]);
				uint32		c = a->plain.component[u];
				int64		lag;

				if (c == from.component)
					continue;
				lag = lags ? from.lag + graph_lag(a->g, u, v) : 0;
				if (a->stamp[c] == a->stamp_now)
				{
					/* another path of as few hops: the larger lag counts */
					if (lags && a->slot[c] != GRAPH_NONE)
					{
						AncestorVisit *seen = &a->visits[a->slot[c]];

						if (seen->hops == from.hops + 1 && seen->lag < lag)
							seen->lag = lag;
					}
					continue;
				}
				if (a->nvisits == a->maxvisits)
				{
					a->maxvisits = a->maxvisits ? a->maxvisits * 2 : 256;
					a->visits = pure_realloc(a->visits, sizeof(AncestorVisit) * (Size) a->maxvisits);
				}
				a->stamp[c] = a->stamp_now;
				a->slot[c] = a->nvisits;
				a->visits[a->nvisits].component = c;
				a->visits[a->nvisits].hops = from.hops + 1;
				a->visits[a->nvisits++].lag = lag;
			}
		}
	}
	*n = a->nvisits;
	return a->visits;
}
