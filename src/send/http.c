/*
 * http.c
 *		Many requests at once, over HTTP and SMTP, without ever waiting.
 *
 * libcurl's multi interface, driven by sockets: libcurl tells which sockets it
 * waits for, they are put into an epoll set, and that set's descriptor becomes
 * readable when one of them is. The caller waits for the descriptor and for
 * libcurl's timer together with whatever else it waits for, and calls
 * http_drive(). Connections stay open between requests.
 *
 * What is safe, and how:
 *
 *	- A request goes only to an allowed host, and its socket is opened only to an
 *	  allowed address: the callback that opens sockets sees every address after
 *	  name resolution. A kept connection is judged again before it is used, for
 *	  the rules may have changed.
 *	- Only http, https, smtp and smtps; no redirects; no proxy from the
 *	  environment, which would resolve names where nothing checks them.
 *	  Certificates and host names are verified, passwords go over TLS only.
 *	- Names are resolved in threads of libcurl's. Signals are blocked while
 *	  libcurl runs, so that its threads inherit a mask which lets none of
 *	  PostgreSQL's handlers run there.
 *	- libcurl and this file use malloc: nothing here may jump out of a callback.
 *	- Errors are this file's own words: they name the host, never the rest of the
 *	  URL, and secrets that a server sends back are blotted out.
 */
#include "send/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <netdb.h>
#include <time.h>
#include <unistd.h>

#include "send/policy.h"

#define POOL_CONNECTIONS 256	/* kept open */
#define HOST_CONNECTIONS 64		/* to one host; more requests wait for one */
#define CONNECTION_LIFETIME 600 /* seconds; then names are resolved anew */
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

static int64_t
monotonic_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t) t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void
block_signals(sigset_t *before)
{
	sigset_t	all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, before);
}

static void
restore_signals(const sigset_t *before)
{
	pthread_sigmask(SIG_SETMASK, before, NULL);
}

/* ---------------------------------------------------------------- the pool */

static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
	HttpPool   *pool = arg;
	struct epoll_event event = {0};

	if (what == CURL_POLL_REMOVE)
	{
		/* It may be closed already; epoll then has forgotten it. */
		(void) epoll_ctl(pool->epoll, EPOLL_CTL_DEL, fd, NULL);
		return 0;
	}
	event.data.fd = fd;
	if (what & CURL_POLL_IN)
		event.events |= EPOLLIN;
	if (what & CURL_POLL_OUT)
		event.events |= EPOLLOUT;
	if (epoll_ctl(pool->epoll, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) < 0)
	{
		/* A new socket under an old number, or the reverse. */
		if (epoll_ctl(pool->epoll, known ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event) < 0)
			return -1;
	}
	if (!known)
		curl_multi_assign(pool->multi, fd, pool);
	return 0;
}

static int
on_timer(CURLM *multi, long ms, void *arg)
{
	HttpPool   *pool = arg;

	pool->deadline = ms < 0 ? -1 : monotonic_ms() + ms;
	return 0;
}

