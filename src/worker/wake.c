/*
 * wake.c
 *		How a commit wakes the processes of its database.
 *
 * A statement that gives them something to do leaves a mark in its own backend
 * and no more. When the transaction has committed, and everybody can see what it
 * did, the mark becomes one SetLatch, however many statements and rows there
 * were; a latch that is set already costs a look at it. Rolled back, the mark is
 * wiped. A prepared transaction leaves none, so COMMIT PREPARED makes its own
 * (hooks.c).
 *
 * The same callback carries out what hooks.c puts off to the end of a
 * transaction: asking the launcher to look at a database, and letting workers
 * back into one.
 */
#include "compat.h"

#include "access/xact.h"
#include "commands/extension.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"

#include "alert/alert.h"
#include "worker/worker.h"

#define MAX_HELD 8

PG_FUNCTION_INFO_V1(tracer_wake_trigger);

static struct
{
	bool		any;			/* is there anything at all to do? */
	bool		wake[TRACER_KINDS];
	bool		extension;		/* an extension came: tracer? */
	bool		request;
	Oid			database;		/* what to request; InvalidOid: the list */
	Oid			held[MAX_HELD];
	int			nheld;
}			at_end;

static void
transaction_callback(XactEvent event, void *arg)
{
	if (likely(!at_end.any))
		return;
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
			if (at_end.extension && OidIsValid(get_extension_oid("tracer", true)))
			{
				at_end.request = true;
				at_end.database = MyDatabaseId;
			}
			return;
		case XACT_EVENT_COMMIT:
			for (int kind = 0; kind < TRACER_KINDS; kind++)
				if (at_end.wake[kind])
					tracer_wake(MyDatabaseId, kind);
			if (at_end.request)
				tracer_request(at_end.database);
			break;
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			break;
		default:
			return;
	}
	for (int i = 0; i < at_end.nheld; i++)
		tracer_release(at_end.held[i]);
	memset(&at_end, 0, sizeof(at_end));
}

void
tracer_wake_init(void)
{
	RegisterXactCallback(transaction_callback, NULL);
}

void
tracer_wake_at_commit(TracerKind kind)
{
	at_end.any = at_end.wake[kind] = true;
}

/* The list of databases changed. */
void
tracer_request_at_commit(void)
{
	at_end.any = at_end.request = true;
	at_end.database = InvalidOid;
}

/* An extension came to this database; whether it is tracer shows at the end. */
void
tracer_extension_came(void)
{
	at_end.any = at_end.extension = true;
}

/* Keeps workers out of a database until the end of this transaction. */
void
tracer_hold_to_end(Oid database)
{
	if (at_end.nheld < MAX_HELD && tracer_hold(database))
	{
		at_end.held[at_end.nheld++] = database;
		at_end.any = true;
	}
}

/*
 * Rows came with another transaction's id: the next pass must look for them by
 * other means (alert/alert.c).
 */
static void
mark_foreign_rows(void)
{
	SPI_connect();
	if (SPI_execute("INSERT INTO tracer.foreign_row DEFAULT VALUES", false, 0) != SPI_OK_INSERT)
		elog(ERROR, "could not mark foreign rows");
	SPI_finish();
}

/*
 * Trigger of the tables that give the correlator something to do, or with the
 * argument 'sender', the sender: which does not wake itself.
 */
Datum
tracer_wake_trigger(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	TracerKind	kind;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("tracer.wake() was not called as a trigger"),
				 errhint("It is hung on tables by the extension; there is no need to call it.")));
	kind = trigger->tg_trigger->tgnargs > 0 ? TRACER_SENDER : TRACER_CORRELATOR;
	if (alert_take_foreign_rows())
		mark_foreign_rows();
	if (tracer_shared != NULL && !tracer_is(kind))
		tracer_wake_at_commit(kind);
	return PointerGetDatum(NULL);
}
