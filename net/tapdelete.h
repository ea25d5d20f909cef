/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Deletes a tap or tun that was looked up before: exactly that one, or none. */
#pragma once

struct rtnl;
struct link;

/* Deletes the device that `seen` was read from (links_read(), link_find_tap()), by its index, if its index,
 * name, alternative name and alias are still the same at that moment: names, and commands that use them, can
 * pass from one device to another. CAP_NET_ADMIN must be effective now, and have been when nl was opened.
 *
 * fd: of TAP_DEVICE, attached to nothing. The device is then deleted only if nobody holds it, which its
 * carrier does not show: fd is attached to it first, so that nobody else can start using it. A single-queue
 * device has only one holder (drivers/net/tun.c, tun_attach). To a multi-queue one the owner could attach
 * beside us (tun_not_capable), so it is given to root while its queues are counted; after that only a holder
 * of CAP_NET_ADMIN could attach. A device without owner and group can be attached to by anybody, and stays
 * so. fd -1: delete it even if somebody holds it.
 *
 * While somebody holds it, this tries again, for half a second in all calls together: the kernel takes the
 * tap from a QEMU that uses io_uring (11 and later) 40 to 70 ms after the process has ended, as measured.
 *
 * Returns 0; -EBUSY: somebody holds it; -ENODEV: it is gone; -ESTALE: it, or what now has its name, is not
 * the device that was seen; or another -errno. On failure it is left as it was. */
int tap_delete(struct rtnl *nl, int fd, const struct link *seen);
