/*
 * compat.h
 *		What differs between PostgreSQL 15 and 18, in one place.
 *
 * Code elsewhere is written for the newest version; this header supplies what
 * an older one lacks.
 */
#ifndef TRACER_COMPAT_H
#define TRACER_COMPAT_H

#include "postgres.h"

#if PG_VERSION_NUM < 150000
#error "tracer needs PostgreSQL 15 or newer"
#endif

/* VARDATA_ANY() and the like; part of postgres.h up to 15. */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* The backend's current transaction, whether it has an xid or not. */
#if PG_VERSION_NUM >= 170000
#define my_lxid() (MyProc->vxid.lxid)
#else
#define my_lxid() (MyProc->lxid)
#endif

/* Where a process stands in the array of all processes. */
#if PG_VERSION_NUM >= 170000
#define my_proc_number() ((uint32) MyProcNumber)
#else
#define my_proc_number() ((uint32) MyProc->pgprocno)
#endif

#if PG_VERSION_NUM < 160000
#include "utils/acl.h"
#define object_ownercheck(class, object, role) \
	((class) == DatabaseRelationId ? pg_database_ownercheck(object, role) \
	 : pg_extension_ownercheck(object, role))
#endif

/* A database whose DROP was cut short, from 15.4 and 16 on. */
#include "catalog/pg_database.h"
#ifndef DATCONNLIMIT_INVALID_DB
#define DATCONNLIMIT_INVALID_DB (-2)
#endif

/* A set of events that lives as long as the process. */
#if PG_VERSION_NUM >= 170000
#define create_wait_event_set(n) CreateWaitEventSet(NULL, n)
#else
#define create_wait_event_set(n) CreateWaitEventSet(TopMemoryContext, n)
#endif

/* Wait events of extensions have names from 17 on. */
#if PG_VERSION_NUM >= 170000
#define wait_event_named(name) WaitEventExtensionNew(name)
#else
#define wait_event_named(name) PG_WAIT_EXTENSION
#endif

/* 18 wants to know where to count index searches. */
#if PG_VERSION_NUM >= 180000
#define index_beginscan_compat(heap, index, snapshot, nkeys) \
	index_beginscan(heap, index, snapshot, NULL, nkeys, 0)
#else
#define index_beginscan_compat(heap, index, snapshot, nkeys) \
	index_beginscan(heap, index, snapshot, nkeys, 0)
#endif

/* One row's index entries, where nothing is deferred to an ON CONFLICT. */
#if PG_VERSION_NUM >= 160000
#define insert_index_tuples(info, slot, estate) \
	ExecInsertIndexTuples(info, slot, estate, false, false, NULL, NIL, false)
#else
#define insert_index_tuples(info, slot, estate) \
	ExecInsertIndexTuples(info, slot, estate, false, false, NULL, NIL)
#endif

/* A range table of one relation; permissions have a list of their own from 16 on. */
#if PG_VERSION_NUM >= 180000
#define init_range_table(estate, rte, permissions) \
	(addRTEPermissionInfo(permissions, rte), \
	 ExecInitRangeTable(estate, list_make1(rte), *(permissions), bms_make_singleton(1)))
#elif PG_VERSION_NUM >= 160000
#define init_range_table(estate, rte, permissions) \
	(addRTEPermissionInfo(permissions, rte), \
	 ExecInitRangeTable(estate, list_make1(rte), *(permissions)))
#else
#define init_range_table(estate, rte, permissions) ((void) (permissions), ExecInitRangeTable(estate, list_make1(rte)))
#endif

#endif							/* TRACER_COMPAT_H */
