/*
 * request.c
 *		The life of one HTTP request.
 *
 * Its headers are judged before its body is read: whoever brings no token gets
 * no memory. Senders that can only sign, or that carry their token in the body,
 * are judged when it is there. A request that is refused has its body read and
 * thrown away, as long as it is small, so that its sender hears the answer and
 * the connection stays of use.
 *
 * Then it becomes a job: the connection is suspended, the pool answers when the
 * transaction has committed or failed, and resumes it. While it is suspended,
 * the request belongs to the pool.
 */
#include "request.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bucket.h"
#include "metrics.h"
#include "pool.h"
#include "reply.h"
#include "secrets.h"
#include "server.h"
#include "text.h"

/* Of a refused body no more is read than this. */
#define SWALLOW (1024 * 1024)

static const Config *config;
static atomic_size_t memory;

/* Who asked for how many pages. */
static Peers askers;
static pthread_mutex_t askers_lock = PTHREAD_MUTEX_INITIALIZER;

void
requests_init(const Config *c)
{
	config = c;
}

size_t
requests_memory(void)
{
	return memory;
}

Request *
request_new(struct MHD_Connection *connection)
{
	Request    *r = xcalloc(sizeof *r);

	r->connection = connection;
	return r;
}

/* Gives back what the body holds. */
static void
drop_body(Request *r)
{
	memory -= r->accounted;
	r->accounted = 0;
	buf_free(&r->body);
}

void
request_free(Request *r)
{
	drop_body(r);
	gunzip_free(r->gunzip);
	buf_free(&r->headers);
	free(r->grant.source);
	free(r->job.page);
	free(r);
}

static const char *
header(void *cls, const char *name)
{
	return MHD_lookup_connection_value(((Request *) cls)->connection, MHD_HEADER_KIND, name);
}

static void
refuse(Request *r, unsigned status, const char *reason)
{
	if (r->refused == 0)
	{
		r->refused = status;
		r->reason = reason;
	}
	drop_body(r);
}

static bool
has_token(Request *r, const char *token, size_t len)
{
	switch (tokens_check(token, len, now_seconds(), &r->grant))
	{
		case TOKEN_GOOD:
			return true;
		case TOKEN_UNKNOWN:
			/* It may have been made a moment ago. */
			pool_refresh_tokens();
			refuse(r, MHD_HTTP_UNAUTHORIZED, "this token is not known (a new one is after a second)");
			break;
		case TOKEN_NOT_YET:
			refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE, "the database is away");
			break;
		case TOKEN_TOO_MANY:
			refuse(r, MHD_HTTP_TOO_MANY_REQUESTS, "more requests than this token may send in a minute");
			break;
	}
	return false;
}

/* The token that a header brings, or incident.io's ?token=; true if there is one. */
static bool
token_beside_path(Request *r, Buf *token)
{
	const char *authorization = header(r, MHD_HTTP_HEADER_AUTHORIZATION);
	const char *gitlab = header(r, "X-Gitlab-Token");
	const char *query = MHD_lookup_connection_value(r->connection, MHD_GET_ARGUMENT_KIND, "token");
	char	   *password = NULL;
	char	   *user;

	if (authorization && strncasecmp(authorization, "Bearer ", 7) == 0)
		buf_puts(token, authorization + 7 + strspn(authorization + 7, " "));
	else if (authorization && strncasecmp(authorization, "GenieKey ", 9) == 0)
		buf_puts(token, authorization + 9 + strspn(authorization + 9, " "));
	else if (authorization && (user = MHD_basic_auth_get_username_password(r->connection, &password)) != NULL)
	{
		buf_puts(token, password ? password : "");
		MHD_free(user);
		MHD_free(password);
	}
	else if (gitlab)
		buf_puts(token, gitlab);
	else if (query && r->route.kind == ROUTE_INCIDENT_IO)
		buf_puts(token, query);
	return token->data != NULL;
}

