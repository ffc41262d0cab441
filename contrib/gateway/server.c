/*
 * server.c
 *		Sockets, connections and their time.
 *
 * libmicrohttpd closes connections on which nothing happens. A client that sends
 * one byte now and then is another matter: every connection has a deadline of
 * its own, for a whole request to arrive, or for an answer to be read, and
 * server_reap() shuts those down that are past it. MHD then closes them in its
 * own time. A connection leaves our list before MHD closes its socket, so that
 * no other connection's can be meant.
 */
#include "server.h"

#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "metrics.h"
#include "reply.h"
#include "request.h"

typedef struct Connection
{
	int			fd;
	_Atomic double deadline;
	struct Connection *next;
	struct Connection **link;	/* what points at this one */
} Connection;

static const Config *config;
static struct MHD_Daemon *mhd;
static Connection *connections;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_long in_flight;
static atomic_bool draining;
static char *tls_certificate;
static char *tls_key;

static void
on_connection(void *cls, struct MHD_Connection *connection, void **context, enum MHD_ConnectionNotificationCode code)
{
	Connection *c = *context;

	(void) cls;
	pthread_mutex_lock(&lock);
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
	{
		*context = c = xcalloc(sizeof *c);
		c->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
		c->deadline = now_seconds() + config->receive_timeout;
		c->next = connections;
		c->link = &connections;
		if (c->next)
			c->next->link = &c->next;
		connections = c;
	}
	else
	{
		*c->link = c->next;
		if (c->next)
			c->next->link = c->link;
		free(c);
		*context = NULL;
	}
	pthread_mutex_unlock(&lock);
}

void
server_deadline(struct MHD_Connection *connection, double at)
{
	Connection *c = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;

	c->deadline = at;
}

void
server_reap(void)
{
	double		now = now_seconds();

	pthread_mutex_lock(&lock);
	for (Connection *c = connections; c; c = c->next)
	{
		double		deadline = c->deadline;

		if (deadline > 0 && now > deadline)
		{
			shutdown(c->fd, SHUT_RDWR);
			c->deadline = 0;
			metric_too_slow();
		}
	}
	pthread_mutex_unlock(&lock);
}

static void *
on_request_line(void *cls, const char *uri, struct MHD_Connection *connection)
{
	(void) cls;
	(void) uri;
	in_flight++;
	server_deadline(connection, now_seconds() + config->receive_timeout);
	return request_new(connection);
}

static enum MHD_Result
on_request(void *cls, struct MHD_Connection *connection, const char *url, const char *method, const char *version,
		   const char *data, size_t *size, void **context)
{
	(void) cls;
	(void) connection;
	(void) version;
	return request_handle(*context, url, method, data, size);
}

/* The answer is out, or the client gone. */
static void
on_completed(void *cls, struct MHD_Connection *connection, void **context, enum MHD_RequestTerminationCode why)
{
	(void) cls;
	(void) why;
	if (*context == NULL)
		return;
	request_free(*context);
	*context = NULL;
	in_flight--;
	/* The next request may begin any time before idle_timeout. */
	server_deadline(connection, now_seconds() + config->idle_timeout + config->receive_timeout);
}

static void
on_log(void *cls, const char *format, va_list args)
{
	char		line[512];

	(void) cls;
	vsnprintf(line, sizeof line, format, args);
	log_line("http: %s", line);
}

static char *
read_whole(const char *path)
{
	FILE	   *f = fopen(path, "r");
	Buf			b = {0};
	char		part[4096];
	size_t		n;

	if (f == NULL)
	{
		log_line("cannot open %s", path);
		return NULL;
	}
	while ((n = fread(part, 1, sizeof part, f)) > 0)
		buf_add(&b, part, n);
	fclose(f);
	return b.data;
}

/* address:port, [address]:port or *:port */
static struct addrinfo *
resolve(const char *listen, bool *any)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
	struct addrinfo *found = NULL;
	const char *colon = strrchr(listen, ':');
	char	   *host;
	int			rc;

	if (colon == NULL || colon == listen || colon[1] == '\0')
	{
		log_line("listen = %s should be address:port, such as 127.0.0.1:9097 or *:9097", listen);
		return NULL;
	}
	host = *listen == '[' && colon[-1] == ']' ? xstrndup(listen + 1, (size_t) (colon - listen) - 2)
		: xstrndup(listen, (size_t) (colon - listen));
	*any = strcmp(host, "*") == 0;
	rc = getaddrinfo(*any ? "::" : host, colon + 1, &hints, &found);
	if (rc != 0)
		log_line("listen = %s: %s", listen, gai_strerror(rc));
	free(host);
	return found;
}

bool
server_start(const Config *c)
{
	unsigned	flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC | MHD_USE_ERROR_LOG;
	struct MHD_OptionItem optional[4];
	int			n = 0;
	struct addrinfo *address;
	bool		any = false;

	config = c;
	requests_init(c);
	replies_init(c);
	address = resolve(c->listen, &any);
	if (address == NULL)
		return false;
	if (any)
		flags |= MHD_USE_DUAL_STACK;
	else if (address->ai_family == AF_INET6)
		flags |= MHD_USE_IPv6;
	if (c->tls_certificate)
	{
		flags |= MHD_USE_TLS;
		tls_certificate = read_whole(c->tls_certificate);
		tls_key = read_whole(c->tls_key);
		optional[n++] = (struct MHD_OptionItem) {MHD_OPTION_HTTPS_MEM_CERT, 0, tls_certificate};
		optional[n++] = (struct MHD_OptionItem) {MHD_OPTION_HTTPS_MEM_KEY, 0, tls_key};
	}
	if (c->http_threads > 1)
		optional[n++] = (struct MHD_OptionItem) {MHD_OPTION_THREAD_POOL_SIZE, c->http_threads, NULL};
	optional[n] = (struct MHD_OptionItem) {MHD_OPTION_END, 0, NULL};
	if (c->tls_certificate == NULL || (tls_certificate && tls_key))
		mhd = MHD_start_daemon(flags, 0, NULL, NULL, on_request, NULL,
							   MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
							   MHD_OPTION_SOCK_ADDR, address->ai_addr,
							   MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u,
							   MHD_OPTION_CONNECTION_LIMIT, (unsigned) c->http_connections,
							   MHD_OPTION_CONNECTION_TIMEOUT, (unsigned) (c->idle_timeout > c->receive_timeout ? c->idle_timeout : c->receive_timeout),
							   MHD_OPTION_URI_LOG_CALLBACK, on_request_line, NULL,
							   MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
							   MHD_OPTION_NOTIFY_CONNECTION, on_connection, NULL,
							   MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
							   MHD_OPTION_ARRAY, optional,
							   MHD_OPTION_END);
	freeaddrinfo(address);
	if (mhd == NULL)
	{
		log_line("cannot listen on %s", c->listen);
		return false;
	}
	log_line("listening on %s, port %u", c->listen, MHD_get_daemon_info(mhd, MHD_DAEMON_INFO_BIND_PORT)->port);
	return true;
}

void
server_drain(void)
{
	MHD_socket	fd;

	draining = true;
	fd = MHD_quiesce_daemon(mhd);
	if (fd != MHD_INVALID_SOCKET)
		close(fd);
}

bool
server_is_draining(void)
{
	return draining;
}

long
server_in_flight(void)
{
	return in_flight;
}

void
server_stop(void)
{
	MHD_stop_daemon(mhd);
	free(tls_certificate);
	free(tls_key);
}
