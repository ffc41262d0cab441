/*
 * bursts.c
 *		tracer.bursts(ts, gap): the sessions of a set of times.
 *
 * The aggregate keeps a set of times as two things: a buffer of times as they
 * came, and an array of *cells*. A cell is a maximal chain of times within one
 * clock minute whose neighbours are at most the gap apart, kept as its first
 * time, its last time and their number. When the buffer is full it is sorted,
 * folded into cells and merged into the array, so that memory follows the
 * number of distinct minutes, not of rows.
 *
 * Cells lose nothing that the result needs. Every time between the first and
 * the last of a cell is within the gap of a member, so two cells of one minute
 * belong together exactly if their spans overlap or come within the gap of
 * each other; hence the cells of a union can be had from the cells of its
 * parts, in any order and grouping. That makes the aggregate indifferent to
 * the order of its input and to how parallel workers divide it.
 *
 * Invariants of the array: cells are in order of time, spans do not overlap,
 * none crosses a clock minute, and two neighbours in one minute are farther
 * apart than the gap. Sessions are runs of cells, read off at the end; two
 * cells of one session are never in the same minute, so the peak of a session
 * is its largest cell.
 */
#include "compat.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "alert/gap.h"

PG_FUNCTION_INFO_V1(tracer_bursts_step);
PG_FUNCTION_INFO_V1(tracer_bursts_combine);
PG_FUNCTION_INFO_V1(tracer_bursts_serial);
PG_FUNCTION_INFO_V1(tracer_bursts_deserial);
PG_FUNCTION_INFO_V1(tracer_bursts_final);

/* Times buffered at first, and before the cells outnumber them. */
#define BUFFER_MIN		32
#define BUFFER_FULL		(1 << 17)

/* Below this many a comparison sort beats counting digits. */
#define RADIX_MIN		512
#define RADIX_BITS		11
#define RADIX_SIZE		(1 << RADIX_BITS)

/* How many cells are handled between two looks for an interrupt. */
#define INTERRUPT_MASK	0xFFFF

typedef struct Cell
{
	TimestampTz first;
	TimestampTz last;
	int64		count;
} Cell;

typedef struct BurstState
{
	MemoryContext context;		/* where everything below lives */
	Interval	interval;		/* the gap as first given ... */
	uint64		gap;			/* ... and in microseconds */

	TimestampTz *buffer;
	Size		nbuffer;
	Size		buffer_size;
	bool		sorted;			/* is the buffer in order so far? */

	Cell	   *cells;
	Size		ncells;
} BurstState;

/* What a serialised state starts with; its cells follow. */
typedef struct BurstHeader
{
	int64		ncells;
	Interval	interval;
} BurstHeader;

/*
 * The clock minute of a time: minutes since 2000-01-01 00:00 UTC, rounded
 * down. The infinities get minutes that no finite time has.
 */
static inline int64
clock_minute(TimestampTz ts)
{
	int64		minute = ts / USECS_PER_MINUTE;

	return ts % USECS_PER_MINUTE < 0 ? minute - 1 : minute;
}

static BurstState *
state_make(MemoryContext context, const Interval *interval, uint64 gap)
{
	BurstState *state = MemoryContextAllocZero(context, sizeof(BurstState));

	state->context = context;
	state->interval = *interval;
	state->gap = gap;
	state->sorted = true;
	return state;
}

/* A different gap in one group has no meaning; the same one in other units has. */
static void
check_same_gap(const BurstState *state, const Interval *interval, uint64 gap)
{
	if (state->gap != gap)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("gap of tracer.bursts() changes within a group: \"%s\" after \"%s\"",
						DatumGetCString(DirectFunctionCall1(interval_out,
															IntervalPGetDatum(interval))),
						DatumGetCString(DirectFunctionCall1(interval_out,
															IntervalPGetDatum(&state->interval)))),
				 errhint("Give all rows of a group the same gap, or group by it.")));
}

static int
compare_times(const void *a, const void *b)
{
	TimestampTz x = *(const TimestampTz *) a;
	TimestampTz y = *(const TimestampTz *) b;

	return x < y ? -1 : x > y;
}

/*
 * Sorts times, least significant digit first, on the bits in which they
 * differ: a month of microseconds takes four passes.
 */
