/*
 * tokens.c
 *		The tokens that senders bring, as the database has them: hashed.
 *
 * The whole list is kept in memory and replaced when the database's changes, so
 * that a stranger is turned away without asking the database, and a sender is
 * told apart from a stranger while the database is away. The list holds no
 * token: they are 128 random bits, which their SHA-256 does not give away. The
 * hash is what is looked up, so how long that takes tells nothing of the token.
 *
 * The buckets that limit them survive a new list.
 */
#include "tokens.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static Token *tokens;
static size_t n_tokens;
static bool fetched;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

bool
token_hash(const char *token, size_t len, unsigned char hash[TOKEN_HASH])
{
	return EVP_Digest(token, len, hash, NULL, EVP_sha256(), NULL) == 1;
}

static int
by_hash(const void *a, const void *b)
{
	return memcmp(((const Token *) a)->hash, ((const Token *) b)->hash, TOKEN_HASH);
}

void
tokens_replace(Token *fresh, size_t n)
{
	Token	   *old;
	size_t		n_old;

	if (n)
		qsort(fresh, n, sizeof *fresh, by_hash);
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < n; i++)
	{
		const Token *was = n_tokens ? bsearch(&fresh[i], tokens, n_tokens, sizeof *tokens, by_hash) : NULL;

		fresh[i].sent = was && was->per_minute == fresh[i].per_minute ? was->sent : (Bucket) {0};
	}
	old = tokens;
	n_old = n_tokens;
	tokens = fresh;
	n_tokens = n;
	fetched = true;
	pthread_mutex_unlock(&lock);

	for (size_t i = 0; i < n_old; i++)
		free(old[i].source);
	free(old);
}

TokenVerdict
tokens_check(const char *token, size_t len, double now, Grant *grant)
{
	Token		key;
	Token	   *t;
	TokenVerdict verdict = TOKEN_GOOD;

	if (!token_hash(token, len, key.hash))
		return TOKEN_UNKNOWN;
	pthread_mutex_lock(&lock);
	t = n_tokens ? bsearch(&key, tokens, n_tokens, sizeof *tokens, by_hash) : NULL;
	if (t == NULL)
		verdict = fetched ? TOKEN_UNKNOWN : TOKEN_NOT_YET;
	else
	{
		if (t->per_minute > 0 && !bucket_take(&t->sent, t->per_minute, now))
			verdict = TOKEN_TOO_MANY;
		else
		{
			grant->source = xstrdup(t->source);
			grant->body_limit = t->body_limit;
		}
	}
	pthread_mutex_unlock(&lock);
	return verdict;
}