HttpPool *
http_open(const char **error)
{
	HttpPool   *pool = calloc(1, sizeof *pool);
	curl_version_info_data *info;
	CURLcode	rc;

	*error = "out of memory";
	if (pool == NULL)
		return NULL;
	pool->epoll = -1;
	rc = curl_global_init(CURL_GLOBAL_DEFAULT);
	if (rc != CURLE_OK)
	{
		*error = curl_easy_strerror(rc);
		free(pool);
		return NULL;
	}
	info = curl_version_info(CURLVERSION_NOW);
	if (!(info->features & CURL_VERSION_SSL) || !(info->features & CURL_VERSION_ASYNCHDNS))
	{
		*error = "libcurl was built without TLS or without asynchronous name resolution";
		http_close(pool);
		return NULL;
	}
	pool->deadline = -1;
	pool->done_tail = &pool->done;
	pool->multi = curl_multi_init();
	pool->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (pool->multi == NULL || pool->epoll < 0)
	{
		if (pool->multi != NULL)
			*error = strerror(errno);
		http_close(pool);
		return NULL;
	}
	curl_multi_setopt(pool->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(pool->multi, CURLMOPT_SOCKETDATA, pool);
	curl_multi_setopt(pool->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(pool->multi, CURLMOPT_TIMERDATA, pool);
	curl_multi_setopt(pool->multi, CURLMOPT_MAXCONNECTS, (long) POOL_CONNECTIONS);
	curl_multi_setopt(pool->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long) HOST_CONNECTIONS);
	return pool;
}

bool
http_set_policy(HttpPool *pool, const HttpPolicy *policy)
{
	char	   *hosts = strdup(policy->allowed_hosts);
	char	   *ca_file = strdup(policy->ca_file);

	if (hosts == NULL || ca_file == NULL)
	{
		free(hosts);
		free(ca_file);
		return false;
	}
	free(pool->allowed_hosts);
	free(pool->ca_file);
	pool->allowed_hosts = hosts;
	pool->ca_file = ca_file;
	pool->allow_private = policy->allow_private;
	return true;
}

void
http_close(HttpPool *pool)
{
	sigset_t	before;

	block_signals(&before);
	while (pool->transfers != NULL)
		http_release(&pool->transfers->answer);
	if (pool->multi != NULL)
		curl_multi_cleanup(pool->multi);
	if (pool->epoll >= 0)
		close(pool->epoll);
	curl_global_cleanup();
	restore_signals(&before);
	free(pool->allowed_hosts);
	free(pool->ca_file);
	free(pool);
}

int
http_descriptor(const HttpPool *pool)
{
	return pool->epoll;
}

int
http_running(const HttpPool *pool)
{
	return pool->running;
}

long
http_timeout_ms(const HttpPool *pool)
{
	int64_t		left;

	if (pool->done != NULL)
		return 0;
	if (pool->deadline < 0)
		return -1;
	left = pool->deadline - monotonic_ms();
	return left < 0 ? 0 : (long) left;
}

/* ------------------------------------------------------------- one transfer */

/* Ends a transfer without an answer from the other side. */
static void __attribute__((format(printf, 2, 3)))
fail(Transfer *t, const char *format,...)
{
	va_list		args;

	va_start(args, format);
	vsnprintf(t->error, sizeof t->error, format, args);
	va_end(args);
	t->answer.error = t->error;
}

static void
append(Transfer *t, const char *data, size_t len)
{
	size_t		room = HTTP_RESPONSE_MAX - t->textlen;
	char	   *text;

	if (len > room)
	{
		t->full = true;
		len = room;
	}
	text = realloc(t->text, t->textlen + len + 1);
	if (text == NULL)
	{
		t->full = true;
		return;
	}
	memcpy(text + t->textlen, data, len);
	t->text = text;
	t->textlen += len;
	t->text[t->textlen] = '\0';
}

/* A response's body. Too much of it ends the transfer: its status is known. */
static size_t
on_body(char *data, size_t size, size_t n, void *arg)
{
	Transfer   *t = arg;

	append(t, data, size * n);
	return t->full ? 0 : size * n;
}

/* What a mail server says: all complaints, and its last line. */
static size_t
on_reply(char *data, size_t size, size_t n, void *arg)
{
	Transfer   *t = arg;
	size_t		len = size * n;

	while (len > 0 && (data[len - 1] == '\n' || data[len - 1] == '\r'))
		len--;
	t->textlen = t->kept;
	if (t->kept > 0)
		append(t, "\n", 1);
	append(t, data, len);
	if (len > 0 && (data[0] == '4' || data[0] == '5'))
		t->kept = t->textlen;
	return size * n;
}

static size_t
on_upload(char *data, size_t size, size_t n, void *arg)
{
	Transfer   *t = arg;
	size_t		len = strlen(t->request.body + t->sent);

	if (len > size * n)
		len = size * n;
	memcpy(data, t->request.body + t->sent, len);
	t->sent += len;
	return len;
}

static bool
address_allowed(Transfer *t, const struct sockaddr *address, socklen_t len)
{
	if (t->pool->allow_private || policy_address_public(address))
		return true;
	if (getnameinfo(address, len, t->refused, sizeof t->refused, NULL, 0, NI_NUMERICHOST) != 0)
		strcpy(t->refused, "(unknown)");
	return false;
}

static curl_socket_t
on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	if (!address_allowed(arg, &address->addr, address->addrlen))
		return CURL_SOCKET_BAD;
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* Just before the request: the address of a kept connection has not been seen. */
static int
on_connected(void *arg, char *ip, char *local_ip, int port, int local_port)
{
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST,.ai_socktype = SOCK_STREAM};
	struct addrinfo *address = NULL;
	bool		allowed;

	if (getaddrinfo(ip, NULL, &hints, &address) != 0)
		return CURL_PREREQFUNC_ABORT;
	allowed = address_allowed(arg, address->ai_addr, address->ai_addrlen);
	freeaddrinfo(address);
	return allowed ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

/* Takes the URL apart and judges it; the message never holds more than its host. */
static bool
check_url(Transfer *t)
{
	char	   *scheme = NULL;
	char	   *port = NULL;
	CURLUcode	rc;
	bool		ok = false;

	t->url = curl_url();
	rc = t->url ? curl_url_set(t->url, CURLUPART_URL, t->request.url, 0) : CURLUE_OUT_OF_MEMORY;
	if (rc == CURLUE_OK)
		rc = curl_url_get(t->url, CURLUPART_SCHEME, &scheme, 0);
	if (rc == CURLUE_OK)
		rc = curl_url_get(t->url, CURLUPART_HOST, &t->host, 0);
	if (rc != CURLUE_OK)
	{
		fail(t, "malformed URL: %s",
			 rc == CURLUE_UNSUPPORTED_SCHEME ? "it must start with http, https, smtp or smtps" : curl_url_strerror(rc));
		curl_free(scheme);
		return false;
	}
	(void) curl_url_get(t->url, CURLUPART_USER, &t->user, CURLU_URLDECODE);
	(void) curl_url_get(t->url, CURLUPART_PASSWORD, &t->password, CURLU_URLDECODE);
	(void) curl_url_get(t->url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
	t->mail = strcmp(scheme, "smtp") == 0 || strcmp(scheme, "smtps") == 0;
	t->tls = strcmp(scheme, "https") == 0 || strcmp(scheme, "smtps") == 0 || (t->mail && t->request.starttls);

	if (!t->mail && strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
		fail(t, "malformed URL: it must start with http, https, smtp or smtps");
	else if (port == NULL)
		fail(t, "malformed URL: it has no port");
	else if (!policy_host_allowed(t->pool->allowed_hosts, t->host, atoi(port)))
		fail(t, "host \"%s\", port %s, is not in tracer.allowed_hosts", t->host, port);
	else
		ok = true;
	curl_free(scheme);
	curl_free(port);
	return ok;
}

static bool
add_line(Transfer *t, const char *line)
{
	struct curl_slist *lines = curl_slist_append(t->lines, line);

	if (lines == NULL)
	{
		fail(t, "out of memory");
		return false;
	}
	t->lines = lines;
	return true;
}

static bool
set_up_http(Transfer *t)
{
	const HttpRequest *r = &t->request;
	const char *method = r->method ? r->method : "POST";
	bool		typed = false;

	if (method[0] == '\0' || strlen(method) > 20 || strspn(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != strlen(method))
	{
		fail(t, "malformed HTTP method");
		return false;
	}
	for (int i = 0; i < r->nheaders; i++)
	{
		if (!policy_header_valid(r->headers[i]))
		{
			fail(t, "malformed or reserved HTTP header number %d", i + 1);
			return false;
		}
		if (strncasecmp(r->headers[i], "Content-Type:", 13) == 0)
			typed = true;
		if (!add_line(t, r->headers[i]))
			return false;
	}
	/* libcurl would call it a form, and ask leave before a large one. */
	if ((!typed && !add_line(t, "Content-Type:")) || !add_line(t, "Expect:"))
		return false;
	curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->lines);
	curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
	if (strcmp(method, "GET") == 0)
		curl_easy_setopt(t->easy, CURLOPT_HTTPGET, 1L);
	else
	{
		const char *body = r->body ? r->body : "";

		curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) strlen(body));
		curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, body);
		curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, method);
	}
	return true;
}

