/*
 * input.h
 *		A fuzzer's bytes as a stream of small numbers; zeroes once they are used up.
 */
#ifndef TRACER_FUZZ_INPUT_H
#define TRACER_FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>

typedef struct Input
{
	const uint8_t *p;
	const uint8_t *end;
} Input;

static inline uint32_t
take8(Input *in)
{
	return in->p < in->end ? *in->p++ : 0;
}

static inline uint32_t
take16(Input *in)
{
	uint32_t	hi = take8(in);

	return hi << 8 | take8(in);
}

static inline int
left(const Input *in)
{
	return (int) (in->end - in->p);
}

/* What must hold, in builds without assertions too. */
#define MUST(x) do { if (!(x)) { fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #x); abort(); } } while (0)

#endif							/* TRACER_FUZZ_INPUT_H */
