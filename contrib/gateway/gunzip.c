/*
 * gunzip.c
 *		A gzip body, decompressed as it arrives, up to a limit (pure).
 *
 * Output grows with what really comes out, never by what a header promises,
 * and stops at the limit: a bomb costs its sender as much as a full body.
 * Several gzip members in a row are one body.
 */
#include "gunzip.h"

#include <stdlib.h>

#define STEP 16384

Gunzip *
gunzip_start(void)
{
	Gunzip	   *g = xcalloc(sizeof *g);

	/* 16: gzip and nothing else */
	if (inflateInit2(&g->z, 16 + MAX_WBITS) != Z_OK)
	{
		log_line("cannot start zlib");
		abort();
	}
	return g;
}

GunzipResult
gunzip_feed(Gunzip *g, const void *data, size_t len, Buf *out, size_t limit)
{
	char		step[STEP];
	int			rc;

	g->z.next_in = (Bytef *) data;
	g->z.avail_in = (uInt) len;
	do
	{
		if (g->between)
		{
			if (g->z.avail_in == 0)
				break;
			inflateReset(&g->z);
			g->between = false;
		}
		g->z.next_out = (Bytef *) step;
		g->z.avail_out = STEP;
		rc = inflate(&g->z, Z_NO_FLUSH);
		if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
			return GUNZIP_BAD;
		if (STEP - g->z.avail_out > limit - out->len)
			return GUNZIP_TOO_LARGE;
		buf_add(out, step, STEP - g->z.avail_out);
		g->between = rc == Z_STREAM_END;
	} while (g->between || g->z.avail_out == 0);
	return GUNZIP_OK;
}

bool
gunzip_is_complete(const Gunzip *g)
{
	return g->between;
}

void
gunzip_free(Gunzip *g)
{
	if (g)
	{
		inflateEnd(&g->z);
		free(g);
	}
}
