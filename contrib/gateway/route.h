/*
 * route.h
 *		Which path means what (pure).
 */
#ifndef GATEWAY_ROUTE_H
#define GATEWAY_ROUTE_H

#include "util.h"

typedef enum RouteKind
{
	ROUTE_INGEST,				/* POST /ingest/{source} */
	ROUTE_PROMETHEUS,			/* POST /api/v2/alerts */
	ROUTE_OPENLINEAGE,			/* POST /api/v1/lineage */
	ROUTE_ENQUEUE,				/* POST /v2/enqueue */
	ROUTE_CHANGE,				/* POST /v2/change/enqueue */
	ROUTE_OPSGENIE,				/* POST /v2/alerts, /v2/alerts/{alias}/{action} */
	ROUTE_INCIDENT_IO,			/* POST /v2/alert_events/http/{token} */
	ROUTE_PAGERDUTY,			/* POST /v3/pagerduty */
	ROUTE_SLACK,				/* POST /slack/actions */
	ROUTE_INCIDENT,				/* GET /incidents/{id} */
	ROUTE_HEALTH,				/* GET /healthz */
	ROUTE_READY,				/* GET /readyz */
	ROUTE_METRICS,				/* GET /metrics */
	ROUTE_UNKNOWN
} RouteKind;

typedef struct Route
{
	RouteKind	kind;
	const char *name;			/* for metrics */
	bool		is_post;
	const char *source;			/* source or id in the path; else the source that its
								 * signatures speak for, or NULL */
	const char *token;			/* token in the path, or NULL; not terminated */
	size_t		token_len;
	const char *alias;			/* Opsgenie's alert in the path, or NULL; not terminated */
	size_t		alias_len;
	const char *action;			/* what is done to it; NULL without alias */
} Route;

extern Route route_find(const char *path);
extern const char *route_name(RouteKind kind);

#endif							/* GATEWAY_ROUTE_H */
