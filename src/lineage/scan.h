/*
 * scan.h
 *		Reading tracer.lineage and its log under a given snapshot.
 */
#ifndef TRACER_LINEAGE_SCAN_H
#define TRACER_LINEAGE_SCAN_H

#include "compat.h"

#include "utils/rel.h"
#include "utils/snapshot.h"

#include "lineage/graph.h"

/* A pair of assets whose lineage changed. */
typedef struct LineagePair
{
	int64		upstream;
	int64		downstream;
} LineagePair;

typedef struct LogRow
{
	int64		log_id;
	uint64		xid;
	bool		bulk;			/* too many pairs to list */
	LineagePair pair;
} LogRow;

typedef bool (*LogRowTaker) (const LogRow *row, void *arg);

extern Oid	tracer_relid(const char *name, bool missing_ok);

extern GraphEdge *lineage_scan_all(Relation rel, Snapshot snapshot,
								   Size max_edges, Size *nedges);
extern bool lineage_read_pair(Relation rel, Snapshot snapshot,
							  LineagePair pair, int32 *lag, bool *runs);
extern bool lineage_read_log(Relation log, Snapshot snapshot, uint64 from_xid,
							 LogRowTaker take, void *arg);
extern uint64 lineage_log_floor(Snapshot snapshot);

#endif							/* TRACER_LINEAGE_SCAN_H */
