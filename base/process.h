/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The one way to run another program: never by a shell unless the program is one, never with a descriptor of
 * ours, every signal at its default. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum {
    PROCESS_QUERY_MS = 30 * 1000,       /* programs that only look: nft list, ifquery, netplan get */
    PROCESS_MANAGER_MS = 5 * 60 * 1000, /* programs that change the network: ifup waits for DHCP (dhclient's
                                           own timeout is 5 minutes in Debian's dhclient.conf) */
};

struct process {
    const char *path;        /* NULL: argv[0], in /usr/sbin, /sbin, /usr/bin or /bin */
    const char *const *argv; /* ends with NULL */
    const char *const
        *environment; /* ends with NULL; NULL: a fixed PATH and LC_ALL=C; for a terminal, ours */
    /* It has our standard input, output and error, folder, umask and process group, and no limit: for a
     * person. Otherwise /dev/null as input, '/', umask 022, and a session of its own without a terminal. */
    bool terminal;
    bool errors;        /* capture standard error too, otherwise it is /dev/null; not of a terminal */
    bool same_group;    /* no session of its own: whoever ends our process group ends it */
    bool interruptible; /* give up when a signal handler ran: -EINTR */
    int limit_ms;       /* for the whole run, whether it prints anything or not; 0: none */
    size_t output_max;  /* bytes; 0: 64 MiB */
};

/* Runs it until it exits. What it started and left running is not waited for, even if that holds its standard
 * output open.
 *
 * *output gets what it printed, for the caller to free, or NULL if there is nothing; NULL: not wanted.
 * Returns the exit status, 128 + N if signal N ended it; -ENOENT if there is no such program; -ETIMEDOUT when
 * the limit was reached, -EFBIG after more than output_max bytes, or another -errno. After any of these it
 * has been ended with its process group: by SIGTERM, a second later by SIGKILL. It is also killed when the
 * caller dies, unless it is for a terminal or executing it changed its credentials (prctl(2)). */
int process_run(const struct process *process, char **output);

/* process_run() of argv[0] from the system's folders. */
int process_capture(const char *const argv[], bool errors, int limit_ms, char **output);

/* process_run() for a person at the terminal, as {path, argv}. */
int process_run_terminal(const char *path, const char *const argv[]);

/* Cuts the output after its first line and returns that, or words if there is nothing. */
const char *process_reason(char *output);

/* Starts the program at `path` as nobody's child, with nothing open but /dev/null. A program that cannot be
 * run is not noticed. Returns 0 or -errno of fork. */
int process_detach(const char *path, const char *const argv[]);
