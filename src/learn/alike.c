/*
 * alike.c
 *		What two names say about lineage between them. Pure.
 *
 * A name is the set of its words: runs of letters and digits, whatever their
 * case. Two names are alike by the share of words that they have in common, in
 * five steps. How much each step says is taken from lineage that is known: how
 * much more often its two ends are that much alike than two assets picked at
 * random. So a prefix that all assets carry says nothing. As names are only a
 * hint, they may raise or lower the odds of an edge five times at most; and
 * where little lineage is known, they say nothing.
 */
#ifndef TRACER_STANDALONE
#include "compat.h"
#endif

#include <ctype.h>
#include <math.h>

#include "learn/alike.h"

#define ENOUGH 100				/* known edges, before names say anything */
#define MOST 1.609				/* log 5 */

static int
compare_hashes(const void *pa, const void *pb)
{
	uint32		a = *(const uint32 *) pa,
				b = *(const uint32 *) pb;

	return a < b ? -1 : a > b;
}

Words
words_of(const char *name)
{
	Words		w = {pure_array(uint32, strlen(name) / 2 + 1), 0};
	int32		n = 0;

	for (const unsigned char *c = (const unsigned char *) name; *c;)
	{
		uint32		h = 2166136261u;	/* FNV-1a */

		/* bytes beyond ASCII are letters of some alphabet */
		while (*c && !isalnum(*c) && *c < 0x80)
			c++;
		if (*c == '\0')
			break;
		for (; isalnum(*c) || *c >= 0x80; c++)
			h = (h ^ (uint32) (*c >= 'A' && *c <= 'Z' ? *c + 32 : *c)) * 16777619u;
		w.hash[w.n++] = h;
	}
	qsort(w.hash, w.n, sizeof(uint32), compare_hashes);
	for (int32 i = 0; i < w.n; i++)
		if (n == 0 || w.hash[n - 1] != w.hash[i])
			w.hash[n++] = w.hash[i];
	w.n = n;
	return w;
}

/* 0: no word in common; ALIKE_BINS - 1: nearly all. */
int
words_alike(const Words *a, const Words *b)
{
	int32		i = 0,
				j = 0,
				common = 0;

	while (i < a->n && j < b->n)
	{
		uint32		x = a->hash[i],
					y = b->hash[j];

		common += x == y;
		i += x <= y;
		j += y <= x;
	}
	if (common == 0)
		return 0;
	return Min(ALIKE_BINS - 1, 1 + (ALIKE_BINS - 1) * common / (a->n + b->n - common));
}

/* Turns counts into log odds. */
void
likeness_finish(Likeness *l)
{
	for (int i = 0; i < ALIKE_BINS; i++)
	{
		double		ratio = (l->connected[i] + 1) / (l->others[i] + 1);

		l->log_odds[i] = l->pairs < ENOUGH ? 0 : Max(-MOST, Min(MOST, log(ratio)));
	}
}
