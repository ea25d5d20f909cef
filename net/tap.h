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

/* How a tap is made; attaching to one by name needs the same values. */
struct tap_kind {
    bool vnet_hdr;    /* each frame carries a struct virtio_net_hdr */
    bool multi_queue; /* several descriptors may be attached at the same time */
    bool tun;         /* IP packets, not Ethernet frames */
    bool packet_info; /* each frame or packet begins with a struct tun_pi */
};

/* Makes a new tap of that name (shorter than IFNAMSIZ) that lives as long as fd is held; never attaches to an
 * existing one (IFF_TUN_EXCL). Returns 0 or -errno: -EBUSY: the name is taken; -EOPNOTSUPP: the kernel does
 * not support what was asked for. */
int tap_create(int fd, const char *name, struct tap_kind kind);

/* Attaches fd to the tap of that name; if there is none, the kernel makes one. Returns 0 or -errno: -EBUSY: a
 * descriptor is attached already (and the tap is not multi-queue); -EINVAL: it is not of that kind. */
int tap_attach(int fd, const char *name, struct tap_kind kind);

/* Sets the user who may attach to the tap by name without CAP_NET_ADMIN. Returns 0 or -errno. */
int tap_set_owner(int fd, uid_t owner);

/* Likewise the group; if both are set, only the owner as a member of the group may attach. */
int tap_set_group(int fd, gid_t group);

/* Resets what anybody who was attached to the tap, which is down, may have changed without a capability:
 * frame filters, queue steering, offloads, buffer size, link type, carrier, and the size and byte order of
 * the vnet header (drivers/net/tun.c, __tun_chr_ioctl). Settings that this kernel lacks cannot have been
 * changed. */
void tap_forget_settings(int fd, struct tap_kind kind);

/* Makes the tap persistent: it stays when nobody holds it. Returns 0 or -errno. */
int tap_set_persist(int fd);

/* Gets the tap's current MAC. Returns 0 or -errno. */
int tap_get_mac(int fd, uint8_t mac[6]);
