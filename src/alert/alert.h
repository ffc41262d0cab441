/*
 * alert.h
 *		What the room of alerts offers to rooms above it, in C.
 */
#ifndef TRACER_ALERT_H
#define TRACER_ALERT_H

#include "postgres.h"

/*
 * Did this transaction insert alerts or changes that bring another transaction's
 * id, since the last call?
 */
extern bool alert_take_foreign_rows(void);

#endif							/* TRACER_ALERT_H */
