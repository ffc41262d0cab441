/*
 * lanes.h
 *		What the sender has in its hands, from claim to record.
 */
#ifndef TRACER_SEND_LANES_H
#define TRACER_SEND_LANES_H

#include "send/http.h"
#include "send/outbox.h"

typedef struct Lanes
{
	HttpPool   *pool;
	MemoryContext context;		/* of lanes and notifications */
	dlist_head	lanes;			/* one a channel */
	dlist_head	answered;		/* Notifications, to be recorded */
	int			taken;			/* in lanes and answered */
} Lanes;

extern void lanes_init(Lanes *l, HttpPool *pool);

/* A claimed notification waits for its turn. */
extern void lanes_take(Lanes *l, Notification *n);

/* Puts on the wire what may be there now. */
extern void lanes_start(Lanes *l);

/* What was on the wire is answered. */
extern void lanes_answered(Lanes *l, Notification *n, HttpAnswer *answer);

/* All that waits is not sent. */
extern void lanes_give_up(Lanes *l, const char *why);

/* What is recorded, out of the list of what was answered. */
extern void lanes_forget(Lanes *l, Notification *n);

/* Does any channel have as much waiting as it may have on the wire? */
extern bool lanes_any_full(Lanes *l);

extern void lanes_drop_empty(Lanes *l);

#endif							/* TRACER_SEND_LANES_H */
