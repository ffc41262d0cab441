/*
 * capture.h
 *		Lineage from what sessions do.
 */
#ifndef TRACER_DATABASE_CAPTURE_H
#define TRACER_DATABASE_CAPTURE_H

/* Installs the hooks; once, when the library is loaded. */
extern void tracer_capture_init(void);

#endif							/* TRACER_DATABASE_CAPTURE_H */
