/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The verbs of the virt-tap command, as tables: one table drives dispatch and usage. A verb either does
 * something or has verbs of its own (`virt-tap policy check`). */
#pragma once

#include "complain.h"
#include "options.h"

#include <stddef.h>

struct command;

/* A verb's words, read. */
struct call {
    const char *name; /* the whole command ("virt-tap policy check"), for messages */
    char **words;     /* that are not options; ends with NULL */
    size_t count;
    void *options; /* the verb's struct; NULL if it has no options */
};

struct verb {
    const char *name;
    const char *arguments;              /* as usage shows them; NULL: it takes none */
    const char *summary;                /* one line, without a full stop */
    const char *notes;                  /* what --help says besides, whole lines; NULL: nothing */
    const struct option_entry *options; /* base/options.h; NULL: none */
    size_t min, max;                    /* how many words that are not options it takes */
    /* Does it. Returns the exit status: 0 done, 1 refused or failed, 2 usage, 3 with --strict something was
     * left alone. */
    int (*act)(const struct call *call);
    int (*run)(int argc, char *argv[]); /* instead of act: reads the words itself; argv[0] is a call's name */
    const struct command *verbs;        /* instead of act */
    const char *program;                /* instead of act: the program that has this verb, and its help */
    int (*start)(const struct verb *verb, int argc,
                 char *argv[]); /* how to start it; argv[0] is a call's name */
};

struct command {
    const char *about; /* one line */
    const struct verb *verbs;
    size_t count;
};

/* Runs the verb that argv[1] names; argv[0] is the command so far. Reports itself what is wrong with the
 * words, and answers help, --help and -h at every level: see verb_run(). `--list-options VERB...` prints the
 * options of that verb, or the verbs of that command, one per line. Returns the exit status. */
int command_run(const struct command *command, int argc, char *argv[]);

/* main() of a program that has these verbs: what it prints is filtered (base/terminal.h), and argv[0] is
 * taken to be "virt-tap", whatever its caller says. Returns the exit status. */
int command_main(const struct command *command, int argc, char *argv[]);

/* Runs the verb; argv[0] is the whole command so far. With --help or -h anywhere before a `--` it shows the
 * verb's help instead, and nothing is done. Returns the exit status. */
int verb_run(const struct verb *verb, int argc, char *argv[]);
