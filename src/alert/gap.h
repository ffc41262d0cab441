/*
 * gap.h
 *		Distances between points in time, and the gap that ends a session.
 *
 * Both session_id and bursts split a sequence of times where two neighbours
 * are farther apart than a gap. Distances are absolute and counted in
 * microseconds without sign: two finite times may lie up to 9.5e18 apart,
 * more than an int64 holds. An infinite time is farther from every other time
 * than any finite gap, and at no distance from itself.
 */
#ifndef TRACER_GAP_H
#define TRACER_GAP_H

#include "postgres.h"

#include "datatype/timestamp.h"

/* Farther than any two finite times, and the gap that nothing exceeds. */
#define DISTANCE_INFINITE	PG_UINT64_MAX

static inline uint64
time_distance(TimestampTz a, TimestampTz b)
{
	if (a == b)
		return 0;
	if (unlikely(TIMESTAMP_NOT_FINITE(a) || TIMESTAMP_NOT_FINITE(b)))
		return DISTANCE_INFINITE;
	return a > b ? (uint64) a - (uint64) b : (uint64) b - (uint64) a;
}

/*
 * A gap in microseconds, by the value by which intervals compare: a month has
 * 30 days and a day 24 hours, so that a distance exceeds the gap exactly where
 * `later - earlier > gap` says so. Returns false unless it is positive.
 */
static inline bool
gap_from_interval(const Interval *interval, uint64 *gap)
{
	int64		days = (int64) interval->month * 30 + interval->day;
	int64		usecs = interval->time % USECS_PER_DAY;

#ifdef INTERVAL_NOT_FINITE
	if (INTERVAL_NOT_FINITE(interval))
	{
		*gap = DISTANCE_INFINITE;
		return INTERVAL_IS_NOEND(interval);
	}
#endif

	days += interval->time / USECS_PER_DAY;
	if (usecs < 0)
	{
		usecs += USECS_PER_DAY;
		days--;
	}
	if (days < 0 || (days == 0 && usecs == 0))
		return false;

	/* What no finite distance reaches is as good as the largest finite gap. */
	if ((uint64) days >= (DISTANCE_INFINITE - 1) / (uint64) USECS_PER_DAY)
		*gap = DISTANCE_INFINITE - 1;
	else
		*gap = (uint64) days * (uint64) USECS_PER_DAY + (uint64) usecs;
	return true;
}

/* The same for an argument that may be NULL; raises an error naming `func`. */
extern uint64 gap_from_argument(const Interval *interval, const char *func);

#endif							/* TRACER_GAP_H */
