/*
 * correlate.h
 *		Correlation for callers in C: the background worker.
 */
#ifndef TRACER_CORRELATE_H
#define TRACER_CORRELATE_H

#include "postgres.h"

/*
 * Does what tracer.correlate(max_alerts) does, but waits for a pass under way
 * elsewhere, so that what was committed before the call has been taken when it
 * returns. The caller is the extension's owner, in a READ COMMITTED transaction
 * with an active snapshot.
 */
extern int64 correlate_now(int64 max_alerts);

#endif							/* TRACER_CORRELATE_H */
