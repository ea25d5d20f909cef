/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The DHCP clients that dhcp.h knows, and what of their command lines a client that is started again gets. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct dhcp_options;

struct dhcp_program {
    const char *name; /* argv[0] */
    const char *box;  /* a program that runs as this one by its argv[0]; NULL: none */
    const struct dhcp_options *options;
    bool getopt; /* options may be joined ("-nq", "-ieth0"), and long ones have their value behind '=' */
};

/* The clients in the order in which dhcp_begin() looks for one. */
extern const struct dhcp_program dhcp_programs[];
extern const size_t dhcp_program_count;

const struct dhcp_program *dhcp_program(const char *name);

/* Finds the client that a process's words name. Returns the words from its name on, the folder before that
 * taken away, or NULL if it is none of ours. busybox may stand before it. */
char **dhcp_line(char *words[]);

struct dhcp_argv {
    char **words; /* ends with NULL; owned */
    size_t count;
    char dropped[256]; /* the options left out, as text: as many as there is room for */
};

/* Makes the command line of a client of the interface `to` from that of one of `from`. The name of the
 * interface is replaced where it stands alone or between '.' and '-' in a file's name ("dhclient.eth0.pid");
 * of a file that is only read, if there is one of the other name.
 *
 * Only options that are known go along, and only with a value as they take it: a number; printable ASCII that
 * does not begin with '-'; a file in a folder that only root can write to (see rootpath.h), which must be
 * root's if it exists. What is left out is in out->dropped.
 *
 * Returns 0; -ENOENT if this is a client of neither interface, or one that was told to give it up; or
 * -ENOMEM. dhcp_argv_free() in any case. */
int dhcp_words(const struct dhcp_program *program, char *const words[], const char *from, const char *to,
               struct dhcp_argv *out);
void dhcp_argv_free(struct dhcp_argv *argv);
