/*
 * secrets.h
 *		The secrets with which tools sign.
 */
#ifndef GATEWAY_SECRETS_H
#define GATEWAY_SECRETS_H

#include "signature.h"

/* Reads them (again); false with a log line if one cannot be read. */
extern bool secrets_load(const char *directory);

extern bool secrets_has(const Scheme *scheme);

/* Whether the request is signed with one of its source's secrets. */
extern bool secrets_accept(const Scheme *scheme, HeaderLookup header, void *cls,
						   const char *body, size_t len);

extern void secrets_free(void);

#endif							/* GATEWAY_SECRETS_H */