static void
sort_times(TimestampTz *times, Size n)
{
	TimestampTz *from = times;
	TimestampTz *to;
	TimestampTz *spare;
	TimestampTz low = times[0];
	TimestampTz high = times[0];
	uint64		range;

	if (n < RADIX_MIN)
	{
		qsort(times, n, sizeof(TimestampTz), compare_times);
		return;
	}

	for (Size i = 1; i < n; i++)
	{
		low = Min(low, times[i]);
		high = Max(high, times[i]);
	}
	range = (uint64) high - (uint64) low;

	spare = MemoryContextAllocHuge(CurrentMemoryContext, n * sizeof(TimestampTz));
	to = spare;
	for (int shift = 0; shift < 64 && range >> shift != 0; shift += RADIX_BITS)
	{
		Size		place[RADIX_SIZE];
		Size		sum = 0;
		TimestampTz *swap = from;

		CHECK_FOR_INTERRUPTS();

		memset(place, 0, sizeof(place));
		for (Size i = 0; i < n; i++)
			place[(((uint64) from[i] - (uint64) low) >> shift) & (RADIX_SIZE - 1)]++;
		for (int digit = 0; digit < RADIX_SIZE; digit++)
		{
			Size		count = place[digit];

			place[digit] = sum;
			sum += count;
		}
		for (Size i = 0; i < n; i++)
			to[place[(((uint64) from[i] - (uint64) low) >> shift) & (RADIX_SIZE - 1)]++] = from[i];

		from = to;
		to = swap;
	}

	if (from != times)
		memcpy(times, from, n * sizeof(TimestampTz));
	pfree(spare);
}

/*
 * Adds what starts no earlier than the last cell: it either belongs to that
 * cell or becomes the next one. Returns the new number of cells.
 */
static inline Size
push_cell(Cell *cells, Size n, uint64 gap, const Cell *next)
{
	if (n > 0)
	{
		Cell	   *cell = &cells[n - 1];

		if ((next->first <= cell->last ||
			 time_distance(cell->last, next->first) <= gap) &&
			clock_minute(cell->first) == clock_minute(next->first))
		{
			cell->last = Max(cell->last, next->last);
			cell->count += next->count;
			return n;
		}
	}
	cells[n] = *next;
	return n + 1;
}

/* Merges n cells that keep the invariants into those of the state. */
static void
merge_cells(BurstState *state, const Cell *cells, Size n)
{
	Cell	   *merged;
	Size		nmerged = 0;
	Size		i = 0;
	Size		j = 0;

	if (n == 0)
		return;

	/* In order of time already: append. */
	if (state->ncells == 0 ||
		state->cells[state->ncells - 1].first <= cells[0].first)
	{
		if (state->cells == NULL)
			state->cells = MemoryContextAllocHuge(state->context, n * sizeof(Cell));
		else
			state->cells = repalloc_huge(state->cells,
										 (state->ncells + n) * sizeof(Cell));
		while (j < n)
			state->ncells = push_cell(state->cells, state->ncells, state->gap,
									  &cells[j++]);
		return;
	}

	merged = MemoryContextAllocHuge(state->context,
									(state->ncells + n) * sizeof(Cell));
	while (i < state->ncells || j < n)
	{
		if (((i + j) & INTERRUPT_MASK) == 0)
			CHECK_FOR_INTERRUPTS();

		if (j == n || (i < state->ncells && state->cells[i].first <= cells[j].first))
			nmerged = push_cell(merged, nmerged, state->gap, &state->cells[i++]);
		else
			nmerged = push_cell(merged, nmerged, state->gap, &cells[j++]);
	}
	pfree(state->cells);
	state->cells = repalloc_huge(merged, nmerged * sizeof(Cell));
	state->ncells = nmerged;
}

/* Folds the buffer into cells. What the state stands for stays the same. */
static void
flush_buffer(BurstState *state)
{
	Cell	   *cells;
	Size		ncells = 0;

	if (state->nbuffer == 0)
		return;

	if (!state->sorted)
		sort_times(state->buffer, state->nbuffer);

	cells = MemoryContextAllocHuge(CurrentMemoryContext,
								   state->nbuffer * sizeof(Cell));
	for (Size i = 0; i < state->nbuffer; i++)
	{
		Cell		cell = {state->buffer[i], state->buffer[i], 1};

		ncells = push_cell(cells, ncells, state->gap, &cell);
	}
	merge_cells(state, cells, ncells);
	pfree(cells);

	state->nbuffer = 0;
	state->sorted = true;
}

/*
 * Makes room in a full buffer: it grows until folding pays. It is never left
 * much smaller than the array of cells, so that merging, which walks the
 * array, costs each row a constant and not more and more.
 */
