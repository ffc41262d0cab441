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

#endif							/* TRACER_COMPAT_H */