static bool
set_up_mail(Transfer *t)
{
	const HttpRequest *r = &t->request;

	if (r->body == NULL || r->from == NULL || !policy_mailbox_valid(r->from) || r->nto == 0)
	{
		fail(t, "a mail needs a sender, recipients and a text");
		return false;
	}
	for (int i = 0; i < r->nto; i++)
	{
		if (!policy_mailbox_valid(r->to[i]))
		{
			fail(t, "malformed mail address number %d", i + 1);
			return false;
		}
		if (!add_line(t, r->to[i]))
			return false;
	}
	if (((r->username && r->username[0]) || t->user) && !t->tls)
	{
		fail(t, "would send the password unencrypted: the channel needs STARTTLS or smtps");
		return false;
	}
	curl_easy_setopt(t->easy, CURLOPT_MAIL_FROM, r->from);
	curl_easy_setopt(t->easy, CURLOPT_MAIL_RCPT, t->lines);
	/* One address that is gone must not keep a page from the others. */
	curl_easy_setopt(t->easy, CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L);
	if (r->starttls)
		curl_easy_setopt(t->easy, CURLOPT_USE_SSL, (long) CURLUSESSL_ALL);
	if (r->username && r->username[0])
	{
		curl_easy_setopt(t->easy, CURLOPT_USERNAME, r->username);
		curl_easy_setopt(t->easy, CURLOPT_PASSWORD, r->password ? r->password : "");
	}
	curl_easy_setopt(t->easy, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(t->easy, CURLOPT_READFUNCTION, on_upload);
	curl_easy_setopt(t->easy, CURLOPT_READDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, on_reply);
	curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
	return true;
}

static bool
set_up(Transfer *t)
{
	CURL	   *easy = t->easy;
	long		timeout = t->request.timeout_ms;

	curl_easy_setopt(easy, CURLOPT_PRIVATE, t);
	curl_easy_setopt(easy, CURLOPT_CURLU, t->url);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->details);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "tracer");
	/* A server that resets a stream of HTTP/2 after its answer loses the answer. */
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout);
	/* Half of it, so that an unreachable host is told from a slow answer. */
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, timeout / 2 + 1);
	curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, (long) CONNECTION_LIFETIME);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
	if (t->pool->ca_file && t->pool->ca_file[0])
	{
		curl_easy_setopt(easy, CURLOPT_CAINFO, t->pool->ca_file);
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	}
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, t);
	curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_connected);
	curl_easy_setopt(easy, CURLOPT_PREREQDATA, t);
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https,smtp,smtps");
#else
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long) (CURLPROTO_HTTP | CURLPROTO_HTTPS | CURLPROTO_SMTP | CURLPROTO_SMTPS));
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
	/* A lookup that hangs must not hold up the others when its time is over. */
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
	return t->mail ? set_up_mail(t) : set_up_http(t);
}

