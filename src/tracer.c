/*
 * tracer.c
 *		Module entry: the magic block and _PG_init, nothing else of weight.
 *
 * Everything that tracer does lives in the room named for it (src/lineage,
 * src/alert, src/incident, ...). This file only declares what a process must
 * know as soon as the library is loaded: the configuration variables, the hooks of
 * capture.c, and where it is preloaded, the background worker.
 */
#include "compat.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "database/capture.h"
#include "guc.h"
#include "worker/worker.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

void
_PG_init(void)
{
	tracer_define_gucs();
	tracer_capture_init();
	tracer_wake_init();
	if (process_shared_preload_libraries_in_progress)
		tracer_worker_init();
}
