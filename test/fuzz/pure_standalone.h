/*
 * pure_standalone.h
 *		The arena behind pure_alloc() outside a server.
 */
#ifndef TRACER_PURE_STANDALONE_H
#define TRACER_PURE_STANDALONE_H

extern void pure_free_all(void);

#endif							/* TRACER_PURE_STANDALONE_H */
