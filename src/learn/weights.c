/*
 * weights.c
 *		SQL's way to fit.c: arrays in, a row out.
 */
#include "compat.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"

#include "learn/fit.h"

#define FOLDS 5

PG_FUNCTION_INFO_V1(tracer_fit_choices);

static int
elements(FunctionCallInfo fcinfo, int argument, Datum **values)
{
	ArrayType  *a = PG_GETARG_ARRAYTYPE_P(argument);
	Oid			type = ARR_ELEMTYPE(a);
	int			n;

	deconstruct_array(a, type, type == BOOLOID ? 1 : type == INT4OID ? 4 : 8, true,
					  type == BOOLOID ? TYPALIGN_CHAR : type == INT4OID ? TYPALIGN_INT : TYPALIGN_DOUBLE,
					  values, NULL, &n);
	return n;
}

static double *
numbers(FunctionCallInfo fcinfo, int argument, int expected)
{
	Datum	   *values;
	int			n = elements(fcinfo, argument, &values);
	double	   *out = pure_array(double, n);

	if (n != expected)
		elog(ERROR, "argument %d has %d elements, not %d", argument + 1, n, expected);
	for (int i = 0; i < n; i++)
		out[i] = DatumGetFloat8(values[i]);
	return out;
}

/*
 * Arguments: by candidate its case (equal ones adjoin) and whether it was the
 * cause; their amounts, fact by fact, one candidate after the other; by fact the
 * weight before, and how far from it is no surprise.
 */
Datum
tracer_fit_choices(PG_FUNCTION_ARGS)
{
	Datum	   *of_case,
			   *cause,
			   *prior,
				out[4];
	bool		nulls[4] = {false};
	TupleDesc	desc;
	int			n = elements(fcinfo, 0, &of_case),
				held_out = 0;
	FitCase    *cases = pure_array(FitCase, Max(n, 1));
	Fit			f = {.cases = cases, .nfacts = elements(fcinfo, 3, &prior)};
	double	   *weight = pure_array(double, f.nfacts);

	if (elements(fcinfo, 1, &cause) != n)
		elog(ERROR, "each candidate needs a case and a verdict");
	f.amount = numbers(fcinfo, 2, n * f.nfacts);
	f.prior = numbers(fcinfo, 3, f.nfacts);
	f.doubt = numbers(fcinfo, 4, f.nfacts);
	for (int i = 0; i < n; i++)
	{
		if (i == 0 || of_case[i] != of_case[i - 1])
			cases[f.ncases++] = (FitCase) {.first = i};
		if (DatumGetBool(cause[i]))
			cases[f.ncases - 1].cause = cases[f.ncases - 1].n;
		cases[f.ncases - 1].n++;
	}

	for (int k = 0; k < FOLDS; k++)
	{
		fit_weights(&f, k, FOLDS, weight);
		held_out += fit_right(&f, k, FOLDS, weight);
	}
	fit_weights(&f, -1, FOLDS, weight);
	for (int j = 0; j < f.nfacts; j++)
		prior[j] = Float8GetDatum(weight[j]);

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	out[0] = PointerGetDatum(construct_array(prior, f.nfacts, FLOAT8OID, sizeof(float8),
											 FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	out[1] = Int32GetDatum(fit_right(&f, -1, FOLDS, f.prior));
	out[2] = Int32GetDatum(fit_right(&f, -1, FOLDS, weight));
	out[3] = Int32GetDatum(held_out);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, out, nulls)));
}
