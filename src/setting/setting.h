/*
 * setting.h
 *		Settings, for C: see setting.c.
 */
#ifndef TRACER_SETTING_H
#define TRACER_SETTING_H

#include "lib/stringinfo.h"

extern void setting_declaration(StringInfo out);

#endif							/* TRACER_SETTING_H */
