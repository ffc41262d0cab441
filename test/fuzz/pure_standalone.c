/*
 * pure_standalone.c
 *		Memory for the pure cores outside a server: see src/pure.h.
 *
 * An arena over malloc: every block is linked, so that pure_free_all() takes
 * back what a core left behind, as the reset of a memory context would, and a
 * leak checker has nothing to report but what is wrong.
 */
#include <stdio.h>

#include "pure.h"
#include "pure_standalone.h"

typedef struct Block
{
	struct Block *prev;
	struct Block *next;
} Block;

static Block all = {&all, &all};

static void *
link_block(Block *b)
{
	if (b == NULL)
	{
		fputs("out of memory\n", stderr);
		abort();
	}
	b->prev = &all;
	b->next = all.next;
	all.next->prev = b;
	all.next = b;
	return b + 1;
}

static void
unlink_block(Block *b)
{
	b->prev->next = b->next;
	b->next->prev = b->prev;
}

void *
pure_alloc(Size n)
{
	return link_block(malloc(sizeof(Block) + (n ? n : 1)));
}

void *
pure_alloc0(Size n)
{
	return link_block(calloc(1, sizeof(Block) + (n ? n : 1)));
}

void *
pure_realloc(void *p, Size n)
{
	Block	   *b;

	if (p == NULL)
		return pure_alloc(n);
	b = (Block *) p - 1;
	unlink_block(b);
	return link_block(realloc(b, sizeof(Block) + (n ? n : 1)));
}

void
pure_free(void *p)
{
	if (p)
	{
		unlink_block((Block *) p - 1);
		free((Block *) p - 1);
	}
}

/* Frees whatever is left. */
void
pure_free_all(void)
{
	while (all.next != &all)
		pure_free(all.next + 1);
}
