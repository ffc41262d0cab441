/*
 * util.c
 *		Memory that is never NULL, a growing buffer, and log lines.
 *
 * What a client can make us allocate is bounded before it is asked for (body
 * and memory limits, the connection's own pool), so that running out of memory
 * is the machine's trouble, not a request's: the process ends and is started
 * again. Nothing is lost by that, because nothing was answered.
 */
#include "util.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void *
not_null(void *p)
{
	if (p == NULL)
	{
		log_line("out of memory");
		abort();
	}
	return p;
}

void *
xmalloc(size_t n)
{
	return not_null(malloc(n ? n : 1));
}

void *
xcalloc(size_t n)
{
	return not_null(calloc(1, n ? n : 1));
}

char *
xstrdup(const char *s)
{
	return not_null(strdup(s));
}

char *
xstrndup(const char *s, size_t n)
{
	return not_null(strndup(s, n));
}

/* Room for that many bytes more and a NUL. */
void
buf_reserve(Buf *b, size_t more)
{
	size_t		need = b->len + more + 1;

	if (need > b->cap)
	{
		b->cap = b->cap * 2 > need ? b->cap * 2 : need;
		b->data = not_null(realloc(b->data, b->cap));
	}
}

void
buf_add(Buf *b, const void *data, size_t n)
{
	buf_reserve(b, n);
	if (n)
		memcpy(b->data + b->len, data, n);
	b->len += n;
	b->data[b->len] = '\0';
}

void
buf_puts(Buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void
buf_printf(Buf *b, const char *format,...)
{
	va_list		args;
	int			n;

	va_start(args, format);
	n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	buf_reserve(b, n);
	va_start(args, format);
	vsnprintf(b->data + b->len, n + 1, format, args);
	va_end(args);
	b->len += n;
}

void
buf_free(Buf *b)
{
	free(b->data);
	memset(b, 0, sizeof *b);
}

double
now_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

void
log_line(const char *format,...)
{
	char		line[1024];
	int			n;
	va_list		args;

	va_start(args, format);
	n = vsnprintf(line, sizeof line, format, args);
	va_end(args);
	if (n >= (int) sizeof line)
		n = sizeof line - 1;
	/* Words from elsewhere (libpq, MHD) come with line breaks of their own. */
	for (int i = 0; i < n; i++)
		if ((unsigned char) line[i] < ' ')
			line[i] = ' ';
	while (n > 0 && line[n - 1] == ' ')
		line[--n] = '\0';
	fprintf(stderr, "tracer-gateway: %s\n", line);
}
