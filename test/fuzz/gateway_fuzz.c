/*
 * gateway_fuzz.c
 *		The gateway's pure parts on any bytes: JSON members, forms, strings,
 *		gzip, paths, signatures.
 *
 * What is found must lie within the body; what is written as a JSON string must
 * be valid UTF-8 without control characters; no more than the limit may come
 * out of gzip, however it is cut into pieces; nothing is validly signed by
 * chance.
 *
 * Cores: ../contrib/gateway/text.c ../contrib/gateway/gunzip.c ../contrib/gateway/route.c ../contrib/gateway/signature.c ../contrib/gateway/util.c
 * Libraries: -lz -lcrypto
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "input.h"
#include "../../contrib/gateway/gunzip.h"
#include "../../contrib/gateway/route.h"
#include "../../contrib/gateway/signature.h"
#include "../../contrib/gateway/text.h"

#define LIMIT 100000

static const char *
given(void *cls, const char *name)
{
	return strstr(name, "Timestamp") ? "1800000000" : cls;
}

static void
unzip(const uint8_t *data, size_t size, size_t piece, Buf *out, GunzipResult *result, bool *complete)
{
	Gunzip	   *g = gunzip_start();

	*result = GUNZIP_OK;
	for (size_t i = 0; i < size && *result == GUNZIP_OK; i += piece)
		*result = gunzip_feed(g, data + i, size - i < piece ? size - i : piece, out, LIMIT);
	*complete = gunzip_is_complete(g);
	gunzip_free(g);
	MUST(out->len <= LIMIT);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *text = malloc(size + 1);
	const char *names[] = {"routing_key", "a", ""};
	Buf			out = {0},
				pieces = {0};
	GunzipResult whole,
				cut;
	bool		complete,
				cut_complete;
	JsonValue	v;
	Route		r;

	memcpy(text, data, size);
	text[size] = '\0';

	for (int i = 0; i < 3; i++)
		if (json_member(text, size, names[i], &v))
		{
			MUST(v.at <= size && v.len <= size - v.at);
			MUST(!v.is_string || text[v.at - 1] == '"');
		}

	if (form_field(text, size, "a", &out))
		MUST(out.len <= size);
	buf_free(&out);

	json_add_string(&out, text, size);
	MUST(out.len >= 2 && out.data[0] == '"' && out.data[out.len - 1] == '"');
	MUST(utf8_is_valid(out.data, out.len));
	for (size_t i = 1; i < out.len - 1; i++)
	{
		MUST((unsigned char) out.data[i] >= ' ' && out.data[i] != '"');
		if (out.data[i] == '\\')
			MUST(++i < out.len - 1);
	}
	buf_free(&out);

	unzip(data, size, size ? size : 1, &out, &whole, &complete);
	unzip(data, size, 7, &pieces, &cut, &cut_complete);
	MUST(whole == cut);
	MUST(whole != GUNZIP_OK || (out.len == pieces.len && complete == cut_complete && (out.len == 0 || memcmp(out.data, pieces.data, out.len) == 0)));
	buf_free(&out);
	buf_free(&pieces);

	r = route_find(text);
	MUST(r.token == NULL || (r.token >= text && r.token + r.token_len <= text + strlen(text)));
	MUST(r.kind != ROUTE_INGEST || (r.source && *r.source));
	MUST(r.alias == NULL || (r.kind == ROUTE_OPSGENIE && r.alias_len > 0 && r.alias + r.alias_len < r.action && *r.action));

	for (size_t i = 0; i < n_signature_schemes; i++)
		MUST(!signature_is_valid(&signature_schemes[i], "secret", given, text, text, size, 1800000000));
	free(text);
	return 0;
}
