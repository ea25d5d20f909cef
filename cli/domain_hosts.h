/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The same for the domains of several libvirts, each in a process of its own. */
#pragma once

#include <stddef.h>

enum { HOSTS_JOBS = 8, HOSTS_JOBS_MAX = 64, HOSTS_SECONDS = 60, HOSTS_SECONDS_MAX = 24 * 3600 };

struct hosts {
    const char *const *uris;
    size_t count;
    unsigned int jobs;    /* at once */
    unsigned int seconds; /* that one may be silent */
};

/* The worse of two exit statuses: 1 is worse than 3. */
int hosts_worse(int a, int b);

/* Does it at one host. command: the verb and the host, for messages. Returns an exit status. */
typedef int hosts_function(void *data, const char *command, const char *uri);

/* Calls act() for each URI in a child, which has no input and no terminal. Prints what each printed, in their
 * order, and at last how many succeeded. A child that has not called hosts_alive() for `seconds` is ended,
 * and one that calls it after it has printed 32 MiB, which wait for their turn in memory. Returns the worst
 * status. */
int hosts_run(const struct hosts *hosts, const char *command, hosts_function *act, void *data);

/* In such a child: its time begins again. Elsewhere nothing happens. */
void hosts_alive(void);
