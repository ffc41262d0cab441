/*
 * confidence.c
 *		How often a root cause with such evidence is the right one.
 *
 * Where alerts tell, a logistic curve. What counts is how many assets fail with
 * the root, since two that fail one after the other are often a coincidence and
 * five hardly ever are, and by how much the best candidate leads. An asset that
 * fails alone is nearly always its own cause; one that lineage does not know is
 * so less often, and is never named for it.
 *
 * ALONE, PER_LOG_ASSET and NOT_PLACED were fitted to 4,791 incidents of
 * simulated cascades on three graphs, of which four settings of the knobs weigh
 * alike (`make accuracy PART=calibrate`, seed 5; what is published is measured
 * on seeds 1 to 4). LEAD and SEVERAL were set by hand: simulated leads vary little,
 * and simulated cascades have four assets at least, so pairs of them are mostly
 * coincidences.
 *
 * Where metrics tell, the best score itself says how far something moved with
 * the symptom; half sure at MOVED_HALF above what moves when nothing is wrong.
 */
#include "pure.h"

#include <math.h>

#include "incident/confidence.h"

static const double SEVERAL = -0.6;
static const double ALONE = 2.9;
static const double PER_LOG_ASSET = 2.1;
static const double LEAD = 0.5;
static const double USUAL_LEAD = 4.5;
static const double NOT_PLACED = -2.5;

static const double MOVED_MOST = 0.95;
static const double MOVED_HALF = 0.15;
static const double MOVED_LEAST = 0.25; /* so little moves when nothing is wrong */

#define CERTAIN 0.99

double
confidence(const ConfidenceInput *in)
{
	double		x;

	if (in->confirmed)
		return CERTAIN;
	if (in->measured)
	{
		double		moved = Max(0.0, in->best - MOVED_LEAST);

		return MOVED_MOST * moved / (moved + MOVED_HALF);
	}
	if (in->assets <= 1 && !in->suspect)
		x = ALONE;
	else
	{
		x = SEVERAL + PER_LOG_ASSET * log(Min(Max(in->assets - 1, 1), 5));
		if (!in->suspect)		/* its lead over what it feeds says nothing */
			x += LEAD * (Min(in->best - in->next, 6.0) - USUAL_LEAD);
	}
	if (!in->placed)
		x += NOT_PLACED;
	return Min(CERTAIN, 1 / (1 + exp(-x)));
}
