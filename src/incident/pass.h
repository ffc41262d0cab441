/*
 * pass.h
 *		One pass of the correlator: its working set, and the files that share it.
 *
 *	correlate.c	the pass from lock to last write; the SQL functions
 *	backtest.c	a pass over history that stores nothing
 *	query.c		statements and bulk arrays over SPI
 *	take.c		new alerts -> keys
 *	fold.c		keys -> episodes
 *	news.c		names, edges, changes -> what is dirty
 *	settings.c	settings, and whether they are the last pass's
 *	load.c		state, stored episodes, decisions
 *	kept.c		stored episodes, from one pass to the next
 *	intern.c	names -> small numbers
 *	group.c		parents -> incidents
 *	number.c	incidents -> numbers
 *	measure.c	metrics around an incident -> what moves with its symptom
 *	rank.c		incidents -> evidence (rank.h)
 *	trust.c		what they owe to learned lineage
 *	save.c		what the pass found out -> tables
 *	save_incident.c	incidents, and what happened to them
 *
 * Everything lives in one memory context that ends with the pass. Episodes are
 * two arrays side by side: `ce`, what the pure rule needs, and `pe`, the rest.
 */
#ifndef TRACER_PASS_H
#define TRACER_PASS_H

#include "postgres.h"

#include "executor/spi.h"
#include "utils/hsearch.h"
#include "utils/timestamp.h"

#include "incident/cascade.h"
#include "incident/episode.h"

/* ---- query.c ------------------------------------------------------------- */

/* A statement that is prepared once per backend and installation. */
typedef struct Statement
{
	const char *sql;
	SPIPlanPtr	plan;
	SPIPlanPtr	plan_few;		/* for a small pass */
	Oid			extension;		/* the installation they were prepared for */
} Statement;

/* Is given a result's rows, one at a call. */
typedef void (*RowFunction) (void *context, HeapTuple tuple, TupleDesc desc);

/* One column of many rows, as an array parameter. */
typedef struct Column
{
	Oid			type;
	Datum	   *values;
	bool	   *nulls;
	int			n,
				max;
} Column;

extern void query_begin(void);
extern void query_few(void);
extern void query_many(void);
extern uint64 query(Statement *st, int nargs, const Oid *types, const Datum *values,
					const char *nulls);
extern void query_each(Statement *st, int nargs, const Oid *types, const Datum *values,
					   const char *nulls, RowFunction row, void *context);
extern void query_each_by_key(Statement *st, int nargs, const Oid *types, const Datum *values,
							  const char *nulls, RowFunction row, void *context);
extern void column_init(Column *c, Oid type);
extern void column_add(Column *c, Datum value, bool isnull);
extern void column_time(Column *c, int64 t, int64 none);	/* none: NULL */
extern void column_id(Column *c, int64 id); /* 0: NULL */
extern void column_text(Column *c, const char *text);	/* NULL: NULL */
extern void column_char(Column *c, char v); /* '\0': NULL */
extern Datum column_array(const Column *c, int from, int n);
extern void query_columns(Statement *st, Column *columns, int ncolumns,
						  RowFunction row, void *context);
extern void insert_columns(const char *table, const char *const *names, const Column *columns, int ncolumns);
extern int64 row_int64(HeapTuple tuple, TupleDesc desc, int attno, int64 if_null);
extern bool row_bool(HeapTuple tuple, TupleDesc desc, int attno);
extern char *row_text(HeapTuple tuple, TupleDesc desc, int attno);
extern int64 interval_us(const char *text);

static inline void
column_int64(Column *c, int64 v)
{
	column_add(c, Int64GetDatum(v), false);
}

/* ---- the working set ------------------------------------------------------- */

typedef struct PassKey
{
	const char *source;
	const char *dedup;
	const char *asset;			/* canonical name, or NULL */
	int64		asset_id;		/* 0: not an asset */
	int64		id;				/* 0 until stored */
	int64		last_event;		/* as stored; PG_INT64_MIN for a new key */
	int64		quiet_after;
	int64		newest;			/* of the events to fold */
	int64		oldest;
	uint32		place;			/* GRAPH_NONE until it has an episode */
	int32		tie;
	bool		touched;		/* has events to fold */
	bool		refold;			/* from all its alerts, not from what is stored */
	bool		resolves;		/* has resolves to fold */
	int32		first_event;	/* linked list through PassAlert.next_of_key */
	int32		wildcard;		/* key of the same name without asset, or none */
} PassKey;

