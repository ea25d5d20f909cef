/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The terms after the bridge in a rule of policy.conf: whom it applies to, and what it grants. */
#pragma once

#include "config.h"

#include <stdbool.h>
#include <sys/types.h>

struct identity;
struct error;

#define TERMS_DEFAULT_NAMES TAP_PREFIX "*" /* name= */

enum {
    TERMS_QUOTA_MAX = 1023,  /* the maximum number of ports of a bridge */
    TERMS_NAMES_SIZE = 4608, /* a line plus a user name */
};

/* uid=FIRST-LAST: callers with one of these uids, with or without an account. */
struct uid_range {
    bool set;
    uid_t first, last;
};

/* What is enforced on a tap's port, by the bridge or its port filter. */
struct protection {
    bool isolated;      /* from other isolated ports */
    bool mac_lock;      /* accept only frames from the guest's own MAC; deliver only frames to that MAC, and
                           broadcasts */
    bool guard;         /* take the port down at the first STP frame */
    bool ip_lock;       /* with mac_lock: accept only frames from the guest's own IP addresses */
    bool no_vnet;       /* no vnet headers */
    unsigned int serve; /* with mac_lock: what it may serve nevertheless, SERVE_ (binding.h) */
};

/* Strings point into the text they were read from. Zero, NULL or false: not given. */
struct terms {
    const char *user;  /* name or number; the rule applies only to this user */
    const char *group; /* likewise, to callers with this real or supplementary gid */
    struct uid_range uids;
    unsigned int quota; /* taps a user may have on the bridge at a time, from 1 */
    const char *names;  /* glob of the names that the caller may choose */
    bool names_by_user; /* they contain %u, for the user's name */
    const char *macs;   /* prefix of the guest's MAC, in whole bytes: 52:54:00 */
    const char *ips;    /* with ip_lock: networks of the guest's addresses (addresses_parse()); NULL: any */
    const char *vlan;   /* VLANs for vlans_parse(); NULL: the bridge's default, untagged */
    const char *native; /* likewise, of these */
    const char *egress; /* with mac_lock: where the guest may send to (egress_parse()); NULL: anywhere */
    unsigned int mtu;   /* bytes; overrides the bridge's */
    bool require_kvm;   /* only callers who can open /dev/kvm */
    struct protection protection;
};

/* The words of serve=, in the order of the SERVE_ bits. */
enum { TERMS_SERVE_COUNT = 3, TERMS_SERVE_SIZE = sizeof("dhcp,dhcpv6,ra") };
extern const char *const terms_serve_words[TERMS_SERVE_COUNT];
#define TERMS_SERVE_EXPECTED "dhcp, dhcpv6, ra, or several of them separated by commas"

/* Adds the SERVE_ bits of such a list to *out. Returns whether it is one. */
bool terms_parse_serve(unsigned int *out, const char *value);

/* Writes the list for these bits. */
void terms_print_serve(char out[TERMS_SERVE_SIZE], unsigned int serve);

/* Parses `KEY=VALUE...`, separated by blanks, from text, which is modified and must outlive the terms. With
 * deny set, only user=, group= and uid= are valid. Returns 0, or -1 and which word is wrong and how. */
int terms_parse(struct terms *out, char *text, bool deny, struct error *why);

/* Checks whether these terms apply to that caller. Returns 1 yes, 0 no, or -1 and why this cannot be
 * determined. With deny set, they are a deny's, where names require more (identity.h). */
int terms_match(const struct terms *terms, struct identity *who, bool deny, struct error *why);

/* Writes the glob of the names that the rule allows, with %u replaced by that user's name ("": the caller has
 * no account). Returns 0, or -1 and why that name cannot be used there. */
int terms_names(char out[TERMS_NAMES_SIZE], const struct terms *terms, const char *user, struct error *why);
