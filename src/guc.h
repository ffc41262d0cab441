/*
 * guc.h
 *		Configuration variables: process matters only.
 *
 * What changes a decision of tracer's (horizon and the like) is a row seen by
 * every session alike, changed with tracer.set(); see src/setting.
 */
#ifndef TRACER_GUC_H
#define TRACER_GUC_H

#include "postgres.h"

/* How much memory a backend may spend on the cached lineage graph, in kB. */
extern int	tracer_graph_cache_size;

/* Whether what this session's statements read and write is recorded. */
extern bool tracer_capture_lineage;

/* How many databases may have workers of their own at a time. */
extern int	tracer_max_workers;

/* Databases that get a worker, separated by commas; empty: all with tracer in them. */
extern char *tracer_databases;

/* Does anything leave this server? */
extern PGDLLEXPORT bool tracer_deliver;

/* Where requests may go: host names, separated by commas; empty: any. */
extern PGDLLEXPORT char *tracer_allowed_hosts;

/* May requests go to private, loopback and link-local addresses? */
extern PGDLLEXPORT bool tracer_allow_private_addresses;

/* Requested every minute while all is well; empty: nothing is. */
extern PGDLLEXPORT char *tracer_heartbeat_url;

/* Authorities whose certificates are good; empty: the system's. */
extern PGDLLEXPORT char *tracer_ca_file;

extern void tracer_define_gucs(void);

#endif							/* TRACER_GUC_H */
