/*
 * database.c
 *		One connection to the database, and what is said over it.
 *
 * A batch is one explicit transaction in one pipeline: BEGIN, a call for each
 * job, COMMIT, then a single wait. What counts is the reply to COMMIT, and only
 * the word COMMIT in it: everything before may still be undone.
 *
 * tracer.ingest() promises not to fail on any body, so one transaction for all
 * is right nearly always. When something fails all the same, the transaction is
 * rolled back and each job tried in a transaction of its own: one bad body costs
 * its neighbours a delay, never their place. Savepoints around each would cost
 * every batch two more statements and a subtransaction per body for that.
 *
 * If the connection goes away after COMMIT was sent, nobody knows whether it
 * happened: the senders are told to try again, and tracer.ingest() takes the
 * same event twice as one.
 *
 * Every wait ends: the server cancels what takes longer than the timeout, and
 * should the server be out of reach, so do we a little later.
 */
#include "database.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metrics.h"
#include "tokens.h"

#define GRACE 5.0				/* seconds beyond the server's own timeout */

static const struct
{
	const char *name;
	const char *sql;
}			statements[] = {
	{"begin", "BEGIN"},
	{"commit", "COMMIT"},
	{"rollback", "ROLLBACK"},
	{"ingest", "SELECT alerts, changes, edges, assets, quarantined FROM tracer.ingest($1::text, $2::bytea, $3::jsonb)"},
	{"page", "SELECT tracer.linked_page($1::bigint, $2::bigint, $3::text)"},
	{"tokens", "SELECT sha256, source, body_limit, coalesce(per_minute, 0) FROM tracer.gateway_credentials()"},
};

static char *
trouble(const char *doing, const char *message)
{
	Buf			b = {0};

	buf_printf(&b, "%s: %s", doing, message);
	return b.data;
}

char *
database_connect(Database *db, const char *conninfo)
{
	const char *names[] = {"fallback_application_name", "connect_timeout", "target_session_attrs", "tcp_user_timeout",
	"client_encoding", "dbname", NULL};
	const char *values[] = {"tracer-gateway", "10", "read-write", "30000", "UTF8", conninfo, NULL};
	char		setup[256];
	PGresult   *r;
	char	   *why = NULL;

	/* What stands behind dbname overrides what stands before it. */
	db->conn = PQconnectdbParams(names, values, 1);
	if (PQstatus(db->conn) != CONNECTION_OK)
		why = trouble("cannot connect", PQerrorMessage(db->conn));
	if (why == NULL)
	{
		snprintf(setup, sizeof setup,
				 "SET search_path = pg_catalog; SET statement_timeout = '%ds'; SET idle_in_transaction_session_timeout = '%ds';",
				 (int) db->timeout, (int) db->timeout + 30);
		r = PQexec(db->conn, setup);
		if (PQresultStatus(r) != PGRES_COMMAND_OK)
			why = trouble("cannot set up the session", PQerrorMessage(db->conn));
		PQclear(r);
	}
	for (size_t i = 0; why == NULL && i < sizeof statements / sizeof statements[0]; i++)
	{
		r = PQprepare(db->conn, statements[i].name, statements[i].sql, 0, NULL);
		if (PQresultStatus(r) != PGRES_COMMAND_OK)
			why = trouble("this database has no tracer that I may use", PQerrorMessage(db->conn));
		PQclear(r);
	}
	if (why || PQsetnonblocking(db->conn, 1) != 0)
		database_close(db);
	return why;
}

void
database_close(Database *db)
{
	PQfinish(db->conn);
	db->conn = NULL;
}

/* Closes a connection that failed us, and says why. */
static void
lost(Database *db, const char *why)
{
	log_line("lost the database: %s", why);
	database_close(db);
}

/* A server that nobody asked says goodbye, or notices, which are read away. */
void
database_check(Database *db)
{
	struct pollfd p = {.fd = PQsocket(db->conn), .events = POLLIN};

	while (db->conn && poll(&p, 1, 0) > 0)
		if (!PQconsumeInput(db->conn))
			lost(db, PQerrorMessage(db->conn));
}

