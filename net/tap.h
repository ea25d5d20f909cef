/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Taps by /dev/net/tun: the kernel makes them by ioctl only, never by rtnetlink (drivers/net/tun.c). */
#pragma once

#include <linux/if_tun.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/types.h>

struct rtnl;
struct link;

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

/* Makes a request of linux/if_tun.h: TUNSETOWNER, the user who may attach to the tap by name without
 * CAP_NET_ADMIN; TUNSETGROUP, likewise the group (with both, only the owner as a member of it may); with 1,
 * TUNSETPERSIST: the tap stays when nobody holds it. Returns 0 or -errno. */
int tap_set(int fd, unsigned long request, unsigned long value);

/* Makes a new tap or tun of that name and kind that nobody else has touched, attached to *fd (from
 * tap_open()), and down. If multi-queue, it belongs to that group, or to root if group is NULL (an owner
 * cannot be unset); otherwise to nobody. *fd may be closed and reopened; the caller owns it in any case.
 * Needs CAP_NET_ADMIN, now and when nl was opened. Returns its ifindex, or -errno with nothing left behind:
 * -EBUSY, -EEXIST, -EINVAL: the name is taken; -EPERM: somebody else took ownership of it while it was made;
 * -EAGAIN: somebody else attached to each of many. */
int newtap_create(struct rtnl *nl, int *fd, const char *name, struct tap_kind kind, const gid_t *group);

/* Deletes the device that `seen` was read from (links_read(), link_find_tap()), by its index, if its index,
 * name, alternative name and alias are still the same at that moment: names, and commands that use them, can
 * pass from one device to another. CAP_NET_ADMIN must be effective now, and have been when nl was opened.
 * fd: of TAP_DEVICE, attached to nothing. The device is then deleted only if nobody holds it, which its
 * carrier does not show: fd is attached to it first, so that nobody else can start using it. A single-queue
 * device has only one holder (drivers/net/tun.c, tun_attach). To a multi-queue one the owner could attach
 * beside us (tun_not_capable), so it is given to root while its queues are counted; after that only a holder
 * of CAP_NET_ADMIN could attach. A device without owner and group can be attached to by anybody, and stays
 * so. fd -1: delete it even if somebody holds it.
 * While somebody holds it, this tries again, for half a second in all calls together: the kernel takes the
 * tap from a QEMU that uses io_uring (11 and later) 40 to 70 ms after the process has ended, as measured.
 * Returns 0; -EBUSY: somebody holds it; -ENODEV: it is gone; -ESTALE: it, or what now has its name, is not
 * the device that was seen; or another -errno. On failure it is left as it was. */
int tap_delete(struct rtnl *nl, int fd, const struct link *seen);
