/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * virt-tap check: examines the host through host/ and reports the findings. */
#pragma once

#include "host/probe.h"

#include <jansson.h>
#include <net/if.h>
#include <stdbool.h>

/* The findings, and the user they are about. */
struct check {
    const char *name; /* command name, for messages */
    struct user user;
    char bridge[IFNAMSIZ]; /* that the verdict is about: asked for or chosen; "": this host has none */
    const char *areas;     /* those that were checked, for people; NULL: all */
    struct findings findings;
    bool color;
};

enum { CHECK_BRIDGES_MAX = 16 };

/* Looks up a user, NULL: that of this process. A user database that hangs ends the process, with a message.
 * Returns 0, or 1 after reporting why not. The caller must user_free(out) in either case. */
int check_find_user(struct user *out, const char *user, const char *name);

/* Examines the host for check->user, in these areas; the last is NULL. bridge: the one to look at; NULL:
 * those of this host. The findings take the place of check->findings. */
void check_look(struct check *check, const char *const areas[], const char *bridge);

/* The bridges that the verdict may be about: those that guests are most likely meant to use first. */
struct check_bridges {
    char names[CHECK_BRIDGES_MAX][IFNAMSIZ];
    bool declared[CHECK_BRIDGES_MAX]; /* in bridges.conf, and the bridge does not exist */
    size_t count;
};

/* asked: the only one; NULL: all of this host. */
void check_list_bridges(struct check_bridges *out, const char *asked);

/* Reports that the verdict is not about the others. */
void check_report_others(const struct check_bridges *list, size_t chosen, struct findings *out);

enum verdict {
    VERDICT_CAN,
    VERDICT_CANNOT,
    VERDICT_PARTIAL, /* no failure, but not all areas were checked */
};

enum verdict check_verdict(const struct check *check);

/* Writes the verdict on this user and bridge as one line for people, without a newline. Returns it, for the
 * caller to free; NULL: out of memory. The user's name may contain anything: printable_mask() it. */
char *check_verdict_text(const struct check *check);

/* Whether the fix of a finding is for another user to run, and must never be run as root. */
bool check_is_theirs(const struct user *user, const struct finding *finding);

/* For people: grouped by area, aligned. */
void check_show(const struct check *check);

/* As JSON; NULL: out of memory. */
json_t *check_json(const struct check *check);

/* For a bug report: versions and findings, without the user's name. Returns 0, or -1 if out of memory. */
int check_report(const struct check *check);

/* Prints the fixes as a script for the user running this; what another user must do is a comment in it. */
void check_script(const struct check *check);

/* Runs one command of a fix, showing what it prints: as root; or, `theirs`, as that user in a process of
 * child_start(). Returns 0, or 1 after reporting the failure. */
int check_run_line(const struct user *user, bool theirs, char *line);

/* Runs the fixes one by one, showing each: as root, or, for another user's own files, as that user in a
 * process of child_start(). Returns how many failed. */
unsigned int check_apply(const struct check *check);

/* Whether the helper works, with a real tap if the policy allows this user one. Probes, as in host/. */
void check_helper_probe(const struct probe_context *context, struct findings *out);

/* Likewise the broker, where it is not needed. */
void check_broker_probe(const struct probe_context *context, struct findings *out);

/* What the policy says about this user. */
void check_policy_probe(const struct probe_context *context, struct findings *out);
