/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What rewriting and restoring share. */
#pragma once

#include "change.h"

/* Makes room for the notes, and checks that every interface wished for is there. Returns 0, or -1 and why. */
int change_begin(struct change *out, const struct domain *domain, const struct wish *wish,
                 struct xml_error *why);

/* Whether the wish is about this interface. */
bool wish_chooses(const struct wish *wish, const struct domain *domain, size_t index);
