/*
 * fit_fuzz.c
 *		Fitted weights are the best there are.
 *
 * For any cases the weights are finite, those that are fixed stay, and no step
 * away from the fitted ones makes what was confirmed likelier: the posterior is
 * reckoned again here, the long way. Cases in another order give the same.
 *
 * Cores: learn/fit.c
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "input.h"
#include "learn/fit.h"
#include "pure_standalone.h"

#define FACTS 6
#define CASES 24
#define CANDIDATES 5

static double
posterior(const Fit *f, const double *w)
{
	double		l = 0;

	for (int j = 0; j < f->nfacts; j++)
		if (f->doubt[j] > 0)
			l -= pow((w[j] - f->prior[j]) / f->doubt[j], 2) / 2;
	for (int i = 0; i < f->ncases; i++)
	{
		long double total = 0,
					cause = 0;

		for (int k = 0; k < f->cases[i].n; k++)
		{
			long double s = 0;

			for (int j = 0; j < f->nfacts; j++)
				s += w[j] * f->amount[(f->cases[i].first + k) * f->nfacts + j];
			total += expl(s);
			if (k == f->cases[i].cause)
				cause = s;
		}
		l += (double) (cause - logl(total));
	}
	return l;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Input		in = {data, data + size};
	double		prior[FACTS],
				doubt[FACTS],
				weight[FACTS],
				other[FACTS],
				amount[CASES * CANDIDATES * FACTS];
	FitCase		cases[CASES],
				turned[CASES];
	Fit			f = {.cases = cases, .amount = amount, .prior = prior, .doubt = doubt};
	int			n = 0,
				right;
	double		best;

	f.nfacts = 1 + (int) take8(&in) % FACTS;
	for (int j = 0; j < f.nfacts; j++)
	{
		prior[j] = ((int) take8(&in) - 128) / 32.0;
		doubt[j] = take8(&in) % 5 / 2.0;
	}
	f.ncases = (int) take8(&in) % (CASES + 1);
	for (int i = 0; i < f.ncases; i++)
	{
		cases[i].first = n;
		cases[i].n = 1 + (int) take8(&in) % CANDIDATES;
		cases[i].cause = (int) take8(&in) % cases[i].n;
		for (int k = 0; k < cases[i].n * f.nfacts; k++)
			amount[n * f.nfacts + k] = ((int) take8(&in) - 128) / 64.0;
		n += cases[i].n;
	}

	fit_weights(&f, -1, 5, weight);
	best = posterior(&f, weight);
	MUST(isfinite(best) && best >= posterior(&f, prior) - 1e-6);
	for (int j = 0; j < f.nfacts; j++)
	{
		MUST(isfinite(weight[j]));
		MUST(doubt[j] > 0 || weight[j] == prior[j]);
		for (int sign = -1; doubt[j] > 0 && sign <= 1; sign += 2)
		{
			memcpy(other, weight, sizeof(other));
			other[j] += sign * 0.01;
			MUST(posterior(&f, other) <= best + 1e-6);
		}
	}
	right = fit_right(&f, -1, 5, weight);
	MUST(right >= 0 && right <= f.ncases);

	for (int i = 0; i < f.ncases; i++)
		turned[i] = cases[f.ncases - 1 - i];
	f.cases = turned;
	fit_weights(&f, -1, 5, other);
	for (int j = 0; j < f.nfacts; j++)
		MUST(fabs(other[j] - weight[j]) < 1e-3);

	/* each case is held out once */
	right = 0;
	for (int k = 0; k < 5; k++)
		right += fit_right(&f, k, 5, weight);
	MUST(right == fit_right(&f, -1, 5, weight));
	return 0;
}
