/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * virt-tap setup: makes a host ready for the guests of some users, by the same commands that an administrator
 * would type; and takes that back. */
#pragma once

#include "host/user.h"

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>

enum step_state {
    STEP_SO,     /* already so */
    STEP_TO_DO,  /* a command makes it so */
    STEP_LEFT,   /* left to the administrator; guests run without it */
    STEP_CANNOT, /* must be so, and cannot be made so; nothing is done then */
};

struct setup;

/* One step of the plan. */
struct step {
    enum step_state state;
    char *title;  /* owned; what is, or what will be */
    char *words;  /* owned; the command, or why nothing is done; NULL: nothing to add */
    char *record; /* owned; the line for the record, which must be there before the command runs; NULL: it
                     leaves nothing to take back */
    const struct user *theirs; /* whose files the command changes, as that user; NULL: root runs it */
    bool alone;                /* nothing else depends on it: the others are done even if it fails */
    /* Does it. Returns 0, or 1 after reporting why not. NULL: `words` is run, by this program if it is one of
     * ours. */
    int (*act)(const struct setup *setup, const struct step *step);
};

enum { STEPS_MAX = 1024, SETUP_USERS_MAX = 64 };

/* The record of what setup has done: lines of a file that only root can write or read. */
struct record {
    char **lines; /* owned */
    size_t count;
};

struct setup {
    const char *name; /* of the command, for messages */
    struct user users[SETUP_USERS_MAX];
    size_t user_count;
    const char *uplink, *nat; /* as given; NULL: not given. nat: a prefix, or "" for any */
    char bridge[IFNAMSIZ];    /* as given, then as found; "": none */
    bool hooks, broker;
    struct record record; /* owned; of what was done before */
    struct step steps[STEPS_MAX];
    size_t count;
    bool lost; /* no memory, or no room: steps are missing */
};

/* Looks at the host, and fills the steps, from none. */
void setup_plan(struct setup *setup);

/* The parts of the plan. */
void setup_plan_bridge(struct setup *setup);
void setup_plan_policy(struct setup *setup);

/* Adds a step, to be completed by the caller; NULL: no room. format: of `words`; NULL: none. */
struct step *setup_add(struct setup *setup, enum step_state state, const char *title, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Sets the line for the record. */
void step_record(struct setup *setup, struct step *step, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Adds the step that installs packages by this command of the host's package manager. If the host has none,
 * or `line` is a comment that names the packages: a step that says so, which `needed` packages make one that
 * cannot be done. */
void setup_add_packages(struct setup *setup, const char *title, const char *line, bool needed);

void setup_clear(struct setup *setup);

/* The file of ours that a fix writes (host/catalogue.c), if its command names one; NULL: none. */
const char *setup_find_file(const char *command);

/* Whether `bridge persist` has written a configuration for it. */
bool setup_is_persisted(const char *bridge);

/* Whether a move to it waits for its confirmation, or is put back. */
bool setup_is_moving(const char *bridge);

/* Whether a bridge's name needs no quotes in a command or a rule, and is no word of the policy's. */
bool setup_bridge_is_plain(const char *name);

/* Letters that neither a shell nor a rule of the policy gives a meaning to. */
#define SETUP_NAME_LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-@+"

/* Whether a user's name needs no quotes in a command or a rule, and is no option and no number. */
bool setup_user_is_plain(const char *name);

/* Runs one of virt-tap's own commands on the terminal, by this program. None of its words may need quotes.
 * Returns 0, or 1 after reporting that it failed. */
int setup_run_own(const char *words);

/* Runs such a command without a terminal. *output is as process_run()'s, with its `errors` if wanted. Returns
 * its exit status or -errno. */
int setup_query(const char *words, bool errors, char **output);

/* Removes a line from policy.conf, if it is there. Returns 0, or 1 after reporting why not. */
int setup_policy_remove(const char *name, const char *line);

/* How many taps are on the bridge, or -1 if that is unknown. */
int setup_count_taps(const char *bridge);

/* Reads it. Returns 0, also if there is none; or 1 after reporting which line is not one that setup writes.
 */
int record_read(struct record *out, const char *name);
void record_free(struct record *record);

/* Adds a line unless it is there, and writes the file. Returns 0, or 1 after reporting why not. */
int record_add(struct record *record, const char *name, const char *line);

/* One kind of line in the record. */
struct record_kind {
    const char *word; /* with the blank behind it, if something follows */
    bool (*valid)(const char *rest);
    /* Takes it back. Returns 0, or 1 after reporting why not. */
    int (*undo)(const char *name, const char *rest);
    const char *means; /* what that does, for people, before the rest */
};

/* Returns the kind of a line, with what follows its word in *rest; NULL: it is not one that setup writes. */
const struct record_kind *record_kind(const char *line, const char **rest);

/* Takes back what the record says, the last first. */
int setup_undo(const char *name, bool yes, bool dry_run);

/* Asks a person on the terminal. Returns 0 if they agree; or 1 after reporting why not. */
int setup_ask(const char *name, const char *question, bool yes);

/* Whether a signal has asked this program to stop. */
bool setup_stopped(void);
void setup_catch_signals(void);
