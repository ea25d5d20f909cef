/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Bridges, looked up without privilege. */
#pragma once

#include <net/if.h>
#include <stdint.h>

struct bridge {
    int ifindex;
    unsigned int mtu; /* bytes */
    uint8_t mac[6];
    char name[IFNAMSIZ]; /* its own name, which may differ from an alternative name asked for */
    char driver[32];     /* what the device really is, when it is no bridge; "" when it does not say */
};

/* Looks a bridge up by its name (fewer than IFNAMSIZ characters) or alternative name, by ioctls on a socket
 * of our own: a fifth of the time that RTM_GETLINK takes. To be called without CAP_NET_ADMIN effective, with
 * which the kernel would run modprobe for a name that is not there (net/core/dev_ioctl.c, dev_load). Returns
 * 0; -ENODEV: there is no such device; -EMEDIUMTYPE: it is not a bridge (its driver, which the kernel's
 * bridge alone calls "bridge", is then in out->driver); or another -errno. */
int bridge_find(const char *name, struct bridge *out);
