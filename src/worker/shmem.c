/*
 * shmem.c
 *		The shared state of tracer's processes: see shmem.h.
 *
 * The lock is held for a few assignments at a time and never across anything
 * that may fail. A waker takes no lock: it may set the latch of a process that
 * is not meant any more, which costs that one a look around. It never misses
 * one: a process takes its place in the slot before its first snapshot, a waker
 * looks for it after its commit, with a barrier on either side.
 */
#include "compat.h"

#include <signal.h>

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#include "guc.h"
#include "worker/shmem.h"

#define TRANCHE "tracer"

TracerShared *tracer_shared = NULL;

static LWLock *lock = NULL;
static TracerProcess *my_process = NULL;
static TracerSlot *my_slot = NULL;

static shmem_request_hook_type previous_request = NULL;
static shmem_startup_hook_type previous_startup = NULL;

static Size
shared_size(void)
{
	return add_size(offsetof(TracerShared, slots), mul_size(tracer_max_workers, sizeof(TracerSlot)));
}

static void
request_shared(void)
{
	if (previous_request)
		previous_request();
	RequestAddinShmemSpace(shared_size());
	RequestNamedLWLockTranche(TRANCHE, 1);
}

static void
start_shared(void)
{
	bool		found;

	if (previous_startup)
		previous_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	lock = &GetNamedLWLockTranche(TRANCHE)->lock;
	tracer_shared = ShmemInitStruct("tracer", shared_size(), &found);
	if (!found)
	{
		memset(tracer_shared, 0, shared_size());
		tracer_shared->nslots = tracer_max_workers;
		pg_atomic_init_u32(&tracer_shared->launcher.proc_number, NO_PROC);
		for (int i = 0; i < tracer_shared->nslots; i++)
			for (int k = 0; k < TRACER_KINDS; k++)
				pg_atomic_init_u32(&tracer_shared->slots[i].process[k].proc_number, NO_PROC);
	}
	LWLockRelease(AddinShmemInitLock);
}

/* Called while the postmaster loads the library. */
void
tracer_shmem_init(void)
{
	previous_request = shmem_request_hook;
	shmem_request_hook = request_shared;
	previous_startup = shmem_startup_hook;
	shmem_startup_hook = start_shared;
}

void
tracer_lock(LWLockMode mode)
{
	LWLockAcquire(lock, mode);
}

void
tracer_unlock(void)
{
	LWLockRelease(lock);
}

/* ---- a process and its slot ----------------------------------------------------------- */

/* Under the lock: nobody is there any more. */
void
tracer_process_stopped(TracerProcess *process, TracerState state)
{
	pg_atomic_write_u32(&process->proc_number, NO_PROC);
	process->pid = 0;
	process->state = state;
}

/* Under the lock. */
static void
take_place(TracerProcess *process)
{
	process->pid = MyProcPid;
	process->state = TRACER_IDLE;
	process->started_at = GetCurrentTimestamp();
	pg_atomic_write_u32(&process->proc_number, my_proc_number());
	my_process = process;
}

static void
leave(int code, Datum arg)
{
	tracer_lock(LW_EXCLUSIVE);
	/* one that left because there is no tracer says so beyond its end */
	tracer_process_stopped(my_process,
						   my_process->state == TRACER_ABSENT ? TRACER_ABSENT : TRACER_STOPPED);
	tracer_unlock();
	my_process = NULL;
	my_slot = NULL;
	tracer_wake_launcher();
}

/*
 * Under the lock: tells the processes of a slot to end. The correlator's pass is
 * cancelled; the sender ends in its own way, as requests are on their way.
 */
void
tracer_ask_to_leave(TracerSlot *slot)
{
	static const int signals[] = {[TRACER_CORRELATOR] = SIGINT, [TRACER_SENDER] = SIGTERM};

	slot->asked_to_leave = true;
	for (int kind = 0; kind < TRACER_KINDS; kind++)
		if (slot->process[kind].pid != 0)
			kill(slot->process[kind].pid, signals[kind]);
}

bool
tracer_asked_to_leave(void)
{
	return my_slot != NULL && my_slot->asked_to_leave;
}

bool
tracer_slot_attach(Oid database, TracerKind kind)
{
	bool		attached = false;
	bool		unwanted = false;

	tracer_lock(LW_EXCLUSIVE);
	for (int i = 0; i < tracer_shared->nslots && !attached; i++)
	{
		TracerSlot *slot = &tracer_shared->slots[i];

		if (slot->database != database || slot->process[kind].state != TRACER_STARTING)
			continue;
		/* asked before it could be signalled, and nobody would ask again */
		if (slot->asked_to_leave)
		{
			tracer_process_stopped(&slot->process[kind], TRACER_STOPPED);
			unwanted = true;
			break;
		}
		my_slot = slot;
		take_place(&slot->process[kind]);
		attached = true;
	}
	tracer_unlock();
	if (unwanted)
		tracer_wake_launcher();
	if (attached)
		before_shmem_exit(leave, (Datum) 0);
	pg_memory_barrier();
	return attached;
}