static bool
send_statement(Database *db, const char *name, int n, const char *const *values, const int *lengths, const int *formats)
{
	return PQsendQueryPrepared(db->conn, name, n, values, lengths, formats, 0) == 1;
}

static bool
send_job(Database *db, const Job *job)
{
	if (job->kind == JOB_INGEST)
	{
		const char *values[] = {job->source, job->body, job->headers};
		const int	lengths[] = {0, (int) job->body_len, 0};
		const int	formats[] = {0, 1, 0};

		return send_statement(db, "ingest", 3, values, lengths, formats);
	}
	else
	{
		const char *values[] = {job->incident, job->until, job->signature};

		return send_statement(db, "page", 3, values, NULL, NULL);
	}
}

/*
 * The next result, or NULL between two statements. Sends what is still to be
 * sent meanwhile. On trouble closes the connection; db->conn tells.
 */
static PGresult *
next_result(Database *db, double deadline)
{
	for (;;)
	{
		struct pollfd p = {.fd = PQsocket(db->conn), .events = POLLIN};
		int			unsent = PQflush(db->conn);
		int			rc;

		if (unsent >= 0 && !PQisBusy(db->conn))
		{
			PGresult   *r = PQgetResult(db->conn);

			if (r == NULL && PQstatus(db->conn) == CONNECTION_BAD)
				lost(db, PQerrorMessage(db->conn));
			return r;
		}
		if (unsent > 0)
			p.events |= POLLOUT;
		rc = now_seconds() < deadline ? poll(&p, 1, 1000) : 0;
		if (rc < 0 && errno != EINTR)
			rc = 0;
		if (now_seconds() >= deadline)
		{
			lost(db, "no answer in time");
			return NULL;
		}
		if (unsent < 0 || !PQconsumeInput(db->conn))
		{
			lost(db, PQerrorMessage(db->conn));
			return NULL;
		}
	}
}

/* Whether trying again later may help, by SQLSTATE. */
static bool
is_transient(const char *state)
{
	static const char *const classes[] = {
		"08", "25", "40", "53", "55", "57", "58",	/* connections, read-only, conflicts, resources, locks, intervention */
	};

	if (state == NULL)
		return true;
	for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
		if (strncmp(state, classes[i], 2) == 0)
			return true;
	return strcmp(state, "42501") == 0 || strcmp(state, "42883") == 0;	/* rights or functions being replaced */
}

static void
take_rows(Job *job, const PGresult *r)
{
	job->outcome = OUTCOME_DONE;
	if (job->kind == JOB_INGEST)
	{
		for (int i = 0; i < ROW_KINDS; i++)
			job->rows[i] = PQntuples(r) == 1 && !PQgetisnull(r, 0, i) ? atoll(PQgetvalue(r, 0, i)) : 0;
	}
	else if (PQntuples(r) == 1 && !PQgetisnull(r, 0, 0))
	{
		free(job->page);
		job->page = xstrdup(PQgetvalue(r, 0, 0));
	}
	else
		job->outcome = OUTCOME_NOT_FOUND;
}

static void
take_error(Job *job, const PGresult *r)
{
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);

	if (job->kind == JOB_PAGE && state && strcmp(state, "42704") == 0)
	{
		job->outcome = OUTCOME_NOT_FOUND;	/* an incident that there is not */
		return;
	}
	job->outcome = is_transient(state) ? OUTCOME_UNAVAILABLE : OUTCOME_REFUSED;
	log_line("%s%s failed with %s: %s", job->kind == JOB_PAGE ? "the page of incident " : "a body from ",
			 job->kind == JOB_PAGE ? job->incident : job->source, state ? state : "no code",
			 PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY));
}

/*
 * One transaction. True if it committed; false if it did not, all outcomes being
 * "unavailable" but that of the job that failed.
 */
