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
 *	- How long a request may take is measured here and not by libcurl, which looks
 *	  at its clock before it looks at its sockets: an answer that came in time, to
 *	  a caller who was busy, would be none. Here what can be read is read first.
 *	- A mail has a thread and a connection of its own: at its end, and where it is
 *	  broken off, libcurl waits for the mail server, whichever interface is used.
 *	- Names are resolved in threads of libcurl's. Signals are blocked while
 *	  libcurl runs, so that all threads inherit a mask which lets none of
 *	  PostgreSQL's handlers run there.
 *	- libcurl and these files use malloc: nothing here may jump out of a callback.
 */
#include "send/http_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define POOL_CONNECTIONS 256	/* kept open */

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

	pool->timer = ms < 0 ? -1 : monotonic_us() + (int64_t) ms * 1000;
	return 0;
}

/* Through which threads tell that they are done. */
static bool
open_pipe(HttpPool *pool)
{
	struct epoll_event event = {.events = EPOLLIN};

	if (pipe(pool->mails) < 0)
		return false;
	for (int i = 0; i < 2; i++)
	{
		if (fcntl(pool->mails[i], F_SETFD, FD_CLOEXEC) < 0 || fcntl(pool->mails[i], F_SETFL, O_NONBLOCK) < 0)
			return false;
	}
	event.data.fd = pool->mails[0];
	return epoll_ctl(pool->epoll, EPOLL_CTL_ADD, pool->mails[0], &event) == 0;
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
	pool->epoll = pool->mails[0] = pool->mails[1] = -1;
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
	pool->timer = -1;
	pool->done_tail = &pool->done;
	pool->multi = curl_multi_init();
	pool->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (pool->multi == NULL || pool->epoll < 0 || !open_pipe(pool))
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

static int64_t
ends_at(const Transfer *t)
{
	return t->started + (int64_t) t->allowed_ms * 1000;
}

long
http_timeout_ms(const HttpPool *pool)
{
	int64_t		next = pool->timer,
				left;

	if (pool->done != NULL)
		return 0;
	for (Transfer *t = pool->transfers; t != NULL; t = t->next)
		if (t->easy != NULL && !t->mail && (next < 0 || ends_at(t) < next))
			next = ends_at(t);
	if (next < 0)
		return -1;
	left = next - monotonic_us();
	return left < 0 ? 0 : (long) ((left + 999) / 1000);
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

/* A mail's thread, until the mail server has had its last word. */
static void *
send_mail(void *arg)
{
	Transfer   *t = arg;
	CURLcode	rc = curl_easy_perform(t->easy);

	t->answer.total_ms = (double) (monotonic_us() - t->started) / 1000;
	transfer_conclude(t, rc);
	/* Far less can be under way than fits into the pipe. */
	(void) !write(t->pool->mails[1], &t, sizeof t);
	return NULL;
}

/* Mails that have ended. */
static void
collect_mails(HttpPool *pool)
{
	Transfer   *t;

	while (read(pool->mails[0], &t, sizeof t) == sizeof t)
	{
		pthread_join(t->thread, NULL);
		curl_easy_cleanup(t->easy);
		t->easy = NULL;
		pool->running--;
		finish(t);
	}
}

/* Those that have not: libcurl asks every second whether to go on. */
static void
stop_mails(HttpPool *pool, const char *why)
{
	int			running = 0;

	for (Transfer *t = pool->transfers; t != NULL; t = t->next)
	{
		if (t->easy == NULL || !t->mail)
			continue;
		atomic_store(&t->stop, why);
		running++;
	}
	for (int all = pool->running; pool->running > all - running;)
	{
		struct pollfd fd = {.fd = pool->mails[0],.events = POLLIN};

		poll(&fd, 1, -1);
		collect_mails(pool);
	}
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
	t->started = monotonic_us();
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
	else if (!transfer_set_up(t) || !(t->mail ? pthread_create(&t->thread, NULL, send_mail, t) == 0 :
									  curl_multi_add_handle(pool->multi, t->easy) == CURLM_OK))
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
drop_handle(Transfer *t)
{
	curl_multi_remove_handle(t->pool->multi, t->easy);
	curl_easy_cleanup(t->easy);
	t->easy = NULL;
	t->pool->running--;
}

static void
conclude(Transfer *t, CURLcode rc)
{
	t->answer.total_ms = (double) (monotonic_us() - t->started) / 1000;
	transfer_conclude(t, rc);
	drop_handle(t);
	finish(t);
}

void
http_drive(HttpPool *pool)
{
	struct epoll_event events[POOL_CONNECTIONS];
	CURLMsg    *message;
	sigset_t	before;
	int64_t		now;
	int			n,
				running,
				queued;

	block_signals(&before);
	n = epoll_wait(pool->epoll, events, POOL_CONNECTIONS, 0);
	for (int i = 0; i < n; i++)
	{
		int			what = 0;

		if (events[i].data.fd == pool->mails[0])
			continue;
		if (events[i].events & EPOLLIN)
			what |= CURL_CSELECT_IN;
		if (events[i].events & EPOLLOUT)
			what |= CURL_CSELECT_OUT;
		if (events[i].events & (EPOLLERR | EPOLLHUP))
			what |= CURL_CSELECT_ERR;
		curl_multi_socket_action(pool->multi, events[i].data.fd, what, &running);
	}
	if (pool->timer >= 0 && pool->timer <= monotonic_us())
	{
		pool->timer = -1;
		curl_multi_socket_action(pool->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
	while ((message = curl_multi_info_read(pool->multi, &queued)) != NULL)
	{
		Transfer   *t;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &t);
		conclude(t, message->data.result);
	}
	collect_mails(pool);
	now = monotonic_us();
	for (Transfer *t = pool->transfers; t != NULL; t = t->next)
		if (t->easy != NULL && !t->mail && ends_at(t) <= now)
			conclude(t, CURLE_OPERATION_TIMEDOUT);
	restore_signals(&before);
}

void
http_was_away(HttpPool *pool, long ms)
{
	for (Transfer *t = pool->transfers; t != NULL; t = t->next)
		if (t->easy != NULL && !t->mail)
			transfer_allow(t, ms);
}

/* Whatever runs is broken off, and answered with the reason. */
void
http_abandon(HttpPool *pool, const char *why)
{
	sigset_t	before;

	block_signals(&before);
	stop_mails(pool, why);
	for (Transfer *t = pool->transfers; t != NULL; t = t->next)
	{
		if (t->easy == NULL)
			continue;
		transfer_fail(t, "%s", why);
		drop_handle(t);
		finish(t);
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

/* Of a transfer that runs, too, unless it is a mail, when the pool is closed. */
void
http_release(HttpAnswer *answer)
{
	Transfer   *t = (Transfer *) answer;

	if (t->easy != NULL)
		drop_handle(t);
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

void
http_close(HttpPool *pool)
{
	sigset_t	before;

	block_signals(&before);
	stop_mails(pool, "closed");
	while (pool->transfers != NULL)
		http_release(&pool->transfers->answer);
	if (pool->multi != NULL)
		curl_multi_cleanup(pool->multi);
	if (pool->epoll >= 0)
		close(pool->epoll);
	for (int i = 0; i < 2; i++)
		if (pool->mails[i] >= 0)
			close(pool->mails[i]);
	curl_global_cleanup();
	restore_signals(&before);
	free(pool->allowed_hosts);
	free(pool->ca_file);
	free(pool);
}
