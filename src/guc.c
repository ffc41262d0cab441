/*
 * guc.c
 *		Declares tracer's configuration variables, all in one place.
 */
#include "compat.h"

#include <limits.h>

#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/varlena.h"

#include "guc.h"

int			tracer_graph_cache_size = 512 * 1024;
bool		tracer_capture_lineage = false;
int			tracer_max_workers = 8;
char	   *tracer_databases = NULL;
bool		tracer_deliver = true;
char	   *tracer_allowed_hosts = NULL;
bool		tracer_allow_private_addresses = false;
char	   *tracer_heartbeat_url = NULL;
char	   *tracer_ca_file = NULL;

/* A list of names, as in search_path: quoted where case or commas matter. */
static bool
check_databases(char **newval, void **extra, GucSource source)
{
	char	   *copy = pstrdup(*newval ? *newval : "");
	List	   *names;
	bool		ok = SplitIdentifierString(copy, ',', &names);

	if (!ok)
		GUC_check_errdetail("It must be a list of database names, separated by commas.");
	else
		list_free(names);
	pfree(copy);
	return ok;
}

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
	DefineCustomIntVariable("tracer.max_workers",
							"How many databases may have tracer's workers at a time.",
							"Each takes one of max_worker_processes, and another one where there is something to send.",
							&tracer_max_workers,
							8, 1, 1000,
							process_shared_preload_libraries_in_progress ? PGC_POSTMASTER : PGC_SIGHUP, 0,
							NULL, NULL, NULL);
	DefineCustomStringVariable("tracer.databases",
							   "Databases that get a worker, separated by commas.",
							   "Empty: every database that has the extension.",
							   &tracer_databases,
							   "", PGC_SIGHUP, 0,
							   check_databases, NULL, NULL);
	DefineCustomBoolVariable("tracer.deliver",
							 "Whether notifications leave this server.",
							 "Off for a clone: incidents are kept up to date, and nobody is told.",
							 &tracer_deliver,
							 true, PGC_SIGHUP, 0,
							 NULL, NULL, NULL);
	DefineCustomStringVariable("tracer.allowed_hosts",
							   "Hosts that requests may go to, separated by commas.",
							   "Empty: any. Items are host, *.domain or an address, each with an optional :port.",
							   &tracer_allowed_hosts,
							   "", PGC_SIGHUP, 0,
							   NULL, NULL, NULL);
	DefineCustomBoolVariable("tracer.allow_private_addresses",
							 "Whether requests may go to private, loopback and link-local addresses.",
							 NULL,
							 &tracer_allow_private_addresses,
							 false, PGC_SIGHUP, 0,
							 NULL, NULL, NULL);
	DefineCustomStringVariable("tracer.heartbeat_url",
							   "Requested every minute while all is well.",
							   "Something outside pages when the requests stop. Empty: none is made.",
							   &tracer_heartbeat_url,
							   "", PGC_SIGHUP, GUC_SUPERUSER_ONLY,
							   NULL, NULL, NULL);

	DefineCustomStringVariable("tracer.ca_file",
							   "File with the certificates of authorities that servers may be vouched for by.",
							   "Empty: those that the system trusts.",
							   &tracer_ca_file,
							   "", PGC_SIGHUP, 0,
							   NULL, NULL, NULL);

	MarkGUCPrefixReserved("tracer");
}
