/*
 * main.c
 *		tracer-gateway: HTTP on one side, tracer.ingest() on the other.
 *
 * Tools speak HTTP, and a database should not listen for it. This program does,
 * with the rights of a writer, and keeps nothing: what it answers 2xx has been
 * committed, what it has not answered is the sender's to send again.
 *
 *   server.c    sockets, deadlines        request.c   one request's life
 *   route.c     paths                     reply.c     answers
 *   tokens.c    who may send              signature.c, secrets.c  who signed
 *   pool.c      threads and the queue     database.c  one transaction
 *
 * The main thread has no work of its own: it waits for signals and closes
 * connections whose time is up. SIGHUP reads the secrets again. SIGTERM stops:
 * no new connections, every request under way is answered, then the threads
 * end.
 */
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config.h"
#include "pool.h"
#include "secrets.h"
#include "server.h"
#include "tokens.h"

#ifndef VERSION
#define VERSION "unknown"
#endif

static void
usage(FILE *f)
{
	fputs("Usage: tracer-gateway [-c FILE] [-o NAME=VALUE]... [-t]\n\n"
		  "Takes alerts over HTTP and hands them to tracer in PostgreSQL.\n\n"
		  "  -c FILE        read settings from this file\n"
		  "  -o NAME=VALUE  one setting; the last one counts\n"
		  "  -t             check the settings and stop\n"
		  "  -V, --version\n"
		  "  -h, --help\n\n"
		  "tracer-gateway(8) describes the settings.\n", f);
}

/* Reads the command line; -1: go on, else the exit status. */
static int
read_options(int argc, char **argv, Config *config)
{
	static const struct option longs[] = {{"version", 0, NULL, 'V'}, {"help", 0, NULL, 'h'}, {0}};
	bool		ok = true;
	bool		only_test = false;
	int			c;

	while ((c = getopt_long(argc, argv, "c:o:tVh", longs, NULL)) != -1)
	{
		char	   *equals;

		switch (c)
		{
			case 'c':
				ok = config_read(config, optarg) && ok;
				break;
			case 'o':
				equals = strchr(optarg, '=');
				if (equals)
					*equals = '\0';
				else
					log_line("-o %s should be name=value", optarg);
				ok = equals && config_set(config, optarg, equals + 1) && ok;
				break;
			case 't':
				only_test = true;
				break;
			case 'V':
				puts("tracer-gateway " VERSION);
				return 0;
			case 'h':
				usage(stdout);
				return 0;
			default:
				usage(stderr);
				return 2;
		}
	}
	if (optind < argc)
	{
		log_line("what is %s?", argv[optind]);
		ok = false;
	}
	if (!ok || !config_check(config) || !secrets_load(config->secrets))
		return 2;
	return only_test ? 0 : -1;
}

/* Until every request is answered, or the time for that is over. */
static void
drain(const Config *config)
{
	double		until = now_seconds() + (double) config->drain_timeout;
	struct timespec pause = {0, 20 * 1000 * 1000};

	server_drain();
	while (server_in_flight() > 0 && now_seconds() < until)
	{
		nanosleep(&pause, NULL);
		server_reap();
	}
}

int
main(int argc, char **argv)
{
	Config		config;
	sigset_t	signals;
	struct timespec second = {1, 0};
	int			status;
	int			sig;

	config_init(&config);
	status = read_options(argc, argv, &config);
	if (status >= 0)
	{
		secrets_free();
		config_free(&config);
		return status;
	}

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);

	pool_start(&config);
	if (server_start(&config))
	{
		while ((sig = sigtimedwait(&signals, NULL, &second)) != SIGTERM && sig != SIGINT)
		{
			server_reap();
			if (sig == SIGHUP && secrets_load(config.secrets))
				log_line("read the secrets again");
		}
		log_line("stopping");
		drain(&config);
		pool_stop();
		server_stop();
		status = 0;
	}
	else
	{
		pool_stop();
		status = 1;
	}
	tokens_replace(NULL, 0);
	secrets_free();
	config_free(&config);
	return status;
}
