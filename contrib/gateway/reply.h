/*
 * reply.h
 *		What senders hear.
 */
#ifndef GATEWAY_REPLY_H
#define GATEWAY_REPLY_H

#include "request.h"

extern enum MHD_Result reply_refusal(Request *r);
extern enum MHD_Result reply_outcome(Request *r);
extern enum MHD_Result reply_text(Request *r, unsigned status, const char *text);
extern enum MHD_Result reply_metrics(Request *r);
extern void replies_init(const Config *config);

#endif							/* GATEWAY_REPLY_H */
