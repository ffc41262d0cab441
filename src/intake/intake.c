/*
 * intake.c
 *		The two repairs of repair.c as SQL functions.
 */
#include "compat.h"

#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#include "intake/repair.h"

PG_FUNCTION_INFO_V1(tracer_repair_json);
PG_FUNCTION_INFO_V1(tracer_repair_utf8);

/* Room for a text of that size, which a text can be. */
static text *
roomy_text(size_t room)
{
	if (room > MaxAllocSize - VARHDRSZ)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("body is too large to be repaired: that takes %zu bytes", room),
				 errhint("Send it in parts.")));
	return palloc(VARHDRSZ + room);
}

/* tracer.repair_json(text, OUT text, OUT text) */
Datum
tracer_repair_json(PG_FUNCTION_ARGS)
{
	static const struct
	{
		unsigned	bit;
		const char *words;
	}			names[] = {
		{REPAIR_COMMA, "trailing comma"},
		{REPAIR_CONTROL, "control character in a string"},
		{REPAIR_ESCAPE, "unknown escape"},
		{REPAIR_UNICODE, "character that is none"},
		{REPAIR_NUMBER, "number that is none"},
	};
	text	   *in = PG_GETARG_TEXT_PP(0);
	size_t		n = VARSIZE_ANY_EXHDR(in);
	text	   *out = roomy_text(repair_room(n));
	unsigned	done;
	size_t		len = json_repair(VARDATA_ANY(in), n, VARDATA(out), &done);
	StringInfoData words;
	TupleDesc	desc;
	Datum		values[2];
	bool		nulls[2] = {false, false};

	SET_VARSIZE(out, VARHDRSZ + len);
	initStringInfo(&words);
	for (size_t i = 0; i < lengthof(names); i++)
		if (done & names[i].bit)
			appendStringInfo(&words, "%s%s", words.len ? ", " : "", names[i].words);
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = PointerGetDatum(out);
	values[1] = CStringGetTextDatum(words.data);
	nulls[1] = words.len == 0;
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* tracer.repair_utf8(bytea): in the encoding of the database. */
Datum
tracer_repair_utf8(PG_FUNCTION_ARGS)
{
	bytea	   *in = PG_GETARG_BYTEA_PP(0);
	size_t		n = VARSIZE_ANY_EXHDR(in);
	text	   *out = roomy_text(n * 3);
	unsigned char *s = (unsigned char *) VARDATA(out);
	size_t		len = utf8_repair((unsigned char *) VARDATA_ANY(in), n, s);

	/* Where UTF-8 is foreign, only what every encoding has is kept. */
	if (GetDatabaseEncoding() != PG_UTF8)
		for (size_t i = 0; i < len; i++)
			if (s[i] >= 0x80)
				s[i] = '?';
	SET_VARSIZE(out, VARHDRSZ + len);
	PG_RETURN_TEXT_P(out);
}
