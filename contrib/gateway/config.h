/*
 * config.h
 *		What the configuration file says.
 */
#ifndef GATEWAY_CONFIG_H
#define GATEWAY_CONFIG_H

#include "util.h"

typedef struct Config
{
	char	   *listen;			/* address:port */
	char	   *database;		/* libpq's connection string */
	char	   *secrets;		/* directory, or NULL */
	char	   *tls_certificate;	/* PEM files, or NULL */
	char	   *tls_key;
	long		connections;	/* to the database */
	long		http_threads;
	long		http_connections;	/* at most */
	long		body_limit;		/* bytes, where no token says otherwise */
	long		memory_limit;	/* bytes of all bodies at one time */
	long		batch_limit;	/* requests in one transaction */
	long		receive_timeout;	/* seconds for one whole request */
	long		idle_timeout;	/* seconds between requests */
	long		database_timeout;	/* seconds for one transaction */
	long		drain_timeout;	/* seconds at the end */
	long		links_per_minute;	/* pages that one address may ask for */
	long		retry_after;	/* seconds that senders are told */
} Config;

extern void config_init(Config *c);
extern bool config_set(Config *c, const char *name, const char *value);
extern bool config_read(Config *c, const char *path);
extern bool config_check(const Config *c);
extern void config_free(Config *c);

#endif							/* GATEWAY_CONFIG_H */
