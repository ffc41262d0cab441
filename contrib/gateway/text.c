/*
 * text.c
 *		The little that the gateway must understand of bodies (pure).
 *
 * Bodies are the database's business: tracer.ingest() reads them, repairs them
 * and quarantines what cannot be read. Here one top-level member is found in
 * what may or may not be JSON (PagerDuty's clients carry their key in the
 * body), a string is written as JSON, and a form's field is taken out.
 *
 * json_member() is a scanner, not a parser: on a valid document it finds the
 * right value, on any other it finds something or nothing, and never reads
 * outside the body. It keeps no stack, so that depth costs nothing.
 */
#include "text.h"

#include <stdio.h>
#include <string.h>

static size_t
skip_space(const char *s, size_t len, size_t i)
{
	while (i < len && (s[i] == ' ' || s[i] == '\t' || s[i] == '\n' || s[i] == '\r'))
		i++;
	return i;
}

/* From the byte after the opening quote to the closing one, or to the end. */
static size_t
skip_string(const char *s, size_t len, size_t i)
{
	while (i < len && s[i] != '"')
		i += s[i] == '\\' ? 2 : 1;
	return i < len ? i : len;
}

/* From the first byte of a value to the one behind it. */
static size_t
skip_value(const char *s, size_t len, size_t i)
{
	size_t		depth = 0;

	for (; i < len; i++)
	{
		char		c = s[i];

		if (c == '"')
		{
			i = skip_string(s, len, i + 1);
			if (i == len)
				return len;
		}
		else if (c == '{' || c == '[')
			depth++;
		else if (depth == 0 && (c == ',' || c == '}' || c == ']'))
			return i;
		else if (c == '}' || c == ']')
			depth--;
	}
	return len;
}

/*
 * Finds a member of the outermost object. Names are compared as they are
 * written, so one that is written with escapes is not found.
 */
bool
json_member(const char *body, size_t len, const char *name, JsonValue *value)
{
	size_t		name_len = strlen(name);
	size_t		i = skip_space(body, len, 0);

	if (i == len || body[i] != '{')
		return false;
	i = skip_space(body, len, i + 1);
	while (i < len && body[i] == '"')
	{
		size_t		key = i + 1;
		size_t		key_end = skip_string(body, len, key);
		size_t		end;

		i = skip_space(body, len, key_end < len ? key_end + 1 : len);
		if (i == len || body[i] != ':')
			return false;
		i = skip_space(body, len, i + 1);
		end = skip_value(body, len, i);
		if (key_end - key == name_len && memcmp(body + key, name, name_len) == 0)
		{
			value->is_string = i < len && body[i] == '"';
			value->at = i + value->is_string;
			value->len = (value->is_string ? skip_string(body, len, i + 1) : end) - value->at;
			return true;
		}
		if (end == len || body[end] != ',')
			return false;
		i = skip_space(body, len, end + 1);
	}
	return false;
}

/* Shortest forms only, no surrogates, nothing above U+10FFFF, no NUL. */
bool
utf8_is_valid(const char *s, size_t len)
{
	const unsigned char *p = (const unsigned char *) s;

	for (size_t i = 0; i < len;)
	{
		unsigned	c = p[i];
		unsigned	n = c < 0x80 ? 0 : c < 0xc2 ? 9 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : c < 0xf5 ? 3 : 9;

		if (c == 0 || n > 3 || len - i <= n)
			return false;
		for (unsigned k = 1; k <= n; k++)
			if ((p[i + k] & 0xc0) != 0x80)
				return false;
		if ((c == 0xe0 && p[i + 1] < 0xa0) || (c == 0xed && p[i + 1] > 0x9f) ||
			(c == 0xf0 && p[i + 1] < 0x90) || (c == 0xf4 && p[i + 1] > 0x8f))
			return false;
		i += n + 1;
	}
	return true;
}

/*
 * Any bytes as a JSON string that PostgreSQL takes. What is not UTF-8 is read
 * as Latin-1, as HTTP once had it for headers; a NUL becomes a space.
 */
void
json_add_string(Buf *b, const char *s, size_t len)
{
	bool		latin1 = !utf8_is_valid(s, len);

	buf_reserve(b, len + 2);
	buf_puts(b, "\"");
	for (size_t i = 0; i < len; i++)
	{
		unsigned char c = s[i];

		if (c == '"' || c == '\\')
			buf_add(b, (char[]) {'\\', (char) c}, 2);
		else if (c == 0)
			buf_puts(b, " ");
		else if (c < ' ' || c == 0x7f || (c > 0x7f && latin1))
			buf_printf(b, "\\u%04x", c);
		else
			buf_add(b, &c, 1);
	}
	buf_puts(b, "\"");
}

static int
hex_value(char c)
{
	return c >= '0' && c <= '9' ? c - '0'
		: c >= 'a' && c <= 'f' ? c - 'a' + 10
		: c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The first field of that name in an application/x-www-form-urlencoded body. */
bool
form_field(const char *body, size_t len, const char *name, Buf *value)
{
	size_t		name_len = strlen(name);

	for (size_t i = 0; i < len;)
	{
		const char *amp = memchr(body + i, '&', len - i);
		size_t		end = amp ? (size_t) (amp - body) : len;

		if (end - i > name_len && body[i + name_len] == '=' && memcmp(body + i, name, name_len) == 0)
		{
			buf_reserve(value, end - i);
			for (i += name_len + 1; i < end; i++)
			{
				char		c = body[i] == '+' ? ' ' : body[i];

				if (c == '%' && end - i > 2 && hex_value(body[i + 1]) >= 0 && hex_value(body[i + 2]) >= 0)
				{
					c = (char) (hex_value(body[i + 1]) << 4 | hex_value(body[i + 2]));
					i += 2;
				}
				buf_add(value, &c, 1);
			}
			return true;
		}
		i = end + 1;
	}
	return false;
}
