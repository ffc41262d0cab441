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

extern void tracer_define_gucs(void);

#endif							/* TRACER_GUC_H */
