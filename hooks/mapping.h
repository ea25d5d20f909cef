/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What domain_map() (xml/change.h) asks of this host: what bridges.conf maps, and which names are taken. */
#pragma once

#include "policy/declared.h"
#include "xml/change.h"

struct link;

/* Whether the tap was made for that domain by this user: another user's domain can have the same UUID. What
 * is left of a former start of it is replaced by `prepare`. */
bool mapping_is_own(const struct link *tap, const struct domain *domain);

/* A wish for domain_map(), by what bridges_read() has read; valid as long as that. Where the interfaces of
 * this host cannot be listed, a name that is there counts as taken. */
struct wish mapping_wish(struct bridges *bridges);
