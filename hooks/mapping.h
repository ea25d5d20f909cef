/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What domain_map() (xml/change.h) asks of this host: what bridges.conf maps, and which names are taken. */
#pragma once

#include "helper/bridges.h"
#include "xml/change.h"

/* A wish for domain_map(), by what bridges_read() has read; valid as long as that. Where the interfaces of
 * this host cannot be listed, a name that is there counts as taken. */
struct wish mapping_wish(struct bridges *bridges);
