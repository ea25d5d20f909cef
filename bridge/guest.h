/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The addresses of the guest behind a tap, from what this host knows already: nothing is sent to anybody.
 *
 * A MAC is a guest's if the bridge has it at the guest's port, or, while the bridge has it nowhere, if the
 * tap's claim or libvirt says so; never if another tap claims it. An address is a guest's if one of the
 * sources ties it to such a MAC, and nothing that is better known contradicts:
 *
 *   - one that another tap's claim locks to its guest is that guest's;
 *   - a guest that is locked to addresses (ip=lock) has no others, beside those of the link;
 *   - while the neighbour table ties an address to one port, and a lease ties it to another, it is nobody's:
 *     an entry may be old or forged, a lease unused;
 *   - one that two servers leased to two guests is that of the one that the neighbour table has it for;
 *   - the guest agent, whose answers the guest chooses, counts last: never for an address of this host, or
 *     for one that a neighbour, a lease or another guest's agent ties to somebody else;
 *   - of a guest that has 256 addresses, no more leases are looked at: it may have taken all of a server. */
#pragma once

#include "leases.h"
#include "net/fdb.h"
#include "net/link.h"
#include "net/messages.h"
#include "net/neighbourtable.h"

/* Where an address is known from, as a set of bits. */
enum guest_source {
    GUEST_LOCK = 1,
    GUEST_NEIGHBOUR = 2,
    GUEST_LEASE = 4,
    GUEST_AGENT = 8,
    GUEST_SOURCES = 4
};

/* Returns the word for one of the bits in docs/interfaces.md. */
const char *guest_source_word(unsigned int source);

/* What libvirt says of a tap: the MAC of the guest's card; and, if the guest agent has answered, one of the
 * addresses of that card. */
struct guest_card {
    char tap[IFNAMSIZ];
    uint8_t mac[6];
    struct cidr address; /* family 0: none */
};

struct guest_cards {
    struct guest_card *list;
    size_t count;
};

/* The interface by which this host reaches a bridge's guests: the bridge itself, or a VLAN device on it. */
struct guest_segment {
    int ifindex, bridge;
    unsigned int vlan;     /* in which guests are there; 0: frames without a tag */
    unsigned int fdb_vlan; /* likewise in the bridge's FDB, which has 0 if the bridge does not filter VLANs */
};

/* A tap's claim to a MAC or an address. */
struct guest_claim {
    int tap; /* ifindex */
    char bridge[IFNAMSIZ];
    bool is_mac;
    uint8_t mac[6];
    struct cidr address; /* or network */
};

/* Everything that is read once for all guests. */
struct guest_sight {
    const struct links *links;       /* the caller's: all interfaces */
    const struct guest_cards *cards; /* the caller's */
    struct fdb fdb;
    struct neighbour_table neighbours;
    struct messages own; /* addresses of this host */
    struct leases leases;
    struct guest_segment *segments;
    size_t segment_count;
    struct guest_claim *claims;
    size_t claim_count;
};

#define _cleanup_guest_sight_ __attribute__((cleanup(guest_sight_free)))

/* Reads all of it, without privilege. links and cards must outlive it. Returns 0; -E2BIG if the bridges have
 * too many MACs (net/fdb.h); or another -errno. The caller must guest_sight_free(out) in any case. */
int guest_sight_read(struct guest_sight *out, struct rtnl *nl, const struct links *links,
                     const struct guest_cards *cards);
void guest_sight_free(struct guest_sight *sight);

/* Returns the text for what it returned. */
const char *guest_sight_problem(int err);

/* Says, on standard error, which leases were too many to be looked at, if any. */
void guest_sight_report(const struct guest_sight *sight, const char *verb);

enum { GUEST_MACS_MAX = 8 };

/* MACs by which the guest behind a tap may be known: those at its port, those that it claims, and libvirt's.
 */
struct guest_macs {
    uint8_t list[GUEST_MACS_MAX][6];
    size_t count; /* of all, which may be more than are listed */
};

void guest_macs_read(struct guest_macs *out, const struct guest_sight *sight, const struct link *tap);

/* Whether a MAC is one of them, or there are more than are listed: so that tens of thousands of leases, which
 * a guest can take under as many MACs, are not looked at for each tap. */
bool guest_macs_may_have(const struct guest_macs *macs, const uint8_t mac[6]);

struct guest_address {
    struct cidr address;
    bool has_mac;
    uint8_t mac[6];
    int ifindex;          /* by which this host reaches it, if a neighbour says so; otherwise 0 */
    unsigned int vlan;    /* in which the neighbour was seen; 0: without */
    unsigned int sources; /* GUEST_ bits */
};

struct guest_addresses {
    struct guest_address *list;
    size_t count;
};

#define _cleanup_guest_addresses_ __attribute__((cleanup(guest_addresses_free)))

/* Finds the addresses of the guest behind a tap: IPv4 first, IPv6 link-local ones last. Networks that a guest
 * is locked to are not addresses. Returns 0 or -ENOMEM; the caller must guest_addresses_free(out) in either
 * case. */
int guest_find(const struct guest_sight *sight, const struct link *tap, struct guest_addresses *out);
void guest_addresses_free(struct guest_addresses *addresses);

/* Returns whether there is one that others on the network can use: not only of IPv6 link-local ones. */
bool guest_is_reachable(const struct guest_addresses *addresses);
