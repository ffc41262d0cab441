/*
 * repair.h
 *		Making JSON of what is nearly JSON (pure: no SPI, catalog or clock).
 */
#ifndef TRACER_REPAIR_H
#define TRACER_REPAIR_H

#include <stddef.h>

/* What was done to a text, as bits; the last three mend nothing, only decode. */
#define REPAIR_COMMA		0x01	/* a comma before ] or } was dropped */
#define REPAIR_CONTROL		0x02	/* a bare control character in a string was escaped */
#define REPAIR_ESCAPE		0x04	/* an escape that JSON does not know became literal */
#define REPAIR_UNICODE		0x08	/* \u0000 or half a surrogate pair was replaced */
#define REPAIR_NUMBER		0x10	/* NaN or Infinity became null */
#define REPAIR_SEQUENCE		0x20	/* several documents became one array */
#define REPAIR_FORM			0x40	/* a form's field payload was decoded */
#define REPAIR_MARK			0x80	/* a byte order mark was dropped */

/*
 * Reads the n bytes at in, writes to out, which has room for repair_room(n),
 * and returns the number of bytes written; *done says what was changed. Text
 * that is valid JSON comes out as it is. Any bytes may go in.
 */
extern size_t json_repair(const char *in, size_t n, char *out, unsigned *done);

/* Room that the result needs at most: each byte may become \u00XX, and [ ]. */
static inline size_t
repair_room(size_t n)
{
	return n * 6 + 2;
}

/*
 * Makes valid UTF-8 of any bytes: what is none becomes U+FFFD, NUL is dropped.
 * out has room for 3 * n bytes. Returns the number of bytes written.
 */
extern size_t utf8_repair(const unsigned char *in, size_t n, unsigned char *out);

#endif							/* TRACER_REPAIR_H */
