/*
 * outbox.h
 *		The sender's side of the outbox: what it takes, what it brings back.
 */
#ifndef TRACER_SEND_OUTBOX_H
#define TRACER_SEND_OUTBOX_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "lib/ilist.h"
#include "nodes/pg_list.h"

#include "send/http.h"

/* How long a claim holds. No request may take as long. */
#define OUTBOX_LEASE_MS (120 * 1000)
#define OUTBOX_TIMEOUT_MAX_MS (60 * 1000)

/* A claimed notification; everything it points to lives in its context. */
typedef struct Notification
{
	dlist_node	node;
	MemoryContext context;
	int64		id;
	int32		attempt;
	char	   *channel;
	TimestampTz lease_end;
	HttpRequest request;

	/* what became of it */
	TimestampTz started_at;		/* 0: never */
	HttpAnswer *answer;
	const char *unsent;			/* why there is no answer */
	bool		terse;			/* record it without the other side's words */
	const char *bare;			/* why it is recorded without anything that may fail */

	/* the sender's */
	struct Lane *lane;
} Notification;

/*
 * These run in the caller's transaction. outbox_claim() returns a list in the
 * given context of notifications in contexts of their own below it. One that is
 * bare is recorded alone.
 */
extern List *outbox_claim(int max, MemoryContext context);
extern void outbox_record(List *notifications);

/* Makes due again what a sender before this one held when it died. */
extern void outbox_release(void);

/* When there may be something to claim; 0: nothing is waiting. */
extern TimestampTz outbox_next(void);

#endif							/* TRACER_SEND_OUTBOX_H */
