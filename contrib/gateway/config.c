/*
 * config.c
 *		What the configuration file says.
 *
 * Lines of name = value; # begins a comment at the start of a line. A name
 * that is not known, or a value that is not possible, is an error at start.
 */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum Unit
{
	TEXT,
	NUMBER,						/* counts, seconds */
	BYTES						/* with kB, MB or GB */
} Unit;

static const struct
{
	const char *name;
	size_t		offset;
	Unit		unit;
	const char *initial;
	long		min;
	long		max;
}			entries[] = {
#define ENTRY(name, ...) {#name, offsetof(Config, name), __VA_ARGS__}
	ENTRY(listen, TEXT, "127.0.0.1:9097", 0, 0),
	ENTRY(database, TEXT, "", 0, 0),
	ENTRY(secrets, TEXT, NULL, 0, 0),
	ENTRY(tls_certificate, TEXT, NULL, 0, 0),
	ENTRY(tls_key, TEXT, NULL, 0, 0),
	ENTRY(connections, NUMBER, "2", 1, 64),
	ENTRY(http_threads, NUMBER, "1", 1, 64),
	ENTRY(http_connections, NUMBER, "1000", 1, 100000),
	ENTRY(body_limit, BYTES, "5MB", 1024, 1000L * 1024 * 1024),
	ENTRY(memory_limit, BYTES, "512MB", 1024 * 1024, LONG_MAX),
	ENTRY(batch_limit, NUMBER, "64", 1, 1000),
	ENTRY(receive_timeout, NUMBER, "30", 1, 3600),
	ENTRY(idle_timeout, NUMBER, "75", 1, 3600),
	ENTRY(database_timeout, NUMBER, "30", 1, 3600),
	ENTRY(drain_timeout, NUMBER, "20", 0, 3600),
	ENTRY(links_per_minute, NUMBER, "120", 1, 1000000),
	ENTRY(retry_after, NUMBER, "5", 1, 3600),
#undef ENTRY
};

#define N_ENTRIES (sizeof entries / sizeof entries[0])

/* Digits, and for bytes a unit; -1 if it is anything else. */
static long
parse_number(const char *value, bool bytes)
{
	static const struct
	{
		const char *name;
		long		factor;
	}			units[] = {{"", 1}, {"B", 1}, {"kB", 1024}, {"MB", 1024 * 1024}, {"GB", 1024 * 1024 * 1024}};
	char	   *end;
	long		n;

	errno = 0;
	n = strtol(value, &end, 10);
	if (!isdigit((unsigned char) *value) || errno)
		return -1;
	end += strspn(end, " ");
	for (size_t i = 0; i < (bytes ? 5 : 1); i++)
		if (strcmp(end, units[i].name) == 0)
			return n <= LONG_MAX / units[i].factor ? n * units[i].factor : -1;
	return -1;
}

bool
config_set(Config *c, const char *name, const char *value)
{
	for (size_t i = 0; i < N_ENTRIES; i++)
	{
		void	   *slot = (char *) c + entries[i].offset;

		if (strcmp(entries[i].name, name) != 0)
			continue;
		if (entries[i].unit == TEXT)
		{
			free(*(char **) slot);
			*(char **) slot = value ? xstrdup(value) : NULL;
			return true;
		}
		*(long *) slot = parse_number(value, entries[i].unit == BYTES);
		if (*(long *) slot >= entries[i].min && *(long *) slot <= entries[i].max)
			return true;
		log_line("%s = %s is not possible: it is a number from %ld to %ld%s", name, value,
				 entries[i].min, entries[i].max, entries[i].unit == BYTES ? ", in bytes, kB, MB or GB" : "");
		return false;
	}
	log_line("there is no setting named %s", name);
	return false;
}

void
config_init(Config *c)
{
	memset(c, 0, sizeof *c);
	for (size_t i = 0; i < N_ENTRIES; i++)
		config_set(c, entries[i].name, entries[i].initial);
}

static char *
trimmed(char *s)
{
	size_t		n;

	while (isspace((unsigned char) *s))
		s++;
	for (n = strlen(s); n > 0 && isspace((unsigned char) s[n - 1]); n--)
		s[n - 1] = '\0';
	return s;
}

bool
config_read(Config *c, const char *path)
{
	FILE	   *f = fopen(path, "r");
	char	   *line = NULL;
	size_t		cap = 0;
	bool		ok = true;

	if (f == NULL)
	{
		log_line("cannot open %s: %s", path, strerror(errno));
		return false;
	}
	for (int n = 1; getline(&line, &cap, f) > 0; n++)
	{
		char	   *name = trimmed(line);
		char	   *equals = strchr(name, '=');

		if (*name == '\0' || *name == '#')
			continue;
		if (equals)
			*equals = '\0';
		if (equals == NULL || !config_set(c, trimmed(name), trimmed(equals + 1)))
		{
			log_line("%s, line %d: it should be name = value", path, n);
			ok = false;
		}
	}
	free(line);
	fclose(f);
	return ok;
}

/* What no single line can get wrong. */
bool
config_check(const Config *c)
{
	if ((c->tls_certificate == NULL) != (c->tls_key == NULL))
	{
		log_line("tls_certificate and tls_key go together");
		return false;
	}
	if (c->body_limit > c->memory_limit)
	{
		log_line("body_limit is above memory_limit: no such body could be taken");
		return false;
	}
	return true;
}

void
config_free(Config *c)
{
	for (size_t i = 0; i < N_ENTRIES; i++)
		if (entries[i].unit == TEXT)
			free(*(char **) ((char *) c + entries[i].offset));
}
