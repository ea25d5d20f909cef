/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Network interfaces as rtnetlink shows them to unprivileged processes, and the requests that change them.
 * Calls return 0 or -errno, with the kernel's message in nl->reason. */
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

/* From include/uapi/linux/if_link.h; missing from Debian 12's headers (Linux 6.1). Kernels that do not know
 * one of these silently ignore it in requests and omit it from answers. */
enum {
    PORT_MCAST_MAX_GROUPS = 42, /* IFLA_BRPORT_MCAST_MAX_GROUPS, u32, since Linux 6.3 */
    BRIDGE_FDB_MAX_LEARNED = 49 /* IFLA_BR_FDB_MAX_LEARNED, u32, since Linux 6.7 */
};

/* What a bridge enforces on one of its ports. */
struct port_options {
    bool isolated; /* exchanges no frames with other isolated ports (Linux 4.18) */
    bool locked;   /* accepts frames only from addresses that the FDB has at this port (5.18) */
    bool learning; /* learns the source addresses of frames */
    bool flood;    /* is sent frames for addresses that are not in the FDB */
    bool guard;    /* is disabled when a BPDU comes in */
    bool router;   /* becomes a multicast router port, which is sent all groups, when a query comes in */
    unsigned int max_groups; /* multicast groups it may join, in all VLANs together; 0: unlimited */
    bool knows_groups;       /* read only: the kernel has max_groups (Linux 6.3) */
};

struct bridge_settings {
    bool stp;                 /* run by the kernel or by a daemon */
    bool kernel_stp;          /* run by the kernel */
    bool vlan_filtering;      /* always false if the kernel has none */
    bool vlan_snooping;       /* the kernel can snoop multicast per VLAN (Linux 5.15) */
    bool knows_learned;       /* the kernel has max_learned (Linux 6.7) */
    unsigned int max_learned; /* addresses that it learns; 0: unlimited */
    unsigned int max_groups; /* multicast groups on all ports; at this number it disables snooping for good */
    unsigned int default_vlan;  /* the VLAN of new ports; 0: none */
    uint16_t vlan_protocol;     /* of the tags that it filters by: ETH_P_8021Q or ETH_P_8021AD; 0: unknown */
    unsigned int forward_delay; /* in 1/100 s */
};

struct tun_settings {
    struct tap_kind kind;
    bool persist;
    uint32_t owner, group; /* set by TUNSETOWNER and TUNSETGROUP; UINT32_MAX: none */
    unsigned int queues;   /* attached now, including disabled ones; known of multi-queue taps only */
};

/* Prefix of the alternative names that virt-tap sets: policy/claim.h. */
#define LINK_CLAIM_PREFIX "virt-tap."

enum { LINK_ALTNAME_SIZE = 128, LINK_ALIAS_SIZE = 257 }; /* linux/if.h: ALTIFNAMSIZ, IFALIASZ; with a '\0' */

struct link {
    int ifindex;
    int master;         /* ifindex of the bridge, bond, ... that it is a port of, or 0 */
    int lower;          /* IFLA_LINK: the device it is on top of (a macvlan's device, a veth's peer), or 0 */
    int type;           /* ARPHRD_ */
    unsigned int flags; /* IFF_ */
    unsigned int mtu;   /* bytes */
    unsigned int min_mtu, max_mtu; /* 0: unknown */
    bool carrier; /* of a tap: somebody holds it, unless the holder changed it (TUNSETCARRIER) */
    bool has_mac;
    uint8_t mac[6];
    char name[IFNAMSIZ];
    char altname[LINK_ALTNAME_SIZE]; /* the first alternative name with LINK_CLAIM_PREFIX, otherwise the
                                        first; "": none */
    char alias[LINK_ALIAS_SIZE];     /* "": none */
    char kind[32];                   /* "bridge", "tun", "veth", ...; "" for hardware */
    char port_kind[32];              /* "bridge", "bond", ... if it has a master */
    int addr_gen_mode;               /* IN6_ADDR_GEN_MODE_, or -1 without IPv6 */
    bool takes_advertisements;       /* configures addresses from IPv6 router advertisements */
    bool is_bridge, is_tun, is_port; /* is_port: of a bridge */
    struct bridge_settings bridge;   /* if is_bridge */
    struct tun_settings tun;         /* if is_tun, which is true of taps too */
    struct port_options port;        /* if is_port */
    int port_state;                  /* BR_STATE_, if is_port */
};

/* Gets the interface with that index, or with that name or alternative name. -ENODEV: no such interface. */
int link_get(struct rtnl *nl, int ifindex, struct link *out);
int link_find(struct rtnl *nl, const char *name, struct link *out);

/* Makes a request for link_ask() beforehand: the less time there is between the steps of making a tap, the
 * less there is for others. The caller must nlmsg_free() it. NULL: no memory. */
struct nl_msg *link_question(const char *name);

/* Sends it by bare system calls. Its sequence number stays 0, outside of those that rtnl_ask() counts. */
int link_ask(struct rtnl *nl, struct nl_msg *question, struct link *out);

/* Gets the tap or tun with that name, not an alternative one. -ENODEV: none; -EMEDIUMTYPE: another kind. */
int link_find_tap(struct rtnl *nl, const char *name, struct link *out);

struct links {
    struct link *list;
    size_t count;
};

#define _cleanup_links_ __attribute__((cleanup(links_free)))

/* Reads all interfaces of the namespace in the kernel's order, or only those of a kind ("tun"; NULL: all).
 * The caller must call links_free() in either case. */
int links_read(struct rtnl *nl, const char *kind, struct links *out);
void links_free(struct links *links);

/* Makes the request for that dump, for rtnl_ask(); kernels before 4.6 dump all kinds. NULL: no memory. */
struct nl_msg *links_question(const char *kind);

/* Returns the index of the interface with that name, or -errno. */
int link_index(struct rtnl *nl, const char *name);

/* Requests, for rtnl_talk() or batch_take() (batch.h); NULL: no memory. */
struct nl_msg *link_up_message(int ifindex);
struct nl_msg *link_delete_message(int ifindex);
struct nl_msg *link_master_message(int ifindex, int master); /* 0: remove it from its master */
struct nl_msg *link_mtu_message(int ifindex, unsigned int mtu);
struct nl_msg *link_name_message(int ifindex, const char *name);   /* of one that is down; -EEXIST: taken */
struct nl_msg *link_alias_message(int ifindex, const char *alias); /* RTM_NEWLINK does not take it */
struct nl_msg *link_addr_gen_mode_message(int ifindex, int mode);

/* Adds alternative names (Linux 5.5; -EOPNOTSUPP before), in few messages, each in `size` bytes. -EEXIST: one
 * is taken in this namespace; those before one that fails stay. */
int link_add_altnames(struct rtnl *nl, int ifindex, const char *altnames, size_t size, size_t count);

/* What link_join() sets in one message. */
struct link_join {
    int master;       /* ifindex of the bridge */
    unsigned int mtu; /* bytes */
    uint8_t mac[6];
    const char *alias; /* for people: ip link shows it */
    bool no_addrgen;   /* no IPv6 link-local address when it goes up */
};

/* Makes ifindex a port of a bridge. A failure may leave it half done (the kernel does not roll back): delete
 * the interface then. Leaves the interface down, because the kernel applies IPv6 address generation last
 * (do_setlink): with IFF_UP in the same message, the port would get an address and send packets. */
int link_join(struct rtnl *nl, int ifindex, const struct link_join *join);
