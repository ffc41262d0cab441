/*
 * gunzip.h
 *		A gzip body, decompressed as it arrives, up to a limit (pure).
 */
#ifndef GATEWAY_GUNZIP_H
#define GATEWAY_GUNZIP_H

#include <zlib.h>

#include "util.h"

typedef enum GunzipResult
{
	GUNZIP_OK,
	GUNZIP_BAD,					/* no gzip, or damaged */
	GUNZIP_TOO_LARGE			/* more than the limit comes out of it */
} GunzipResult;

typedef struct Gunzip
{
	z_stream	z;
	bool		between;		/* at the end of a member: may end here */
} Gunzip;

extern Gunzip *gunzip_start(void);
extern GunzipResult gunzip_feed(Gunzip *g, const void *data, size_t len, Buf *out, size_t limit);
extern bool gunzip_is_complete(const Gunzip *g);
extern void gunzip_free(Gunzip *g);

#endif							/* GATEWAY_GUNZIP_H */
