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

/* 18 wants to know where to count index searches. */
#if PG_VERSION_NUM >= 180000
#define index_beginscan_compat(heap, index, snapshot, nkeys) \
	index_beginscan(heap, index, snapshot, NULL, nkeys, 0)
#else
#define index_beginscan_compat(heap, index, snapshot, nkeys) \
	index_beginscan(heap, index, snapshot, nkeys, 0)
#endif

#endif							/* TRACER_COMPAT_H */
