/*
 * installation.h
 *		Which installation this is, for callers in C.
 */
#ifndef TRACER_INSTALLATION_H
#define TRACER_INSTALLATION_H

#include "postgres.h"

/* tracer.armed(), under the active snapshot. */
extern bool installation_armed(void);

#endif							/* TRACER_INSTALLATION_H */
