/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The DHCP clients that dhcp.h supports, and which of their arguments survive a restart. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct dhcp_options;

struct dhcp_program {
    const char *name; /* argv[0] */
    const char *box;  /* multi-call binary that runs as this client by argv[0]; NULL: none */
    const struct dhcp_options *options;
    bool getopt; /* short options may be joined ("-nq", "-ieth0"); long ones take their value after '=' */
};

/* The clients, in the order in which dhcp_begin() tries them. */
extern const struct dhcp_program dhcp_programs[];
extern const size_t dhcp_program_count;

const struct dhcp_program *dhcp_program(const char *name);

/* Finds the client named by a process's argv, skipping a leading busybox. Returns the words starting at the
 * client's name, with its directory stripped, or NULL if it is not a supported client. */
const char **dhcp_line(const char *words[]);

/* A command line. All zeros: empty. */
struct dhcp_argv {
    const char **words; /* NULL-terminated, each owned; NULL: there are none */
    size_t count;
    char dropped[256]; /* by dhcp_words(): the options left out, as text; cut to fit */
};

/* Adds a copy of the word. Returns 0 or -ENOMEM. */
int dhcp_argv_add(struct dhcp_argv *argv, const char *word);

/* Builds the command line of a client for the interface `to` from that of a client for `from`. The
 * interface's name is replaced where it is a word of its own or stands between '.' and '-' in a file name
 * ("dhclient.eth0.pid"); in the name of a file that is only read, only if the file of the new name exists.
 *
 * Only known options are kept, and only with a value they accept: a number; printable ASCII not starting with
 * '-'; or a file in a directory that only root can write to (see rootpath.h), which must belong to root if it
 * exists. What is left out is listed in out->dropped.
 *
 * Returns 0; -ENOENT if this is a client of neither interface, or was told to release its lease; or -ENOMEM.
 * The caller must dhcp_argv_free(out) in either case. */
int dhcp_words(const struct dhcp_program *program, const char *const words[], const char *from,
               const char *to, struct dhcp_argv *out);
void dhcp_argv_free(struct dhcp_argv *argv);
