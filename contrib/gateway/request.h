/*
 * request.h
 *		The life of one HTTP request.
 */
#ifndef GATEWAY_REQUEST_H
#define GATEWAY_REQUEST_H

#include <microhttpd.h>

#include "config.h"
#include "gunzip.h"
#include "job.h"
#include "route.h"
#include "signature.h"
#include "tokens.h"

typedef enum Stage
{
	STAGE_NEW,					/* the request line is read */
	STAGE_BODY,					/* the headers are judged, the body comes in */
	STAGE_DATABASE				/* suspended; then with an outcome */
} Stage;

typedef struct Request
{
	struct MHD_Connection *connection;
	Stage		stage;
	Route		route;
	unsigned	refused;		/* status to refuse it with, or 0 */
	const char *reason;
	Grant		grant;			/* source is NULL until somebody vouches for it */
	const Scheme *scheme;		/* signed so, to be checked with the body */
	Buf			body;
	Gunzip	   *gunzip;			/* NULL: comes as it is */
	size_t		accounted;		/* what of the memory limit it holds */
	size_t		swallowed;		/* bytes read after it was refused */
	Buf			headers;		/* as a JSON object */
	Job			job;
} Request;

extern void requests_init(const Config *config);
extern Request *request_new(struct MHD_Connection *connection);
extern void request_free(Request *r);

/* MHD's access handler, for a request made by request_new(). */
extern enum MHD_Result request_handle(Request *r, const char *path, const char *method,
									  const char *data, size_t *size);

/* Bytes of all bodies. */
extern size_t requests_memory(void);

#endif							/* GATEWAY_REQUEST_H */
