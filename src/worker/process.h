/*
 * process.h
 *		The life that tracer's processes in a database have in common.
 */
#ifndef TRACER_WORKER_PROCESS_H
#define TRACER_WORKER_PROCESS_H

#include "postgres.h"

#include "worker/shmem.h"

/*
 * The beginning of a process's main function: signals, its place in the slot,
 * the connection, settings that no database or role may impose on it. Ends the
 * process where the launcher no longer wants it.
 *
 * The sender's library is read from disk when the process starts, and may be newer
 * by then than the one that was preloaded: what they share has to be of one version.
 */
extern PGDLLEXPORT void tracer_process_begin_of(TracerKind kind, const char *version);

#define tracer_process_begin(kind) tracer_process_begin_of(kind, TRACER_VERSION)

typedef enum TracerPresence
{
	TRACER_PRESENT,
	TRACER_NOT_THERE,			/* the extension is not installed here (any more) */
	TRACER_OTHER_VERSION,		/* its catalog is of another version than this library */
	TRACER_DISARMED,			/* restored or copied, and nobody said tracer.arm() */
} TracerPresence;

/*
 * Begins a transaction with an active snapshot, as the owner of the extension,
 * and says whether there is anything to work with. Whatever it says, the
 * transaction is ended by tracer_commit().
 */
extern PGDLLEXPORT TracerPresence tracer_begin(void);
extern PGDLLEXPORT void tracer_commit(void);

/*
 * Runs something that may fail. If it does, the error is logged and reported,
 * the transaction rolled back, and false returned. Being asked to
 * leave, or told to end, is no failure: then the process ends, at once unless it
 * set ShutdownRequestPending.
 */
extern PGDLLEXPORT bool tracer_try(void (*work) (void *arg), void *arg);

/* Rereads the configuration if SIGHUP asked for it. */
extern PGDLLEXPORT void tracer_reload(void);

/* After how many failures in a row, how long to wait, in ms. */
extern PGDLLEXPORT long tracer_back_off(int failures);

#endif							/* TRACER_WORKER_PROCESS_H */
