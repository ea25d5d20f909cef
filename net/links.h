/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Finds an interface in a list of them, and sorts such a list. */
#pragma once

#include "link.h"

/* NULL: no such interface; a name that is NULL is that of none. */
const struct link *links_by_name(const struct links *links, const char *name);
const struct link *links_by_index(const struct links *links, int ifindex);

/* By name, with numbers in their order: eth9, eth10. */
void links_sort(struct links *links);
