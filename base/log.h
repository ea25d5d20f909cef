/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * A record in the system log (facility authpriv) of what was granted and refused. It proves nothing: the
 * caller can kill the helper before it is written. */
#pragma once

/* For whom lines are sent: their pid; 0: this process. */
extern int audit_pid;

/* Sends one line, truncated to 1,900 bytes, with everything but printable ASCII replaced by '?'. Never blocks
 * and never fails: a missing or full log is ignored. (syslog(3) would block until there is room.) */
void audit(const char *program, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Sends a line unchanged: `<PRIORITY>PROGRAM: TEXT`. May be called from a signal handler. */
void audit_send(const char *line);
