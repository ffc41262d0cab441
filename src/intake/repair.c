/*
 * repair.c
 *		Making JSON of what is nearly JSON, where that is safe.
 *
 * Bodies built in shell scripts and templates have commas too many, line breaks
 * within strings, Windows paths; Python writes NaN; some senders put one
 * document on each line. One pass over the bytes mends these, knowing only
 * whether it is inside a string, how deep it is, and what came before; what
 * else may be wrong is left for the parser to find. Strings are never searched
 * for structure, so text that is JSON comes out byte for byte.
 */
#include "intake/repair.h"

#include <stdbool.h>
#include <string.h>

typedef struct Pass
{
	const char *in;
	size_t		n;
	size_t		i;
	char	   *out;
	size_t		len;
	unsigned	done;
} Pass;

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four digits of \uXXXX at i, or -1. */
static int
code_unit(const Pass *p, size_t i)
{
	int			unit = 0;

	if (i + 6 > p->n || p->in[i] != '\\' || p->in[i + 1] != 'u')
		return -1;
	for (size_t k = i + 2; k < i + 6; k++)
	{
		int			digit = hex_value(p->in[k]);

		if (digit < 0)
			return -1;
		unit = unit * 16 + digit;
	}
	return unit;
}

static void
put(Pass *p, const char *s, size_t n)
{
	memcpy(p->out + p->len, s, n);
	p->len += n;
}

/* At a backslash within a string. */
static void
pass_escape(Pass *p)
{
	int			unit = code_unit(p, p->i);

	if (unit < 0)
	{
		if (p->i + 1 < p->n && strchr("\"\\/bfnrt", p->in[p->i + 1]) && p->in[p->i + 1] != '\0')
		{
			put(p, p->in + p->i, 2);
			p->i += 2;
		}
		else
		{
			put(p, "\\\\", 2);
			p->i++;
			p->done |= REPAIR_ESCAPE;
		}
		return;
	}
	if (unit >= 0xD800 && unit < 0xDC00)
	{
		int			low = code_unit(p, p->i + 6);

		if (low >= 0xDC00 && low < 0xE000)
		{
			put(p, p->in + p->i, 12);
			p->i += 12;
			return;
		}
	}
	if (unit == 0 || (unit >= 0xD800 && unit < 0xE000))
	{
		put(p, "\\ufffd", 6);
		p->done |= REPAIR_UNICODE;
	}
	else
		put(p, p->in + p->i, 6);
	p->i += 6;
}

