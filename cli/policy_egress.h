/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * A rule's list of destinations, egress=, in words and checked. */
#pragma once

struct lint;

/* Prints, a line each, where the guest can send to. */
void policy_print_egress(const char *egress);

/* Warns of items that can never match. */
void lint_egress(struct lint *lint, const char *file, unsigned long line, const char *egress);
