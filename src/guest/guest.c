/*
 * guest.c
 *		Calls a function that a user registered, without trusting it.
 *
 * Sources, channels and their like are functions of users, stored by name and
 * called by code that runs as the owner of the extension. A call goes like this:
 *
 *	1. A subtransaction begins, that is always rolled back. What the function
 *	   did to the session is undone by the one mechanism that undoes everything:
 *	   settings, cursors, locks, notifications. Only advisory locks of the session
 *	   outlast it: tracer's own processes, which run for ever, give them back.
 *	2. In it the user becomes the row's owner under
 *	   SECURITY_RESTRICTED_OPERATION, as in REFRESH MATERIALIZED VIEW: no SET
 *	   ROLE, no temporary tables, no deferred triggers, nothing prepared that
 *	   would outlive the call. search_path is fixed and the transaction read
 *	   only, which a subtransaction cannot take back: such a function computes,
 *	   and what it tries to write is an error instead of being lost silently.
 *	3. Only then is the name looked up, so that it is found with the owner's
 *	   rights.
 *	4. The rows go into a tuplestore of the caller's resource owner, which
 *	   outlives the subtransaction.
 *	5. It gets GUEST_MS. That time is over, and whatever else the function ends
 *	   with, is an error that the caller can catch: EXCEPTION WHEN OTHERS does not
 *	   catch cancellation and failed assertions, and one bad function would take
 *	   with it all that the caller does for others.
 *
 * The owner is never a superuser, and somebody that the calling user may be:
 * whoever could register a function for another role could act as that role.
 */
#include "compat.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "parser/parse_func.h"
#include "postmaster/bgworker.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/resowner.h"
#include "utils/timeout.h"
#include "utils/varlena.h"

#define GUEST_MS 5000			/* for one call */

PG_FUNCTION_INFO_V1(tracer_call_registered);

typedef struct Guest
{
	const char *function;		/* as registered */
	const char *owner;
} Guest;

static void
guest_context(void *arg)
{
	Guest	   *g = arg;

	errcontext("registered function %s, run as role \"%s\"", g->function, g->owner);
}

/* Who the function runs as; raises where that would be an escalation. */
static void
check_owner(Oid owner, const char *name)
{
	if (superuser_arg(owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("registered functions are not run as superuser \"%s\"", name),
				 errhint("Give the row an owner without superuser rights that may execute the function.")));
#if PG_VERSION_NUM >= 160000
	check_can_set_role(GetUserId(), owner);
#else
	check_is_member_of_role(GetUserId(), owner);
#endif
}

/* The query that calls the function of that name, looked up as the current user. */
static char *
guest_query(const char *function, int nargs)
{
	Oid			types[FUNC_MAX_ARGS];
	Oid			oid;
	StringInfoData sql;
	char	   *namespace;

	if (nargs > FUNC_MAX_ARGS)
		ereport(ERROR,
				(errcode(ERRCODE_TOO_MANY_ARGUMENTS),
				 errmsg("cannot pass %d arguments to a registered function", nargs),
				 errhint("Pass at most %d.", FUNC_MAX_ARGS)));
	for (int i = 0; i < nargs; i++)
		types[i] = JSONBOID;
	oid = LookupFuncName(textToQualifiedNameList(cstring_to_text(function)),
						 nargs, types, true);
	if (!OidIsValid(oid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("registered function \"%s\" does not exist with %d %s of type jsonb",
						function, nargs, nargs == 1 ? "argument" : "arguments"),
				 errhint("Name it with its schema, and give its owner USAGE on that schema.")));

	namespace = get_namespace_name(get_func_namespace(oid));
	if (namespace == NULL || strcmp(namespace, "tracer") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("function \"%s\" belongs to tracer", function),
				 errhint("Registered functions live outside schema tracer.")));

	/* A whole row, whatever the function returns: a composite, a scalar, a set. */
	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT pg_catalog.to_jsonb(guest.*) FROM %s(",
					 quote_qualified_identifier(namespace, get_func_name(oid)));
	for (int i = 1; i <= nargs; i++)
		appendStringInfo(&sql, "%s$%d", i > 1 ? ", " : "", i);
	appendStringInfoString(&sql, ") AS guest");
	return sql.data;
}

/* ------------------------------------------------------------ the time it gets */

static TimeoutId guest_timeout = MAX_TIMEOUTS;	/* not registered yet */
static volatile sig_atomic_t guest_overdue = false;

static void
on_overdue(void)
{
	guest_overdue = true;
	InterruptPending = true;
	QueryCancelPending = true;
	SetLatch(MyLatch);
}

/* A guest that calls another has the time of both; true for the one that has it. */
static bool
begin_time(void)
{
	if (guest_timeout == MAX_TIMEOUTS)
		guest_timeout = RegisterTimeout(USER_TIMEOUT, on_overdue);
	if (get_timeout_active(guest_timeout))
		return false;
	guest_overdue = false;
	enable_timeout_after(guest_timeout, GUEST_MS);
	return true;
}

