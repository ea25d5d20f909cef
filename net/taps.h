/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Taps and tuns that there are, as rtnetlink shows them to everybody, without privilege. */
#pragma once

#include "port.h"
#include "tap.h"

#include <stddef.h>
#include <stdint.h>

struct nlmsghdr;
struct rtnl;

enum { TAPS_ALTNAME_SIZE = 128, TAPS_ALIAS_SIZE = 257 }; /* linux/if.h: ALTIFNAMSIZ, IFALIASZ; with a '\0' */

struct tap_state {
    int ifindex;
    char name[IFNAMSIZ];
    char alias[TAPS_ALIAS_SIZE];     /* "": none */
    char altname[TAPS_ALTNAME_SIZE]; /* the first alternative name with the prefix that was asked for; "":
                                        none */
    bool is_port;                    /* of a bridge, which says: */
    struct port_options port;
    int master;       /* ifindex of the bridge; 0: of none */
    unsigned int mtu; /* bytes */
    uint8_t mac[6];
    bool up;
    bool carrier; /* somebody holds it; but a holder may say otherwise (TUNSETCARRIER) */
    struct tap_kind kind;
    bool persist;
    uint32_t owner, group; /* of TUNSETOWNER and TUNSETGROUP; UINT32_MAX: nobody */
    unsigned int queues;   /* attached now, disabled ones too; known of multi-queue taps only */
};

/* What a message about a link (RTM_NEWLINK) says, without alternative names. Returns 0; -EMEDIUMTYPE: it is
 * neither tap nor tun; or -EBADMSG. */
int taps_read(struct nlmsghdr *header, struct tap_state *out);

/* Every tap and tun of the namespace, in the kernel's order. altname_prefix: see struct tap_state. Returns 0
 * and an array that the caller must free(), or -errno. */
int taps_list(struct rtnl *nl, const char *altname_prefix, struct tap_state **out, size_t *count);

/* The tap or tun of that name, its own, not an alternative one. Returns 0; -ENODEV: there is nothing of that
 * name; -EMEDIUMTYPE: it is another kind of device; or another -errno. */
int taps_find(struct rtnl *nl, const char *altname_prefix, const char *name, struct tap_state *out);

/* The same by index. */
int taps_get(struct rtnl *nl, const char *altname_prefix, int ifindex, struct tap_state *out);
