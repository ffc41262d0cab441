/*
 * job.h
 *		One question to the database on behalf of one request.
 */
#ifndef GATEWAY_JOB_H
#define GATEWAY_JOB_H

#include "util.h"

typedef enum JobKind
{
	JOB_INGEST,
	JOB_PAGE
} JobKind;

typedef enum Outcome
{
	OUTCOME_DONE,				/* committed */
	OUTCOME_REFUSED,			/* the database would not have it; again is no use */
	OUTCOME_NOT_FOUND,			/* a page that there is not, or no longer */
	OUTCOME_UNAVAILABLE			/* not now, or nobody knows whether: try again */
} Outcome;

/* What tracer.ingest() made of a body, in the order of its columns. */
enum
{
	ROWS_ALERTS,
	ROWS_CHANGES,
	ROWS_EDGES,
	ROWS_ASSETS,
	ROWS_QUARANTINED,
	ROW_KINDS
};

typedef struct Job
{
	JobKind		kind;
	const char *source;			/* ingest: whose body */
	const char *body;
	size_t		body_len;
	const char *headers;		/* a JSON object */
	const char *incident;		/* page: id, end and signature of the link */
	const char *until;
	const char *signature;

	Outcome		outcome;
	long long	rows[ROW_KINDS];
	char	   *page;			/* to be freed by the owner */

	double		submitted_at;
	void		(*done) (struct Job *job);	/* from a thread of the pool; the job may be
											 * gone when it returns */
	void	   *owner;
	struct Job *next;
} Job;

#endif							/* GATEWAY_JOB_H */