/* Who sends this? Decides, or leaves it to be decided with the body. */
static void
identify(Request *r)
{
	Buf			token = {0};
	bool		known = false;
	const Scheme *scheme = signature_scheme(r->route.source);

	if (token_beside_path(r, &token))
		known = has_token(r, token.data, token.len);
	else if (r->route.token)
		known = has_token(r, r->route.token, r->route.token_len);
	else if (secrets_has(scheme))
	{
		r->scheme = scheme;
		r->grant.body_limit = (size_t) config->body_limit;
	}
	else if (r->route.kind == ROUTE_ENQUEUE || r->route.kind == ROUTE_CHANGE)
		r->grant.body_limit = (size_t) config->body_limit;
	else
		refuse(r, MHD_HTTP_UNAUTHORIZED, "a token is needed: Authorization: Bearer ..., or /t/{token} before the path");
	if (known && r->route.kind == ROUTE_INGEST && strcmp(r->route.source, r->grant.source) != 0)
		refuse(r, MHD_HTTP_FORBIDDEN, "this token is another source's");
	buf_free(&token);
}

/* One header more for tracer.ingest(); never what lets somebody in. */
static enum MHD_Result
add_header(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
	static const char *const secret[] = {
		"Authorization", "Proxy-Authorization", "Cookie", "X-Gitlab-Token"
	};
	Buf		   *out = cls;
	char		lower[128];
	size_t		n = 0;

	(void) kind;
	for (size_t i = 0; i < sizeof secret / sizeof secret[0]; i++)
		if (strcasecmp(name, secret[i]) == 0)
			return MHD_YES;
	for (size_t i = 0; i < n_signature_schemes; i++)
		if (strcasecmp(name, signature_schemes[i].header) == 0)
			return MHD_YES;
	for (; name[n] && n < sizeof lower; n++)
		lower[n] = name[n] >= 'A' && name[n] <= 'Z' ? name[n] | 0x20 : name[n];
	buf_puts(out, out->len > 1 ? "," : "");
	json_add_string(out, lower, n);
	buf_puts(out, ":");
	json_add_string(out, value ? value : "", value ? strlen(value) : 0);
	return MHD_YES;
}

/* All that the headers say. */
static void
judge(Request *r, const char *path, const char *method)
{
	bool		post = strcmp(method, MHD_HTTP_METHOD_POST) == 0;
	bool		get = strcmp(method, MHD_HTTP_METHOD_GET) == 0 || strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
	const char *length = header(r, MHD_HTTP_HEADER_CONTENT_LENGTH);
	const char *encoding = header(r, MHD_HTTP_HEADER_CONTENT_ENCODING);

	r->route = route_find(path);
	if (r->route.kind == ROUTE_UNKNOWN)
		refuse(r, MHD_HTTP_NOT_FOUND, "there is nothing at this path");
	else if (r->route.is_post ? !post : !get)
		refuse(r, MHD_HTTP_METHOD_NOT_ALLOWED, r->route.is_post ? "this path takes POST" : "this path takes GET");
	else if (r->route.is_post)
		identify(r);
	if (r->refused || !r->route.is_post)
		return;

	if (encoding && strcasecmp(encoding, "identity") != 0)
	{
		/* What is signed is what was sent; none of these tools compresses. */
		if (r->scheme || (strcasecmp(encoding, "gzip") != 0 && strcasecmp(encoding, "x-gzip") != 0))
			refuse(r, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, "the body may be compressed with gzip only, and not if it is signed");
		else
			r->gunzip = gunzip_start();
	}
	if (length && strtoull(length, NULL, 10) > r->grant.body_limit)
		refuse(r, MHD_HTTP_CONTENT_TOO_LARGE, "the body is larger than its source may send");
	buf_puts(&r->headers, "{");
	MHD_get_connection_values(r->connection, MHD_HEADER_KIND, add_header, &r->headers);
	if (r->route.alias)
	{
		/* What its path says, the body does not; last, so that no header of that name counts. */
		buf_puts(&r->headers, r->headers.len > 1 ? ",\"x-opsgenie-alias\":" : "\"x-opsgenie-alias\":");
		json_add_string(&r->headers, r->route.alias, r->route.alias_len);
		buf_puts(&r->headers, ",\"x-opsgenie-action\":");
		json_add_string(&r->headers, r->route.action, strlen(r->route.action));
	}
	buf_puts(&r->headers, "}");
}

