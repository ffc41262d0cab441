/*
 * signature.c
 *		Bodies that their sender signed (pure).
 *
 * All of these tools use HMAC-SHA256 over the body as it was sent, in
 * hexadecimal; they differ in the header, in what stands before the digits,
 * and in whether a time is signed with it. A new tool is a row.
 *
 * A header may carry several signatures with commas between them, while a
 * secret is being replaced: one that is right is enough.
 */
#include "signature.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Older signed requests are refused, so that one cannot be played again. */
#define MAX_AGE 300

const Scheme signature_schemes[] = {
	{"github", "X-Hub-Signature-256", "sha256=", NULL},
	{"pagerduty", "X-PagerDuty-Signature", "v1=", NULL},
	{"slack", "X-Slack-Signature", "v0=", "X-Slack-Request-Timestamp"},
	{"sentry", "Sentry-Hook-Signature", "", NULL},
	{"circleci", "Circleci-Signature", "v1=", NULL},
	{"dbt_cloud", "Authorization", "", NULL},
};
const size_t n_signature_schemes = sizeof signature_schemes / sizeof signature_schemes[0];

const Scheme *
signature_scheme(const char *source)
{
	for (size_t i = 0; source && i < n_signature_schemes; i++)
		if (strcmp(signature_schemes[i].source, source) == 0)
			return &signature_schemes[i];
	return NULL;
}

/* HMAC-SHA256 in hexadecimal over the body, with what Slack puts before it. */
static bool
expected(const char *secret, const char *before, const char *body, size_t len, char hex[65])
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	size_t		mac_len = sizeof mac;
	EVP_PKEY   *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_HMAC, NULL, (const unsigned char *) secret, strlen(secret));
	EVP_MD_CTX *h = EVP_MD_CTX_new();
	bool		ok;

	ok = key && h && EVP_DigestSignInit(h, NULL, EVP_sha256(), NULL, key) > 0 &&
		EVP_DigestSignUpdate(h, before, strlen(before)) > 0 &&
		EVP_DigestSignUpdate(h, body, len) > 0 &&
		EVP_DigestSignFinal(h, mac, &mac_len) > 0 && mac_len == 32;
	EVP_MD_CTX_free(h);
	EVP_PKEY_free(key);
	for (size_t i = 0; ok && i < mac_len; i++)
		sprintf(hex + 2 * i, "%02x", mac[i]);
	return ok;
}

bool
signature_is_valid(const Scheme *scheme, const char *secret, HeaderLookup header, void *cls,
				   const char *body, size_t len, time_t now)
{
	const char *given = header(cls, scheme->header);
	size_t		prefix_len = strlen(scheme->prefix);
	char		before[64] = "";
	char		want[65];
	bool		valid = false;

	if (given == NULL)
		return false;
	if (scheme->timestamp)
	{
		const char *stamp = header(cls, scheme->timestamp);
		char	   *end;
		long long	at = stamp ? strtoll(stamp, &end, 10) : 0;

		if (stamp == NULL || end == stamp || *end != '\0' || strlen(stamp) > 20 ||
			at < (long long) now - MAX_AGE || at > (long long) now + MAX_AGE)
			return false;
		snprintf(before, sizeof before, "v0:%s:", stamp);
	}
	if (!expected(secret, before, body, len, want))
		return false;
	for (const char *s = given; *s;)
	{
		size_t		n = strcspn(s, ",");
		const char *p = s + strspn(s, " ");

		if (strncmp(p, scheme->prefix, prefix_len) == 0 && s + n >= p + prefix_len &&
			(size_t) (s + n - p) - prefix_len == 64)
		{
			char		lower[64];

			for (int i = 0; i < 64; i++)
				lower[i] = p[prefix_len + i] | 0x20;
			valid |= CRYPTO_memcmp(lower, want, 64) == 0;
		}
		s += n + (s[n] == ',');
	}
	return valid;
}
