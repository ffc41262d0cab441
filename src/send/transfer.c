/*
 * transfer.c
 *		One request: what may be tried, how, and what came of it.
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
 *	- Errors are this file's own words: they name the host, never the rest of the
 *	  URL, and secrets that a server sends back are blotted out.
 *	- libcurl and this file use malloc: nothing here may jump out of a callback.
 */
#include "send/http_impl.h"

#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "send/policy.h"

#define CONNECTION_LIFETIME 600 /* seconds; then names are resolved anew */

void
transfer_fail(Transfer *t, const char *format,...)
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

	/* what answers libcurl's goodbye */
	if (t->judged || (len >= 3 && memcmp(data, "221", 3) == 0))
		return len;
	while (len > 0 && (data[len - 1] == '\n' || data[len - 1] == '\r'))
		len--;
	t->textlen = t->kept;
	if (t->kept > 0)
		append(t, "\n", 1);
	append(t, data, len);
	if (len > 0 && (data[0] == '4' || data[0] == '5'))
		t->kept = t->textlen;
	if (len >= 3 && data[0] == '4' && isdigit((unsigned char) data[1]) && isdigit((unsigned char) data[2]))
		t->deferred = 400 + (data[1] - '0') * 10 + (data[2] - '0');
	if (t->written && len >= 3 && (len == 3 || data[3] != '-'))
		t->judged = true;
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
	t->written = len == 0;
	return len;
}

static bool
address_allowed(Transfer *t, const struct sockaddr *address, socklen_t len)
{
	if (t->allow_private || policy_address_public(address))
		return true;
	if (getnameinfo(address, len, t->refused, sizeof t->refused, NULL, 0, NI_NUMERICHOST) != 0)
		strcpy(t->refused, "(unknown)");
	return false;
}

