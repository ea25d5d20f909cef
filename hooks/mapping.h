/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What domain_map() (xml/change.h) needs to know about this host: the mappings in bridges.conf, and
 * the names in use. */
#pragma once

#include "policy/maps.h"
#include "xml/change.h"

struct link;

/* Whether the tap was made by this user for that domain: another user's domain can have the same UUID.
 * `prepare` replaces what an earlier start of the domain left. */
bool mapping_is_own(const struct link *tap, const struct domain *domain);

/* Builds the wish for domain_map() from what maps_read() returned, which must outlive it. If this host's
 * interfaces cannot be listed, every existing name counts as taken. */
struct wish mapping_wish(struct maps *maps);
