/*
 * drive.c
 *		The sender's HTTP side alone, without a server: requests in, answers out.
 *
 *		drive [-p] [-a HOSTS] [-c CA-FILE] [-n AT-ONCE] [-w MS] <requests
 *
 * -p allows private addresses. -w looks at nothing for so long as soon as the first
 * requests are under way. A request is a line of fields with tabs between
 * them: timeout in ms, method, URL, body, and any number of
 *
 *		header=Name: value	secret=...	from=...	to=...	user=...	password=...	starttls
 *
 * where \n in the body stands for CR LF. An answer is a line
 *
 *		number of the request, status, retry_after, bytes of the response, error or response
 *
 * in the order in which they come. After the last one, "longest" with the
 * longest time that one call into the library took, in ms, and "threads" with
 * how many of this process's threads do not block SIGUSR1.
 */
#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "send/http.h"

#define FIELDS 40

typedef struct Line
{
	int			number;
	char	   *text;
	HttpRequest request;
	const char *headers[FIELDS];
	const char *to[FIELDS];
	const char *secrets[FIELDS];
} Line;

static double longest;
static int	open_threads;

static double
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static char *
unescape(char *s)
{
	char	   *out = malloc(strlen(s) + 1);
	char	   *to = out;

	for (; *s; s++)
	{
		if (s[0] == '\\' && s[1] == 'n')
		{
			*to++ = '\r';
			*to++ = '\n';
			s++;
		}
		else
			*to++ = *s;
	}
	*to = '\0';
	return out;
}

static Line *
read_line(int number)
{
	static char buf[200000];
	Line	   *l;
	char	   *field;
	char	   *rest;

	if (fgets(buf, sizeof buf, stdin) == NULL)
		return NULL;
	buf[strcspn(buf, "\n")] = '\0';
	l = calloc(1, sizeof *l);
	l->number = number;
	l->text = rest = strdup(buf);
	l->request.tag = l;
	l->request.headers = l->headers;
	l->request.to = l->to;
	l->request.secrets = l->secrets;
	for (int i = 0; (field = strsep(&rest, "\t")) != NULL; i++)
	{
		if (i == 0)
			l->request.timeout_ms = atoi(field);
		else if (i == 1)
			l->request.method = field;
		else if (i == 2)
			l->request.url = field;
		else if (i == 3)
			l->request.body = unescape(field);
		else if (strncmp(field, "header=", 7) == 0)
			l->headers[l->request.nheaders++] = field + 7;
		else if (strncmp(field, "secret=", 7) == 0)
			l->secrets[l->request.nsecrets++] = field + 7;
		else if (strncmp(field, "to=", 3) == 0)
			l->to[l->request.nto++] = field + 3;
		else if (strncmp(field, "from=", 5) == 0)
			l->request.from = field + 5;
		else if (strncmp(field, "user=", 5) == 0)
			l->request.username = field + 5;
		else if (strncmp(field, "password=", 9) == 0)
			l->request.password = field + 9;
		else if (strcmp(field, "starttls") == 0)
			l->request.starttls = true;
	}
	return l;
}

/* Threads of the library must block what PostgreSQL handles. */
static void
look_at_threads(void)
{
	DIR		   *dir = opendir("/proc/self/task");
	struct dirent *entry;

	while (dir && (entry = readdir(dir)) != NULL)
	{
		char		path[300];
		char		buf[4096];
		char	   *mask;
		FILE	   *f;
		size_t		n;

		if (atoi(entry->d_name) == 0 || atoi(entry->d_name) == getpid())
			continue;
		snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
		if ((f = fopen(path, "r")) == NULL)
			continue;
		n = fread(buf, 1, sizeof buf - 1, f);
		buf[n] = '\0';
		fclose(f);
		/* of one that is ending nothing is known, not even that it ignores SIGPIPE */
		mask = strstr(buf, "SigIgn:");
		if (mask == NULL || !(strtoull(mask + 7, NULL, 16) & (1ULL << (SIGPIPE - 1))))
			continue;
		mask = strstr(buf, "SigBlk:");
		if (mask && !(strtoull(mask + 7, NULL, 16) & (1ULL << (SIGUSR1 - 1))))
			open_threads++;
	}
	if (dir)
		closedir(dir);
}

static void
timed(void (*what) (HttpPool *), HttpPool *pool)
{
	double		t = now_ms();

	what(pool);
	if (now_ms() - t > longest)
		longest = now_ms() - t;
}

int
main(int argc, char **argv)
{
	HttpPolicy	policy = {"*", false, ""};
	HttpPool   *pool;
	const char *error;
	int			at_once = 64;
	int			away_ms = 0;
	int			number = 0;
	int			opt;
	Line	   *line = NULL;
	bool		more = true;
	double		began;

	while ((opt = getopt(argc, argv, "pa:c:n:w:")) != -1)
	{
		if (opt == 'p')
			policy.allow_private = true;
		else if (opt == 'a')
			policy.allowed_hosts = optarg;
		else if (opt == 'c')
			policy.ca_file = optarg;
		else if (opt == 'n')
			at_once = atoi(optarg);
		else if (opt == 'w')
			away_ms = atoi(optarg);
		else
			return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	if ((pool = http_open(&error)) == NULL || !http_set_policy(pool, &policy))
	{
		fprintf(stderr, "%s\n", error);
		return 1;
	}
	began = now_ms();
	while (more || http_running(pool) > 0 || http_timeout_ms(pool) == 0)
	{
		struct pollfd fd = {http_descriptor(pool), POLLIN, 0};
		HttpAnswer *answer;

		while (more && http_running(pool) < at_once)
		{
			if ((line = read_line(++number)) == NULL)
				more = false;
			else if (!http_start(pool, &line->request))
				return 1;
		}
		/* All of them may have been answered at once, and no line be left. */
		poll(&fd, 1, http_running(pool) == 0 ? 0 : away_ms > 0 ? 10 : (int) http_timeout_ms(pool));
		timed(http_drive, pool);
		look_at_threads();
		if (away_ms > 0 && now_ms() - began > 300)
		{
			usleep(away_ms * 1000);
			http_was_away(pool, away_ms);
			away_ms = 0;
		}
		while ((answer = http_answer(pool)) != NULL)
		{
			Line	   *l = answer->tag;

			printf("%d\t%d\t%g\t%zu\t%.200s\n", l->number, answer->status, answer->retry_after,
				   answer->response ? strlen(answer->response) : 0,
				   answer->error ? answer->error : answer->response ? answer->response : "");
			fflush(stdout);
			http_release(answer);
			free((char *) l->request.body);
			free(l->text);
			free(l);
		}
	}
	timed(http_close, pool);
	printf("longest\t%.1f\nthreads\t%d\n", longest, open_threads);
	return 0;
}
