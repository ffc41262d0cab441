/*
 * http_impl.h
 *		What the pool (http.c) and one request (transfer.c) know of each other.
 */
#ifndef TRACER_HTTP_IMPL_H
#define TRACER_HTTP_IMPL_H

#include "send/http.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <stdint.h>

#define ERROR_MAX 512

struct HttpPool
{
	CURLM	   *multi;
	int			epoll;
	int64_t		deadline;		/* of libcurl's timer, monotonic ms; -1: none */
	int			running;
	char	   *allowed_hosts;
	char	   *ca_file;
	bool		allow_private;
	struct Transfer *transfers; /* all that are not released */
	struct Transfer *done;		/* answered, oldest first */
	struct Transfer **done_tail;
};

typedef struct Transfer
{
	HttpAnswer	answer;			/* first: http_release() gets its address */
	HttpPool   *pool;
	struct Transfer *next,
			   *prev;			/* in pool->transfers */
	struct Transfer *next_done;
	HttpRequest request;
	CURL	   *easy;			/* NULL: refused before anything was tried */
	CURLU	   *url;
	char	   *host;
	char	   *user;			/* from the URL */
	char	   *password;
	bool		mail;
	bool		tls;
	struct curl_slist *lines;	/* headers, or recipients */
	size_t		sent;			/* of a mail's text */
	char	   *text;			/* of the response */
	size_t		textlen;
	size_t		kept;			/* SMTP: complaints at the start of text */
	bool		full;			/* more came than is kept */
	char		refused[INET6_ADDRSTRLEN];	/* address that is not allowed */
	char		error[ERROR_MAX];
	char		details[CURL_ERROR_SIZE];
} Transfer;

/* Before libcurl sees it: false, with the error in it, for what must not be tried. */
extern bool transfer_check(Transfer *t);
extern bool transfer_set_up(Transfer *t);

/* Ends it without an answer from the other side. */
extern void transfer_fail(Transfer *t, const char *format,...) __attribute__((format(printf, 2, 3)));

/* Turns what libcurl says in the end into the answer. */
extern void transfer_conclude(Transfer *t, CURLcode rc);

/* The last step: what its answer may show. */
extern void transfer_redact(Transfer *t);

#endif
