/*
 * pool.c
 *		Threads that take jobs to the database, several at a time.
 *
 * Each thread has a connection of its own and takes whatever is queued, up to a
 * batch. Nobody waits for company: while one batch commits, the next gathers by
 * itself, so that a lone request is quick and a crowd shares its commits.
 *
 * Bodies of one source go through one thread at a time, in the order in which
 * they came: a resolve stays behind its firing, and two transactions never wait
 * for each other over the same alerts, which tools like to send twice. Sources
 * do not wait for each other: a large manifest holds up no alert.
 *
 * A job is queued only while some thread is connected. The thread that loses
 * the last connection turns away all that is queued: a sender hears "try again"
 * at once, not after its own timeout.
 *
 * Invariant: every job that pool_submit() took is finished exactly once.
 */
#include "pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "database.h"
#include "metrics.h"

#define REFRESH_TOKENS 5.0		/* seconds */
#define REFRESH_AGAIN 0.5		/* seconds, where somebody asked */
#define RECONNECT_MIN 0.25
#define RECONNECT_MAX 5.0
#define BATCH_BYTES (16 * 1024 * 1024)

typedef struct Worker
{
	pthread_t	thread;
	Job		  **jobs;			/* its batch */
	int			n;				/* 0: idle */
} Worker;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work;
static const Config *config;
static Worker *workers;
static Job *first;
static Job **last = &first;
static int	queued;
static int	connected;
static bool stopping;
static double tokens_at;		/* when the list was last fetched; 0: never */
static bool tokens_wanted;
static bool told_away;			/* the log says that the database is away */

static void
finish(Job *job, Outcome outcome)
{
	job->outcome = outcome;
	metric_waited(now_seconds() - job->submitted_at);
	job->done(job);
}

/*
 * There is something to take. A thread that waits to connect again would hear a
 * signal in vain, so that all are woken while there is one.
 */
static void
wake(void)
{
	if (connected < config->connections)
		pthread_cond_broadcast(&work);
	else
		pthread_cond_signal(&work);
}

/* Turns away all that is queued. Called with the lock; gives it up meanwhile. */
static void
turn_away(void)
{
	Job		   *job = first;

	first = NULL;
	last = &first;
	queued = 0;
	pthread_mutex_unlock(&lock);
	while (job)
	{
		Job		   *next = job->next;

		finish(job, OUTCOME_UNAVAILABLE);
		job = next;
	}
	pthread_mutex_lock(&lock);
}

/* Whether another thread has bodies of that source under way. */
static bool
is_busy(const Worker *me, const char *source)
{
	for (long w = 0; w < config->connections; w++)
		for (int i = 0; &workers[w] != me && i < workers[w].n; i++)
			if (workers[w].jobs[i]->kind == JOB_INGEST && strcmp(workers[w].jobs[i]->source, source) == 0)
				return true;
	return false;
}

/*
 * The next batch: bodies as they came, or one page. A page reads more than a
 * body writes, and is not to hold up bodies in its transaction.
 */
static void
take(Worker *me)
{
	size_t		bytes = 0;
	Job		  **link = &first;

	while (*link && me->n < config->batch_limit)
	{
		Job		   *job = *link;
		bool		fits = me->n == 0 || (job->kind == JOB_INGEST && bytes + job->body_len <= BATCH_BYTES);

		if (job->kind == JOB_INGEST && !fits)
			break;
		if (!fits || (job->kind == JOB_INGEST && is_busy(me, job->source)))
		{
			link = &job->next;
			continue;
		}
		bytes += job->body_len;
		me->jobs[me->n++] = job;
		*link = job->next;
		if (*link == NULL)
			last = link;
		queued--;
		if (job->kind != JOB_INGEST)
			break;
	}
	/* Another may take what is left. */
	if (first && me->n > 0)
		wake();
}

static void
wait_for_work(double seconds)
{
	struct timespec until;
	double		at = now_seconds() + seconds;

	until.tv_sec = (time_t) at;
	until.tv_nsec = (long) ((at - (double) until.tv_sec) * 1e9);
	pthread_cond_timedwait(&work, &lock, &until);
}

