/*
 * similar.c
 *		Spelling and likeness of names.
 *
 * tracer_fold_name takes away what tools do to a name when they spell it:
 * quotes around its parts, and case. It is immutable in the strict sense (no
 * locale), as indexes are built on it.
 *
 * tracer_name_similarity scores two names for people to look at: by trigrams, as
 * pg_trgm counts them, for what was misspelt; where more is gained, half of it
 * by whole words, since what sets the names of two tools apart is mostly words
 * added in front ("model.shop.", a database). It is here, and not pg_trgm, so that scores do not depend on
 * another extension being installed, and because one name is compared with
 * every asset: what the first argument comes to is kept from call to call.
 */
#include "compat.h"

#include "common/hashfn.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

PG_FUNCTION_INFO_V1(tracer_fold_name);
PG_FUNCTION_INFO_V1(tracer_name_similarity);

/* What longer names share beyond this is not looked at. */
#define MAX_NAME 512

static inline bool
ends_part(const char *at, const char *end)
{
	return at == end || *at == '.' || *at == '/';
}

/*
 * The end of a quoted part that begins at `at`: its closing quote, with a dot,
 * a slash or nothing after it. NULL: what stands here is no quote.
 */
static const char *
closing_quote(const char *at, const char *end, char *quote)
{
	*quote = *at == '[' ? ']' : *at;
	if (*at != '"' && *at != '`' && *at != '[')
		return NULL;
	for (const char *p = at + 1; p < end; p++)
	{
		if (*p != *quote)
			continue;
		if (p + 1 < end && p[1] == *quote)
			p++;
		else
			return ends_part(p + 1, end) && p > at + 1 ? p : NULL;
	}
	return NULL;
}

/* Folds name into out, which has room for it; returns the length. */
static int
fold(const char *name, int len, char *out)
{
	const char *end = name + len;
	const char *closing = NULL;
	bool		begins = true;
	char		quote = 0;
	int			n = 0;

	for (const char *p = name; p < end; p++)
	{
		if (begins && closing == NULL && (closing = closing_quote(p, end, &quote)) != NULL)
		{
			begins = false;
			continue;
		}
		if (p == closing)
		{
			closing = NULL;
			continue;
		}
		begins = closing == NULL && ends_part(p, end);
		out[n++] = *p >= 'A' && *p <= 'Z' ? *p + ('a' - 'A') : *p;
		if (closing != NULL && *p == quote)
			p++;				/* a doubled quote stands for one */
	}
	return n;
}

Datum
tracer_fold_name(PG_FUNCTION_ARGS)
{
	text	   *name = PG_GETARG_TEXT_PP(0);
	text	   *out = palloc(VARHDRSZ + VARSIZE_ANY_EXHDR(name));
	int			n = fold(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name), VARDATA(out));

	SET_VARSIZE(out, VARHDRSZ + n);
	PG_RETURN_TEXT_P(out);
}

/* A name as the set of its trigrams and of its words, both ascending. */
typedef struct Parts
{
	int			len;
	char		folded[MAX_NAME];
	int			ntrigrams;
	uint32		trigram[MAX_NAME * 2];
	int			nwords;
	int			letters;		/* in all words */
	uint32		word[MAX_NAME];
	int			length[MAX_NAME];
} Parts;

/* Letters and digits make words; so does every byte beyond ASCII. */
static inline bool
in_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c & 0x80);
}

static int
compare_uint32(const void *a, const void *b)
{
	uint32		x = *(const uint32 *) a,
				y = *(const uint32 *) b;

	return (x > y) - (x < y);
}

static int
unique(uint32 *v, int n)
{
	int			k = 0;

	qsort(v, n, sizeof(uint32), compare_uint32);
	for (int i = 0; i < n; i++)
		if (i == 0 || v[i] != v[i - 1])
			v[k++] = v[i];
	return k;
}

/* Trigrams of a word with two blanks before it and one after. */
static void
add_word(Parts *p, const char *word, int len)
{
	unsigned char a = ' ',
				b = ' ';
	uint32		h = hash_bytes((const unsigned char *) word, len);

	for (int i = 0; i <= len; i++)
	{
		unsigned char c = i < len ? (unsigned char) word[i] : ' ';

		p->trigram[p->ntrigrams++] = ((uint32) a << 16) | ((uint32) b << 8) | c;
		a = b;
		b = c;
	}
	for (int i = 0; i < p->nwords; i++)
		if (p->word[i] == h)
			return;
	p->word[p->nwords] = h;
	p->length[p->nwords++] = len;
	p->letters += len;
}

static void
take_apart(Parts *p, const text *name)
{
	int			len = Min(VARSIZE_ANY_EXHDR(name), MAX_NAME);
	int			from = -1;

	p->len = fold(VARDATA_ANY(name), len, p->folded);
	p->ntrigrams = p->nwords = p->letters = 0;
	for (int i = 0; i <= p->len; i++)
	{
		bool		inside = i < p->len && in_word(p->folded[i]);

		if (inside && from < 0)
			from = i;
		if (!inside && from >= 0)
		{
			add_word(p, p->folded + from, i - from);
			from = -1;
		}
	}
	p->ntrigrams = unique(p->trigram, p->ntrigrams);
}

static double
likeness(const Parts *a, const Parts *b)
{
	int			common = 0,
				letters = 0;
	double		trigrams,
				words;

	if (a->len == b->len && memcmp(a->folded, b->folded, a->len) == 0)
		return 1;
	if (a->letters == 0 || b->letters == 0)
		return 0;
	for (int i = 0, j = 0; i < a->ntrigrams && j < b->ntrigrams;)
	{
		if (a->trigram[i] == b->trigram[j])
			common++, i++, j++;
		else if (a->trigram[i] < b->trigram[j])
			i++;
		else
			j++;
	}
	for (int i = 0; i < a->nwords; i++)
		for (int j = 0; j < b->nwords; j++)
			if (a->word[i] == b->word[j])
				letters += a->length[i];
	trigrams = (double) common / (a->ntrigrams + b->ntrigrams - common);
	words = (double) letters / Min(a->letters, b->letters);
	return Min(0.99, Max(trigrams, (trigrams + words) / 2));
}

/* What the first argument came to last, and room for the second. */
typedef struct Memo
{
	int			len;			/* -1: nothing yet */
	char		name[MAX_NAME];
	Parts		first;
	Parts		second;
} Memo;

Datum
tracer_name_similarity(PG_FUNCTION_ARGS)
{
	text	   *a = PG_GETARG_TEXT_PP(0);
	text	   *b = PG_GETARG_TEXT_PP(1);
	int			len = Min(VARSIZE_ANY_EXHDR(a), MAX_NAME);
	Memo	   *m = fcinfo->flinfo->fn_extra;

	if (m == NULL)
	{
		m = fcinfo->flinfo->fn_extra = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(Memo));
		m->len = -1;
	}
	if (m->len != len || memcmp(m->name, VARDATA_ANY(a), len) != 0)
	{
		take_apart(&m->first, a);
		memcpy(m->name, VARDATA_ANY(a), len);
		m->len = len;
	}
	take_apart(&m->second, b);
	PG_RETURN_FLOAT4((float4) likeness(&m->first, &m->second));
}
