/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The broker, through which the helper works where its file capability has no effect: does it listen? */
#pragma once

#include <sys/types.h>

#define BROKER_SOCKET "virt-tap-broker.socket" /* the unit */

/* Connects to the broker's socket, which starts a broker that systemd holds the socket of, and disconnects.
 * *pid: the process that listens, 0 if it is in another PID namespace (SO_PEERCRED of a listening socket:
 * unix(7)). Returns 0; -EAGAIN if it listens, but its queue is full; -ENOENT or -ECONNREFUSED if nobody
 * listens; or another -errno. */
int broker_look(pid_t *pid);
