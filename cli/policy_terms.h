/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What a rule grants, in the words of `virt-tap policy explain`. */
#pragma once

struct decision;

/* Prints one line for each term of the rule that allowed a tap on that bridge, for what the guest asked to be
 * bound by, and for what it can send then. */
void policy_print_terms(const struct decision *decision, const char *bridge);

/* Prints which line would allow it, and which file to add it to. effect: more about that, or "". selector:
 * whom the line is for, as USER=NAME; "": everybody. */
void policy_print_addition(const char *path, const char *effect, const char *bridge, const char *selector);
