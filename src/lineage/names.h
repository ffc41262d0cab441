/*
 * names.h
 *		From names of assets to ids and back.
 */
#ifndef TRACER_LINEAGE_NAMES_H
#define TRACER_LINEAGE_NAMES_H

#include "compat.h"

#include "utils/snapshot.h"

/* Id of a canonical name or an alias, as spelt; false where it is neither. */
extern bool asset_id_of(text *name, Snapshot snapshot, int64 *id);

/*
 * Canonical names, NULL for ids that are gone. The array is the caller's, the
 * names are valid until the next call.
 */
extern text **asset_names(const int64 *ids, Size n, Snapshot snapshot);

#endif							/* TRACER_LINEAGE_NAMES_H */
