/*
 * metrics.h
 *		What has happened since the start, for Prometheus.
 */
#ifndef GATEWAY_METRICS_H
#define GATEWAY_METRICS_H

#include "job.h"
#include "route.h"

extern void metric_request(RouteKind route, unsigned status);
extern void metric_rows(const long long *rows);
extern void metric_bytes(size_t n);
extern void metric_batch(int requests, bool committed);
extern void metric_waited(double seconds);
extern void metric_too_slow(void);

/* The text that GET /metrics answers. */
extern void metrics_write(Buf *out, long in_flight, size_t body_bytes);

#endif							/* GATEWAY_METRICS_H */
