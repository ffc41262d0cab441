/*
 * outbox.c
 *		What the outbox needs that SQL does not have: its lock, and HMAC.
 *
 * The lock is an advisory one of a class (field 4) that pg_advisory_lock()
 * cannot name, so that no user can hold up notifications with it. Next to it in
 * number is the correlator's (src/incident/correlate.c); whoever takes both
 * takes the correlator's first.
 */
#include "compat.h"

#include "commands/extension.h"
#include "common/hmac.h"
#include "common/sha2.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lock.h"

#define OUTBOX_LOCK_CLASS 4

PG_FUNCTION_INFO_V1(tracer_hold_planner);
PG_FUNCTION_INFO_V1(tracer_hmac_sha256);

/*
 * One transaction at a time decides, claims or records: all are short, and in
 * this way none of them can meet another's rows in a different order.
 */
Datum
tracer_hold_planner(PG_FUNCTION_ARGS)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, get_extension_oid("tracer", false), 0, OUTBOX_LOCK_CLASS);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
	PG_RETURN_VOID();
}

Datum
tracer_hmac_sha256(PG_FUNCTION_ARGS)
{
	bytea	   *data = PG_GETARG_BYTEA_PP(0);
	bytea	   *key = PG_GETARG_BYTEA_PP(1);
	bytea	   *result = palloc(VARHDRSZ + PG_SHA256_DIGEST_LENGTH);
	pg_hmac_ctx *ctx = pg_hmac_create(PG_SHA256);

	if (ctx == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	if (pg_hmac_init(ctx, (const uint8 *) VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key)) < 0 ||
		pg_hmac_update(ctx, (const uint8 *) VARDATA_ANY(data), VARSIZE_ANY_EXHDR(data)) < 0 ||
		pg_hmac_final(ctx, (uint8 *) VARDATA(result), PG_SHA256_DIGEST_LENGTH) < 0)
	{
		char	   *reason = pstrdup(pg_hmac_error(ctx));

		pg_hmac_free(ctx);
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not compute an HMAC: %s", reason)));
	}
	pg_hmac_free(ctx);
	SET_VARSIZE(result, VARHDRSZ + PG_SHA256_DIGEST_LENGTH);
	PG_RETURN_BYTEA_P(result);
}
