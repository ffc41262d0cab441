/*
 * text.h
 *		The little that the gateway must understand of bodies (pure).
 */
#ifndef GATEWAY_TEXT_H
#define GATEWAY_TEXT_H

#include "util.h"

/* The value of a member: where it stands in the body. */
typedef struct JsonValue
{
	size_t		at;				/* first byte; of a string the one after the quote */
	size_t		len;			/* without quotes, escapes not undone */
	bool		is_string;
} JsonValue;

extern bool json_member(const char *body, size_t len, const char *name, JsonValue *value);
extern void json_add_string(Buf *b, const char *s, size_t len);
extern bool form_field(const char *body, size_t len, const char *name, Buf *value);
extern bool utf8_is_valid(const char *s, size_t len);

#endif							/* GATEWAY_TEXT_H */
