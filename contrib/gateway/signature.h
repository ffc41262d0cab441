/*
 * signature.h
 *		Bodies that their sender signed (pure).
 */
#ifndef GATEWAY_SIGNATURE_H
#define GATEWAY_SIGNATURE_H

#include <time.h>

#include "util.h"

/* How a tool signs. */
typedef struct Scheme
{
	const char *source;			/* whose signature it is; also the secret's file */
	const char *header;			/* where it stands */
	const char *prefix;			/* before each signature there, in hexadecimal */
	const char *timestamp;		/* header with a time that is signed, too, or NULL */
} Scheme;

/* A header's value, or NULL. */
typedef const char *(*HeaderLookup) (void *cls, const char *name);

extern const Scheme signature_schemes[];
extern const size_t n_signature_schemes;

extern const Scheme *signature_scheme(const char *source);
extern bool signature_is_valid(const Scheme *scheme, const char *secret, HeaderLookup header, void *cls,
							   const char *body, size_t len, time_t now);

#endif							/* GATEWAY_SIGNATURE_H */