typedef struct PassAlert
{
	int64		id;
	int64		at;
	int32		key;
	int32		run;
	int32		next_of_key;
	int32		episode;		/* out */
	int8		severity;
	bool		firing;
	bool		is_new;			/* has no placement yet */
	int64		old_episode;	/* stored placement, 0 for none */
} PassAlert;

typedef struct PassEpisode
{
	int64		id;				/* 0 until stored */
	int32		key;
	int64		incident;		/* stored; 0 for none */
	int64		first_alert;
	int64		alerts;
	bool		row_new;
	bool		row_changed;	/* what the fold decides */
	bool		gone;			/* no longer an episode: to be deleted */
	bool		considered;		/* in this pass's search for suspects */
	bool		affected;		/* its incident is regrouped */

	/* the rule alone, after suspects and label rules */
	int32		base_parent;
	char		base_because;
	int64		suspect;		/* asset id for a suspect's origins, else 0 */
	int32		failing;		/* the suspect's consumers, on its first origin */
	int32		bearing;
	/* what holds, after people's decisions */
	int32		parent;
	char		because;
	int32		root;
	int64		new_incident;

	/* as stored, to see what changed */
	int64		stored_parent;
	int64		stored_base_parent;
	char		stored_because;
	char		stored_base_because;
	int32		stored_hops;
	int64		stored_origin_start;
	int64		stored_suspect;
} PassEpisode;

/* A row of tracer.episode. */
typedef struct StoredEpisode
{
	int64		id;
	int64		incident;		/* 0: none; so with the other ids */
	int64		parent;
	int64		suspect;
	int64		base_parent;
	int64		origin_start;
	int64		start;
	int64		last;
	int64		end;			/* CASCADE_NEVER */
	int64		chronic_from;	/* CASCADE_NEVER */
	int64		alerts;
	int64		first_alert;
	int32		hops;
	int32		nruns;
	char	  **runs;
	char		because;
	char		base_because;	/* '\0': none */
	int8		severity;
} StoredEpisode;

/* An incident that held alerts which an episode holds now. */
typedef struct PassClaim
{
	int64		number;
	int32		episode;
} PassClaim;

typedef struct PassDecision
{
	char		kind;			/* j, p, r */
	/* stored: where the two alerts are, 0 where nowhere */
	int64		alert;
	int64		other_alert;
	int64		episode_id;
	int64		other_id;
	int64		incident;
	int64		other_incident;
	int64		base_incident;	/* of the parent that the rule alone gives it */
	int64		root_asset;		/* r: the asset named, where it has no alert */
	int64		asset;			/* the asset meant, or 0 */
	/* known once what is affected is loaded */
	int32		episode;
	int32		other;
} PassDecision;

typedef struct PassChange
{
	int64		id;
	int64		at;
	uint32		node;
	bool		is_new;
} PassChange;

typedef struct AssetName
{
	int64		asset_id;
	char	   *name;			/* NULL: there is no such asset */
} AssetName;

/* An edge of lineage that only learning speaks for. */
typedef struct PassLearned
{
	uint32		upstream;		/* nodes */
	uint32		downstream;
	int64		id;				/* tracer.learned_lineage, 0 for none */
	double		trust;
} PassLearned;

typedef struct PassIncident
{
	int64		number;			/* 0 until given */
	int32		root;			/* episode */
	int32		first_member;	/* linked through next_member[] */
	int32		nmembers;
	int64		suspect;
	/* what the incident's row says */
	int64		opened_at;
	int64		last_alert_at;
	int64		ended_at;		/* CASCADE_NEVER while anything is open */
	int64		nalerts;
	int32		nassets;
	int32		nopen;
	int8		severity;
	double		confidence;
	int64		best;			/* the likeliest cause: its asset id, or 0 and */
	const char *best_name;		/* its name; NULL: by its id */
	int64		confirmed;		/* asset id a person named, or 0 */
	const char *confirmed_name; /* or the name, of one that is not declared */
	int64		confirmed_alert;
	bool		fresh;			/* the number is new */
} PassIncident;

/* A number that nobody keeps, and the incident that it leads to. */
typedef struct PassRedirect
{
	int64		number;
	int32		incident;
} PassRedirect;

/* What may speak for or against a root-cause candidate; named in evidence.c. */
typedef enum Fact
{
	FACT_ORIGIN,
	FACT_EXPLAINED,
	FACT_COVERAGE,
	FACT_FIRST,
	FACT_LATE,
	FACT_DELAY,
	FACT_CHANGE,
	FACT_MESSAGE,
	FACT_HISTORY,
	FACT_CONSUMERS,
	FACT_SILENT,
	FACT_UNPLACED,
	FACT_LEARNED,
	FACT_METRIC,
	FACT_SPREAD,
	FACT_SOURCE_MOVES,
	FACT_STILL,
	FACT_CONFIRMED				/* the last: it has no setting */
} Fact;

