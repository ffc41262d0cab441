/*
 * rank.h
 *		The ranking of root-cause candidates, and the files that share it.
 *
 *	rank.c		which candidates an incident has, and in what order they are judged
 *	evidence.c	what speaks for and against one: facts about alerts, changes, people
 *	moves.c		the same where metrics tell how the failure spread
 *	delay.c		whether the symptoms came as late as they usually do
 *
 * A candidate's score is the sum over its facts of amount times weight: the
 * amount is what was observed, mostly a share between 0 and 1, the weight is a
 * setting. So a score can be added up by a reader, and weights can be fitted.
 */
#ifndef TRACER_RANK_H
#define TRACER_RANK_H

#include "incident/pass.h"

/* A root cause that people named. */
typedef struct NamedCause
{
	int64		incident;		/* 0: unknown */
	int32		decision;
	int64		asset;
} NamedCause;

typedef struct Ranker
{
	Pass	   *p;
	Column	   *row;			/* [EVIDENCE_COLUMNS] */
	PassChange *by_node;		/* changes, sorted */
	int32	   *below;			/* by episode: how many descend from it */
	int32	   *waiting;		/* by episode: children not counted into it yet */
	const PassLearned **learned;	/* by episode: least trusted edge above it */
	bool	   *known;			/* ... was looked for */
	NamedCause *named;
	int32		nnamed;
	float	   *usual;			/* by episode: how usual its delay is, or NaN; NULL: nobody knows */
	/* the candidate at hand */
	PassIncident *inc;
	int64		asset_id;
	const char *asset;
	double		score;
	/* the scores of those before it */
	double		best;
	double		next;
	/* what metrics say of the incident */
	Measures	measures;
	bool		measured;		/* they say where it began */
} Ranker;

/* evidence.c */
/* What a member descends from; not what only shares a suspect with it. */
static inline int32
descends_from(const Pass *p, int32 member)
{
	return p->pe[member].because == BECAUSE_SUSPECT ? CASCADE_NONE : p->pe[member].parent;
}

extern void evidence(Ranker *r, Fact fact, double amount, int64 ref, double num, double num2,
					 const char *name);
extern void sort_changes(Ranker *r);
extern bool has_changed(Ranker *r, uint32 node, int64 t);
extern void change_evidence(Ranker *r, uint32 node, int64 t, uint32 hops, int *left);
extern void load_history(Ranker *r);
extern void history_evidence(Ranker *r);
extern void position_evidence(Ranker *r, int32 at, int64 second_start);
extern void learned_evidence(Ranker *r);

/* moves.c */
extern bool is_measured(const Ranker *r, uint32 node);
extern bool move_evidence(Ranker *r, uint32 node);
extern int	moving_most(const Ranker *r, uint32 *nodes);

/* delay.c */
extern void load_delays(Ranker *r);
extern void delay_evidence(Ranker *r, int32 at);

#endif							/* TRACER_RANK_H */
