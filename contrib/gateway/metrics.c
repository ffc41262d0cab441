/*
 * metrics.c
 *		What has happened since the start, for Prometheus.
 *
 * Counters are atomics that threads bump without a lock. Labels are routes and
 * statuses, both of which are few whatever clients send.
 */
#include "metrics.h"

#include <stdatomic.h>

#include "pool.h"

static const unsigned statuses[] = {200, 201, 202, 400, 401, 403, 404, 405, 413, 415, 429, 500, 503};
static const double bounds[] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};
static const char *const row_names[ROW_KINDS] = {"alerts", "changes", "edges", "assets", "quarantined"};

#define N_STATUSES (sizeof statuses / sizeof statuses[0])
#define N_BOUNDS (sizeof bounds / sizeof bounds[0])

static atomic_ullong requests[ROUTE_UNKNOWN + 1][N_STATUSES];
static atomic_ullong rows_written[ROW_KINDS];
static atomic_ullong bytes_taken;
static atomic_ullong batches[2];
static atomic_ullong batch_requests;
static atomic_ullong waits[N_BOUNDS + 1];
static atomic_ullong waited_us;
static atomic_ullong too_slow;

void
metric_request(RouteKind route, unsigned status)
{
	for (size_t i = 0; i < N_STATUSES; i++)
		if (statuses[i] == status)
			requests[route][i]++;
}

void
metric_rows(const long long *rows)
{
	for (int i = 0; i < ROW_KINDS; i++)
		rows_written[i] += (unsigned long long) rows[i];
}

void
metric_bytes(size_t n)
{
	bytes_taken += n;
}

void
metric_batch(int n, bool committed)
{
	batches[committed]++;
	if (committed)
		batch_requests += (unsigned long long) n;
}

void
metric_waited(double seconds)
{
	size_t		i = 0;

	while (i < N_BOUNDS && seconds > bounds[i])
		i++;
	waits[i]++;
	waited_us += (unsigned long long) (seconds * 1e6);
}

void
metric_too_slow(void)
{
	too_slow++;
}

static void
head(Buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# HELP tracer_gateway_%s %s\n# TYPE tracer_gateway_%s %s\n", name, help, name, type);
}

void
metrics_write(Buf *out, long in_flight, size_t body_bytes)
{
	unsigned long long n = 0;

	head(out, "requests_total", "counter", "Requests answered, by route and status.");
	for (int r = 0; r <= ROUTE_UNKNOWN; r++)
		for (size_t s = 0; s < N_STATUSES; s++)
			if (requests[r][s])
				buf_printf(out, "tracer_gateway_requests_total{route=\"%s\",code=\"%u\"} %llu\n",
						   route_name((RouteKind) r), statuses[s], requests[r][s]);
	head(out, "rows_total", "counter", "What tracer.ingest() made of the bodies that were committed.");
	for (int i = 0; i < ROW_KINDS; i++)
		buf_printf(out, "tracer_gateway_rows_total{kind=\"%s\"} %llu\n", row_names[i], rows_written[i]);
	head(out, "body_bytes_total", "counter", "Bytes of the bodies that were committed, decompressed.");
	buf_printf(out, "tracer_gateway_body_bytes_total %llu\n", bytes_taken);
	head(out, "transactions_total", "counter", "Transactions, by whether they committed.");
	buf_printf(out, "tracer_gateway_transactions_total{committed=\"no\"} %llu\n", batches[0]);
	buf_printf(out, "tracer_gateway_transactions_total{committed=\"yes\"} %llu\n", batches[1]);
	head(out, "batched_requests_total", "counter", "Requests in the transactions that committed.");
	buf_printf(out, "tracer_gateway_batched_requests_total %llu\n", batch_requests);
	head(out, "database_seconds", "histogram", "From a request being queued for the database to its outcome.");
	for (size_t i = 0; i < N_BOUNDS; i++)
		buf_printf(out, "tracer_gateway_database_seconds_bucket{le=\"%g\"} %llu\n", bounds[i], n += waits[i]);
	buf_printf(out, "tracer_gateway_database_seconds_bucket{le=\"+Inf\"} %llu\n", n += waits[N_BOUNDS]);
	buf_printf(out, "tracer_gateway_database_seconds_sum %f\n", waited_us / 1e6);
	buf_printf(out, "tracer_gateway_database_seconds_count %llu\n", n);
	head(out, "slow_clients_total", "counter", "Connections closed because a request did not arrive in time.");
	buf_printf(out, "tracer_gateway_slow_clients_total %llu\n", too_slow);
	head(out, "database_up", "gauge", "Whether there is a connection to the database.");
	buf_printf(out, "tracer_gateway_database_up %d\n", pool_is_up());
	head(out, "queued_requests", "gauge", "Requests that wait for a connection to the database.");
	buf_printf(out, "tracer_gateway_queued_requests %d\n", pool_queued());
	head(out, "requests_in_flight", "gauge", "Requests that are not answered yet.");
	buf_printf(out, "tracer_gateway_requests_in_flight %ld\n", in_flight);
	head(out, "body_bytes", "gauge", "Memory in bodies at the moment.");
	buf_printf(out, "tracer_gateway_body_bytes %zu\n", body_bytes);
}
