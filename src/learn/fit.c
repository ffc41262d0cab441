/*
 * fit.c
 *		The weights under which confirmed root causes are the likeliest.
 *
 * A candidate's score is the sum of amount x weight over its facts. Taken as log
 * odds, that makes an incident a choice among its candidates with probabilities
 * in proportion to exp(score): conditional logit (McFadden 1974). The weights
 * maximize the likelihood of the causes that people confirmed, times a normal
 * prior around the weights before (mean `prior`, deviation `doubt`). The prior
 * is worth a handful of incidents: with a few, weights hardly move; a fact that
 * tells no candidates apart keeps its weight.
 *
 * The log of that is concave with one maximum, which Newton's method finds in a
 * few steps; a step is halved until it brings a quarter of what the slope
 * promises, so that no two can bounce between the sides of the maximum. The result depends on
 * the cases alone, not on their order beyond rounding.
 *
 * For a fair figure, fold k of n leaves out each n-th case, the k-th first;
 * fit_right() then judges the fit by those. Fold -1 leaves out none.
 */
#include "learn/fit.h"

#include <math.h>
#include <string.h>

#define STEPS 50
#define HALVINGS 30

static const double ENOUGH = 1e-9;		/* improvement of the log likelihood */

static double
score(const Fit *f, const double *weight, int candidate)
{
	const double *x = &f->amount[(size_t) candidate * f->nfacts];
	double		s = 0;

	for (int j = 0; j < f->nfacts; j++)
		s += weight[j] * x[j];
	return s;
}

/* Log of the posterior; with gradient and curvature where those are asked for. */
static double
evaluate(const Fit *f, int fold, int folds, const double *weight,
		 double *chance, double *mean, double *gradient, double *curvature)
{
	int			n = f->nfacts;
	double		l = 0;

	for (int j = 0; j < n; j++)
	{
		double		off = f->doubt[j] > 0 ? (weight[j] - f->prior[j]) / f->doubt[j] : 0;

		l -= off * off / 2;
		if (gradient)
		{
			gradient[j] = f->doubt[j] > 0 ? -off / f->doubt[j] : 0;
			for (int k = 0; k < n; k++)
				curvature[j * n + k] = 0;
			curvature[j * n + j] = f->doubt[j] > 0 ? 1 / (f->doubt[j] * f->doubt[j]) : 1;
		}
	}
	for (int i = 0; i < f->ncases; i++)
	{
		const FitCase *c = &f->cases[i];
		double		top = -HUGE_VAL,
					sum = 0;

		if (fold >= 0 && i % folds == fold)
			continue;
		for (int k = 0; k < c->n; k++)
		{
			chance[k] = score(f, weight, c->first + k);
			top = fmax(top, chance[k]);
		}
		l += chance[c->cause] - top;
		for (int k = 0; k < c->n; k++)
			sum += chance[k] = exp(chance[k] - top);
		l -= log(sum);
		if (gradient == NULL)
			continue;

		for (int j = 0; j < n; j++)
			mean[j] = 0;
		for (int k = 0; k < c->n; k++)
		{
			chance[k] /= sum;
			for (int j = 0; j < n; j++)
				mean[j] += chance[k] * f->amount[(size_t) (c->first + k) * n + j];
		}
		for (int k = 0; k < c->n; k++)
		{
			const double *x = &f->amount[(size_t) (c->first + k) * n];

			for (int j = 0; j < n; j++)
			{
				if (f->doubt[j] <= 0)
					continue;
				if (k == c->cause)
					gradient[j] += x[j] - mean[j];
				for (int m = 0; m < n; m++)
					if (f->doubt[m] > 0)
						curvature[j * n + m] += chance[k] * (x[j] - mean[j]) * (x[m] - mean[m]);
			}
		}
	}
	return l;
}

/* Solves curvature x step = gradient; the matrix is positive definite. */
static void
solve(double *a, double *b, int n)
{
	for (int j = 0; j < n; j++)
	{
		for (int k = 0; k < j; k++)
			a[j * n + j] -= a[j * n + k] * a[j * n + k];
		a[j * n + j] = sqrt(fmax(a[j * n + j], 1e-12));
		for (int i = j + 1; i < n; i++)
		{
			for (int k = 0; k < j; k++)
				a[i * n + j] -= a[i * n + k] * a[j * n + k];
			a[i * n + j] /= a[j * n + j];
		}
	}
	for (int i = 0; i < n; i++)
	{
		for (int k = 0; k < i; k++)
			b[i] -= a[i * n + k] * b[k];
		b[i] /= a[i * n + i];
	}
	for (int i = n - 1; i >= 0; i--)
	{
		for (int k = i + 1; k < n; k++)
			b[i] -= a[k * n + i] * b[k];
		b[i] /= a[i * n + i];
	}
}

/* The likeliest weights by all cases but those of the fold. */
void
fit_weights(const Fit *f, int fold, int folds, double *weight)
{
	int			n = f->nfacts,
				most = 1;
	double	   *chance,
			   *mean = pure_array(double, n),
			   *gradient = pure_array(double, n),
			   *curvature = pure_array(double, n * n),
			   *step = pure_array(double, n),
			   *next = pure_array(double, n);

	for (int i = 0; i < f->ncases; i++)
		most = f->cases[i].n > most ? f->cases[i].n : most;
	chance = pure_array(double, most);
	for (int j = 0; j < n; j++)
		weight[j] = f->prior[j];
	for (int i = 0; i < STEPS; i++)
	{
		double		l = evaluate(f, fold, folds, weight, chance, mean, gradient, curvature),
					slope = 0,
					length = 1,
					better;
		int			halvings = 0;

		memcpy(step, gradient, sizeof(double) * n);
		solve(curvature, step, n);
		for (int j = 0; j < n; j++)
			slope += gradient[j] * step[j];
		do
		{
			for (int j = 0; j < n; j++)
				next[j] = weight[j] + length * step[j];
			better = evaluate(f, fold, folds, next, chance, NULL, NULL, NULL);
			length /= 2;
		} while (better < l + slope * length / 2 && ++halvings < HALVINGS);
		if (better - l < ENOUGH)
			break;
		for (int j = 0; j < n; j++)
			weight[j] = next[j];
	}
	pure_free(chance);
	pure_free(mean);
	pure_free(gradient);
	pure_free(curvature);
	pure_free(step);
	pure_free(next);
}

/* In how many cases of the fold the cause alone has the highest score. */
int
fit_right(const Fit *f, int fold, int folds, const double *weight)
{
	int			right = 0;

	for (int i = 0; i < f->ncases; i++)
	{
		const FitCase *c = &f->cases[i];
		double		cause = score(f, weight, c->first + c->cause);
		bool		first = true;

		if (fold >= 0 && i % folds != fold)
			continue;
		for (int k = 0; k < c->n; k++)
			if (k != c->cause && score(f, weight, c->first + k) >= cause - 0.001)
				first = false;
		right += first;
	}
	return right;
}