static void
make_room(BurstState *state)
{
	Size		full = Max((Size) BUFFER_FULL, state->ncells);
	Size		size;

	if (state->buffer_size >= full)
	{
		flush_buffer(state);
		return;
	}

	size = Min(Max((Size) BUFFER_MIN, state->buffer_size * 2), full);
	if (state->buffer == NULL)
		state->buffer = MemoryContextAllocHuge(state->context,
											   size * sizeof(TimestampTz));
	else
		state->buffer = repalloc_huge(state->buffer, size * sizeof(TimestampTz));
	state->buffer_size = size;
}

static MemoryContext
aggregate_context(FunctionCallInfo fcinfo, const char *func)
{
	MemoryContext context;

	if (!AggCheckCallContext(fcinfo, &context))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("tracer.%s() called outside an aggregate", func),
				 errhint("Call tracer.bursts(ts, gap) instead.")));
	return context;
}

Datum
tracer_bursts_step(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo, "bursts_step");
	BurstState *state = PG_ARGISNULL(0) ? NULL : (BurstState *) PG_GETARG_POINTER(0);
	Interval   *interval = PG_ARGISNULL(2) ? NULL : PG_GETARG_INTERVAL_P(2);
	TimestampTz ts;

	/* The gap is nearly always the same: convert it only when it changes. */
	if (unlikely(interval == NULL || state == NULL ||
				 memcmp(interval, &state->interval, sizeof(Interval)) != 0))
	{
		uint64		gap = gap_from_argument(interval, "bursts");

		if (state == NULL)
			state = state_make(context, interval, gap);
		else
			check_same_gap(state, interval, gap);
	}

	if (PG_ARGISNULL(1))
		PG_RETURN_POINTER(state);
	ts = PG_GETARG_TIMESTAMPTZ(1);

	if (unlikely(state->nbuffer == state->buffer_size))
		make_room(state);
	if (state->nbuffer > 0 && ts < state->buffer[state->nbuffer - 1])
		state->sorted = false;
	state->buffer[state->nbuffer++] = ts;

	PG_RETURN_POINTER(state);
}

/* The second state may live in a short-lived context: take only copies. */
Datum
tracer_bursts_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo, "bursts_combine");
	BurstState *state = PG_ARGISNULL(0) ? NULL : (BurstState *) PG_GETARG_POINTER(0);
	BurstState *other = PG_ARGISNULL(1) ? NULL : (BurstState *) PG_GETARG_POINTER(1);

	if (other == NULL)
	{
		if (state == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state);
	}

	if (state == NULL)
		state = state_make(context, &other->interval, other->gap);
	else
		check_same_gap(state, &other->interval, other->gap);

	flush_buffer(state);
	flush_buffer(other);
	merge_cells(state, other->cells, other->ncells);

	PG_RETURN_POINTER(state);
}

Datum
tracer_bursts_serial(PG_FUNCTION_ARGS)
{
	BurstState *state;
	BurstHeader header;
	Size		size;
	bytea	   *result;

	(void) aggregate_context(fcinfo, "bursts_serial");
	state = (BurstState *) PG_GETARG_POINTER(0);
	flush_buffer(state);

	if (state->ncells > (MaxAllocSize - VARHDRSZ - sizeof(header)) / sizeof(Cell))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("tracer.bursts() cannot pass %zu minutes from a parallel worker",
						state->ncells),
				 errhint("SET max_parallel_workers_per_gather = 0, or aggregate a shorter span of time.")));

	memset(&header, 0, sizeof(header));
	header.ncells = (int64) state->ncells;
	header.interval = state->interval;

	size = VARHDRSZ + sizeof(header) + state->ncells * sizeof(Cell);
	result = (bytea *) palloc(size);
	SET_VARSIZE(result, size);
	memcpy(VARDATA(result), &header, sizeof(header));
	if (state->ncells > 0)
		memcpy(VARDATA(result) + sizeof(header), state->cells,
			   state->ncells * sizeof(Cell));
	PG_RETURN_BYTEA_P(result);
}

/*
 * Do these cells keep the invariants? Everything else here relies on them, so
 * what came through bytes is looked at once.
 */
