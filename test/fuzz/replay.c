/*
 * replay.c
 *		Feeds a fuzzer's entry point with inputs from a fixed seed, or from files.
 *
 * For valgrind and for debugging, where libFuzzer's own main is not wanted:
 *
 *		replay 150			150 inputs of growing length
 *		replay file ...		these files
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t state = 0x9E3779B97F4A7C15u;

/* splitmix64 */
static uint64_t
next_random(void)
{
	uint64_t	z = (state += 0x9E3779B97F4A7C15u);

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
	return z ^ (z >> 31);
}

int
main(int argc, char **argv)
{
	static uint8_t buf[65536];

	for (int i = 1; i < argc; i++)
	{
		char	   *end;
		long		runs = strtol(argv[i], &end, 10);

		if (*end == '\0')
		{
			for (long r = 0; r < runs; r++)
			{
				/* exact allocation, so that a read past the end is seen */
				size_t		n = r * 2048 / runs + next_random() % 16;
				uint8_t    *p = malloc(n ? n : 1);

				for (size_t k = 0; k < n; k++)
					p[k] = (uint8_t) next_random();
				LLVMFuzzerTestOneInput(p, n);
				free(p);
			}
		}
		else
		{
			FILE	   *f = fopen(argv[i], "rb");

			if (f == NULL)
			{
				perror(argv[i]);
				return 1;
			}
			LLVMFuzzerTestOneInput(buf, fread(buf, 1, sizeof buf, f));
			fclose(f);
		}
	}
	return 0;
}
