/*
 * clock.c
 *		A clock that is off by as many seconds as the file OFFSET says, to be preloaded.
 */
#include <stdio.h>
#include <sys/time.h>
#include <time.h>

int
gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	struct timespec t;
	FILE	   *f = fopen(OFFSET, "r");
	long		offset = 0;

	if (f != NULL)
	{
		if (fscanf(f, "%ld", &offset) != 1)
			offset = 0;
		fclose(f);
	}
	clock_gettime(CLOCK_REALTIME, &t);
	tv->tv_sec = t.tv_sec + offset;
	tv->tv_usec = t.tv_nsec / 1000;
	return 0;
}