#define FACTS (FACT_CONFIRMED + 1)

typedef struct Pass
{
	MemoryContext context;
	CascadeRules rules;
	int64		quiet_after;
	double		min_confidence;
	double		weight[FACTS];
	int64		label_window;	/* the largest of tracer.group_rule; 0: no rule */
	const Graph *graph;
	HTAB	   *asset_names;	/* AssetName by asset id, as far as asked for */
	bool		dry;			/* backtest: nothing stored is read or written */

	char	   *seen;			/* snapshot up to which alerts were taken */
	bool		first;			/* no state yet, or another cluster's */
	int64		pass_number;
	int64		watermark;		/* latest fired_at taken, not after now */
	char	   *fingerprint;
	bool		settings_changed;

	struct keytab_hash *key_index;
	PassKey    *keys;
	int32		nkeys,
				maxkeys;
	struct nametab_hash *run_index;
	char	  **runs;
	int32		nruns,
				maxruns;
	struct nametab_hash *source_index;	/* quiet_after by source */

	PassAlert  *alerts;
	int32		nalerts,
				maxalerts;
	HTAB	   *alert_index;	/* id -> index; built by pass_find_alert */
	int32		nindexed;

	CascadeEpisode *ce;
	PassEpisode *pe;
	int32		nepisodes,
				maxepisodes;
	struct idtab_hash *episode_index;	/* stored id -> index */
	CascadeGhost *ghosts;
	int32		nghosts,
				maxghosts;
	Column		gone;			/* ids of stored episodes that are no more */
	Column		unplaced;		/* alerts to take by id, as those whose asset is another now */
	Column		unplaced_incidents; /* where each of them was, 0 for nowhere */
	Column		moved_keys;		/* the keys that lost them */
	Column		renamed_keys;	/* keys whose asset came or went */
	PassClaim  *claims;
	int32		nclaims,
				maxclaims;
	int64		loaded_from;	/* all stored episodes from here on are here */

	struct nametab_hash *place_index;	/* asset name -> place */
	uint32	   *place_node;
	uint32		nplaces,
				maxplaces;

	PassChange *changes;
	int32		nchanges;
	int64		changes_from;	/* the span that they were loaded for */
	int64		changes_to;
	int64		change_first;	/* origins that new changes may bear on */
	int64		change_latest;
	PassLearned *learned;		/* by downstream, upstream */
	int32		nlearned;
	PassDecision *decisions;
	int32		ndecisions;
	int64	   *regroup;		/* alerts whose decisions are applied anew */
	int			nregroup;
	int32	   *next_member;

	Cascade		cascade;
	PassIncident *incidents;
	int32		nincidents;
	PassRedirect *redirects;
	int32		nredirects;
	HTAB	   *affected;		/* old incident numbers to regroup */
	bool	   *measured;		/* by place: its asset has metrics; NULL: none has */
} Pass;

/* ---- intern.c --------------------------------------------------------------- */
extern void pass_create_indexes(Pass *p);
extern int32 pass_key(Pass *p, const char *source, const char *dedup, const char *asset,
					  int64 asset_id);
extern int32 pass_find_key(Pass *p, const char *source, const char *dedup, const char *asset);
extern int32 pass_run(Pass *p, const char *run_id);
extern uint32 pass_place(Pass *p, int32 key);
extern void pass_source_quiet(Pass *p, const char *source, int64 quiet_after);
extern void pass_rank_keys(Pass *p);
extern int32 pass_find_alert(Pass *p, int64 id);

/* ---- settings.c ------------------------------------------------------------ */
extern void load_settings(Pass *p, Datum overrides);

/* ---- take.c ---------------------------------------------------------------- */
extern int64 take_alerts(Pass *p, int64 max_alerts);
extern void take_out(Pass *p, int64 alert, int64 incident);
extern void take_history(Pass *p, int64 since, int64 until);
extern void touch_keys_since(Pass *p, int64 from);
extern void touch_keys(Pass *p, const Column *key_ids);

/* A snapshot to which every transaction is still to come. */
#define SEEN_NOTHING "1:1:"

/* ---- fold.c ---------------------------------------------------------------- */
extern void fold_keys(Pass *p);

