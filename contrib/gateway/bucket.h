/*
 * bucket.h
 *		How many requests may come in a minute (pure).
 *
 * A bucket fills by per_minute / 60 a second and holds one minute's worth, but
 * at least one request. One that was never asked is full.
 */
#ifndef GATEWAY_BUCKET_H
#define GATEWAY_BUCKET_H

#include <stdbool.h>
#include <stddef.h>

typedef struct Bucket
{
	double		used;			/* requests not yet made good */
	double		counted_at;		/* when they were counted, in seconds */
} Bucket;

extern bool bucket_take(Bucket *b, double per_minute, double now);

/*
 * A bucket for each peer, found by the hash of its address. Peers that share a
 * place share its bucket; nobody who sends from many addresses makes it grow.
 */
#define PEER_BUCKETS 4096

typedef struct Peers
{
	Bucket		buckets[PEER_BUCKETS];
} Peers;

extern bool peer_take(Peers *peers, const void *address, size_t len, double per_minute, double now);

#endif							/* GATEWAY_BUCKET_H */
