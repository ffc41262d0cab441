/*
 * policy_fuzz.c
 *		Lists of hosts, addresses, headers and secrets, against what must hold.
 *
 * A list allows what its items allow, each for itself; a malformed one allows
 * nothing; nothing but the host and what lies below it gets through an item. An
 * IPv4 address is public exactly if its forms within IPv6 are. A header that
 * passes is one line. No secret is left in a text.
 *
 * Cores: send/policy.c
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "input.h"
#include "send/policy.h"

#define MAX 64

/* A short string; half of the time of bytes that mean something to the parser. */
static char *
take_string(Input *in)
{
	static const char meaning[] = "ab.*-:,[]0159/_ @<>\r\n\tZ%";
	size_t		len = take8(in) % MAX;
	bool		plain = take8(in) & 1;
	char	   *s = malloc(len + 1);

	for (size_t i = 0; i < len; i++)
	{
		uint32_t	b = take8(in);

		s[i] = plain ? meaning[b % (sizeof meaning - 1)] : (char) (b ? b : 1);
	}
	s[len] = '\0';
	return s;
}

static bool
valid(const char *list)
{
	const char *bad;
	size_t		badlen;

	if (policy_hosts_valid(list, &bad, &badlen))
		return true;
	MUST(bad >= list && badlen > 0 && bad + badlen <= list + strlen(list));
	return false;
}

static bool
has_item(const char *list)
{
	return strspn(list, ", \t\r\n\v\f") < strlen(list);
}

static char *
join(const char *a, const char *between, const char *b)
{
	char	   *s = malloc(strlen(a) + strlen(between) + strlen(b) + 1);

	sprintf(s, "%s%s%s", a, between, b);
	return s;
}

static void
hosts(Input *in)
{
	char	   *a = take_string(in);
	char	   *b = take_string(in);
	char	   *host = take_string(in);
	int			port = 1 + take16(in) % 65535;
	char	   *both = join(a, ",", b);
	char	   *below = join("a.", "", host);
	char	   *item = join("*.", "", host);
	bool		allowed = policy_host_allowed(both, host, port);

	MUST(valid(both) == (valid(a) && valid(b)));
	if (!valid(both))
		MUST(!allowed);
	else if (*a && *b)
		MUST(allowed == (policy_host_allowed(a, host, port) || policy_host_allowed(b, host, port)));

	/* a single host, and what lies below it */
	if (*host && valid(host) && has_item(host) && strpbrk(host, "*:, \t\r\n\v\f[") == NULL)
	{
		MUST(policy_host_allowed(host, host, port));
		MUST(!policy_host_allowed(host, below, port));
		MUST(policy_host_allowed(item, below, port));
		MUST(!policy_host_allowed(item, host, port));
	}
	MUST(!policy_host_allowed("example.com", host, port) || strncasecmp(host, "example.com", 11) == 0);
	MUST(!policy_host_allowed("*", "", port));
	free(a);
	free(b);
	free(host);
	free(both);
	free(below);
	free(item);
}

static bool
public4(uint32_t a)
{
	struct sockaddr_in in = {.sin_family = AF_INET,.sin_addr.s_addr = htonl(a)};

	return policy_address_public((struct sockaddr *) &in);
}

static bool
public6(const char *prefix, uint32_t a, int at)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};

	MUST(inet_pton(AF_INET6, prefix, &in6.sin6_addr) == 1);
	a = htonl(a);
	memcpy(in6.sin6_addr.s6_addr + at, &a, 4);
	return policy_address_public((struct sockaddr *) &in6);
}

static void
addresses(Input *in)
{
	static const uint32_t first[] = {10, 127, 169, 172, 192, 100, 0, 8, 198, 203, 224, 255};
	uint32_t	a = first[take8(in) % 12] << 24;

	a |= take16(in) << 8;
	a |= take8(in);
	MUST(public6("::ffff:0:0", a, 12) == public4(a));
	MUST(public6("64:ff9b::", a, 12) == public4(a));
	MUST(public6("2002::1", a, 2) == public4(a));
	MUST(!public6("::", a, 12));
	MUST(!public6("fe80::", a, 12) && !public6("fc00::", a, 12) && !public6("2001::", a, 12));
	MUST(public6("2606:4700::", a, 12));
	if (a >> 24 == 10 || a >> 24 == 127 || a >> 16 == 0xA9FE || a >> 20 == 0xAC1 || a >> 16 == 0xC0A8 || a >> 24 >= 224)
		MUST(!public4(a));
	if (a >> 24 == 8)
		MUST(public4(a));
}

static void
words(Input *in)
{
	char	   *line = take_string(in);
	char	   *secret = take_string(in);
	char	   *rest = take_string(in);
	char	   *text = join(line, secret, rest);

	if (policy_header_valid(line))
		MUST(strchr(line, ':') > line && strpbrk(line, "\r\n") == NULL);
	if (policy_mailbox_valid(line))
		MUST(strchr(line, '@') != NULL && strpbrk(line, " \r\n<>\t") == NULL);
	policy_redact(text, secret);
	if (strlen(secret) >= 4 && strchr(secret, '*') == NULL)
		MUST(strstr(text, secret) == NULL && strstr(text, "***") != NULL);
	free(line);
	free(secret);
	free(rest);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Input		in = {data, data + size};

	hosts(&in);
	addresses(&in);
	words(&in);
	return 0;
}
