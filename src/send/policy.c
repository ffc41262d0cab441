/*
 * policy.c
 *		Where the sender may connect, and what may go into a request.
 *
 * A list of hosts is a string with commas between its items, read anew at each
 * use: lists are short, and so nothing needs memory. An item is
 *
 *		*				any host
 *		example.com		that host
 *		*.example.com	every host below example.com, not itself
 *		192.0.2.7		that address, where a URL names it
 *		[2001:db8::7]	likewise
 *
 * each with an optional ":port"; without one it allows every port. An empty
 * string allows any host, too. Names are
 * compared without regard to case or a dot at the end. Hosts come from the URL
 * parser of the library that connects, so that both see the same host: what is
 * spelled 0x7f.1 arrives here as 127.0.0.1.
 *
 * Names say nothing about where they lead. Addresses are judged on their own,
 * after resolution, when the socket is opened. Of IPv6 only what is assigned to
 * the public internet is public; an IPv4 address inside of an IPv6 one (mapped,
 * NAT64, 6to4) is judged as the IPv4 address.
 */
#include "send/policy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

typedef struct HostItem
{
	const char *host;			/* not terminated */
	size_t		len;
	int			port;			/* 0: any */
	bool		any;			/* "*" */
	bool		below;			/* "*." came before host */
} HostItem;

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool
is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
parse_port(const char *p, size_t len, int *port)
{
	int			n = 0;

	if (len == 0 || len > 5)
		return false;
	for (size_t i = 0; i < len; i++)
	{
		if (p[i] < '0' || p[i] > '9')
			return false;
		n = n * 10 + (p[i] - '0');
	}
	*port = n;
	return n > 0 && n <= 65535;
}

/* An IPv6 address in brackets, as its 16 bytes. */
static bool
parse_brackets(const char *p, size_t len, struct in6_addr *address)
{
	char		text[INET6_ADDRSTRLEN];

	if (len < 4 || len - 2 >= sizeof text || p[0] != '[' || p[len - 1] != ']')
		return false;
	memcpy(text, p + 1, len - 2);
	text[len - 2] = '\0';
	return inet_pton(AF_INET6, text, address) == 1;
}

static bool
is_name(const char *p, size_t len)
{
	if (len == 0 || len > 255)
		return false;
	for (size_t i = 0; i < len; i++)
	{
		if (p[i] == '.' ? (i == 0 || p[i - 1] == '.') : !(is_alnum(p[i]) || p[i] == '-' || p[i] == '_'))
			return false;
	}
	return true;
}

static bool
parse_item(const char *p, size_t len, HostItem *item)
{
	const char *host_end = p + len;
	const char *colon;
	struct in6_addr unused;

	memset(item, 0, sizeof *item);
	colon = memchr(p, ':', len);
	if (p[0] == '[')
	{
		const char *close = memchr(p, ']', len);

		if (close == NULL)
			return false;
		colon = close + 1 < host_end ? close + 1 : NULL;
		if (colon != NULL && *colon != ':')
			return false;
	}
	if (colon != NULL)
	{
		if (!parse_port(colon + 1, host_end - colon - 1, &item->port))
			return false;
		host_end = colon;
	}
	item->host = p;
	item->len = host_end - p;
	if (item->len > 0 && p[0] == '[')
		return parse_brackets(item->host, item->len, &unused);
	if (item->len == 1 && p[0] == '*')
	{
		item->any = true;
		return true;
	}
	if (item->len > 2 && p[0] == '*' && p[1] == '.')
	{
		item->below = true;
		item->host += 2;
		item->len -= 2;
	}
	if (!is_name(item->host, item->len))
		return false;
	if (item->host[item->len - 1] == '.')
		item->len--;
	return true;
}

/*
 * The item at *p, without the space around it; moves *p behind it. False at the
 * end of the list. Empty items are skipped: a comma too many does no harm.
 */
static bool
next_item(const char **p, const char **start, size_t *len)
{
	for (;;)
	{
		const char *from = *p;
		const char *to;

		while (is_space(*from) || *from == ',')
			from++;
		if (*from == '\0')
			return false;
		to = from + strcspn(from, ",");
		*p = to;
		while (to > from && is_space(to[-1]))
			to--;
		*start = from;
		*len = to - from;
		return true;
	}
}

bool
policy_hosts_valid(const char *list, const char **bad, size_t *badlen)
{
	HostItem	item;

	while (next_item(&list, bad, badlen))
	{
		if (!parse_item(*bad, *badlen, &item))
			return false;
	}
	return true;
}

static bool
item_matches(const HostItem *item, const char *host, size_t len)
{
	struct in6_addr theirs,
				ours;

	if (item->any)
		return true;
	if (item->host[0] == '[')
		return parse_brackets(host, len, &theirs) && parse_brackets(item->host, item->len, &ours) &&
			memcmp(&theirs, &ours, sizeof ours) == 0;
	if (item->below)
		return len > item->len + 1 && host[len - item->len - 1] == '.' &&
			strncasecmp(host + len - item->len, item->host, item->len) == 0;
	return len == item->len && strncasecmp(host, item->host, len) == 0;
}

