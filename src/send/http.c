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
 * What one request may do, and what it answers, is in transfer.c. Here:
 *
 *	- Names are resolved in threads of libcurl's. Signals are blocked while
 *	  libcurl runs, so that its threads inherit a mask which lets none of
 *	  PostgreSQL's handlers run there.
 *	- libcurl and these files use malloc: nothing here may jump out of a callback.
 */
#include "send/http_impl.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define POOL_CONNECTIONS 256	/* kept open */
#define HOST_CONNECTIONS 64		/* to one host; more requests wait for one */

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

/* ------------------------------------------------------------ its transfers */

/* Queues an answer. */
static void
finish(Transfer *t)
{
	HttpPool   *pool = t->pool;

	t->answer.tag = t->request.tag;
	transfer_redact(t);
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
	if (!transfer_check(t))
		finish(t);
	else if ((t->easy = curl_easy_init()) == NULL)
	{
		transfer_fail(t, "out of memory");
		finish(t);
	}
	else if (!transfer_set_up(t) || curl_multi_add_handle(pool->multi, t->easy) != CURLM_OK)
	{
		if (t->answer.error == NULL)
			transfer_fail(t, "out of memory");
		curl_easy_cleanup(t->easy);
		t->easy = NULL;
		finish(t);
	}
	else
		pool->running++;
	restore_signals(&before);
	return true;
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
		transfer_conclude(t, message->data.result);
		finish(t);
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
		transfer_fail(t, "%s", why);
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