/* From a quote to behind the one that closes it, or to the end. */
static void
pass_string(Pass *p)
{
	static const char digits[] = "0123456789abcdef";

	put(p, "\"", 1);
	p->i++;
	while (p->i < p->n)
	{
		char		c = p->in[p->i];

		if (c == '\\')
			pass_escape(p);
		else if ((unsigned char) c < 0x20)
		{
			char		escape[6] = {'\\', 'u', '0', '0', digits[(c >> 4) & 1], digits[c & 15]};

			put(p, escape, 6);
			p->i++;
			p->done |= REPAIR_CONTROL;
		}
		else
		{
			put(p, &c, 1);
			p->i++;
			if (c == '"')
				return;
		}
	}
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Whether the word at i stands alone, so that it is no part of another. */
static bool
word_at(const Pass *p, const char *word)
{
	size_t		n = strlen(word);

	return p->n - p->i >= n && memcmp(p->in + p->i, word, n) == 0 &&
		(p->n - p->i == n || is_space(p->in[p->i + n]) || strchr(",]}", p->in[p->i + n]));
}

/* NaN, Infinity and -Infinity, as Python writes them. */
static bool
pass_non_number(Pass *p)
{
	static const char *const words[] = {"NaN", "Infinity", "-Infinity"};

	for (size_t k = 0; k < 3; k++)
		if (word_at(p, words[k]))
		{
			put(p, "null", 4);
			p->i += strlen(words[k]);
			p->done |= REPAIR_NUMBER;
			return true;
		}
	return false;
}

/* payload=... of a form, decoded into where the pass reads it from. */
static size_t
decode_form(const char *in, size_t n, char *out)
{
	size_t		len = 0;

	for (size_t i = 0; i < n && in[i] != '&'; i++)
	{
		int			high,
					low;

		if (in[i] == '+')
			out[len++] = ' ';
		else if (in[i] == '%' && i + 2 < n && (high = hex_value(in[i + 1])) >= 0 &&
				 (low = hex_value(in[i + 2])) >= 0)
		{
			out[len++] = (char) (high * 16 + low);
			i += 2;
		}
		else
			out[len++] = in[i];
	}
	return len;
}

size_t
json_repair(const char *in, size_t n, char *out, unsigned *done)
{
	Pass		p = {in, n, 0, out, 0, 0};
	size_t		depth = 0;
	size_t		comma = 0;		/* where a pending comma stands in out, plus one */
	bool		value_ended = false;	/* at the outermost level */
	size_t		start;

	if (n >= 3 && memcmp(in, "\xEF\xBB\xBF", 3) == 0)
	{
		p.i = 3;
		p.done |= REPAIR_MARK;
	}
	if (n - p.i >= 8 && memcmp(in + p.i, "payload=", 8) == 0)
	{
		/* It shrinks, so it fits behind all that can be written before it is read. */
		char	   *behind = out + repair_room(n) - n;

		p.n = decode_form(in + p.i + 8, n - p.i - 8, behind);
		memmove(out + repair_room(n) - p.n, behind, p.n);
		p.in = out + repair_room(n) - p.n;
		p.i = 0;
		p.done |= REPAIR_FORM;
	}
	put(&p, " ", 1);			/* becomes [ if there are several documents */
	start = p.len;
	while (p.i < p.n)
	{
		char		c = p.in[p.i];

		if (is_space(c))
		{
			put(&p, &c, 1);
			p.i++;
			if (depth == 0 && p.len > start + 1 && p.out[p.len - 2] != ',' && !is_space(p.out[p.len - 2]))
				value_ended = true;
			continue;
		}
		if (depth == 0 && value_ended && c != ',' && c != ']' && c != '}')
		{
			put(&p, ",", 1);
			p.done |= REPAIR_SEQUENCE;
			value_ended = false;
		}
		if ((c == '}' || c == ']') && comma)
		{
			memmove(p.out + comma - 1, p.out + comma, p.len - comma);
			p.len--;
			p.done |= REPAIR_COMMA;
		}
		comma = 0;
		if (c == '"')
		{
			pass_string(&p);
			value_ended = depth == 0;
			continue;
		}
		if ((c == 'N' || c == 'I' || c == '-') && pass_non_number(&p))
			continue;
		put(&p, &c, 1);
		p.i++;
		if (c == ',')
			comma = p.len;
		else if (c == '{' || c == '[')
			depth++;
		else if ((c == '}' || c == ']') && depth > 0 && --depth == 0)
			value_ended = true;
	}
	if (p.done & REPAIR_SEQUENCE)
	{
		p.out[0] = '[';
		put(&p, "]", 1);
	}
	*done = p.done;
	return p.len;
}

/* Bytes of the character at s, of which n are left; 0 where there is none. */
static size_t
utf8_length(const unsigned char *s, size_t n)
{
	unsigned	c = s[0];
	size_t		len = c < 0x80 ? 1 : c < 0xC2 ? 0 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : c < 0xF5 ? 4 : 0;

	if (c == 0 || len > n)
		return 0;
	for (size_t k = 1; k < len; k++)
		if ((s[k] & 0xC0) != 0x80)
			return 0;
	if ((c == 0xE0 && s[1] < 0xA0) || (c == 0xED && s[1] > 0x9F) ||
		(c == 0xF0 && s[1] < 0x90) || (c == 0xF4 && s[1] > 0x8F))
		return 0;
	return len;
}

size_t
utf8_repair(const unsigned char *in, size_t n, unsigned char *out)
{
	size_t		len = 0;

	for (size_t i = 0; i < n;)
	{
		size_t		k = utf8_length(in + i, n - i);

		if (k > 0)
		{
			memcpy(out + len, in + i, k);
			len += k;
			i += k;
		}
		else
		{
			if (in[i] != 0)
			{
				memcpy(out + len, "\xEF\xBF\xBD", 3);
				len += 3;
			}
			i++;
		}
	}
	return len;
}