static bool
try_together(Database *db, Job **jobs, int n)
{
	double		deadline = now_seconds() + db->timeout + GRACE;
	bool		sent;
	bool		committed = false;
	int			at = -1;		/* BEGIN, the jobs, COMMIT */

	for (int i = 0; i < n; i++)
		jobs[i]->outcome = OUTCOME_UNAVAILABLE;
	if (!PQenterPipelineMode(db->conn))
	{
		lost(db, PQerrorMessage(db->conn));
		return false;
	}
	sent = send_statement(db, "begin", 0, NULL, NULL, NULL);
	for (int i = 0; sent && i < n; i++)
		sent = send_job(db, jobs[i]);
	if (!sent || !send_statement(db, "commit", 0, NULL, NULL, NULL) || !PQpipelineSync(db->conn))
	{
		lost(db, PQerrorMessage(db->conn));
		return false;
	}
	for (;;)
	{
		PGresult   *r = next_result(db, deadline);
		ExecStatusType status = PQresultStatus(r);

		if (db->conn == NULL)
			break;
		if (r == NULL)
			at++;
		else if (status == PGRES_PIPELINE_SYNC)
		{
			PQclear(r);
			if (!PQexitPipelineMode(db->conn))
				lost(db, PQerrorMessage(db->conn));
			break;
		}
		else if (status == PGRES_TUPLES_OK && at >= 0 && at < n)
			take_rows(jobs[at], r);
		else if (status == PGRES_FATAL_ERROR && at >= 0 && at < n)
			take_error(jobs[at], r);
		else if (status == PGRES_COMMAND_OK && at == n)
			committed = strcmp(PQcmdStatus(r), "COMMIT") == 0;
		PQclear(r);
	}
	if (!committed)
		for (int i = 0; i < n; i++)
			if (jobs[i]->outcome == OUTCOME_DONE)
				jobs[i]->outcome = OUTCOME_UNAVAILABLE;
	return committed;
}

/* Leaves a transaction that failed. */
static void
roll_back(Database *db)
{
	double		deadline = now_seconds() + db->timeout + GRACE;
	PGresult   *r;

	if (PQtransactionStatus(db->conn) == PQTRANS_IDLE)
		return;
	if (!send_statement(db, "rollback", 0, NULL, NULL, NULL))
	{
		lost(db, PQerrorMessage(db->conn));
		return;
	}
	while ((r = next_result(db, deadline)) != NULL)
		PQclear(r);
}

void
database_run(Database *db, Job **jobs, int n)
{
	bool		committed = try_together(db, jobs, n);

	metric_batch(n, committed);
	if (db->conn)
		roll_back(db);
	if (committed || n == 1)
		return;
	for (int i = 0; i < n && db->conn; i++)
	{
		metric_batch(1, try_together(db, &jobs[i], 1));
		if (db->conn)
			roll_back(db);
	}
}

bool
database_load_tokens(Database *db)
{
	double		deadline = now_seconds() + db->timeout + GRACE;
	PGresult   *r;

	if (!send_statement(db, "tokens", 0, NULL, NULL, NULL))
	{
		lost(db, PQerrorMessage(db->conn));
		return false;
	}
	while ((r = next_result(db, deadline)) != NULL)
	{
		if (PQresultStatus(r) == PGRES_TUPLES_OK)
		{
			int			n = PQntuples(r);
			Token	   *fresh = xcalloc(sizeof *fresh * n);

			for (int i = 0; i < n; i++)
			{
				size_t		len;
				unsigned char *hash = PQunescapeBytea((unsigned char *) PQgetvalue(r, i, 0), &len);

				if (hash && len == TOKEN_HASH)
					memcpy(fresh[i].hash, hash, len);
				PQfreemem(hash);
				fresh[i].source = xstrdup(PQgetvalue(r, i, 1));
				fresh[i].body_limit = (size_t) atoll(PQgetvalue(r, i, 2));
				fresh[i].per_minute = atof(PQgetvalue(r, i, 3));
			}
			tokens_replace(fresh, n);
		}
		else
		{
			lost(db, PQresultErrorMessage(r));
			PQclear(r);
			return false;
		}
		PQclear(r);
	}
	return db->conn != NULL;
}
