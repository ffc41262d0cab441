/*
 * secrets.c
 *		The secrets with which tools sign.
 *
 * A directory with a file for each tool (github, slack, pagerduty, ...), one
 * secret a line: two while one is being replaced. systemd hands such a
 * directory over with LoadCredential. Read at start and on SIGHUP; a file that
 * cannot be read leaves all as it was.
 */
#include "secrets.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SCHEMES 16

typedef struct Secrets
{
	char	  **secret;
	size_t		n;
} Secrets;

static Secrets known[MAX_SCHEMES];
static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;

static void
forget(Secrets *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->secret[i]);
	free(s->secret);
	memset(s, 0, sizeof *s);
}

static bool
read_file(const char *path, Secrets *s)
{
	FILE	   *f = fopen(path, "r");
	char	   *line = NULL;
	size_t		cap = 0;
	bool		ok;

	if (f == NULL)
		return errno == ENOENT;
	while (getline(&line, &cap, f) > 0)
	{
		line[strcspn(line, "\r\n")] = '\0';
		if (*line)
		{
			s->secret = realloc(s->secret, (s->n + 1) * sizeof *s->secret);
			if (s->secret == NULL)
				abort();
			s->secret[s->n++] = xstrdup(line);
		}
	}
	ok = !ferror(f);
	free(line);
	fclose(f);
	return ok;
}

bool
secrets_load(const char *directory)
{
	Secrets		fresh[MAX_SCHEMES] = {{0}};
	bool		ok = true;

	for (size_t i = 0; directory && i < n_signature_schemes; i++)
	{
		Buf			path = {0};

		buf_printf(&path, "%s/%s", directory, signature_schemes[i].source);
		if (!read_file(path.data, &fresh[i]))
		{
			log_line("cannot read the secrets in %s: %s", path.data, strerror(errno));
			ok = false;
		}
		buf_free(&path);
	}
	if (ok)
	{
		Secrets		old[MAX_SCHEMES];

		pthread_rwlock_wrlock(&lock);
		memcpy(old, known, sizeof old);
		memcpy(known, fresh, sizeof fresh);
		pthread_rwlock_unlock(&lock);
		memcpy(fresh, old, sizeof old);
	}
	for (size_t i = 0; i < MAX_SCHEMES; i++)
		forget(&fresh[i]);
	return ok;
}

bool
secrets_has(const Scheme *scheme)
{
	bool		has;

	pthread_rwlock_rdlock(&lock);
	has = scheme && known[scheme - signature_schemes].n > 0;
	pthread_rwlock_unlock(&lock);
	return has;
}

bool
secrets_accept(const Scheme *scheme, HeaderLookup header, void *cls, const char *body, size_t len)
{
	const Secrets *s = &known[scheme - signature_schemes];
	bool		valid = false;

	pthread_rwlock_rdlock(&lock);
	for (size_t i = 0; i < s->n && !valid; i++)
		valid = signature_is_valid(scheme, s->secret[i], header, cls, body, len, time(NULL));
	pthread_rwlock_unlock(&lock);
	return valid;
}

void
secrets_free(void)
{
	secrets_load(NULL);
}
