/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What a rule grants, in the words of `virt-tap policy explain`. */
#pragma once

struct decision;

/* Prints one line for each term of the rule that allowed a tap on that bridge, and for what the guest can
 * send then. */
void policy_print_terms(const struct decision *decision, const char *bridge);
