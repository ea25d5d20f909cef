/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#pragma once

#include "base/verb.h"

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
