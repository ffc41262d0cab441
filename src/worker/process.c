/*
 * process.c
 *		The life that tracer's processes in a database have in common: see
 *		process.h.
 *
 * They connect as the bootstrap superuser, whom nobody can drop, and do each
 * transaction's work as the owner of the extension: what that owner hung on its
 * tables (a trigger, say) gets no more rights than the owner has.
 */
#include "compat.h"

#include <signal.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_extension.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/bufmgr.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "setting/installation.h"
#include "table/peek.h"
#include "worker/process.h"

void
tracer_process_begin_of(TracerKind kind, const char *version)
{
	static const char *const settings[][2] = {
		{"search_path", "pg_catalog, pg_temp"},
		{"statement_timeout", "0"},
		{"lock_timeout", "0"},
		{"idle_in_transaction_session_timeout", "0"},
#if PG_VERSION_NUM >= 170000
		{"transaction_timeout", "0"},
#endif
		{"default_transaction_isolation", "read committed"},
		{"default_transaction_read_only", "off"},
		{"row_security", "on"},
		{"session_replication_role", "origin"},
		/* functions that were written with it mean something else without */
		{"standard_conforming_strings", "on"},
	};
	Oid			database;

	if (strcmp(version, TRACER_VERSION) != 0)
		ereport(FATAL,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("\"%s\" is of version %s, and the loaded library of %s",
						MyBgworkerEntry->bgw_library_name, version, TRACER_VERSION),
				 errhint("Restart the server to load the libraries that are installed now.")));
	memcpy(&database, MyBgworkerEntry->bgw_extra, sizeof(database));
	pqsignal(SIGTERM, die);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();
	if (!tracer_slot_attach(database, kind))
		proc_exit(0);
	BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
	for (int i = 0; i < lengthof(settings); i++)
		SetConfigOption(settings[i][0], settings[i][1], PGC_SUSET, PGC_S_OVERRIDE);
}

/* Owner and version of the installed extension; false if there is none. */
static bool
find_extension(Oid *owner, bool *same_version)
{
	Relation	rel = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ,
				CStringGetDatum("tracer"));
	scan = systable_beginscan(rel, ExtensionNameIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool		isnull;
		Datum		version = heap_getattr(tuple, Anum_pg_extension_extversion, RelationGetDescr(rel), &isnull);

		*owner = ((Form_pg_extension) GETSTRUCT(tuple))->extowner;
		*same_version = strcmp(TextDatumGetCString(version), TRACER_VERSION) == 0;
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return HeapTupleIsValid(tuple);
}

/*
 * A process keeps its plans for as long as it lives, and in a new database it makes
 * them of empty tables, which a plan may just as well walk from end to end as look up
 * rows in. Nothing would make it plan anew until somebody analyzes those tables, and
 * the first storm comes sooner. So it plans anew whenever what grows with every
 * incident is twice as large as when it did so last.
 */
static void
plan_for_growth(void)
{
	static const char *const growing[] = {"episode", "incident", "notification"};
	static BlockNumber planned_for = 0;
	BlockNumber pages = 0;

	for (int i = 0; i < lengthof(growing); i++)
	{
		Relation	rel = peek_open(growing[i]);

		pages += RelationGetNumberOfBlocks(rel);
		table_close(rel, AccessShareLock);
	}
	if (pages / 2 >= planned_for && pages > 0)
	{
		planned_for = pages;
		ResetPlanCache();
	}
}

TracerPresence
tracer_begin(void)
{
	Oid			owner;
	bool		same_version;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	if (!find_extension(&owner, &same_version))
		return TRACER_NOT_THERE;
	if (!same_version)
		return TRACER_OTHER_VERSION;
	SetUserIdAndSecContext(owner, SECURITY_LOCAL_USERID_CHANGE);
	plan_for_growth();
	return installation_armed() ? TRACER_PRESENT : TRACER_DISARMED;
}

void
tracer_commit(void)
{
	PopActiveSnapshot();
	/* still as the owner: deferred triggers run now */
	CommitTransactionCommand();
	SetUserIdAndSecContext(BOOTSTRAP_SUPERUSERID, 0);
}

bool
tracer_try(void (*work) (void *arg), void *arg)
{
	MemoryContext caller = CurrentMemoryContext;
	volatile bool done = false;

	PG_TRY();
	{
		work(arg);
		done = true;
	}
	PG_CATCH();
	{
		ErrorData  *error;

		/* unless it has an end of its own to come to */
		if (tracer_asked_to_leave() && !ShutdownRequestPending)
			proc_exit(0);
		HOLD_INTERRUPTS();
		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		EmitErrorReport();
		AbortOutOfAnyTransaction();
		MemoryContextSwitchTo(caller);
		FlushErrorState();
		tracer_report_error(error->message);
		FreeErrorData(error);
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();
	return done;
}

void
tracer_reload(void)
{
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
}

long
tracer_back_off(int failures)
{
	return Min(60, 1L << Min(failures - 1, 6)) * 1000;
}
