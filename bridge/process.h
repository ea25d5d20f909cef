/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Other programs: started for good, or asked for what they print. */
#pragma once

#include <stddef.h>

/* Starts a program in a session of its own, as nobody's child, with nothing open but /dev/null. A program
 * that cannot be run is not noticed. Returns 0 or -errno of fork. */
int process_detach(const char *path, char *const argv[]);

/* Runs a program that an administrator's PATH has in /usr/sbin, /sbin, /usr/bin or /bin, and waits at most
 * ten seconds. *output gets what it prints on standard output, and standard error with `errors`, to be freed
 * by the caller; NULL where there is none. Returns its exit status, -ENOENT where there is no such program,
 * -ETIMEDOUT, or another -errno. */
int process_capture(char *const argv[], int errors, char **output);
