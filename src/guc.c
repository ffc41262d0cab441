/*
 * guc.c
 *		Declares tracer's configuration variables, all in one place.
 */
#include "compat.h"

#include <limits.h>

#include "utils/guc.h"

#include "guc.h"

int			tracer_graph_cache_size = 512 * 1024;
bool		tracer_capture_lineage = false;

void
tracer_define_gucs(void)
{
	DefineCustomIntVariable("tracer.graph_cache_size",
							"Memory that one backend may spend on the cached lineage graph.",
							"A larger graph is walked through its indexes instead, which is slower. "
							"0 never caches.",
							&tracer_graph_cache_size,
							512 * 1024, 0, MAX_KILOBYTES,
							PGC_USERSET, GUC_UNIT_KB,
							NULL, NULL, NULL);

	DefineCustomBoolVariable("tracer.capture_lineage",
							 "Records what statements read and write, as lineage.",
							 "INSERT, UPDATE and MERGE from other tables, CREATE TABLE AS and REFRESH "
							 "MATERIALIZED VIEW leave a row in tracer.lineage_captured. Load the library "
							 "with session_preload_libraries or shared_preload_libraries.",
							 &tracer_capture_lineage,
							 false,
							 PGC_SUSET, 0,
							 NULL, NULL, NULL);

	MarkGUCPrefixReserved("tracer");
}