/* Some of the body. False: enough, cut the connection. */
static bool
receive(Request *r, const char *data, size_t n)
{
	size_t		limit = r->grant.body_limit;
	size_t		more;

	if (!r->refused && r->route.is_post)
	{
		if (r->gunzip)
		{
			switch (gunzip_feed(r->gunzip, data, n, &r->body, limit))
			{
				case GUNZIP_OK:
					break;
				case GUNZIP_BAD:
					refuse(r, MHD_HTTP_BAD_REQUEST, "the body is not gzip, though the header says so");
					break;
				case GUNZIP_TOO_LARGE:
					refuse(r, MHD_HTTP_CONTENT_TOO_LARGE, "decompressed the body is larger than its source may send");
					break;
			}
		}
		else if (n > limit - r->body.len)
			refuse(r, MHD_HTTP_CONTENT_TOO_LARGE, "the body is larger than its source may send");
		else
			buf_add(&r->body, data, n);

		more = r->body.cap - r->accounted;
		r->accounted += more;
		if ((memory += more) > (size_t) config->memory_limit)
			refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE, "too many bodies at one time");
	}
	if (r->refused || !r->route.is_post)
		r->swallowed += n;
	return r->swallowed <= SWALLOW;
}

/*
 * The token of a PagerDuty client is its routing key. On other paths it is
 * PagerDuty's own. Either way it is a secret, and the body will be stored.
 */
static void
take_routing_key(Request *r)
{
	bool		is_client = r->route.kind == ROUTE_ENQUEUE || r->route.kind == ROUTE_CHANGE;
	JsonValue	key;

	if (!json_member(r->body.data, r->body.len, "routing_key", &key) || !key.is_string)
	{
		if (is_client && r->grant.source == NULL)
			refuse(r, MHD_HTTP_UNAUTHORIZED, "a token is needed, as routing_key in the body");
		return;
	}
	if (is_client && r->grant.source == NULL && has_token(r, r->body.data + key.at, key.len) &&
		r->body.len > r->grant.body_limit)
		refuse(r, MHD_HTTP_CONTENT_TOO_LARGE, "the body is larger than its source may send");
	if (!r->refused)
		memset(r->body.data + key.at, '*', key.len);
}

/*
 * PagerDuty makes a key for an event that comes without one and tells it to the
 * client, which resolves by it later. Ours is the body's hash: the same request
 * sent again gets the same key.
 */
static void
give_dedup_key(Request *r)
{
	static const char member[] = "\"dedup_key\":\"";
	JsonValue	v;
	unsigned char hash[TOKEN_HASH];
	Buf			with = {0};
	size_t		brace;

	if (!json_member(r->body.data, r->body.len, "event_action", &v) ||
		json_member(r->body.data, r->body.len, "dedup_key", &v) ||
		!token_hash(r->body.data, r->body.len, hash))
		return;
	brace = (size_t) ((char *) memchr(r->body.data, '{', r->body.len) - r->body.data) + 1;
	buf_reserve(&with, r->body.len + sizeof member + 40);
	buf_add(&with, r->body.data, brace);
	buf_puts(&with, member);
	for (int i = 0; i < 16; i++)
		buf_printf(&with, "%02x", hash[i]);
	buf_puts(&with, "\",");
	buf_add(&with, r->body.data + brace, r->body.len - brace);
	buf_free(&r->body);
	r->body = with;
}

/* The body is there: the last questions before it is the database's. */
static void
complete(Request *r)
{
	if (r->body.data == NULL)
		buf_add(&r->body, "", 0);
	if (r->gunzip && !gunzip_is_complete(r->gunzip))
		refuse(r, MHD_HTTP_BAD_REQUEST, "the compressed body breaks off");
	else if (r->scheme)
	{
		if (secrets_accept(r->scheme, header, r, r->body.data, r->body.len))
			r->grant.source = xstrdup(r->scheme->source);
		else
			refuse(r, MHD_HTTP_UNAUTHORIZED, "the signature is missing or wrong, or too old");
	}
	if (!r->refused)
		take_routing_key(r);
	if (r->refused)
		return;

	if (r->route.kind == ROUTE_ENQUEUE)
		give_dedup_key(r);
	else if (r->route.kind == ROUTE_SLACK)
	{
		Buf			payload = {0};

		if (form_field(r->body.data, r->body.len, "payload", &payload))
		{
			buf_free(&r->body);
			r->body = payload;
		}
	}
}

/* Called by the pool: the connection goes on, in MHD's thread. */
static void
job_done(Job *job)
{
	Request    *r = job->owner;

	MHD_resume_connection(r->connection);
}

