/*
 * hooks.c
 *		How tracer's processes get out of the way of commands on databases, and
 *		how the launcher hears of what it should look at.
 *
 * DROP, RENAME and CREATE DATABASE ... TEMPLATE, and moving a database to another
 * tablespace, need a database without sessions: its processes are told to end,
 * and none may start until the transaction has ended. The same goes for DROP
 * EXTENSION tracer, also by way of its schema or its owner, and for ALTER EXTENSION
 * tracer UPDATE, which would otherwise meet a pass half-way and deadlock with it.
 * Afterwards the launcher looks at the database again, whatever has become of it.
 *
 * Where a user has no right to the command, nothing is stopped: the command
 * itself says so.
 */
#include "compat.h"

#include "catalog/dependency.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_database.h"
#include "catalog/pg_extension.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "worker/worker.h"

/* Long enough for a pass to notice; then the command fails as it would anyway. */
#define STOP_TIMEOUT_MS 30000

static ProcessUtility_hook_type previous_utility = NULL;
static object_access_hook_type previous_access = NULL;

static bool
still_there(int pid, Oid database)
{
	PGPROC	   *proc = pid != 0 ? BackendPidGetProc(pid) : NULL;

	return proc != NULL && proc->databaseId == database;
}

/*
 * Ends the processes of a database and keeps others from starting until the end
 * of this transaction. One that was just asked for is waited for, and ended too.
 */
static void
stop_processes(Oid database)
{
	TimestampTz deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), STOP_TIMEOUT_MS);
	int			pids[TRACER_KINDS] = {0};

	tracer_hold_to_end(database);
	for (;;)
	{
		bool		waiting = false;

		tracer_lock(LW_EXCLUSIVE);
		for (int i = 0; i < tracer_shared->nslots; i++)
		{
			TracerSlot *slot = &tracer_shared->slots[i];

			if (slot->database != database)
				continue;
			slot->asked_to_leave = true;
			for (int kind = 0; kind < TRACER_KINDS; kind++)
			{
				TracerProcess *process = &slot->process[kind];

				/* one that was starting hears of it now */
				if (process->pid != 0 && pids[kind] == 0)
				{
					pids[kind] = process->pid;
					tracer_ask_to_leave(slot);
				}
				if (process->state == TRACER_STARTING)
					waiting = true;
			}
		}
		tracer_unlock();

		for (int kind = 0; kind < TRACER_KINDS; kind++)
			if (still_there(pids[kind], database))
				waiting = true;
		if (!waiting || GetCurrentTimestamp() >= deadline)
			break;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 5, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}

static void
stop_in_database(const char *name)
{
	Oid			database = name != NULL ? get_database_oid(name, true) : InvalidOid;

	if (OidIsValid(database) && object_ownercheck(DatabaseRelationId, database, GetUserId()))
		stop_processes(database);
}

static void
stop_for_extension(const char *name)
{
	Oid			extension = strcmp(name, "tracer") == 0 ? get_extension_oid(name, true) : InvalidOid;

	if (OidIsValid(extension) && object_ownercheck(ExtensionRelationId, extension, GetUserId()))
		stop_processes(MyDatabaseId);
}

static DefElem *
find_option(List *options, const char *name)
{
	ListCell   *lc;

	foreach(lc, options)
		if (strcmp(((DefElem *) lfirst(lc))->defname, name) == 0)
			return lfirst(lc);
	return NULL;
}

/* What a command needs before it runs. */
static void
prepare_for(Node *statement)
{
	ListCell   *lc;

	switch (nodeTag(statement))
	{
		case T_DropdbStmt:
			stop_in_database(((DropdbStmt *) statement)->dbname);
			break;
		case T_CreatedbStmt:
			{
				DefElem    *option = find_option(((CreatedbStmt *) statement)->options, "template");

				if (option != NULL && option->arg != NULL)
					stop_in_database(defGetString(option));
				break;
			}
		case T_AlterDatabaseStmt:
			if (find_option(((AlterDatabaseStmt *) statement)->options, "tablespace") != NULL)
				stop_in_database(((AlterDatabaseStmt *) statement)->dbname);
			break;
		case T_RenameStmt:
			if (((RenameStmt *) statement)->renameType == OBJECT_DATABASE)
				stop_in_database(((RenameStmt *) statement)->subname);
			break;
		case T_DropStmt:
			/* the schema is called like the extension, and takes it along */
			if (((DropStmt *) statement)->removeType == OBJECT_EXTENSION ||
				((DropStmt *) statement)->removeType == OBJECT_SCHEMA)
				foreach(lc, ((DropStmt *) statement)->objects)
					stop_for_extension(strVal(lfirst(lc)));
			break;
		case T_DropOwnedStmt:
		case T_ReassignOwnedStmt:
			/* of whom, matters little: they are rare, and lock all that there is */
			stop_for_extension("tracer");
			break;
		case T_AlterExtensionStmt:
			stop_for_extension(((AlterExtensionStmt *) statement)->extname);
			break;
		case T_TransactionStmt:
			if (((TransactionStmt *) statement)->kind == TRANS_STMT_COMMIT_PREPARED)
			{
				for (int kind = 0; kind < TRACER_KINDS; kind++)
					tracer_wake_at_commit(kind);
				if (!tracer_is_ready(MyDatabaseId))
					tracer_extension_came();
			}
			break;
		default:
			break;
	}
}

static void
process_utility(PlannedStmt *pstmt, const char *query, bool read_only_tree,
				ProcessUtilityContext context, ParamListInfo params, QueryEnvironment *environment,
				DestReceiver *dest, QueryCompletion *completion)
{
	if (tracer_shared != NULL && IsUnderPostmaster)
		prepare_for(pstmt->utilityStmt);
	if (previous_utility)
		previous_utility(pstmt, query, read_only_tree, context, params, environment, dest, completion);
	else
		standard_ProcessUtility(pstmt, query, read_only_tree, context, params, environment, dest, completion);
}

static void
object_access(ObjectAccessType access, Oid class, Oid object, int sub, void *arg)
{
	if (previous_access)
		previous_access(access, class, object, sub, arg);
	if (tracer_shared == NULL || !IsUnderPostmaster)
		return;
	if (class == ExtensionRelationId && access == OAT_POST_CREATE)
		tracer_extension_came();
	else if (class == ExtensionRelationId && (access == OAT_DROP || access == OAT_POST_ALTER))
		tracer_wake_at_commit(TRACER_CORRELATOR);
	else if (class == DatabaseRelationId && (access == OAT_POST_CREATE || access == OAT_POST_ALTER))
		tracer_request_at_commit();
}

void
tracer_hooks_init(void)
{
	previous_utility = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
	previous_access = object_access_hook;
	object_access_hook = object_access;
}
