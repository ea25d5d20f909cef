/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Taps by /dev/net/tun: the kernel makes them by ioctl only, never by rtnetlink (drivers/net/tun.c). */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define TAP_DEVICE "/dev/net/tun"

/* Opens TAP_DEVICE. Returns a descriptor that the caller owns, or -errno. */
int tap_open(void);

/* How a tap is made; who attaches to one by its name must say the same. */
struct tap_kind {
    bool vnet_hdr;    /* each frame carries a struct virtio_net_hdr */
    bool multi_queue; /* several descriptors may be attached at once */
    bool tun;         /* IP packets, not Ethernet frames */
    bool packet_info; /* each begins with a struct tun_pi */
};

/* Makes a new tap of that name (fewer than IFNAMSIZ characters) that lives as long as somebody holds fd, and
 * never attaches to one that is there (IFF_TUN_EXCL). Returns 0 or -errno: -EBUSY the name is taken,
 * -EOPNOTSUPP the kernel has not what was asked for. */
int tap_create(int fd, const char *name, struct tap_kind kind);

/* Attaches fd to the tap of that name; where there is none, the kernel makes one. Returns 0 or -errno: -EBUSY
 * somebody is attached already (and it is not multi-queue), -EINVAL it is not of that kind. */
int tap_attach(int fd, const char *name, struct tap_kind kind);

/* Who but a holder of CAP_NET_ADMIN may attach to the tap by its name. Returns 0 or -errno. */
int tap_set_owner(int fd, uid_t owner);

/* Likewise: only members of that group, who must be the owner too, where both are set. */
int tap_set_group(int fd, gid_t group);

/* Sets back to their defaults what anybody who was attached to the tap, which is down, may have changed
 * without a capability: frame filters, queue steering, offloads, buffer size, link type, carrier, the vnet
 * header's size and byte order (drivers/net/tun.c, __tun_chr_ioctl). What this kernel lacks cannot have been
 * changed. */
void tap_forget_settings(int fd, struct tap_kind kind);

/* From now on the tap stays when nobody holds it. Returns 0 or -errno. */
int tap_set_persist(int fd);

/* The tap's present MAC. Returns 0 or -errno. */
int tap_get_mac(int fd, uint8_t mac[6]);

/* Gives it another. Returns 0 or -errno. */
int tap_set_mac(int fd, const uint8_t mac[6]);
