/*
 * tokens.h
 *		The tokens that senders bring, as the database has them: hashed.
 */
#ifndef GATEWAY_TOKENS_H
#define GATEWAY_TOKENS_H

#include "bucket.h"
#include "util.h"

#define TOKEN_HASH 32

typedef struct Token
{
	unsigned char hash[TOKEN_HASH];
	char	   *source;
	size_t		body_limit;
	double		per_minute;		/* 0: any number */
	Bucket		sent;
} Token;

/* What a token allows. The source is the caller's to free. */
typedef struct Grant
{
	char	   *source;
	size_t		body_limit;
} Grant;

typedef enum TokenVerdict
{
	TOKEN_GOOD,
	TOKEN_UNKNOWN,
	TOKEN_NOT_YET,				/* the list was never fetched */
	TOKEN_TOO_MANY				/* more requests than its limit */
} TokenVerdict;

/* SHA-256; false only if OpenSSL cannot. */
extern bool token_hash(const char *token, size_t len, unsigned char hash[TOKEN_HASH]);

/* Takes over the array and what it points to. */
extern void tokens_replace(Token *fresh, size_t n);

extern TokenVerdict tokens_check(const char *token, size_t len, double now, Grant *grant);

#endif							/* GATEWAY_TOKENS_H */
