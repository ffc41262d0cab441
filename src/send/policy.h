/*
 * policy.h
 *		Where the sender may connect, and what may go into a request. Pure.
 */
#ifndef TRACER_SEND_POLICY_H
#define TRACER_SEND_POLICY_H

#include <stdbool.h>
#include <stddef.h>

struct sockaddr;

/*
 * Is the list well-formed? If not, *bad and *badlen tell the first item that is
 * not understood.
 */
extern bool policy_hosts_valid(const char *list, const char **bad, size_t *badlen);

/*
 * Does the list allow this host and port? The host is as in a URL: a name, an
 * IPv4 address or an IPv6 address in brackets. A malformed list allows nothing.
 */
extern bool policy_host_allowed(const char *list, const char *host, int port);

/* Is this an address of the public internet? Not so for families unknown. */
extern bool policy_address_public(const struct sockaddr *address);

/* May this be sent as a header line ("Name: value")? */
extern bool policy_header_valid(const char *line);

/* May this stand in an SMTP envelope? */
extern bool policy_mailbox_valid(const char *address);

/* Replaces every occurrence of a secret by three asterisks, in place. */
extern void policy_redact(char *text, const char *secret);

#endif							/* TRACER_SEND_POLICY_H */
