/*
 * database.h
 *		One connection to the database, and what is said over it.
 */
#ifndef GATEWAY_DATABASE_H
#define GATEWAY_DATABASE_H

#include <libpq-fe.h>

#include "job.h"

typedef struct Database
{
	PGconn	   *conn;			/* NULL: not connected */
	double		timeout;		/* seconds for one transaction */
} Database;

/* Connects; returns NULL, or what is wrong, for the caller to free. */
extern char *database_connect(Database *db, const char *conninfo);
extern void database_close(Database *db);

/* Closes an idle connection whose server is gone. */
extern void database_check(Database *db);

/* Fetches the tokens into memory; false: the connection is of no more use. */
extern bool database_load_tokens(Database *db);

/*
 * Does all of these jobs in one transaction, or, if one of them fails, each in
 * its own. Sets every outcome. If the connection was lost, it is closed.
 */
extern void database_run(Database *db, Job **jobs, int n);

#endif							/* GATEWAY_DATABASE_H */
