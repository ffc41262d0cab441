/*
 * route.c
 *		Which path means what (pure).
 *
 * Every path may stand behind /t/{token}: so a sender of which nothing but the
 * base URL can be set brings its token, too. What a Route points to is part of
 * the path that it was found for.
 */
#include "route.h"

#include <string.h>

/* Paths that end in a slash go on with a name. */
static const struct
{
	const char *path;
	RouteKind	kind;
	const char *name;
	const char *source;
}			routes[] = {
	{"/ingest/", ROUTE_INGEST, "ingest", NULL},
	{"/api/v2/alerts", ROUTE_PROMETHEUS, "prometheus", NULL},
	{"/api/v1/lineage", ROUTE_OPENLINEAGE, "openlineage", NULL},
	{"/v2/enqueue", ROUTE_ENQUEUE, "pagerduty_events", NULL},
	{"/v2/change/enqueue", ROUTE_CHANGE, "pagerduty_changes", NULL},
	{"/v2/alerts", ROUTE_OPSGENIE, "opsgenie", NULL},
	{"/v2/alert_events/http/", ROUTE_INCIDENT_IO, "incident_io", NULL},
	{"/v3/pagerduty", ROUTE_PAGERDUTY, "pagerduty_webhook", "pagerduty"},
	{"/slack/actions", ROUTE_SLACK, "slack", "slack"},
	{"/incidents/", ROUTE_INCIDENT, "incident", NULL},
	{"/healthz", ROUTE_HEALTH, "healthz", NULL},
	{"/readyz", ROUTE_READY, "readyz", NULL},
	{"/metrics", ROUTE_METRICS, "metrics", NULL},
};

#define N_ROUTES (sizeof routes / sizeof routes[0])

/* What follows /v2/alerts: an alert and what is done to it. An alias may hold slashes. */
static bool
opsgenie_action(const char *rest, Route *r)
{
	const char *action = strrchr(rest, '/');

	if (rest[0] != '/' || action <= rest + 1 || action[1] == '\0')
		return false;
	r->alias = rest + 1;
	r->alias_len = (size_t) (action - r->alias);
	r->action = action + 1;
	return true;
}

Route
route_find(const char *path)
{
	Route		r = {.kind = ROUTE_UNKNOWN};

	if (strncmp(path, "/t/", 3) == 0)
	{
		r.token = path + 3;
		r.token_len = strcspn(r.token, "/");
		path = r.token + r.token_len;
	}
	for (size_t i = 0; i < N_ROUTES; i++)
	{
		size_t		n = strlen(routes[i].path);
		const char *rest = path + n;

		if (strncmp(path, routes[i].path, n) != 0)
			continue;
		if (routes[i].kind == ROUTE_OPSGENIE && *rest != '\0')
		{
			if (!opsgenie_action(rest, &r))
				continue;
			rest = "";
		}
		else if (routes[i].path[n - 1] == '/' ? *rest == '\0' || strchr(rest, '/') != NULL : *rest != '\0')
			continue;
		r.kind = routes[i].kind;
		r.source = *rest ? rest : routes[i].source;
		break;
	}
	if (r.kind == ROUTE_INCIDENT_IO)
	{
		/* Their own path names the alert source there, and the token is a header or in the query. */
		if (r.token == NULL)
		{
			r.token = r.source;
			r.token_len = strlen(r.source);
		}
		r.source = NULL;
	}
	r.name = route_name(r.kind);
	r.is_post = r.kind <= ROUTE_SLACK;
	return r;
}

const char *
route_name(RouteKind kind)
{
	for (size_t i = 0; i < N_ROUTES; i++)
		if (routes[i].kind == kind)
			return routes[i].name;
	return "unknown";
}