static void
end_time(bool begun)
{
	if (!begun)
		return;
	disable_timeout(guest_timeout, false);
	/* Too late to be noticed by the function, it must not hit the caller. */
	if (guest_overdue)
		QueryCancelPending = false;
}

/* Any other session may have such locks of its own, and it ends some day. */
static void
give_back_locks(void)
{
	if (MyBgworkerEntry && strncmp(MyBgworkerEntry->bgw_library_name, "tracer", 6) == 0)
		LockReleaseSession(USER_LOCKMETHOD);
}

/*
 * Makes of the guest's error one that can be caught. Where somebody cancels the
 * caller's statement, or its own time is over, it stays what it is.
 */
static void
make_catchable(ErrorData *error)
{
	if (error->sqlerrcode == ERRCODE_QUERY_CANCELED && guest_overdue)
	{
		error->sqlerrcode = ERRCODE_PROGRAM_LIMIT_EXCEEDED;
		error->message = psprintf("it took longer than %d seconds", GUEST_MS / 1000);
		error->hint = pstrdup("A registered function computes its result from its arguments, and waits for nothing.");
	}
	else if (error->sqlerrcode == ERRCODE_ASSERT_FAILURE ||
			 (error->sqlerrcode == ERRCODE_QUERY_CANCELED &&
			  (error->funcname == NULL || strcmp(error->funcname, "ProcessInterrupts") != 0)))
		error->sqlerrcode = ERRCODE_EXTERNAL_ROUTINE_EXCEPTION;
}

/* Restrict the session until the end of the subtransaction. */
static void
set_locally(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_LOCAL, true, 0, false);
}

static void
call_into(ReturnSetInfo *rsinfo, const char *function, int nargs, Datum *args, bool *nulls)
{
	Oid			types[FUNC_MAX_ARGS];
	char	   *sql = guest_query(function, nargs);
	char	   *null_flags = palloc(nargs + 1);

	for (int i = 0; i < nargs; i++)
	{
		types[i] = JSONBOID;
		null_flags[i] = nulls[i] ? 'n' : ' ';
	}
	null_flags[nargs] = '\0';

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (SPI_execute_with_args(sql, nargs, types, args, null_flags, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_with_args failed for \"%s\"", sql);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;
		Datum		row = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull);

		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, &row, &isnull);
	}
	SPI_finish();
}

Datum
tracer_call_registered(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext caller_cxt = CurrentMemoryContext;
	ResourceOwner caller_owner = CurrentResourceOwner;
	Oid			owner;
	Guest		guest;
	ErrorContextCallback context;
	Datum	   *args = NULL;
	bool	   *nulls = NULL;
	int			nargs = 0;
	volatile bool begun = false;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("owner and name of a registered function must not be NULL"),
				 errhint("Complete the row that registers it.")));
	owner = PG_GETARG_OID(0);
	guest.function = text_to_cstring(PG_GETARG_TEXT_PP(1));
	guest.owner = GetUserNameFromId(owner, true);
	if (guest.owner == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("owner of registered function \"%s\" does not exist", guest.function),
				 errhint("Give the row that registers it another owner.")));
	check_owner(owner, guest.owner);
	if (!PG_ARGISNULL(2))
		deconstruct_array(PG_GETARG_ARRAYTYPE_P(2), JSONBOID, -1, false, TYPALIGN_INT,
						  &args, &nulls, &nargs);
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);

	context.callback = guest_context;
	context.arg = &guest;
	context.previous = error_context_stack;
	error_context_stack = &context;

	BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		Oid			user;
		int			sec_context;

		GetUserIdAndSecContext(&user, &sec_context);
		SetUserIdAndSecContext(owner, sec_context | SECURITY_RESTRICTED_OPERATION);
		set_locally("search_path", "pg_catalog, pg_temp");
		set_locally("transaction_read_only", "on");
		MemoryContextSwitchTo(caller_cxt);
		begun = begin_time();
		call_into(rsinfo, guest.function, nargs, args, nulls);
		end_time(begun);
		/* Aborting the subtransaction restores the user as well. */
		RollbackAndReleaseCurrentSubTransaction();
		give_back_locks();
	}
	PG_CATCH();
	{
		ErrorData  *error;

		end_time(begun);
		MemoryContextSwitchTo(caller_cxt);
		error = CopyErrorData();
		make_catchable(error);
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		give_back_locks();
		MemoryContextSwitchTo(caller_cxt);
		CurrentResourceOwner = caller_owner;
		ReThrowError(error);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller_cxt);
	CurrentResourceOwner = caller_owner;
	error_context_stack = context.previous;
	return (Datum) 0;
}
