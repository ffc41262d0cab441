/*
 * repair_fuzz.c
 *		Mending bodies, in exactly the room that is promised.
 *
 * What is not mended comes out as it was; text that was made valid UTF-8 stays
 * as it is when that is done again.
 *
 * Cores: intake/repair.c
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "intake/repair.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *json = malloc(repair_room(size));
	unsigned char *text = malloc(size * 3 + 1);
	unsigned char *again = malloc(size * 9 + 1);
	unsigned	done;
	size_t		len = json_repair((const char *) data, size, json, &done);

	if (len > repair_room(size))
		abort();
	if (done == 0 && (len != size + 1 || memcmp(json + 1, data, size) != 0))
		abort();

	len = utf8_repair(data, size, text);
	if (len > size * 3 || utf8_repair(text, len, again) != len || memcmp(text, again, len) != 0)
		abort();

	free(json);
	free(text);
	free(again);
	return 0;
}