/* ---- load.c ---------------------------------------------------------------- */
extern bool load_state(Pass *p);
extern int32 pass_add_episode(Pass *p);
extern int32 pass_find_episode(Pass *p, int64 id);
extern void pass_add_stored(Pass *p, const StoredEpisode *row, int32 key);
extern void pass_add_ghost(Pass *p, int32 episode);
extern void pass_add_claim(Pass *p, int64 number, int32 episode);
extern void pass_drop_gone(Pass *p);
extern void load_key_episodes(Pass *p);
extern void load_window(Pass *p, int64 from, bool keep);
extern void affect_incident(Pass *p, int64 number);
extern bool is_affected(Pass *p, int64 number);
extern void load_incidents(Pass *p, Column *numbers);
extern void load_episodes(Pass *p, Column *ids);
extern void load_links(Pass *p);
extern void load_decisions(Pass *p);
extern void find_decisions(Pass *p);
extern void load_changes(Pass *p, int64 from, int64 to);
extern bool older_alerts(void *context, uint32 node, int64 from, int64 to);
extern const char *asset_name(Pass *p, int64 asset_id);
extern const char *node_name(Pass *p, uint32 node);
extern int	compare_node_names(void *context, uint32 a, uint32 b);

/* ---- kept.c ------------------------------------------------------------------ */
extern void kept_begin(bool few);
extern bool kept_load(Pass *p, int64 from);
extern void kept_start(int64 from);
extern void kept_key(const PassKey *k);
extern void kept_put(const StoredEpisode *row, const PassKey *k);
extern void kept_drop(int64 id);
extern void kept_end(void);
extern void kept_forget(void);
#ifdef TRACER_CHECK
extern int64 kept_count(int64 from);
extern void kept_check(const StoredEpisode *row, const PassKey *k);
#endif

/* ---- news.c ----------------------------------------------------------------- */
typedef struct News
{
	bool		alerts;
	bool		names;
	bool		lineage;
	bool		lineage_all;	/* too many edges to list */
	bool		changes;
	bool		few_alerts;
	bool		few;			/* nothing but a few alerts */
} News;

extern void adopt_foreign_rows(void);
extern News look_for_news(Pass *p, char **seen_now);
extern int64 young_from(const Pass *p);
extern void reidentify(Pass *p);
extern void dirty_by_lineage(Pass *p, const News *news);
extern void dirty_keys(Pass *p, const Column *keys);
extern void affect_by_changes(Pass *p);
extern void trim_logs(const char *seen);

/* ---- correlate.c ----------------------------------------------------------- */
extern Pass *begin_pass(Datum overrides);
extern bool correlate_is_passing(void);
extern void correlate_hold(void);
extern void run_pass(Pass *p, const News *news);

/* ---- group.c ---------------------------------------------------------------- */
extern void load_label_window(Pass *p);
extern void base_parents(Pass *p, int64 first, int64 latest);
extern void group_incidents(Pass *p);

/* ---- number.c ---------------------------------------------------------------- */
extern void next_numbers(const char *sequence, int64 n, int64 *out);
extern void number_incidents(Pass *p);

/* ---- save.c ------------------------------------------------------------------ */
extern void severity_labels(Oid *type, Oid labels[4]);
extern void number_episodes(Pass *p);
extern void save_pass(Pass *p);
extern void save_state(Pass *p, const char *seen);

/* ---- save_incident.c ---------------------------------------------------------- */
extern void save_incidents(Pass *p);

/* ---- measure.c ---------------------------------------------------------------- */

/* How an asset's metrics behaved while the symptom's were off. */
typedef struct Measure
{
	uint32		node;
	uint32		hops;			/* above the symptom */
	bool		known;			/* it has a series with a normal */
	double		move;			/* 0 to 1: how strongly, and how much alike */
	const char *metric;			/* the series that says so */
	double		deviation;		/* its largest, in spreads */
	double		correlation;	/* with the symptom's */
	double		consumers;		/* what its direct consumers' moves add up to */
	int32		upstream;		/* the direct source that moves most, or -1 */
} Measure;

typedef struct Measures
{
	Measure    *list;			/* [0] is the symptom */
	int32		n;
} Measures;

extern void find_measured(Pass *p);
extern bool measure_incident(Pass *p, const PassIncident *inc, Measures *out);
/* ---- trust.c ------------------------------------------------------------------ */
extern void load_learned(Pass *p);
extern const PassLearned *learned_link(const Pass *p, int32 episode);

/* ---- rank.c ------------------------------------------------------------------- */
#define EVIDENCE_COLUMNS 10		/* incident, asset id, asset, fact, weight, amount, ref, num,
								 * num2, name */

extern const char *const fact_name[FACTS];
extern void rank_incidents(Pass *p, Column *rows);
extern void save_evidence(Pass *p, Column *rows);

#endif							/* TRACER_PASS_H */
