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

/*
 * An alert that no pass can place must not keep the others waiting. It is set
 * aside only if that is proven: alone it made a pass fail (correlate_culprit()
 * says which it was), and correlate_past(), which leaves it out, places another
 * one. False: there was no other, and nothing is changed.
 */
extern int64 correlate_culprit(void);
extern bool correlate_past(int64 alert, const char *error);

/*
 * Time may heal: correlate_due() names an alert whose turn has come to be tried
 * again, or 0, and notes that it was tried; correlate_again(), in another
 * transaction, which fails as a whole if it fails, takes it.
 */
extern int64 correlate_due(void);
extern void correlate_again(int64 alert);

#endif							/* TRACER_CORRELATE_H */
