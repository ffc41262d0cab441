/*
 * pool.h
 *		Threads that take jobs to the database, several at a time.
 */
#ifndef GATEWAY_POOL_H
#define GATEWAY_POOL_H

#include "config.h"
#include "job.h"

extern void pool_start(const Config *config);

/* Queues a job. False: the database is away, or we are stopping. */
extern bool pool_submit(Job *job);

extern bool pool_is_up(void);
extern int	pool_queued(void);

/* A token was not known: fetch the list before its time. */
extern void pool_refresh_tokens(void);

/* Finishes what is under way, turns away what is queued, ends the threads. */
extern void pool_stop(void);

#endif							/* GATEWAY_POOL_H */
