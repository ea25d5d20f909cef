/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The verbs of the virt-tap command as tables, which drive both dispatch and usage. A verb either does
 * something or has verbs of its own (`virt-tap policy check`). */
#pragma once

#include "complain.h"
#include "options.h"

#include <stddef.h>

struct command;

/* A verb's parsed command line. */
struct call {
    const char *name; /* the full command ("virt-tap policy check"), for messages */
    char **words;     /* the words that are not options; ends with NULL */
    size_t count;
    void *options; /* the verb's option struct; NULL if it has no options */
};

struct verb {
    const char *name;
    const char *arguments;              /* as shown in usage; NULL: takes none */
    const char *summary;                /* one line, without a full stop */
    const char *notes;                  /* further whole lines of --help; NULL: none */
    const struct option_entry *options; /* base/options.h; NULL: none */
    size_t min, max;                    /* the number of words that are not options */
    /* Runs the verb. Returns the exit status: 0 success, 1 refused or failed, 2 usage error, 3 something was
     * left alone with --strict. */
    int (*act)(const struct call *call);
    const struct command *verbs; /* instead of act */
    const char *program;         /* instead of act: the program that implements this verb and its help */
    int (*start)(const struct verb *verb, int argc,
                 char *argv[]); /* starts it; argv[0] is the full command */
};

struct command {
    const char *about; /* one line */
    const struct verb *verbs;
    size_t count;
};

/* Runs the verb in argv[1]; argv[0] is the command up to it. Reports usage errors itself, and handles help,
 * --help, -h and --version at every level: see verb_run(). `--list-options VERB...` prints the options of
 * that verb, or the verbs of that command, one per line. Returns the exit status. */
int command_run(const struct command *command, int argc, char *argv[]);

/* main() of a program with these verbs: its output is filtered (base/terminal.h), and argv[0] is taken to be
 * "virt-tap", whatever its caller passed. Returns the exit status. */
int command_main(const struct command *command, int argc, char *argv[]);

/* main() of a program that virt-tap starts for the verb of that name, which has these verbs. */
int command_main_of(const char *name, const struct command *command, int argc, char *argv[]);

/* Runs a verb; argv[0] is the full command. With --help, -h or --version anywhere before a `--`, or the word
 * help alone for a verb that takes no words, only prints the verb's help or the version. Returns the exit
 * status. */
int verb_run(const struct verb *verb, int argc, char *argv[]);
