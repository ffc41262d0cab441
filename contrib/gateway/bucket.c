/*
 * bucket.c
 *		How many requests may come in a minute (pure).
 */
#include "bucket.h"

#include <stdint.h>

/* Takes one request; false: there is none to take. */
bool
bucket_take(Bucket *b, double per_minute, double now)
{
	double		holds = per_minute < 1 ? 1 : per_minute;

	b->used -= (now - b->counted_at) * per_minute / 60;
	if (b->used < 0)
		b->used = 0;
	b->counted_at = now;
	if (b->used > holds - 1)
		return false;
	b->used += 1;
	return true;
}

bool
peer_take(Peers *peers, const void *address, size_t len, double per_minute, double now)
{
	uint32_t	hash = 2166136261u;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ ((const unsigned char *) address)[i]) * 16777619u;
	return bucket_take(&peers->buckets[(hash ^ hash >> 15) % PEER_BUCKETS], per_minute, now);
}
