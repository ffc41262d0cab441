/*
 * util.h
 *		Memory that is never NULL, a growing buffer, and log lines.
 */
#ifndef GATEWAY_UTIL_H
#define GATEWAY_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Buf
{
	char	   *data;			/* NUL-terminated as soon as it is not NULL */
	size_t		len;
	size_t		cap;
} Buf;

extern void *xmalloc(size_t n);
extern void *xcalloc(size_t n);
extern char *xstrdup(const char *s);
extern char *xstrndup(const char *s, size_t n);

extern void buf_reserve(Buf *b, size_t more);
extern void buf_add(Buf *b, const void *data, size_t n);
extern void buf_puts(Buf *b, const char *s);
extern void buf_printf(Buf *b, const char *format,...) __attribute__((format(printf, 2, 3)));
extern void buf_free(Buf *b);

/* Monotonic seconds. */
extern double now_seconds(void);

/* One line to stderr, where systemd's journal picks it up. */
extern void log_line(const char *format,...) __attribute__((format(printf, 1, 2)));

#endif							/* GATEWAY_UTIL_H */