void
tracer_launcher_attach(void)
{
	tracer_lock(LW_EXCLUSIVE);
	take_place(&tracer_shared->launcher);
	tracer_unlock();
	before_shmem_exit(leave, (Datum) 0);
	pg_memory_barrier();
}

void
tracer_report_state(TracerState state)
{
	if (my_process == NULL || my_process->state == state)
		return;
	tracer_lock(LW_EXCLUSIVE);
	my_process->state = state;
	tracer_unlock();
}

void
tracer_report_pass(int64 done, int64 busy_us)
{
	if (my_process == NULL)
		return;
	tracer_lock(LW_EXCLUSIVE);
	my_process->passes++;
	my_process->done += done;
	my_process->busy_us += busy_us;
	my_process->passed_at = GetCurrentTimestamp();
	tracer_unlock();
}

void
tracer_report_error(const char *message)
{
	if (my_process == NULL)
		return;
	tracer_lock(LW_EXCLUSIVE);
	my_process->failures++;
	my_process->failed_at = GetCurrentTimestamp();
	/* half a character would be no text any more to whoever reads or stores it */
	strlcpy(my_process->error, message,
			pg_mbcliplen(message, strlen(message), sizeof(my_process->error) - 1) + 1);
	tracer_unlock();
}

/* Only this process writes it, so that it reads it without the lock. */
const char *
tracer_reported_error(void)
{
	return my_process ? my_process->error : "";
}

void
tracer_report_ready(bool ready, bool want_sender)
{
	if (my_slot == NULL || (my_slot->ready == ready && my_slot->want_sender == want_sender))
		return;
	tracer_lock(LW_EXCLUSIVE);
	my_slot->ready = ready;
	my_slot->want_sender = want_sender;
	tracer_unlock();
	tracer_wake_launcher();
}

bool
tracer_is_ready(Oid database)
{
	bool		ready = false;

	tracer_lock(LW_SHARED);
	for (int i = 0; i < tracer_shared->nslots; i++)
		if (tracer_shared->slots[i].database == database)
			ready = tracer_shared->slots[i].ready;
	tracer_unlock();
	return ready;
}

bool
tracer_is(TracerKind kind)
{
	return my_slot != NULL && my_process == &my_slot->process[kind];
}

/* Is this database's sender there, and well? */
bool
tracer_sender_works(void)
{
	TracerState state = TRACER_ABSENT;

	if (my_slot != NULL)
	{
		tracer_lock(LW_SHARED);
		state = my_slot->process[TRACER_SENDER].state;
		tracer_unlock();
	}
	return state == TRACER_IDLE || state == TRACER_WORKING;
}

TimestampTz
tracer_correlated_at(void)
{
	TimestampTz at = 0;

	if (my_slot != NULL)
	{
		tracer_lock(LW_SHARED);
		at = my_slot->process[TRACER_CORRELATOR].passed_at;
		tracer_unlock();
	}
	return at;
}

/* ---- waking -------------------------------------------------------------------------- */

static void
wake_process(TracerProcess *process)
{
	uint32		number = pg_atomic_read_u32(&process->proc_number);

	if (number != NO_PROC)
		SetLatch(&GetPGProcByNumber(number)->procLatch);
}

void
tracer_wake(Oid database, TracerKind kind)
{
	if (tracer_shared == NULL)
		return;
	pg_memory_barrier();
	for (int i = 0; i < tracer_shared->nslots; i++)
		if (tracer_shared->slots[i].database == database)
			wake_process(&tracer_shared->slots[i].process[kind]);
}

void
tracer_wake_launcher(void)
{
	pg_memory_barrier();
	if (tracer_shared != NULL)
		wake_process(&tracer_shared->launcher);
}

/* ---- what the hooks ask of the launcher -------------------------------------------------- */

/* The extension came to a database; InvalidOid: look at the list of databases. */
void
tracer_request(Oid database)
{
	tracer_lock(LW_EXCLUSIVE);
	if (tracer_shared->nrequests < TRACER_MAX_REQUESTS)
		tracer_shared->requests[tracer_shared->nrequests++] = database;
	else
		tracer_shared->request_all = true;
	tracer_unlock();
	tracer_wake_launcher();
}

/*
 * Keeps workers out of a database until tracer_release. False if too many are
 * held already: then one may start at the wrong moment and the caller's command
 * waits for it, or fails as it would for any other session.
 */
bool
tracer_hold(Oid database)
{
	bool		held;

	tracer_lock(LW_EXCLUSIVE);
	held = tracer_shared->nheld < TRACER_MAX_HELD;
	if (held)
		tracer_shared->held[tracer_shared->nheld++] = database;
	tracer_unlock();
	return held;
}

void
tracer_release(Oid database)
{
	tracer_lock(LW_EXCLUSIVE);
	for (int i = 0; i < tracer_shared->nheld; i++)
		if (tracer_shared->held[i] == database)
		{
			tracer_shared->held[i] = tracer_shared->held[--tracer_shared->nheld];
			break;
		}
	tracer_unlock();
	tracer_wake_launcher();
}
