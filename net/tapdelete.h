/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Deleting a tap or tun that was looked at before: that one, or none. */
#pragma once

struct rtnl;
struct link;

/* Deletes the device that `seen` was read from (links_read(), link_find_tap()), by
 * its index, if index, name, alternative name and alias are still the same at that moment: names, and with
 * them commands, pass from one device to another. Needs CAP_NET_ADMIN effective, now and when nl was opened.
 *
 * fd: of TAP_DEVICE, attached to nothing; the device is then only deleted if nobody holds it, which its
 * carrier does not tell: it is taken with fd first, so that nobody else can begin to use it. Of one queue
 * there is only one holder (drivers/net/tun.c, tun_attach). Of several, the owner could attach beside us
 * (tun_not_capable): so it is root's while we look at how many there are, and after that only a holder of
 * CAP_NET_ADMIN could. What one creates without owner or group is everybody's to attach to, and stays that.
 * fd -1: also one that somebody holds.
 *
 * Returns 0; -EBUSY: somebody holds it; -ENODEV: it is gone; -ESTALE: it, or what has its name, is not what
 * was seen; or another -errno. It is then as it was. */
int tap_delete(struct rtnl *nl, int fd, const struct link *seen);