static enum MHD_Result
ask_database(Request *r)
{
	r->job.done = job_done;
	r->job.owner = r;
	r->stage = STAGE_DATABASE;
	/* Before it is queued: it may be done before pool_submit() returns. */
	MHD_suspend_connection(r->connection);
	if (!pool_submit(&r->job))
	{
		r->job.outcome = OUTCOME_UNAVAILABLE;
		MHD_resume_connection(r->connection);
	}
	return MHD_YES;
}

/* Whether a link's argument is digits of the kind that it should be. */
static const char *
argument(Request *r, const char *name, const char *digits, size_t longest)
{
	const char *s = name ? MHD_lookup_connection_value(r->connection, MHD_GET_ARGUMENT_KIND, name) : r->route.source;

	return s && *s && strlen(s) <= longest && s[strspn(s, digits)] == '\0' ? s : NULL;
}

/*
 * Whether whoever asks may have one more page now: signatures cannot be guessed,
 * but each try asks the database. Of an IPv6 address the network counts.
 */
static bool
may_ask(Request *r)
{
	const struct sockaddr *peer = MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
	bool		may;

	pthread_mutex_lock(&askers_lock);
	if (peer->sa_family == AF_INET6)
		may = peer_take(&askers, &((const struct sockaddr_in6 *) peer)->sin6_addr,
						IN6_IS_ADDR_V4MAPPED(&((const struct sockaddr_in6 *) peer)->sin6_addr) ? 16 : 8,
						(double) config->links_per_minute, now_seconds());
	else
		may = peer_take(&askers, &((const struct sockaddr_in *) peer)->sin_addr, 4,
						(double) config->links_per_minute, now_seconds());
	pthread_mutex_unlock(&askers_lock);
	return may;
}

static enum MHD_Result
handle_get(Request *r)
{
	switch (r->route.kind)
	{
		case ROUTE_INCIDENT:
			if (!may_ask(r))
			{
				refuse(r, MHD_HTTP_TOO_MANY_REQUESTS, "More pages than one may ask for in a minute. Try again in a moment.");
				return reply_refusal(r);
			}
			r->job.kind = JOB_PAGE;
			r->job.incident = argument(r, NULL, "0123456789", 18);
			r->job.until = argument(r, "until", "0123456789", 18);
			r->job.signature = argument(r, "signature", "0123456789abcdef", 64);
			if (r->job.incident && r->job.until && r->job.signature)
				return ask_database(r);
			r->job.outcome = OUTCOME_NOT_FOUND;
			return reply_outcome(r);
		case ROUTE_READY:
			if (server_is_draining() || !pool_is_up())
				return reply_text(r, MHD_HTTP_SERVICE_UNAVAILABLE, server_is_draining() ? "stopping\n" : "the database is away\n");
			return reply_text(r, MHD_HTTP_OK, "ready\n");
		case ROUTE_METRICS:
			return reply_metrics(r);
		default:
			return reply_text(r, MHD_HTTP_OK, "alive\n");
	}
}

enum MHD_Result
request_handle(Request *r, const char *path, const char *method, const char *data, size_t *size)
{
	if (r->stage == STAGE_NEW)
	{
		const char *length = header(r, MHD_HTTP_HEADER_CONTENT_LENGTH);

		r->stage = STAGE_BODY;
		judge(r, path, method);
		/* What would be too much to swallow is not even begun. */
		if (r->refused && ((length && strtoull(length, NULL, 10) > SWALLOW) || header(r, MHD_HTTP_HEADER_EXPECT)))
			return reply_refusal(r);
		return MHD_YES;
	}
	if (*size > 0)
	{
		bool		go_on = receive(r, data, *size);

		*size = 0;
		return go_on ? MHD_YES : MHD_NO;
	}
	if (r->stage == STAGE_DATABASE)
		return reply_outcome(r);

	server_deadline(r->connection, 0);
	if (!r->refused && !r->route.is_post)
		return handle_get(r);
	if (!r->refused)
		complete(r);
	if (r->refused)
		return reply_refusal(r);
	r->job.kind = JOB_INGEST;
	r->job.source = r->grant.source;
	r->job.body = r->body.data;
	r->job.body_len = r->body.len;
	r->job.headers = r->headers.data;
	return ask_database(r);
}