static bool
cells_are_valid(const Cell *cells, Size n, uint64 gap)
{
	for (Size i = 0; i < n; i++)
	{
		const Cell *cell = &cells[i];

		if (cell->count < 1 || cell->first > cell->last ||
			clock_minute(cell->first) != clock_minute(cell->last))
			return false;
		if (i > 0 &&
			(cell[-1].last >= cell->first ||
			 (clock_minute(cell[-1].first) == clock_minute(cell->first) &&
			  time_distance(cell[-1].last, cell->first) <= gap)))
			return false;
	}
	return true;
}

Datum
tracer_bursts_deserial(PG_FUNCTION_ARGS)
{
	BurstState *state = NULL;
	BurstHeader header;
	bytea	   *bytes;
	Size		size;
	uint64		gap;

	(void) aggregate_context(fcinfo, "bursts_deserial");
	bytes = PG_GETARG_BYTEA_PP(0);
	size = VARSIZE_ANY_EXHDR(bytes);

	if (size >= sizeof(header))
	{
		memcpy(&header, VARDATA_ANY(bytes), sizeof(header));
		size -= sizeof(header);
		if (header.ncells >= 0 &&
			size % sizeof(Cell) == 0 &&
			(uint64) header.ncells == size / sizeof(Cell) &&
			gap_from_interval(&header.interval, &gap))
		{
			state = state_make(CurrentMemoryContext, &header.interval, gap);
			if (size > 0)
			{
				/* Copied, because the bytes need not be aligned. */
				state->cells = palloc(size);
				memcpy(state->cells,
					   VARDATA_ANY(bytes) + sizeof(header), size);
				state->ncells = (Size) header.ncells;
			}
			if (!cells_are_valid(state->cells, state->ncells, gap))
				state = NULL;
		}
	}

	if (state == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid state of tracer.bursts(), %zu bytes long",
						(Size) VARSIZE_ANY_EXHDR(bytes)),
				 errhint("The server and its parallel workers must run the same version of tracer.")));

	PG_RETURN_POINTER(state);
}

/* Reads the sessions off the cells. May be called again after more steps. */
Datum
tracer_bursts_final(PG_FUNCTION_ARGS)
{
	BurstState *state;
	Oid			burst_type;
	TupleDesc	tupdesc;
	Datum	   *bursts;
	Size		nbursts = 1;
	Size		cell = 0;
	int			dims[1];
	int			lbs[1] = {1};

	(void) aggregate_context(fcinfo, "bursts_final");
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = (BurstState *) PG_GETARG_POINTER(0);
	flush_buffer(state);
	if (state->ncells == 0)
		PG_RETURN_NULL();

	burst_type = get_element_type(get_fn_expr_rettype(fcinfo->flinfo));
	if (!OidIsValid(burst_type))
		elog(ERROR, "could not determine the result type of tracer.bursts()");
	tupdesc = lookup_rowtype_tupdesc(burst_type, -1);

	for (Size i = 1; i < state->ncells; i++)
		if (time_distance(state->cells[i - 1].last, state->cells[i].first) > state->gap)
			nbursts++;
	if (nbursts > MaxArraySize)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("tracer.bursts() found %zu sessions, more than the %zu that an array holds",
						nbursts, (Size) MaxArraySize),
				 errhint("Use a larger gap, or aggregate a shorter span of time.")));

	bursts = MemoryContextAllocHuge(CurrentMemoryContext, nbursts * sizeof(Datum));
	for (Size i = 0; i < nbursts; i++)
	{
		const Cell *first = &state->cells[cell];
		const Cell *last = first;
		int64		count = 0;
		int64		peak = 0;
		Datum		values[4];
		bool		nulls[4] = {false, false, false, false};

		do
		{
			if ((cell & INTERRUPT_MASK) == 0)
				CHECK_FOR_INTERRUPTS();
			last = &state->cells[cell++];
			count += last->count;
			peak = Max(peak, last->count);
		} while (cell < state->ncells &&
				 time_distance(last->last, state->cells[cell].first) <= state->gap);

		values[0] = TimestampTzGetDatum(first->first);
		values[1] = TimestampTzGetDatum(last->last);
		values[2] = Int64GetDatum(count);
		values[3] = Int64GetDatum(peak);
		bursts[i] = HeapTupleGetDatum(heap_form_tuple(tupdesc, values, nulls));
	}
	ReleaseTupleDesc(tupdesc);

	dims[0] = (int) nbursts;
	PG_RETURN_ARRAYTYPE_P(construct_md_array(bursts, NULL, 1, dims, lbs,
											 burst_type, -1, false,
											 TYPALIGN_DOUBLE));
}
