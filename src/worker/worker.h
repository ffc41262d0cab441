/*
 * worker.h
 *		What the files of this room have of each other.
 *
 *	  launcher.c	finds the databases, starts and counts their processes
 *	  correlator.c	the process that correlates one database
 *	  process.c		what it has in common with the process that sends
 *	  wake.c		how a commit wakes them
 *	  hooks.c		how they get out of the way of commands on databases
 *	  shmem.c		what they share
 *	  status.c		what is seen of them from SQL
 */
#ifndef TRACER_WORKER_H
#define TRACER_WORKER_H

#include "postgres.h"

#include "worker/shmem.h"

extern PGDLLEXPORT void tracer_launcher_main(Datum arg);
extern PGDLLEXPORT void tracer_correlator_main(Datum arg);

/* Called while the library is loaded. */
extern void tracer_worker_init(void);
extern void tracer_wake_init(void);
extern void tracer_hooks_init(void);

/* ---- wake.c: put off to the end of this transaction --------------------------- */
extern void tracer_wake_at_commit(TracerKind kind);
extern void tracer_request_at_commit(void);
extern void tracer_extension_came(void);
extern void tracer_hold_to_end(Oid database);

#endif							/* TRACER_WORKER_H */
