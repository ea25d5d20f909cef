/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#pragma once

#include "base/verb.h"

#include <stdint.h>

struct address_list;
struct caller;
struct decision;
struct error;
struct link;
struct policy;

/* virt-tap policy explain, edit and apply; see struct verb. */
extern const struct option_entry explain_options[], apply_options[];
int policy_explain(const struct call *call);
int policy_edit(const struct call *call);
int policy_apply(const struct call *call);

/* Changes the copy of a policy file that is at that path. Returns 0, or -1 after reporting why not. */
typedef int policy_changer(const char *name, const char *copy, void *context);

/* Has change() change a copy of the policy file, which replaces the file in one step if `policy check` finds
 * no error in it. A new file begins with a comment, and includes an existing bridge.conf. name: of the
 * command, for messages; change: NULL: root's editor, with a person who is asked about errors. Returns 0,
 * also if nothing is different; or 1 after reporting why not, with nothing changed. */
int policy_change(const char *name, const char *file, policy_changer *change, void *context);

/* Removes a policy.conf that has nothing but the initial text, so that a bridge.conf that it includes is in
 * force again; it stays if there is one that it does not include.
 * Returns 0, or 1 after reporting why not. */
int policy_remove_initial(const char *name);

/* Prints one line for each term of the rule that allowed a tap on that bridge, for what the guest asked to be
 * bound by, and for what it can send then. */
void policy_print_terms(const struct decision *decision, const char *bridge);

/* Prints which line would allow it, and which file to add it to. effect: more about that, or "". selector:
 * whom the line is for, as USER=NAME; "": everybody. */
void policy_print_addition(const char *path, const char *effect, const char *bridge, const char *selector);

/* Prints, a line each, the groups to which rules allow that bridge, for a user to whom none does: what the
 * user would have to be in, or, being added after the caller's login, to log in again for. */
void policy_print_groups(const struct policy *policy, const char *bridge, const struct caller *caller,
                         const char *user);

/* Prints, a line each, where a guest under such a list of destinations, egress=, can send to. */
void policy_print_egress(const char *egress);

/* Looks on an existing bridge for what prevents a tap that the policy allows, as helper/grant.c does, and in
 * its words, without the privilege to make one: others that have the guest's MAC or addresses; protection
 * that the bridge cannot provide. mac: NULL: none is given. Returns 0, also if it cannot be told; or -1 and
 * why. */
int policy_taken(const struct link *bridge, const uint8_t *mac, const struct decision *decision,
                 struct error *why);
