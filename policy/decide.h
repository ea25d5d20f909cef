/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Decides a question by the policy in force. */
#pragma once

#include "addresses.h"
#include "base/vlans.h"
#include "egress.h"
#include "policy.h"

#include <stdint.h>

struct link;
struct rtnl;

/* What the caller asks for. */
struct question {
    const char *bridge;
    bool tap;           /* a tap on the bridge; otherwise the bridge only */
    const char *name;   /* the tap's; NULL: any */
    const uint8_t *mac; /* the guest's; NULL: not given */
    const char *vlan;   /* VLANs for vlans_parse(), which are valid; NULL: all that are granted */
    const char *native; /* likewise, of these */
    bool isolated;
    bool lock_mac, lock_ip;               /* bind the guest to its MAC; with it, also to its addresses */
    unsigned int serve;                   /* what alone it shall serve, SERVE_; 0: all that it may */
    bool vnet_hdr;                        /* only with vnet headers */
    const struct address_list *addresses; /* the guest's, each a single one; NULL: none */
};

/* What is granted. */
struct decision {
    struct policy_match match; /* what decided, also if the answer is no; points into the policy */
    bool unknown;              /* refused because a user or group in a rule could not be looked up */
    unsigned int quota;        /* taps of the caller there at a time; 0: limited by the bridge's ports only */
    struct uid_range uids;     /* the uids that share this quota */
    unsigned int mtu;          /* bytes; 0: the bridge's */
    struct protection protection;
    bool lock_asked;               /* protection.mac_lock is not the rule's, but asked for */
    struct address_list addresses; /* that bind the guest, if protection.ip_lock */
    struct vlans vlans;            /* of the port; none: the bridge's default, untagged */
    struct egress_list egress;     /* where it may send to; empty: anywhere */
    char rule[256]; /* FILE:LINE of the rule that allowed it, for people; truncated if necessary */
};

/* Reads what the policy in force says about the bridge: policy.conf, strictly; bridge.conf, with QEMU's
 * verdicts, only if policy.conf does not exist, which is checked again after bridge.conf has been read. If
 * files have just been added to or removed from a folder that matters here, waits until that has settled.
 * Return value and ownership are those of policy_read(). */
int policy_load(struct policy *out, const char *bridge, struct error *why);

/* Returns 0 if allowed, or -1 and why not, which says what would allow it. */
int policy_decide(struct decision *out, const struct policy *policy, const struct question *question,
                  const struct caller *caller, struct error *why);

/* Returns whether there is a bridge.conf that policy.conf, which was read, does not include. */
bool policy_shadows(const struct policy *policy);

/* Refuses a name that no bridge in a question can have; `option` gave it. Returns 0, or -1 and why not. */
int policy_check_bridge(const char *option, const char *name, struct error *why);

/* Looks up the bridge that the policy was asked about, by its own name only: a deny names a bridge, and would
 * not match an alternative name. Returns 0, or -1 and why not. */
int policy_find_bridge(struct rtnl *nl, struct link *out, const char *name, struct error *why);
