/*
 * server.h
 *		Sockets, connections and their time.
 */
#ifndef GATEWAY_SERVER_H
#define GATEWAY_SERVER_H

#include <microhttpd.h>

#include "config.h"

extern bool server_start(const Config *config);

/* Closes connections whose time is up; to be called every second or so. */
extern void server_reap(void);

/* Takes no new connections; answers close theirs. */
extern void server_drain(void);
extern bool server_is_draining(void);

/* After the pool has stopped: no request may be suspended any more. */
extern void server_stop(void);

/* Requests of which the first line was read and the answer is not out. */
extern long server_in_flight(void);

/* When a connection is to be closed; 0: not by the clock. */
extern void server_deadline(struct MHD_Connection *connection, double at);

#endif							/* GATEWAY_SERVER_H */