static void
finish(Transfer *t)
{
	HttpPool   *pool = t->pool;

	t->answer.tag = t->request.tag;
	if (t->text != NULL)
		t->answer.response = t->text;
	for (int i = -2; i < t->request.nsecrets; i++)
	{
		const char *secret = i == -2 ? t->password : i == -1 ? t->request.password : t->request.secrets[i];

		if (secret == NULL)
			continue;
		if (t->text != NULL)
			policy_redact(t->text, secret);
		policy_redact(t->error, secret);
	}
	*pool->done_tail = t;
	pool->done_tail = &t->next_done;
}

bool
http_start(HttpPool *pool, const HttpRequest *request)
{
	Transfer   *t = calloc(1, sizeof *t);
	sigset_t	before;

	if (t == NULL)
		return false;
	t->pool = pool;
	t->request = *request;
	t->next = pool->transfers;
	if (t->next)
		t->next->prev = t;
	pool->transfers = t;

	block_signals(&before);
	if (!check_url(t))
		finish(t);
	else if ((t->easy = curl_easy_init()) == NULL)
	{
		fail(t, "out of memory");
		finish(t);
	}
	else if (!set_up(t) || curl_multi_add_handle(pool->multi, t->easy) != CURLM_OK)
	{
		if (t->answer.error == NULL)
			fail(t, "out of memory");
		curl_easy_cleanup(t->easy);
		t->easy = NULL;
		finish(t);
	}
	else
		pool->running++;
	restore_signals(&before);
	return true;
}

/* ----------------------------------------------------------------- answers */

static double
info_ms(Transfer *t, CURLINFO what)
{
	curl_off_t	us = 0;

	curl_easy_getinfo(t->easy, what, &us);
	return (double) us / 1000;
}

/* What a transfer was doing, for a person. */
static const char *
phase(Transfer *t)
{
	if (t->mail && info_ms(t, CURLINFO_NAMELOOKUP_TIME_T) > 0 && info_ms(t, CURLINFO_CONNECT_TIME_T) > 0)
		return "talking to the mail server";
	if (info_ms(t, CURLINFO_STARTTRANSFER_TIME_T) > 0)
		return "reading the answer";
	if (info_ms(t, CURLINFO_PRETRANSFER_TIME_T) > 0)
		return "waiting for the answer";
	if (info_ms(t, CURLINFO_NAMELOOKUP_TIME_T) <= 0)
		return "resolving the name";
	if (info_ms(t, CURLINFO_CONNECT_TIME_T) <= 0)
		return "connecting";
	return "agreeing on TLS";
}

