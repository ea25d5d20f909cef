/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Network interfaces as rtnetlink shows them to everybody, and the requests that change them. Calls return 0
 * or -errno, the kernel's own words then being in nl->reason.
 */
#pragma once

#include "base/name.h"
#include "tap.h"

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nl_msg;
struct nlmsghdr;
struct rtnl;

/* Of include/uapi/linux/if_link.h: Debian 12's, of Linux 6.1, lacks them. Kernels that do not know one ignore
 * it silently, and leave it out of their answers. */
enum {
    PORT_MCAST_MAX_GROUPS = 42, /* IFLA_BRPORT_MCAST_MAX_GROUPS, u32, since Linux 6.3 */
    BRIDGE_FDB_MAX_LEARNED = 49 /* IFLA_BR_FDB_MAX_LEARNED, u32, since Linux 6.7 */
};

/* What a bridge enforces at one of its ports. */
struct port_options {
    bool isolated; /* exchanges nothing with other isolated ports (Linux 4.18) */
    bool locked;   /* takes frames only from addresses that the forwarding table has at this port (5.18) */
    bool learning; /* puts the source addresses of frames into that table */
    bool flood;    /* is sent frames for addresses that the table does not have */
    bool guard;    /* goes down when an STP frame comes in */
    bool router;   /* becomes a multicast router's port, which is sent every group, when a query comes in */
    unsigned int max_groups; /* multicast groups it may be in, of all VLANs together; 0: any number */
    bool knows_groups;       /* only read: the kernel has max_groups (Linux 6.3) */
};

struct bridge_settings {
    bool stp;                   /* the kernel's own, or one that a daemon runs */
    bool kernel_stp;            /* the kernel's own */
    bool vlan_filtering;        /* always false where the kernel has none */
    bool vlan_snooping;         /* the kernel can snoop multicast in each VLAN (Linux 5.15) */
    bool knows_learned;         /* the kernel has max_learned (Linux 6.7) */
    unsigned int max_learned;   /* addresses that it learns; 0: any number */
    unsigned int max_groups;    /* multicast groups, of all ports, at which it stops snooping for good */
    unsigned int default_vlan;  /* which new ports are in; 0: none */
    unsigned int forward_delay; /* in 1/100 s */
};

struct tun_settings {
    struct tap_kind kind;
    bool persist;
    uint32_t owner, group; /* of TUNSETOWNER and TUNSETGROUP; UINT32_MAX: nobody */
    unsigned int queues;   /* attached now, disabled ones too; known of multi-queue taps only */
};

/* What alternative names that virt-tap sets begin with: policy/claim.h. */
#define LINK_CLAIM_PREFIX "virt-tap."

enum { LINK_ALTNAME_SIZE = 128, LINK_ALIAS_SIZE = 257 }; /* linux/if.h: ALTIFNAMSIZ, IFALIASZ; with a '\0' */

struct link {
    int ifindex;
    int master;         /* ifindex of what it is a port or member of, or 0 */
    int lower;          /* IFLA_LINK: what it is on top of (a macvlan's device, a veth's peer), or 0 */
    int type;           /* ARPHRD_ */
    unsigned int flags; /* IFF_ */
    unsigned int mtu;   /* bytes */
    unsigned int min_mtu, max_mtu; /* 0: unknown */
    bool carrier; /* of a tap: somebody holds it; but a holder may say otherwise (TUNSETCARRIER) */
    bool has_mac;
    uint8_t mac[6];
    char name[IFNAMSIZ];
    char altname[LINK_ALTNAME_SIZE]; /* the first alternative name with LINK_CLAIM_PREFIX, else the first; "":
                                        none */
    char alias[LINK_ALIAS_SIZE];     /* "": none */
    char kind[32];                   /* "bridge", "tun", "veth", ...; "" for hardware */
    char port_kind[32];              /* "bridge", "bond", ... when it has a master */
    int addr_gen_mode;               /* IN6_ADDR_GEN_MODE_, or -1 without IPv6 */
    bool takes_advertisements;       /* makes itself addresses from IPv6 router advertisements */
    bool is_bridge, is_tun, is_port; /* is_port: of a bridge */
    struct bridge_settings bridge;   /* if is_bridge */
    struct tun_settings tun;         /* if is_tun, which taps are, too */
    struct port_options port;        /* if is_port */
    int port_state;                  /* BR_STATE_, if is_port */
};

/* The interface of that index, or of that name, be it an alternative one. -ENODEV: there is none. */
int link_get(struct rtnl *nl, int ifindex, struct link *out);
int link_find(struct rtnl *nl, const char *name, struct link *out);

/* The tap or tun of that name, its own, not an alternative one. -ENODEV: there is nothing of that name;
 * -EMEDIUMTYPE: it is another kind of device. */
int link_find_tap(struct rtnl *nl, const char *name, struct link *out);

/* Whether somebody has a queue of a tap, as far as it shows: see carrier. */
bool link_is_held(const struct link *tap);

struct links {
    struct link *list;
    size_t count;
};

#define _cleanup_links_ __attribute__((cleanup(links_free)))

/* All interfaces of the namespace in the kernel's order, or only those of a kind ("tun"; NULL: all).
 * links_free() in any case. */
int links_read(struct rtnl *nl, const char *kind, struct links *out);
void links_free(struct links *links);

/* NULL: there is none. */
const struct link *links_by_name(const struct links *links, const char *name);
const struct link *links_by_index(const struct links *links, int ifindex);

/* The index of the interface of that name, or -errno. */
int link_index(struct rtnl *nl, const char *name);

/* Requests, for rtnl_talk() or batch_take(); NULL: no memory. */
struct nl_msg *link_up_message(int ifindex);
struct nl_msg *link_delete_message(int ifindex);
struct nl_msg *link_master_message(int ifindex, int master); /* 0: leave */
struct nl_msg *link_mtu_message(int ifindex, unsigned int mtu);
struct nl_msg *link_alias_message(int ifindex, const char *alias); /* RTM_NEWLINK does not take it */
struct nl_msg *link_addr_gen_mode_message(int ifindex, int mode);

/* Gives an interface that is down another name of its own. -EEXIST: the name is taken, as an alternative one,
 * too. */
int link_rename(struct rtnl *nl, int ifindex, const char *name);

/* Gives the interface one more name (Linux 5.5; -EOPNOTSUPP before). -EEXIST: somebody in this namespace has
 * it. */
int link_add_altname(struct rtnl *nl, int ifindex, const char *altname);

int link_up(struct rtnl *nl, int ifindex);
int link_delete(struct rtnl *nl, int ifindex);

/* What link_join() sets in one message. */
struct link_join {
    int master;       /* ifindex of the bridge */
    unsigned int mtu; /* bytes */
    uint8_t mac[6];
    const char *alias; /* for people: ip link shows it */
    bool no_addrgen;   /* no IPv6 link-local address when it goes up */
};

/* Makes ifindex a port of a bridge. A failure may leave it half done (the kernel does not undo): delete it
 * then. Leaves the interface down, because the kernel applies IPv6 address generation last (do_setlink): with
 * 'up' in the same message the port would get an address and speak to the guest. */
int link_join(struct rtnl *nl, int ifindex, const struct link_join *join);
