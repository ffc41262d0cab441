/*
 * status.c
 *		What is seen of tracer's processes from SQL: the slots as rows.
 */
#include "compat.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "worker/worker.h"

PG_FUNCTION_INFO_V1(tracer_worker_status);

static const char *const state_names[] = {
	[TRACER_STOPPED] = "stopped",
	[TRACER_STARTING] = "starting",
	[TRACER_IDLE] = "idle",
	[TRACER_WORKING] = "working",
	[TRACER_BACKING_OFF] = "backing off",
	[TRACER_MISMATCH] = "other version",
	[TRACER_UNARMED] = "disarmed",
	[TRACER_ABSENT] = "stopped",
};

static void
put_row(ReturnSetInfo *rsinfo, Oid database, const char *kind, const TracerProcess *p)
{
	Datum		values[12];
	bool		nulls[12] = {false};

	values[0] = ObjectIdGetDatum(database);
	nulls[0] = !OidIsValid(database);
	values[1] = CStringGetTextDatum(kind);
	values[2] = Int32GetDatum(p->pid);
	nulls[2] = p->pid == 0;
	values[3] = CStringGetTextDatum(state_names[p->state]);
	values[4] = TimestampTzGetDatum(p->started_at);
	nulls[4] = p->started_at == 0;
	values[5] = TimestampTzGetDatum(p->passed_at);
	nulls[5] = p->passed_at == 0;
	values[6] = Int64GetDatum(p->passes);
	values[7] = Int64GetDatum(p->done);
	values[8] = Float8GetDatum(p->busy_us / 1e6);
	values[9] = Int64GetDatum(p->failures);
	values[10] = TimestampTzGetDatum(p->failed_at);
	nulls[10] = p->failed_at == 0;
	/* an error may quote what other databases hold */
	nulls[11] = p->error[0] == '\0' || (OidIsValid(database) && database != MyDatabaseId);
	values[11] = nulls[11] ? (Datum) 0 : CStringGetTextDatum(p->error);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

Datum
tracer_worker_status(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	TracerShared *copy;
	Size		size;

	InitMaterializedSRF(fcinfo, 0);
	if (tracer_shared == NULL)
		return (Datum) 0;

	/* nothing that may fail happens under the lock */
	size = offsetof(TracerShared, slots) + sizeof(TracerSlot) * tracer_shared->nslots;
	copy = palloc(size);
	tracer_lock(LW_SHARED);
	memcpy(copy, tracer_shared, size);
	tracer_unlock();

	put_row(rsinfo, InvalidOid, "launcher", &copy->launcher);
	for (int i = 0; i < copy->nslots; i++)
		if (copy->slots[i].database != InvalidOid)
		{
			put_row(rsinfo, copy->slots[i].database, "correlator", &copy->slots[i].process[TRACER_CORRELATOR]);
			put_row(rsinfo, copy->slots[i].database, "sender", &copy->slots[i].process[TRACER_SENDER]);
		}
	return (Datum) 0;
}
