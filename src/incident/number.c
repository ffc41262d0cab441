/*
 * number.c
 *		Which incident keeps which number: docs/correlation.md, section 9.
 *
 * Membership is a function of what is known and can be computed at any time;
 * numbers are history. They are what people quote, so they change as little as
 * possible, and one that loses its incident redirects to where its earliest
 * episode went.
 */
#include "compat.h"

#include "catalog/namespace.h"
#include "commands/sequence.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"

#include "incident/pass.h"

/* An old number, claimed by an incident through one of its episodes. */
typedef struct Claim
{
	int64		number;
	int64		start;
	int32		tie;
	int32		incident;
} Claim;

static int
compare_claims(const void *pa, const void *pb)
{
	const Claim *a = pa,
			   *b = pb;

	if (a->number != b->number)
		return a->number < b->number ? -1 : 1;
	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	if (a->tie != b->tie)
		return a->tie < b->tie ? -1 : 1;
	return a->incident < b->incident ? -1 : a->incident > b->incident;
}

typedef struct Order
{
	int64		start;
	int32		tie;
	int32		incident;
} Order;

static int
compare_order(const void *pa, const void *pb)
{
	const Order *a = pa,
			   *b = pb;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	return a->tie < b->tie ? -1 : a->tie > b->tie;
}

/* The next n numbers of a sequence of schema tracer, into out. */
void
next_numbers(const char *sequence, int64 n, int64 *out)
{
	Oid			relid = get_relname_relid(sequence, get_namespace_oid("tracer", false));

	for (int64 i = 0; i < n; i++)
	{
		out[i] = nextval_internal(relid, true);
		if ((i & 0xFFFF) == 0)
			CHECK_FOR_INTERRUPTS();
	}
}

static void
give_new_numbers(Pass *p)
{
	Order	   *order = palloc_extended(sizeof(Order) * (Size) Max(p->nincidents, 1), MCXT_ALLOC_HUGE);
	int64	   *numbers;
	int32		n = 0;

	for (int32 i = 0; i < p->nincidents; i++)
		if (p->incidents[i].number == 0)
		{
			const CascadeEpisode *c = &p->ce[p->incidents[i].root];

			order[n++] = (Order) {c->start, c->tie, i};
		}
	qsort(order, n, sizeof(Order), compare_order);
	numbers = palloc_extended(sizeof(int64) * (Size) Max(n, 1), MCXT_ALLOC_HUGE);
	if (p->dry)
		for (int32 i = 0; i < n; i++)
			numbers[i] = i + 1;
	else
		next_numbers("incident_id", n, numbers);
	for (int32 i = 0; i < n; i++)
	{
		p->incidents[order[i].incident].number = numbers[i];
		p->incidents[order[i].incident].fresh = true;
	}
	pfree(order);
	pfree(numbers);
}

/*
 * Gives every regrouped incident its number, and lists the numbers that are
 * left over with where they lead.
 */
void
number_incidents(Pass *p)
{
	int32		max = p->nclaims,
				n = 0;
	int32	   *incident_of = palloc_extended(sizeof(int32) * (Size) Max(p->nepisodes, 1), MCXT_ALLOC_HUGE);
	Claim	   *claims;

	memset(incident_of, 0xFF, sizeof(int32) * p->nepisodes);
	for (int32 i = 0; i < p->nincidents; i++)
	{
		max += p->incidents[i].nmembers;
		for (int32 e = p->incidents[i].first_member; e != CASCADE_NONE; e = p->next_member[e])
			incident_of[e] = i;
	}
	claims = palloc_extended(sizeof(Claim) * (Size) Max(max, 1), MCXT_ALLOC_HUGE);
	for (int32 e = 0; e < p->nepisodes; e++)
		if (incident_of[e] != CASCADE_NONE && p->pe[e].incident != 0)
			claims[n++] = (Claim) {p->pe[e].incident, p->ce[e].start, p->ce[e].tie, incident_of[e]};
	for (int32 i = 0; i < p->nclaims; i++)
	{
		int32		e = p->claims[i].episode;

		if (e != CASCADE_NONE && incident_of[e] != CASCADE_NONE)
			claims[n++] = (Claim) {p->claims[i].number, p->ce[e].start, p->ce[e].tie, incident_of[e]};
	}
	qsort(claims, n, sizeof(Claim), compare_claims);

	/* ascending: whoever has no number yet has this one as its lowest left */
	p->redirects = palloc_extended(sizeof(PassRedirect) * (Size) Max(n, 1), MCXT_ALLOC_HUGE);
	for (int32 from = 0, to; from < n; from = to)
	{
		bool		kept = false;

		for (to = from; to < n && claims[to].number == claims[from].number; to++)
			if (!kept && p->incidents[claims[to].incident].number == 0)
			{
				p->incidents[claims[to].incident].number = claims[to].number;
				kept = true;
			}
		if (!kept)
			p->redirects[p->nredirects++] = (PassRedirect) {claims[from].number, claims[from].incident};
	}
	give_new_numbers(p);

	for (int32 e = 0; e < p->nepisodes; e++)
		p->pe[e].new_incident = !p->pe[e].affected ? p->pe[e].incident
			: incident_of[e] == CASCADE_NONE ? 0 : p->incidents[incident_of[e]].number;
	pfree(claims);
	pfree(incident_of);
}
