/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What comes after `domain rewrite` and `restore`: what still has the old interfaces, and what on this host
 * would keep the taps from being there when the domain starts. */
#pragma once

#include "xml/name.h"

#include <libvirt/libvirt.h>
#include <stddef.h>

/* The bridges of the domains that were rewritten, each once. */
struct next {
    char (*bridges)[NAME_SIZE]; /* owned */
    size_t count;
};

/* Reports that a domain was changed, whether its snapshots or its saved state hold the other form, and when
 * the change takes effect. `command` begins each message. */
void next_report(const char *command, virDomainPtr domain, const char *name);

/* Collects the bridges of a rewritten definition. */
void next_learn(struct next *next, const char *text, size_t size);

/* If that libvirt runs on this host, reports if its qemu hook is not called, and each bridge that the policy
 * does not give to the user that the hooks run as. */
void next_warn(const struct next *next, const char *command, virConnectPtr connection);
void next_free(struct next *next);
