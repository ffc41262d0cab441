/*
 * fit.h
 *		Weights of evidence from confirmed root causes. Pure; see fit.c.
 */
#ifndef TRACER_FIT_H
#define TRACER_FIT_H

#include "pure.h"

/* One incident: consecutive candidates, and which of them was the cause. */
typedef struct FitCase
{
	int			first;
	int			n;
	int			cause;
} FitCase;

typedef struct Fit
{
	const FitCase *cases;
	int			ncases;
	int			nfacts;
	const double *amount;		/* [candidate][fact] */
	const double *prior;		/* [fact] the weights before any case */
	const double *doubt;		/* [fact] how far from that is no surprise; 0: fixed */
} Fit;

extern void fit_weights(const Fit *f, int fold, int folds, double *weight);
extern int	fit_right(const Fit *f, int fold, int folds, const double *weight);

#endif							/* TRACER_FIT_H */
