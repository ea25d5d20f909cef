/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * A trace in the system's log (facility authpriv) of what was granted and refused. It is no proof: the caller
 * can kill the helper before it is written. */
#pragma once

/* Sends one line, cut if it is longer than 1,900 bytes, other than printable ASCII shown as '?'. Never waits
 * and never fails: a log that is not there, or is full, is passed over. (syslog(3) would wait for room.) */
void audit(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same of a text, as another program than the helper. */
void audit_say(const char *program, const char *text);

/* Sends a line as it is: `<PRIORITY>PROGRAM: TEXT`. May be called by a signal's handler. */
void audit_send(const char *line);
