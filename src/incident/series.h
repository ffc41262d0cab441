/*
 * series.h
 *		How far a time series is from normal, and whether two move together: pure.
 */
#ifndef TRACER_SERIES_H
#define TRACER_SERIES_H

#include "pure.h"

/* Which deviations count: upward, downward, or both. */
typedef enum SeriesSide
{
	SERIES_UP = 0,
	SERIES_DOWN = 1,
	SERIES_BOTH = 2
} SeriesSide;

typedef struct Series
{
	/* given: points by time, the first `normal` of them before the window */
	const int64 *at;
	const double *value;
	int			n;
	int			normal;

	/* series_describe */
	double		median;
	double		spread[3];		/* by side */
} Series;

extern bool series_describe(Series *s);
extern double series_deviation(const Series *s, SeriesSide side, int i);
extern double series_most(const Series *s, SeriesSide side);
extern double series_degree(double deviation);
extern double series_strength(double deviation);
extern double series_correlation(const Series *s, SeriesSide side,
								 const Series *ref, SeriesSide ref_side);

#endif							/* TRACER_SERIES_H */
