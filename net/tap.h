/* SPDX-License-Identifier: GPL-2.0-or-later
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

/* Makes a new tap of that name (fewer than IFNAMSIZ characters) that lives as long as somebody holds fd, and
 * never attaches to one that is there (IFF_TUN_EXCL). vnet_hdr: each frame carries a struct virtio_net_hdr.
 * Returns 0 or -errno: -EBUSY the name is taken, -EOPNOTSUPP the kernel has no vnet headers. */
int tap_create(int fd, const char *name, bool vnet_hdr);

/* Who but a holder of CAP_NET_ADMIN may attach to the tap by its name. Returns 0 or -errno. */
int tap_set_owner(int fd, uid_t owner);

/* The tap's present MAC. Returns 0 or -errno. */
int tap_get_mac(int fd, uint8_t mac[6]);
