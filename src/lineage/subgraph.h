/*
 * subgraph.h
 *		The part of lineage around one asset, where no graph is cached.
 */
#ifndef TRACER_LINEAGE_SUBGRAPH_H
#define TRACER_LINEAGE_SUBGRAPH_H

#include "compat.h"

#include "utils/snapshot.h"

#include "lineage/traverse.h"

/* Rows that the indexes gave since the count was last set to 0. */
extern uint64 subgraph_rows_read;

/*
 * All edges on walks from an asset within max_depth, as a graph; NULL once
 * more than max_rows were read.
 */
extern Graph *subgraph_by_index(int64 start, WalkDirection dir, int32 max_depth,
								uint64 max_rows, Snapshot snapshot);

/*
 * The same through SQL, with the row-level security of the current user. An
 * asset that he may not see does not exist, nor do its edges.
 */
extern Graph *subgraph_by_sql(int64 start, WalkDirection dir);
extern bool asset_id_by_sql(text *name, int64 *id);

/* What rules and spelling make of a name that is neither asset nor alias. */
extern bool asset_id_derived(text *name, int64 *id);
extern text **asset_names_by_sql(const int64 *ids, Size n);

#endif							/* TRACER_LINEAGE_SUBGRAPH_H */
