/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Runs other programs: without a shell unless the program is one, without any of our descriptors, and with
 * all signals at their defaults. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Advice for messages that say that a program of virt-tap cannot be started. */
#define PROCESS_INSTALL(package)                                                                             \
    "install the package " package ", or run `./dev install` in virt-tap's source"

enum {
    PROCESS_QUERY_MS = 30 * 1000,       /* programs that only query: nft list, ifquery, netplan get */
    PROCESS_MANAGER_MS = 5 * 60 * 1000, /* programs that change the network: ifup waits for DHCP (dhclient's
                                           own timeout is 5 minutes in Debian's dhclient.conf) */
};

struct process {
    const char *path;        /* NULL: argv[0] in /usr/sbin, /sbin, /usr/bin or /bin */
    const char *const *argv; /* ends with NULL */
    const char *const
        *environment; /* ends with NULL; NULL: PATH and LC_ALL=C only, or ours with `terminal` */
    /* Run for a person: with our standard streams, working directory, umask and process group, and without a
     * time limit. Otherwise with /dev/null as input, '/', umask 022, and in a new session without a
     * terminal. */
    bool terminal;
    bool errors;        /* also capture standard error, otherwise /dev/null; not with `terminal` */
    bool same_group;    /* no new session: signals to our process group reach it */
    bool interruptible; /* give up after a signal handler has run: -EINTR */
    int limit_ms;       /* for the whole run, with or without output; 0: none */
    size_t output_max;  /* bytes; 0: 64 MiB */
};

/* Runs a program until it exits. Does not wait for what the program started and left running, even if that
 * holds its standard output open.
 *
 * *output is set to what it printed, for the caller to free, or to NULL if that is nothing; output may be
 * NULL. Returns the exit status, 128 + N if signal N killed it; -ENOENT if there is no such program;
 * -ETIMEDOUT if the limit was reached; -EFBIG after more than output_max bytes; or another -errno. After any
 * of these errors, the program's process group has been killed: by SIGTERM, a second later by SIGKILL. The
 * program is also killed if the caller dies, unless `terminal` is set or executing it changed its credentials
 * (prctl(2)). */
int process_run(const struct process *process, char **output);

/* Whether a program of that name is in the system's folders. */
bool process_exists(const char *name);

/* process_run() of argv[0] from the system's folders. */
int process_capture(const char *const argv[], bool errors, int limit_ms, char **output);

/* process_capture() of a program that only queries, by its words and without its errors. */
#define process_query(output, ...)                                                                           \
    process_capture((const char *const[]){__VA_ARGS__, NULL}, false, PROCESS_QUERY_MS, output)

/* process_run() for a person at the terminal, as {path, argv}. */
int process_run_terminal(const char *path, const char *const argv[]);

/* Truncates the output to its first line and returns it, or a fixed text if there is none. */
const char *process_reason(char *output);

/* Starts the program at `path` as a daemon, with only /dev/null open. Does not detect a program that cannot
 * be run. Returns 0, or -errno of fork. */
int process_detach(const char *path, const char *const argv[]);
