/*
 * reply.c
 *		What senders hear.
 *
 * A sender that was written for another receiver hears what that one would have
 * said. What is not accepted is told alike everywhere, as a JSON object with
 * status and message; where it makes sense to try again, Retry-After says when.
 */
#include "reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metrics.h"
#include "server.h"
#include "text.h"

#define JSON "application/json"
#define HTML "text/html; charset=utf-8"

static const Config *config;

void
replies_init(const Config *c)
{
	config = c;
}

/* Queues an answer; takes over its text. */
static enum MHD_Result
answer(Request *r, unsigned status, const char *type, Buf *text)
{
	struct MHD_Response *response;
	enum MHD_Result rc;
	char		seconds[24];

	if (text->data == NULL)
		buf_puts(text, "");
	response = MHD_create_response_from_buffer(text->len, text->data, MHD_RESPMEM_MUST_FREE);
	if (response == NULL)
	{
		buf_free(text);
		return MHD_NO;
	}
	memset(text, 0, sizeof *text);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	if (status == MHD_HTTP_SERVICE_UNAVAILABLE || status == MHD_HTTP_TOO_MANY_REQUESTS)
	{
		snprintf(seconds, sizeof seconds, "%ld", config->retry_after);
		MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
	}
	if (status == MHD_HTTP_UNAUTHORIZED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, r->route.is_post ? "POST" : "GET, HEAD");
	if (strcmp(type, HTML) == 0)
	{
		/* No script, nothing from elsewhere, and the address stays here. */
		MHD_add_response_header(response, "Content-Security-Policy",
								"default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; frame-ancestors 'none'");
		MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
		MHD_add_response_header(response, "X-Robots-Tag", "noindex");
	}
	if (server_is_draining())
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	metric_request(r->route.kind, status);
	/* It is to be read in as much time as a request may take to come. */
	server_deadline(r->connection, now_seconds() + (double) config->receive_timeout);
	rc = MHD_queue_response(r->connection, status, response);
	MHD_destroy_response(response);
	return rc;
}

enum MHD_Result
reply_text(Request *r, unsigned status, const char *text)
{
	Buf			b = {0};

	buf_puts(&b, text);
	return answer(r, status, "text/plain; charset=utf-8", &b);
}

enum MHD_Result
reply_metrics(Request *r)
{
	Buf			b = {0};

	metrics_write(&b, server_in_flight(), requests_memory());
	return answer(r, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", &b);
}

static enum MHD_Result
reply_failure(Request *r, unsigned status, const char *message)
{
	Buf			b = {0};

	if (r->route.kind == ROUTE_INCIDENT)
	{
		buf_printf(&b, "<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\">"
				   "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>tracer</title>"
				   "<style>:root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;margin:2rem 1rem}</style>"
				   "<p>%s</p>\n", message);
		return answer(r, status, HTML, &b);
	}
	buf_puts(&b, "{\"status\":\"error\",\"message\":");
	json_add_string(&b, message, strlen(message));
	buf_puts(&b, "}\n");
	return answer(r, status, JSON, &b);
}

enum MHD_Result
reply_refusal(Request *r)
{
	return reply_failure(r, r->refused, r->reason);
}

/* A member of the event, or null, for the client's own records. */
static void
echo(Buf *out, const Request *r, const char *member)
{
	JsonValue	v;

	if (!json_member(r->body.data, r->body.len, member, &v) || !v.is_string ||
		!utf8_is_valid(r->body.data + v.at, v.len) || v.len > 1000)
		buf_puts(out, "null");
	else
	{
		buf_puts(out, "\"");
		buf_add(out, r->body.data + v.at, v.len);
		buf_puts(out, "\"");
	}
}

static enum MHD_Result
reply_accepted(Request *r)
{
	unsigned	status = MHD_HTTP_OK;
	Buf			b = {0};

	switch (r->route.kind)
	{
		case ROUTE_PROMETHEUS:
		case ROUTE_SLACK:
			break;
		case ROUTE_OPENLINEAGE:
			status = MHD_HTTP_CREATED;
			break;
		case ROUTE_ENQUEUE:
			status = MHD_HTTP_ACCEPTED;
			buf_puts(&b, "{\"status\":\"success\",\"message\":\"Event processed\",\"dedup_key\":");
			echo(&b, r, "dedup_key");
			buf_puts(&b, "}\n");
			break;
		case ROUTE_CHANGE:
			status = MHD_HTTP_ACCEPTED;
			buf_puts(&b, "{\"status\":\"success\",\"message\":\"Change event processed\"}\n");
			break;
		case ROUTE_OPSGENIE:
			status = MHD_HTTP_ACCEPTED;
			buf_puts(&b, "{\"result\":\"Request will be processed\",\"took\":0,\"requestId\":\"tracer\"}\n");
			break;
		case ROUTE_INCIDENT_IO:
			status = MHD_HTTP_ACCEPTED;
			buf_puts(&b, "{\"status\":\"success\",\"message\":\"Event accepted for processing\",\"deduplication_key\":");
			echo(&b, r, "deduplication_key");
			buf_puts(&b, "}\n");
			break;
		default:
			buf_printf(&b, "{\"status\":\"success\",\"alerts\":%lld,\"changes\":%lld,\"edges\":%lld,\"assets\":%lld,\"quarantined\":%lld}\n",
					   r->job.rows[ROWS_ALERTS], r->job.rows[ROWS_CHANGES], r->job.rows[ROWS_EDGES],
					   r->job.rows[ROWS_ASSETS], r->job.rows[ROWS_QUARANTINED]);
	}
	metric_rows(r->job.rows);
	metric_bytes(r->body.len);
	return answer(r, status, JSON, &b);
}

enum MHD_Result
reply_outcome(Request *r)
{
	Buf			page = {0};

	switch (r->job.outcome)
	{
		case OUTCOME_DONE:
			if (r->job.kind == JOB_INGEST)
				return reply_accepted(r);
			buf_puts(&page, r->job.page);
			return answer(r, MHD_HTTP_OK, HTML, &page);
		case OUTCOME_NOT_FOUND:
			return reply_failure(r, MHD_HTTP_NOT_FOUND,
								 "This link is not complete, has expired, or its incident is gone. A newer message has a newer link.");
		case OUTCOME_REFUSED:
			return reply_failure(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "the database refused this; the gateway's log says why");
		case OUTCOME_UNAVAILABLE:
			break;
	}
	return reply_failure(r, MHD_HTTP_SERVICE_UNAVAILABLE, "the database is away; nothing was stored, or nobody knows: try again");
}
