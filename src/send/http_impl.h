/*
 * http_impl.h
 *		What the pool (http.c) and one request (transfer.c) know of each other.
 */
#ifndef TRACER_HTTP_IMPL_H
#define TRACER_HTTP_IMPL_H

#include "send/http.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

#define ERROR_MAX 512

struct HttpPool
{
	CURLM	   *multi;
	int			epoll;
	int64_t		timer;			/* libcurl's, monotonic µs; -1: none */
	int			running;
	int			mails[2];		/* a pipe: threads tell which mail has ended */
	char	   *allowed_hosts;
	char	   *ca_file;
	bool		allow_private;
	struct Transfer *transfers; /* all that are not released */
	struct Transfer *done;		/* answered, oldest first */
	struct Transfer **done_tail;
};

static inline int64_t
monotonic_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t) t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

typedef struct Transfer
{
	HttpAnswer	answer;			/* first: http_release() gets its address */
	HttpPool   *pool;
	struct Transfer *next,
			   *prev;			/* in pool->transfers */
	struct Transfer *next_done;
	HttpRequest request;
	CURL	   *easy;			/* NULL: refused before anything was tried */
	pthread_t	thread;			/* of a mail */
	_Atomic(const char *) stop; /* why that thread is to end */
	int64_t		started;		/* monotonic µs */
	long		allowed_ms;		/* from then on */
	CURLU	   *url;
	char	   *host;
	char	   *user;			/* from the URL */
	char	   *password;
	bool		mail;
	bool		tls;
	bool		allow_private;	/* the policy when it was started */
	struct curl_slist *lines;	/* headers, or recipients */
	size_t		sent;			/* of a mail's text */
	bool		written;		/* all of it */
	bool		judged;			/* and answered */
	char	   *text;			/* of the response */
	size_t		textlen;
	size_t		kept;			/* SMTP: complaints at the start of text */
	int			deferred;		/* SMTP: the last complaint that is not final */
	bool		full;			/* more came than is kept */
	int			no_socket;		/* errno, where none could be made */
	char		refused[INET6_ADDRSTRLEN];	/* address that is not allowed */
	char		error[ERROR_MAX];
	char		details[CURL_ERROR_SIZE];
} Transfer;

/* Before libcurl sees it: false, with the error in it, for what must not be tried. */
extern bool transfer_check(Transfer *t);
extern bool transfer_set_up(Transfer *t);

/* Gives it so much more time; while it runs, too. */
extern void transfer_allow(Transfer *t, long ms);

/* Ends it without an answer from the other side. */
extern void transfer_fail(Transfer *t, const char *format,...) __attribute__((format(printf, 2, 3)));

/* Turns what libcurl says in the end into the answer; its total_ms is set. */
extern void transfer_conclude(Transfer *t, CURLcode rc);

/* The last step: what its answer may show. */
extern void transfer_redact(Transfer *t);

#endif
