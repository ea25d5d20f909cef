/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Protection that a rule has the bridge itself enforce on a tap's port. If the kernel or the bridge cannot
 * provide it, the request is refused, never granted without: what a kernel may pass over is read back.
 * Changing ports requires CAP_NET_ADMIN, which must be effective, and have been when nl was opened. */
#pragma once

#include "net/binding.h"
#include "net/link.h"

struct decision;
struct error;
struct protection;
struct rtnl;

/* What a port is granted. */
struct port_grant {
    const struct link *bridge; /* as link_find() or link_get() reads it */
    const struct decision *terms;
    const struct binding *binding; /* with mac=lock: what the guest may send as */
    bool again;         /* the port is in its VLANs, and in the FDB with the guest's MAC, already */
    bool takes_learned; /* the guest may have been learned at another port, from which it then comes */
};

/* Returns what a guest with that MAC is bound to on that bridge; points into the decision. */
struct binding protect_binding(struct decision *terms, const struct link *bridge, const uint8_t mac[6]);

/* Returns the port options that provide the protection. */
struct port_options protect_options(const struct protection *wanted);

/* Checks whether the bridge can provide it. Returns 0, or -1 and why not. */
int protect_check(const struct port_grant *what, struct error *why);

/* Protects a port that is on its bridge, and not up unless it was protected by these terms before. Returns 0,
 * or -1 and why not; the port must not be used then. */
int protect_port(struct rtnl *nl, int ifindex, const char *tap, const struct port_grant *what,
                 struct error *why);
