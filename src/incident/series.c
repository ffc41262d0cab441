/*
 * series.c
 *		How far a time series is from normal, and whether two move together.
 *
 * Normal is what the points before the window say: their median, and a spread
 * that is the largest of the median absolute deviation (scaled to a standard
 * deviation), the 95 % quantile of deviations to the side that counts (scaled
 * alike, so that a series that often jumps is not surprising when it jumps), and
 * a thousandth of the median (a series that never moved has no spread). A
 * point's deviation is its distance from the median in such spreads.
 *
 * Two series move together as far as the Pearson correlation of their
 * deviations says, over the window and the last SHAPE points before it, each
 * point of the reference paired with the nearest one of the other; deviations
 * to the side that does not count are none.
 *
 * Pure: no allocation but scratch, no clock, deterministic.
 */
#include "pure.h"

#include <math.h>
#include <stdlib.h>

#include "incident/series.h"

#define ENOUGH 10				/* points that make a normal */
#define TAIL 0.95
#define SHAPE 24				/* points before the window that show the shape */
#define FLOOR 0.001				/* of the median, the least spread */
#define NOTICEABLE 3.0			/* spreads */
#define CERTAIN 8.0				/* spreads from which on more says no more */

/* What turns a median absolute deviation, and a quantile, into a standard deviation. */
static const double MAD_SCALE = 1.4826;
static const double TAIL_SCALE[3] = {1.645, 1.645, 1.960};

static int
compare_doubles(const void *a, const void *b)
{
	double		x = *(const double *) a,
				y = *(const double *) b;

	return x < y ? -1 : x > y;
}

static double
distance(double value, double median, SeriesSide side)
{
	double		d = value - median;

	return side == SERIES_UP ? d : side == SERIES_DOWN ? -d : fabs(d);
}

/* False where there are too few points to say what is normal. */
bool
series_describe(Series *s)
{
	double	   *sorted;
	double		mad;

	if (s->normal < ENOUGH || s->normal >= s->n)
		return false;
	sorted = pure_array(double, s->normal);
	for (int i = 0; i < s->normal; i++)
		sorted[i] = s->value[i];
	qsort(sorted, s->normal, sizeof(double), compare_doubles);
	s->median = (sorted[(s->normal - 1) / 2] + sorted[s->normal / 2]) / 2;

	for (int i = 0; i < s->normal; i++)
		sorted[i] = fabs(s->value[i] - s->median);
	qsort(sorted, s->normal, sizeof(double), compare_doubles);
	mad = MAD_SCALE * (sorted[(s->normal - 1) / 2] + sorted[s->normal / 2]) / 2;
	for (int side = 0; side < 3; side++)
	{
		double		least = Max(FLOOR * fabs(s->median), 1e-12);

		for (int i = 0; i < s->normal; i++)
			sorted[i] = distance(s->value[i], s->median, side);
		qsort(sorted, s->normal, sizeof(double), compare_doubles);
		s->spread[side] = Max(Max(mad, sorted[(int) (TAIL * (s->normal - 1))] / TAIL_SCALE[side]), least);
	}
	pure_free(sorted);
	return true;
}

/* How many spreads point i lies off to that side; negative: to the other. */
double
series_deviation(const Series *s, SeriesSide side, int i)
{
	return distance(s->value[i], s->median, side) / s->spread[side];
}

/* The largest deviation in the window. */
double
series_most(const Series *s, SeriesSide side)
{
	double		most = -HUGE_VAL;

	for (int i = s->normal; i < s->n; i++)
		most = Max(most, series_deviation(s, side, i));
	return most;
}

/* How far off a deviation is, 0 to 1: from CERTAIN on, more says no more. */
double
series_degree(double deviation)
{
	if (!(deviation > 0))
		return 0;
	return Min(1.0, log1p(deviation) / log1p(CERTAIN));
}

/* The same for what nobody complained of: below NOTICEABLE it says nothing. */
double
series_strength(double deviation)
{
	return deviation >= NOTICEABLE ? series_degree(deviation) : 0;
}

/* The usual time between two points around the window. */
static int64
usual_step(const Series *s, int from)
{
	double		steps[SHAPE + 1];
	int			n = 0;

	for (int i = from + 1; i < s->n && n <= SHAPE; i++)
		steps[n++] = (double) (s->at[i] - s->at[i - 1]);
	if (n == 0)
		return 0;
	qsort(steps, n, sizeof(double), compare_doubles);
	return (int64) steps[n / 2];
}

/* 0 to 1; 0 also where they move against each other or too little is known. */
double
series_correlation(const Series *s, SeriesSide side, const Series *ref, SeriesSide ref_side)
{
	int			from = Max(0, ref->normal - SHAPE),
				near = 0,
				n = 0;
	int64		step = usual_step(ref, from);
	double		sx = 0,
				sy = 0,
				sxx = 0,
				syy = 0,
				sxy = 0,
				vx,
				vy;

	for (int i = from; i < ref->n; i++)
	{
		double		x,
					y;

		while (near + 1 < s->n &&
			   llabs(s->at[near + 1] - ref->at[i]) <= llabs(s->at[near] - ref->at[i]))
			near++;
		if (s->n == 0 || llabs(s->at[near] - ref->at[i]) > step)
			continue;
		x = Max(0.0, series_deviation(s, side, near));
		y = Max(0.0, series_deviation(ref, ref_side, i));
		n++;
		sx += x;
		sy += y;
		sxx += x * x;
		syy += y * y;
		sxy += x * y;
	}
	if (n < 3)
		return 0;
	vx = sxx - sx * sx / n;
	vy = syy - sy * sy / n;
	if (!(vx > 0 && vy > 0) || !isfinite(vx) || !isfinite(vy) || !isfinite(sxy))
		return 0;
	return Max(0.0, Min(1.0, (sxy - sx * sy / n) / sqrt(vx * vy)));
}