static void
explain(Transfer *t, CURLcode rc)
{
	long		os_errno = 0;

	curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &os_errno);
	if (t->refused[0] && (rc == CURLE_COULDNT_CONNECT || rc == CURLE_ABORTED_BY_CALLBACK))
		fail(t, "address %s of host \"%s\" is not public, and tracer.allow_private_addresses is off",
			 t->refused, t->host);
	else if (rc == CURLE_OPERATION_TIMEDOUT)
		fail(t, "timed out after %.0f ms while %s, host \"%s\"", info_ms(t, CURLINFO_TOTAL_TIME_T), phase(t), t->host);
	else if (rc == CURLE_COULDNT_RESOLVE_HOST)
		fail(t, "could not resolve host \"%s\"", t->host);
	else if (rc == CURLE_COULDNT_CONNECT)
		fail(t, "could not connect to host \"%s\": %s", t->host,
			 os_errno ? strerror((int) os_errno) : "no address answered");
	else if (rc == CURLE_PEER_FAILED_VERIFICATION || rc == CURLE_SSL_CONNECT_ERROR ||
			 rc == CURLE_SSL_CACERT_BADFILE || rc == CURLE_USE_SSL_FAILED)
		fail(t, "no TLS with host \"%s\": %s", t->host, t->details[0] ? t->details : curl_easy_strerror(rc));
	else
		fail(t, "%s while %s, host \"%s\"", curl_easy_strerror(rc), phase(t), t->host);
}

static void
conclude(Transfer *t, CURLcode rc)
{
	long		status = 0;
	curl_off_t	retry_after = 0;

	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &retry_after);
	t->answer.total_ms = info_ms(t, CURLINFO_TOTAL_TIME_T);
	t->answer.connect_ms = info_ms(t, t->tls && !t->mail ? CURLINFO_APPCONNECT_TIME_T : CURLINFO_CONNECT_TIME_T);
	t->answer.retry_after = retry_after > 0 ? (double) retry_after : 0;

	/*
	 * Once its status has come, an HTTP request is answered, however its body
	 * ends. Of a mail cut short only a refusal is an answer.
	 */
	if (rc == CURLE_OK || status >= (t->mail ? 400 : 200))
		t->answer.status = (int) status;
	else
		explain(t, rc);
	finish(t);
}

static void
end_transfer(Transfer *t)
{
	curl_multi_remove_handle(t->pool->multi, t->easy);
	curl_easy_cleanup(t->easy);
	t->easy = NULL;
	t->pool->running--;
}

void
http_drive(HttpPool *pool)
{
	struct epoll_event events[64];
	CURLMsg    *message;
	sigset_t	before;
	int			n,
				running,
				queued;

	block_signals(&before);
	n = epoll_wait(pool->epoll, events, 64, 0);
	for (int i = 0; i < n; i++)
	{
		int			what = 0;

		if (events[i].events & EPOLLIN)
			what |= CURL_CSELECT_IN;
		if (events[i].events & EPOLLOUT)
			what |= CURL_CSELECT_OUT;
		if (events[i].events & (EPOLLERR | EPOLLHUP))
			what |= CURL_CSELECT_ERR;
		curl_multi_socket_action(pool->multi, events[i].data.fd, what, &running);
	}
	if (pool->deadline >= 0 && pool->deadline <= monotonic_ms())
	{
		pool->deadline = -1;
		curl_multi_socket_action(pool->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
	while ((message = curl_multi_info_read(pool->multi, &queued)) != NULL)
	{
		Transfer   *t;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &t);
		conclude(t, message->data.result);
		end_transfer(t);
	}
	restore_signals(&before);
}

/* Whatever runs is broken off, and answered with the reason. */
void
http_abandon(HttpPool *pool, const char *why)
{
	sigset_t	before;

	block_signals(&before);
	for (Transfer *t = pool->transfers; t != NULL; t = t->next)
	{
		if (t->easy == NULL)
			continue;
		fail(t, "%s", why);
		finish(t);
		end_transfer(t);
	}
	restore_signals(&before);
}

HttpAnswer *
http_answer(HttpPool *pool)
{
	Transfer   *t = pool->done;

	if (t == NULL)
		return NULL;
	pool->done = t->next_done;
	if (pool->done == NULL)
		pool->done_tail = &pool->done;
	return &t->answer;
}

/* Of a transfer that runs, too, when the pool is closed. */
void
http_release(HttpAnswer *answer)
{
	Transfer   *t = (Transfer *) answer;

	if (t->easy != NULL)
		end_transfer(t);
	if (t->next)
		t->next->prev = t->prev;
	if (t->prev)
		t->prev->next = t->next;
	else
		t->pool->transfers = t->next;
	curl_slist_free_all(t->lines);
	curl_url_cleanup(t->url);
	curl_free(t->host);
	curl_free(t->user);
	curl_free(t->password);
	free(t->text);
	free(t);
}
