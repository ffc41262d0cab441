/*
 * lanes.c
 *		What the sender has in its hands, from claim to record.
 *
 * Each channel has a lane of its own, in which messages wait for their turn and are
 * on the wire. A slow or dead endpoint fills its lane, and the others go on, in
 * turn; SQL bounds how much one channel may have claimed. What was answered, or
 * could not be sent, leaves its lane for the list of what is to be recorded, and is
 * forgotten when it is.
 *
 * No transactions here, and no clock but for leases, which the database reads, too.
 */
#include "compat.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "send/lanes.h"

#define WIRE_MAX 256			/* requests on the wire */
#define LANE_MAX 64				/* of them, of one channel */

typedef struct Lane
{
	dlist_node	node;
	char	   *channel;
	int			running;
	int			nwaiting;
	dlist_head	waiting;
	dlist_head	sent;
} Lane;

void
lanes_init(Lanes *l, HttpPool *pool)
{
	l->pool = pool;
	l->context = AllocSetContextCreate(TopMemoryContext, "tracer lanes", ALLOCSET_DEFAULT_SIZES);
	dlist_init(&l->lanes);
	dlist_init(&l->answered);
	l->taken = 0;
}

static Lane *
lane_of(Lanes *l, const char *channel)
{
	dlist_iter	i;
	Lane	   *lane;

	dlist_foreach(i, &l->lanes)
	{
		lane = dlist_container(Lane, node, i.cur);
		if (strcmp(lane->channel, channel) == 0)
			return lane;
	}
	lane = MemoryContextAllocZero(l->context, sizeof *lane);
	lane->channel = MemoryContextStrdup(l->context, channel);
	dlist_init(&lane->waiting);
	dlist_init(&lane->sent);
	dlist_push_tail(&l->lanes, &lane->node);
	return lane;
}

void
lanes_drop_empty(Lanes *l)
{
	dlist_mutable_iter i;

	dlist_foreach_modify(i, &l->lanes)
	{
		Lane	   *lane = dlist_container(Lane, node, i.cur);

		if (lane->running > 0 || !dlist_is_empty(&lane->waiting))
			continue;
		dlist_delete(&lane->node);
		pfree(lane->channel);
		pfree(lane);
	}
}

static Notification *
find_in(dlist_head *list, int64 id)
{
	dlist_iter	i;

	dlist_foreach(i, list)
	{
		Notification *n = dlist_container(Notification, node, i.cur);

		if (n->id == id)
			return n;
	}
	return NULL;
}

/*
 * Puts a claimed notification into its lane. One that is here already was held up
 * for longer than its lease: what it is doing counts for the new attempt.
 */
void
lanes_take(Lanes *l, Notification *n)
{
	Lane	   *lane = lane_of(l, n->channel);
	Notification *held = find_in(&lane->waiting, n->id);

	if (held == NULL)
		held = find_in(&lane->sent, n->id);
	if (held == NULL)
		held = find_in(&l->answered, n->id);
	if (held != NULL)
	{
		held->attempt = n->attempt;
		held->lease_end = n->lease_end;
		MemoryContextDelete(n->context);
		return;
	}
	MemoryContextSetParent(n->context, l->context);
	n->lane = lane;
	dlist_push_tail(&lane->waiting, &n->node);
	lane->nwaiting++;
	l->taken++;
}

static void
give_up(Lanes *l, Notification *n, const char *why)
{
	n->unsent = why;
	dlist_push_tail(&l->answered, &n->node);
}

static void
start_one(Lanes *l, Lane *lane, TimestampTz now)
{
	Notification *n = dlist_container(Notification, node, dlist_pop_head_node(&lane->waiting));

	lane->nwaiting--;
	if (TimestampTzPlusMilliseconds(now, n->request.timeout_ms) >= n->lease_end)
		give_up(l, n, "not sent: it waited for its turn for too long");
	else if (!http_start(l->pool, &n->request))
		give_up(l, n, "not sent: out of memory");
	else
	{
		n->started_at = now;
		dlist_push_tail(&lane->sent, &n->node);
		lane->running++;
	}
}

/* Lanes take turns. */
void
lanes_start(Lanes *l)
{
	bool		started = true;
	TimestampTz now = GetCurrentTimestamp();
	dlist_iter	i;

	while (started)
	{
		started = false;
		dlist_foreach(i, &l->lanes)
		{
			Lane	   *lane = dlist_container(Lane, node, i.cur);

			if (dlist_is_empty(&lane->waiting) || lane->running >= LANE_MAX || http_running(l->pool) >= WIRE_MAX)
				continue;
			start_one(l, lane, now);
			started = true;
		}
	}
}

bool
lanes_any_full(Lanes *l)
{
	dlist_iter	i;

	dlist_foreach(i, &l->lanes)
	{
		Lane	   *lane = dlist_container(Lane, node, i.cur);

		if (lane->nwaiting >= LANE_MAX)
			return true;
	}
	return false;
}

void
lanes_answered(Lanes *l, Notification *n, HttpAnswer *answer)
{
	n->answer = answer;
	n->lane->running--;
	dlist_delete(&n->node);
	dlist_push_tail(&l->answered, &n->node);
}

void
lanes_give_up(Lanes *l, const char *why)
{
	dlist_iter	i;

	dlist_foreach(i, &l->lanes)
	{
		Lane	   *lane = dlist_container(Lane, node, i.cur);

		while (!dlist_is_empty(&lane->waiting))
			give_up(l, dlist_container(Notification, node, dlist_pop_head_node(&lane->waiting)), why);
		lane->nwaiting = 0;
	}
}

void
lanes_forget(Lanes *l, Notification *n)
{
	dlist_delete(&n->node);
	if (n->answer)
		http_release(n->answer);
	MemoryContextDelete(n->context);
	l->taken--;
}
