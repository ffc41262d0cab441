/*
 * shmem.h
 *		What tracer's processes share: who works for which database, how it goes,
 *		and whom to wake.
 *
 * A slot belongs to one database and holds its two processes, the correlator and
 * the sender. The launcher alone gives slots out and takes them back; a process
 * writes only its own part. Everything is under one lock but the two words that
 * a waker reads: a slot's database and a process's number. There is no pointer
 * in shared memory and no descriptor, so that any process may die at any time.
 *
 * All of it exists only where tracer is in shared_preload_libraries; elsewhere
 * tracer_shared is NULL, and the functions here do nothing.
 */
#ifndef TRACER_WORKER_SHMEM_H
#define TRACER_WORKER_SHMEM_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "port/atomics.h"
#include "storage/lwlock.h"

typedef enum TracerKind
{
	TRACER_CORRELATOR,
	TRACER_SENDER,
} TracerKind;

#define TRACER_KINDS 2

typedef enum TracerState
{
	TRACER_STOPPED,				/* there is no such process */
	TRACER_STARTING,			/* the postmaster was asked for it */
	TRACER_IDLE,				/* it waits for something to do */
	TRACER_WORKING,
	TRACER_BACKING_OFF,			/* it failed and will try again */
	TRACER_MISMATCH,			/* library and catalog disagree: it waits for an update */
	TRACER_UNARMED,				/* restored or copied: it waits for tracer.arm() */
	TRACER_ABSENT,				/* left, as the database has no tracer in it */
} TracerState;

typedef struct TracerProcess
{
	pg_atomic_uint32 proc_number;	/* whose latch to set; NO_PROC: nobody's */
	int			pid;			/* 0: none */
	TracerState state;
	TimestampTz started_at;
	TimestampTz passed_at;		/* end of the last pass that succeeded; 0: none */
	TimestampTz failed_at;		/* when it last failed; 0: never */
	int64		passes;
	int64		done;			/* alerts taken, notifications sent */
	int64		failures;
	int64		busy_us;		/* time spent in passes */
	char		error[256];		/* what it last failed with */
} TracerProcess;

typedef struct TracerSlot
{
	Oid			database;		/* InvalidOid: free */
	bool		ready;			/* its correlator found the extension in order */
	bool		want_sender;	/* there is, or may be, something to send */
	bool		asked_to_leave; /* its processes were told to go; that is no failure */
	TracerProcess process[TRACER_KINDS];
} TracerSlot;

#define TRACER_MAX_REQUESTS 32
#define TRACER_MAX_HELD 64

typedef struct TracerShared
{
	TracerProcess launcher;

	/* databases where the extension came, for the launcher to look at */
	Oid			requests[TRACER_MAX_REQUESTS];
	int			nrequests;
	bool		request_all;

	/* databases whose owner needs them empty: no worker may start there */
	Oid			held[TRACER_MAX_HELD];
	int			nheld;

	int			nslots;
	TracerSlot	slots[FLEXIBLE_ARRAY_MEMBER];
} TracerShared;

#define NO_PROC PG_UINT32_MAX

extern PGDLLEXPORT TracerShared *tracer_shared;

extern void tracer_shmem_init(void);
extern void tracer_lock(LWLockMode mode);
extern void tracer_unlock(void);

/* ---- a process and its slot -------------------------------------------------- */

/*
 * The first thing that a process does: takes its place in the slot of a
 * database, and gives it back at exit. False if the launcher has given the place
 * away since: then leave at once.
 */
extern PGDLLEXPORT bool tracer_slot_attach(Oid database, TracerKind kind);

/*
 * Was this process asked to leave its database? Then it ends, quietly. Asking
 * cancels what it is doing, so every error is to be looked at with this first.
 */
extern PGDLLEXPORT bool tracer_asked_to_leave(void);

/* What this process reports of itself; without a slot, nothing happens. */
extern PGDLLEXPORT void tracer_report_state(TracerState state);
extern PGDLLEXPORT void tracer_report_pass(int64 done, int64 busy_us);
extern PGDLLEXPORT void tracer_report_error(const char *message);

/* What was reported last. */
extern PGDLLEXPORT const char *tracer_reported_error(void);

/* The correlator: the extension is in order here, or not; is there to send? */
extern void tracer_report_ready(bool ready, bool want_sender);

/* Has a database's correlator found the extension in order? */
extern bool tracer_is_ready(Oid database);

/* Is this process the one of that kind for its database? */
extern PGDLLEXPORT bool tracer_is(TracerKind kind);

/* Is the sender of this process's database there, and well? */
extern bool tracer_sender_works(void);

/* When the correlator of this process's database last succeeded; 0: never. */
extern PGDLLEXPORT TimestampTz tracer_correlated_at(void);

/* ---- waking -------------------------------------------------------------------- */

extern PGDLLEXPORT void tracer_wake(Oid database, TracerKind kind);
extern void tracer_wake_launcher(void);
extern void tracer_launcher_attach(void);
extern void tracer_ask_to_leave(TracerSlot *slot);
extern void tracer_process_stopped(TracerProcess *process, TracerState state);

/* ---- what the hooks ask of the launcher ------------------------------------------ */
extern void tracer_request(Oid database);
extern bool tracer_hold(Oid database);
extern void tracer_release(Oid database);

#endif							/* TRACER_WORKER_SHMEM_H */