bool
policy_host_allowed(const char *list, const char *host, int port)
{
	const char *start;
	size_t		len;
	size_t		hostlen = strlen(host);
	HostItem	item;
	bool		allowed = list[0] == '\0';

	if (hostlen > 0 && host[hostlen - 1] == '.')
		hostlen--;
	if (hostlen == 0)
		return false;
	while (next_item(&list, &start, &len))
	{
		if (!parse_item(start, len, &item))
			return false;
		if ((item.port == 0 || item.port == port) && item_matches(&item, host, hostlen))
			allowed = true;
	}
	return allowed;
}

/* What IANA's registry of special addresses keeps off the public internet. */
static bool
ipv4_public(uint32_t a)
{
	static const struct
	{
		uint32_t	net;
		int			bits;
	}			special[] = {
		{0x00000000, 8},		/* this network */
		{0x0A000000, 8},		/* private */
		{0x64400000, 10},		/* carriers' NAT */
		{0x7F000000, 8},		/* loopback */
		{0xA9FE0000, 16},		/* link-local, the clouds' metadata services */
		{0xAC100000, 12},		/* private */
		{0xC0000000, 24},		/* protocol assignments */
		{0xC0000200, 24},		/* documentation */
		{0xC0586300, 24},		/* 6to4 relays */
		{0xC0A80000, 16},		/* private */
		{0xC6120000, 15},		/* benchmarks */
		{0xC6336400, 24},		/* documentation */
		{0xCB007100, 24},		/* documentation */
		{0xE0000000, 3},		/* multicast, reserved, broadcast */
	};

	for (size_t i = 0; i < sizeof special / sizeof special[0]; i++)
	{
		if ((a ^ special[i].net) >> (32 - special[i].bits) == 0)
			return false;
	}
	return true;
}

static uint32_t
big_endian(const uint8_t *p)
{
	return (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16 | (uint32_t) p[2] << 8 | p[3];
}

static bool
ipv6_public(const uint8_t *a)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
	static const uint8_t nat64[12] = {0, 0x64, 0xFF, 0x9B};

	if (memcmp(a, mapped, 12) == 0 || memcmp(a, nat64, 12) == 0)
		return ipv4_public(big_endian(a + 12));
	if (a[0] == 0x20 && a[1] == 0x02)	/* 6to4 */
		return ipv4_public(big_endian(a + 2));
	if ((a[0] & 0xE0) != 0x20)	/* global unicast is 2000::/3 */
		return false;
	if (a[0] == 0x20 && a[1] == 0x01 && (a[2] & 0xFE) == 0)	/* Teredo and other protocols */
		return false;
	if (big_endian(a) == 0x20010DB8)	/* documentation */
		return false;
	return !(a[0] == 0x3F && a[1] == 0xFF && (a[2] & 0xF0) == 0);	/* documentation */
}

bool
policy_address_public(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET)
	{
		struct sockaddr_in in;

		memcpy(&in, address, sizeof in);
		return ipv4_public(ntohl(in.sin_addr.s_addr));
	}
	if (address->sa_family == AF_INET6)
	{
		struct sockaddr_in6 in6;

		memcpy(&in6, address, sizeof in6);
		return ipv6_public(in6.sin6_addr.s6_addr);
	}
	return false;
}

/*
 * A header must not end its line, or it could start another one; and those that
 * frame the message or name the host are made from the request itself.
 */
bool
policy_header_valid(const char *line)
{
	static const char *const ours[] = {"Host", "Content-Length", "Transfer-Encoding", "Connection"};
	size_t		name = 0;

	while (line[name] != '\0' && (is_alnum(line[name]) || strchr("!#$%&'*+-.^_`|~", line[name]) != NULL))
		name++;
	if (name == 0 || line[name] != ':')
		return false;
	for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
	{
		if (strlen(ours[i]) == name && strncasecmp(ours[i], line, name) == 0)
			return false;
	}
	for (const char *p = line + name; *p != '\0'; p++)
	{
		if (((unsigned char) *p < 0x20 && *p != '\t') || *p == 0x7F)
			return false;
	}
	return true;
}

/* Neither a second command nor a parameter of the first. */
bool
policy_mailbox_valid(const char *address)
{
	const char *at = strrchr(address, '@');

	if (at == NULL || at == address || at[1] == '\0')
		return false;
	for (const char *p = address; *p != '\0'; p++)
	{
		if ((unsigned char) *p <= 0x20 || *p == 0x7F || *p == '<' || *p == '>')
			return false;
	}
	return true;
}

/* Very short secrets are left alone: they would match anywhere. */
void
policy_redact(char *text, const char *secret)
{
	size_t		len = strlen(secret);
	char	   *to = text;
	const char *from = text;

	if (len < 4)
		return;
	while (*from != '\0')
	{
		if (*from == *secret && strncmp(from, secret, len) == 0)
		{
			memcpy(to, "***", 3);
			to += 3;
			from += len;
		}
		else
			*to++ = *from++;
	}
	*to = '\0';
}