/* Connects, with growing pauses; false if we are stopping. Called with the lock. */
static bool
reconnect(Database *db)
{
	double		pause = RECONNECT_MIN;

	while (!stopping)
	{
		char	   *why;

		pthread_mutex_unlock(&lock);
		why = database_connect(db, config->database);
		/* Nobody is let in before it is known who may come in. */
		if (db->conn && !database_load_tokens(db))
			database_close(db);
		pthread_mutex_lock(&lock);
		if (db->conn)
		{
			if (told_away || tokens_at == 0)
				log_line("connected to database %s as %s", PQdb(db->conn), PQuser(db->conn));
			told_away = false;
			tokens_at = now_seconds();
			connected++;
			return true;
		}
		if (why && !told_away && connected == 0)
		{
			log_line("%s", why);
			told_away = true;
		}
		free(why);
		for (double until = now_seconds() + pause; !stopping && now_seconds() < until;)
			wait_for_work(until - now_seconds());
		pause = pause * 2 < RECONNECT_MAX ? pause * 2 : RECONNECT_MAX;
	}
	return false;
}

/* Whether the list is due; if so this thread has undertaken to fetch it. */
static bool
tokens_are_due(void)
{
	double		age = now_seconds() - tokens_at;

	if (age < REFRESH_TOKENS && !(tokens_wanted && age >= REFRESH_AGAIN))
		return false;
	tokens_at = now_seconds();
	tokens_wanted = false;
	return true;
}

static void *
work_on(void *arg)
{
	Worker	   *me = arg;
	Database	db = {.timeout = config->database_timeout};

	pthread_mutex_lock(&lock);
	while (reconnect(&db))
	{
		while (db.conn && !(stopping && first == NULL))
		{
			bool		refresh;
			int			n;

			/* What a dead connection took would be turned away. */
			database_check(&db);
			if (db.conn == NULL)
				break;
			refresh = tokens_are_due();
			take(me);
			n = me->n;
			if (n == 0 && !refresh)
			{
				wait_for_work(tokens_wanted ? REFRESH_AGAIN : REFRESH_TOKENS);
				continue;
			}
			pthread_mutex_unlock(&lock);
			if (n > 0)
				database_run(&db, me->jobs, n);
			if (db.conn && refresh)
				database_load_tokens(&db);
			pthread_mutex_lock(&lock);
			/* Their sources are free before their senders know. */
			me->n = 0;
			pthread_mutex_unlock(&lock);
			for (int i = 0; i < n; i++)
				finish(me->jobs[i], me->jobs[i]->outcome);
			pthread_mutex_lock(&lock);
		}
		if (--connected == 0)
		{
			told_away = true;
			turn_away();
		}
		/* The others take what was meant for this one, and look whether they are still connected. */
		pthread_cond_broadcast(&work);
		if (db.conn)
			break;
	}
	/* Others may be waiting for the end of the queue, which has come. */
	pthread_cond_broadcast(&work);
	pthread_mutex_unlock(&lock);
	if (db.conn)
		database_close(&db);
	return NULL;
}

void
pool_start(const Config *c)
{
	pthread_condattr_t clock;

	config = c;
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&work, &clock);
	pthread_condattr_destroy(&clock);
	workers = xcalloc(sizeof *workers * c->connections);
	for (long i = 0; i < c->connections; i++)
		workers[i].jobs = xmalloc(sizeof(Job *) * c->batch_limit);
	for (long i = 0; i < c->connections; i++)
		if (pthread_create(&workers[i].thread, NULL, work_on, &workers[i]) != 0)
		{
			log_line("cannot start a thread");
			abort();
		}
}

bool
pool_submit(Job *job)
{
	bool		taken;

	pthread_mutex_lock(&lock);
	taken = connected > 0 && !stopping;
	if (taken)
	{
		job->submitted_at = now_seconds();
		job->next = NULL;
		*last = job;
		last = &job->next;
		queued++;
		wake();
	}
	pthread_mutex_unlock(&lock);
	return taken;
}

bool
pool_is_up(void)
{
	bool		up;

	pthread_mutex_lock(&lock);
	up = connected > 0;
	pthread_mutex_unlock(&lock);
	return up;
}

int
pool_queued(void)
{
	int			n;

	pthread_mutex_lock(&lock);
	n = queued;
	pthread_mutex_unlock(&lock);
	return n;
}

void
pool_refresh_tokens(void)
{
	pthread_mutex_lock(&lock);
	tokens_wanted = true;
	wake();
	pthread_mutex_unlock(&lock);
}

void
pool_stop(void)
{
	pthread_mutex_lock(&lock);
	stopping = true;
	pthread_cond_broadcast(&work);
	pthread_mutex_unlock(&lock);
	for (long i = 0; i < config->connections; i++)
		pthread_join(workers[i].thread, NULL);
	for (long i = 0; i < config->connections; i++)
		free(workers[i].jobs);
	free(workers);
	pthread_cond_destroy(&work);
}
