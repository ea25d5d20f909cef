/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Other programs: started for good, or run for what they print. Either way with nothing of the caller's but
 * argv: an environment of a fixed PATH and LC_ALL=C, a session of its own without a controlling terminal,
 * every signal at its default, umask 022, the working directory '/', and /dev/null as standard input. */
#pragma once

#include <stddef.h>

enum {
    PROCESS_QUERY_MS = 30 * 1000,       /* programs that only look: nft list, ifquery, netplan get */
    PROCESS_MANAGER_MS = 5 * 60 * 1000, /* programs that change the network: ifup waits for DHCP (dhclient's
                                           own timeout is 5 minutes in Debian's dhclient.conf) */
};

/* Starts the program at `path` as nobody's child, with nothing open but /dev/null. A program that cannot be
 * run is not noticed. Returns 0 or -errno of fork. */
int process_detach(const char *path, char *const argv[]);

/* Runs argv[0] from /usr/sbin, /sbin, /usr/bin or /bin until it exits, for at most limit_ms milliseconds in
 * all, whether it prints anything or not. What it started and left running is not waited for, even if that
 * holds its standard output open.
 *
 * *output gets what it printed on standard output, and standard error with `errors`, for the caller to free;
 * NULL if there is none. Returns its exit status, 128 if a signal ended it; -ENOENT if there is no such
 * program; -ETIMEDOUT when the limit was reached, -EFBIG after more than 64 MiB of output, or another -errno.
 * After any of these it and the rest of its process group have been killed. It is also killed when the caller
 * dies. */
int process_capture(char *const argv[], int errors, int limit_ms, char **output);
