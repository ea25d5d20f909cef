/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Live taps: what the kernel has of each tap that virt-tap made for a user, what the policy in force says of
 * it, and how it is brought to that. Only facts that require CAP_NET_ADMIN to change decide: claims, alias,
 * name, port options, VLANs, filters; and whether the tap has vnet headers, which only makes a refusal.
 * Requires root. */
#pragma once

#include "base/error.h"
#include "base/vlans.h"
#include "net/binding.h"
#include "policy/claim.h"
#include "policy/decide.h"

struct rtnl;

struct live_tap {
    struct link link;
    struct link bridge; /* the one that its claim names; ifindex 0: there is none */
    struct claim claim;
    struct claim_alias alias;
    bool complete; /* it has an alias that can be read: before that, its helper is still making it */
    bool later;    /* or a later virt-tap made it, and it is left alone */
    bool has_mac;  /* according to the claim, as all that follows */
    uint8_t mac[6];
    struct address_list addresses;
    char range[CLAIM_SIZE];   /* the claim in a quota that a range of uids shares; "": none */
    struct vlans vlans;       /* those of the port, whether or not its bridge filters them */
    bool odd_vlans;           /* some are untagged one way only, which no policy grants */
    struct policy policy;     /* as its owner reads it */
    bool allowed;             /* what the policy says; if so: */
    struct decision decision; /* points into policy */
    struct error why;         /* otherwise: why not */
};

struct live_taps {
    struct live_tap *list; /* the oldest first */
    size_t count;
};

#define _cleanup_live_ __attribute__((cleanup(live_free)))

/* Reads all taps with a claim. Waits for up to a second while a helper is making one. Returns 0 or -errno;
 * the caller must live_free(out) in either case. */
int live_read(struct live_taps *out, struct rtnl *nl);
void live_free(struct live_taps *taps);

/* Reads one of them again. Returns 0; -ENODEV: it is gone; -ESTALE: its name, claim or alias are not those
 * that were read before; or another -errno. */
int live_refresh(struct live_tap *tap, struct rtnl *nl);

/* Decides about each complete tap as the helper would if its owner requested it now, with the groups that the
 * owner has in the user database. A tap asks for its name, unless the helper chose it; for the MAC and the
 * addresses that it claims; for vnet headers if it has them; for what its alias says that was asked for; and
 * for its VLANs, which a request may have asked for. Without the VLANs if these are not granted. The newest
 * taps beyond a quota are refused. Returns 0, or -1 and why not, if there is no policy, or it has an error,
 * or a user or group in it cannot be looked up: then nothing is decided. */
int live_judge(struct live_taps *taps, struct error *why);

/* How a tap differs from what it is granted. */
enum {
    LIVE_PLACE = 1 << 0, /* it is not on its bridge */
    LIVE_LOCK = 1 << 1,  /* mac=lock */
    LIVE_ISOLATED = 1 << 2,
    LIVE_GUARD = 1 << 3,
    LIVE_OPTIONS = 1 << 4, /* learning, flooding, multicast */
    LIVE_ENTRY = 1 << 5,   /* the guest's MAC in the bridge's FDB */
    LIVE_FILTER = 1 << 6,
    LIVE_VLAN = 1 << 7,
    LIVE_CLAIMS = 1 << 8, /* of its addresses, and its slots in quotas */
};

/* Finds out how an allowed tap differs from its decision. Returns 0 or -errno. */
int live_differs(struct rtnl *nl, struct live_tap *tap, unsigned int *out);

/* Returns the VLANs that the port of an allowed tap is to be in: those of its decision, or the bridge's
 * default. */
struct vlans live_wanted_vlans(const struct live_tap *tap);

/* Returns the word of a difference for programs, as in "filter"; NULL: there are no more. nth: from 0 on. */
const char *live_word(unsigned int differs, unsigned int nth);

/* Writes what will be different in words, as in "mac=lock, port filter"; "" if nothing. */
enum { LIVE_WORDS = 640 };
void live_describe(const struct live_tap *tap, unsigned int differs, char *out, size_t size);

/* Looks, without changing anything, whether live_bring() would find somebody else with the guest's addresses
 * or its MAC. What others hold now counts, also if the same run would have them give it up. Returns 0, or -1
 * and why. */
int live_bring_check(struct rtnl *nl, struct live_tap *tap, unsigned int differs, struct error *why);

/* Brings an allowed tap to its decision, and reads it back. What tightens comes first, what loosens last, and
 * filters are replaced at once, so that at no moment the guest can send what neither the state before nor the
 * decision lets it. With LIVE_PLACE, the tap is down from before it joins its bridge until it is protected.
 * Returns 0, with what has changed in *differs; or -1 and why not: then it may be tighter than it was, not
 * looser. */
int live_bring(struct rtnl *nl, struct live_tap *tap, unsigned int *differs, struct error *why);

/* live_claims.c: the claims of an allowed tap that depend on the policy: its slots in quotas, and its
 * addresses. The claim to its MAC stays whatever the policy says. This returns whether it has others than its
 * decision gives it. */
bool live_claims_differ(const struct live_tap *tap);

/* Looks whether the addresses that are new to the tap are somebody else's, as live_claims_add() would.
 * Returns 0, or -1 and whose one is. */
int live_claims_check(struct rtnl *nl, const struct live_tap *tap, struct error *why);

/* Claims addresses that are new to the tap and that nobody else has, and slots within the quotas; a slot
 * beyond a quota would not count. Returns 0, or -1 and why not, with no address claimed. */
int live_claims_add(struct rtnl *nl, struct live_tap *tap, struct error *why);

/* Gives up addresses that do not bind the tap any more. Returns 0, or -1 and why not. */
int live_claims_drop(struct rtnl *nl, const struct live_tap *tap, struct error *why);