static curl_socket_t
on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	Transfer   *t = arg;
	int			fd;

	if (!address_allowed(t, &address->addr, address->addrlen))
		return CURL_SOCKET_BAD;
	fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
	t->no_socket = fd < 0 ? errno : 0;
	return fd;
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
bool
transfer_check(Transfer *t)
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
		transfer_fail(t, "malformed URL: %s",
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
		transfer_fail(t, "malformed URL: it must start with http, https, smtp or smtps");
	else if (port == NULL)
		transfer_fail(t, "malformed URL: it has no port");
	else if (!policy_host_allowed(t->pool->allowed_hosts, t->host, atoi(port)))
		transfer_fail(t, "host \"%s\", port %s, is not in tracer.allowed_hosts", t->host, port);
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
		transfer_fail(t, "out of memory");
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
		transfer_fail(t, "malformed HTTP method");
		return false;
	}
	for (int i = 0; i < r->nheaders; i++)
	{
		if (!policy_header_valid(r->headers[i]))
		{
			transfer_fail(t, "malformed or reserved HTTP header number %d", i + 1);
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

/*
 * Asked at least every second; what is not zero ends a mail. libcurl heeds its own
 * limit everywhere but in its goodbye, for which a second is enough.
 */
static int
on_progress(void *arg, curl_off_t dltotal, curl_off_t dlnow, curl_off_t ultotal, curl_off_t ulnow)
{
	Transfer   *t = arg;

	return t->judged || atomic_load(&t->stop) != NULL ||
		monotonic_us() - t->started > (int64_t) t->request.timeout_ms * 1000;
}

static bool
set_up_mail(Transfer *t)
{
	const HttpRequest *r = &t->request;

	if (r->body == NULL || r->from == NULL || !policy_mailbox_valid(r->from) || r->nto == 0)
	{
		transfer_fail(t, "a mail needs a sender, recipients and a text");
		return false;
	}
	for (int i = 0; i < r->nto; i++)
	{
		if (!policy_mailbox_valid(r->to[i]))
		{
			transfer_fail(t, "malformed mail address number %d", i + 1);
			return false;
		}
		if (!add_line(t, r->to[i]))
			return false;
	}
	if (((r->username && r->username[0]) || t->user) && !t->tls)
	{
		transfer_fail(t, "would send the password unencrypted: the channel needs STARTTLS or smtps");
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
	/* Nobody else drives it: its time is libcurl's. It says goodbye before it ends. */
	curl_easy_setopt(t->easy, CURLOPT_TIMEOUT_MS, (long) r->timeout_ms);
	curl_easy_setopt(t->easy, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(t->easy, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(t->easy, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(t->easy, CURLOPT_XFERINFODATA, t);
	curl_easy_setopt(t->easy, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(t->easy, CURLOPT_READFUNCTION, on_upload);
	curl_easy_setopt(t->easy, CURLOPT_READDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, on_reply);
	curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
	return true;
}

/* libcurl arms its timers once. Of an HTTP request only the one for connecting is left to it. */
void
transfer_allow(Transfer *t, long ms)
{
	t->allowed_ms += ms;
	/* Half of it, so that an unreachable host is told from a slow answer. */
	curl_easy_setopt(t->easy, CURLOPT_CONNECTTIMEOUT_MS, t->allowed_ms / 2 + 1);
}

bool
transfer_set_up(Transfer *t)
{
	CURL	   *easy = t->easy;

	t->allow_private = t->pool->allow_private;
	curl_easy_setopt(easy, CURLOPT_PRIVATE, t);
	curl_easy_setopt(easy, CURLOPT_CURLU, t->url);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->details);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "tracer");
	/* A server that resets a stream of HTTP/2 after its answer loses the answer. */
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
	transfer_allow(t, t->request.timeout_ms);
	curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, (long) CONNECTION_LIFETIME);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
	/* A session that is resumed is vouched for by who did so when it began. */
	curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
	if (t->pool->ca_file && t->pool->ca_file[0])
	{
		curl_easy_setopt(easy, CURLOPT_CAINFO, t->pool->ca_file);
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
#if LIBCURL_VERSION_NUM >= 0x075700
		/* It would go by what the file said up to a day ago. */
		curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);
#endif
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

/* -------------------------------------------------------------- the answer */

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
	if (t->no_socket)
		os_errno = t->no_socket;
	if (t->refused[0] && (rc == CURLE_COULDNT_CONNECT || rc == CURLE_ABORTED_BY_CALLBACK))
		transfer_fail(t, "address %s of host \"%s\" is not public, and tracer.allow_private_addresses is off",
			 t->refused, t->host);
	else if (rc == CURLE_OPERATION_TIMEDOUT)
		transfer_fail(t, "timed out after %.0f ms while %s, host \"%s\"", t->answer.total_ms, phase(t), t->host);
	else if (rc == CURLE_COULDNT_RESOLVE_HOST)
		transfer_fail(t, "could not resolve host \"%s\"", t->host);
	else if (rc == CURLE_COULDNT_CONNECT)
		transfer_fail(t, "could not connect to host \"%s\": %s", t->host,
			 os_errno ? strerror((int) os_errno) : "no address answered");
	else if (rc == CURLE_PEER_FAILED_VERIFICATION || rc == CURLE_SSL_CONNECT_ERROR ||
			 rc == CURLE_SSL_CACERT_BADFILE || rc == CURLE_USE_SSL_FAILED)
		transfer_fail(t, "no TLS with host \"%s\": %s", t->host, t->details[0] ? t->details : curl_easy_strerror(rc));
	else
		transfer_fail(t, "%s while %s, host \"%s\"", curl_easy_strerror(rc), phase(t), t->host);
}

/*
 * Did the mail server end it before it had the text? Its last words need not be the
 * reason: it may have refused one of several recipients, and been lost after that.
 */
static bool
refused(Transfer *t, CURLcode rc, long status)
{
	long		os_errno = 0;

	curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &os_errno);
	return status >= 400 &&
		((rc == CURLE_SEND_ERROR && (t->request.nto == 1 || os_errno == 0)) || rc == CURLE_LOGIN_DENIED ||
		 rc == CURLE_REMOTE_ACCESS_DENIED || rc == CURLE_USE_SSL_FAILED || rc == CURLE_WEIRD_SERVER_REPLY);
}

/* An HTTP request is answered once its status has come, however its body ends. */
void
transfer_conclude(Transfer *t, CURLcode rc)
{
	long		status = 0;
	curl_off_t	retry_after = 0;

	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &retry_after);
	t->answer.connect_ms = info_ms(t, t->tls && !t->mail ? CURLINFO_APPCONNECT_TIME_T : CURLINFO_CONNECT_TIME_T);
	t->answer.retry_after = retry_after > 0 ? (double) retry_after : 0;

	if (t->mail ? t->judged || refused(t, rc, status) : rc == CURLE_OK || status >= 200)
		t->answer.status = (int) status;
	else if (atomic_load(&t->stop) != NULL)
		transfer_fail(t, "%s", atomic_load(&t->stop));
	else
		explain(t, t->mail && rc == CURLE_ABORTED_BY_CALLBACK && !t->refused[0] ? CURLE_OPERATION_TIMEDOUT : rc);

	/* Where one recipient is to be tried again, all are. */
	if (t->mail && t->answer.status >= 500 && t->deferred != 0)
		t->answer.status = t->deferred;
}

/* Secrets that a server sends back are blotted out. */
void
transfer_redact(Transfer *t)
{
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
}
