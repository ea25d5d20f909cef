/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What a rule grants, in the words of `virt-tap policy explain`. */
#pragma once

struct decision;

/* Prints one line for each term of the rule that allowed a tap on that bridge, for what the guest asked to be
 * bound by, and for what it can send then. */
void policy_print_terms(const struct decision *decision, const char *bridge);
