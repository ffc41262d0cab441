/*
 * http.h
 *		Many requests at once, over HTTP and SMTP, without ever waiting.
 *
 * Knows nothing of PostgreSQL: no palloc, no ereport. A pool is driven from one
 * descriptor that becomes readable when there is something to do, and one
 * deadline.
 */
#ifndef TRACER_SEND_HTTP_H
#define TRACER_SEND_HTTP_H

#include <stdbool.h>
#include <stddef.h>

/* What is kept of a response. More than this, and the connection is cut. */
#define HTTP_RESPONSE_MAX (64 * 1024)

typedef struct HttpPool HttpPool;

/* Strings belong to the caller and live until the answer is there; the URL is copied. */
typedef struct HttpRequest
{
	const char *url;			/* http, https, smtp or smtps */
	const char *method;			/* HTTP: NULL means POST */
	const char *const *headers; /* HTTP: "Name: value" */
	int			nheaders;
	const char *body;			/* NULL: none; SMTP: the whole message */
	const char *from;			/* SMTP: the envelope */
	const char *const *to;
	int			nto;
	const char *username;		/* SMTP; over TLS only */
	const char *password;
	bool		starttls;
	const char *const *secrets; /* what must not show up in an answer */
	int			nsecrets;
	int			timeout_ms;
	void	   *tag;			/* comes back with the answer */
} HttpRequest;

typedef struct HttpAnswer
{
	void	   *tag;
	int			status;			/* of HTTP or SMTP; 0: no answer came */
	const char *error;			/* why not; NULL if one came */
	const char *response;		/* its body, or what the mail server said */
	double		retry_after;	/* seconds; 0: the answer does not say */
	double		connect_ms;		/* until connected, TLS included; 0: reused */
	double		total_ms;
} HttpAnswer;

typedef struct HttpPolicy
{
	const char *allowed_hosts;	/* see policy.c */
	bool		allow_private;	/* addresses that are not public, too */
	const char *ca_file;		/* who may sign certificates; "" as the system says */
} HttpPolicy;

/*
 * NULL with a message in *error where libcurl cannot be used. Nothing can be
 * started before a policy is set.
 */
extern HttpPool *http_open(const char **error);
extern void http_close(HttpPool *pool);

/* Takes effect for what is started from now on. False: out of memory. */
extern bool http_set_policy(HttpPool *pool, const HttpPolicy *policy);

/* False: out of memory. Whatever else goes wrong is an answer. */
extern bool http_start(HttpPool *pool, const HttpRequest *request);

extern int	http_descriptor(const HttpPool *pool);
extern long http_timeout_ms(const HttpPool *pool);	/* -1: none */
extern int	http_running(const HttpPool *pool);

/* Does what can be done now. */
extern void http_drive(HttpPool *pool);

extern void http_abandon(HttpPool *pool, const char *why);

/* For so long it could not be driven: HTTP requests that run get that much more time. */
extern void http_was_away(HttpPool *pool, long ms);

/* The next answer or NULL; to be given back. */
extern HttpAnswer *http_answer(HttpPool *pool);
extern void http_release(HttpAnswer *answer);

#endif							/* TRACER_SEND_HTTP_H */
