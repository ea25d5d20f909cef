/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Plain tap and tun devices, as tunctl(8) and `ip tuntap` create them: for root, without a policy, under any
 * name except virt-tap's own (vtap-...). */
#pragma once

#include "base/options.h"

#include <stdbool.h>
#include <sys/types.h>

/* The options of `virt-tap tap create`. NULL: not given. */
struct tap_options {
    const char *bridge, *mac, *domain, *user, *group, *lock, *serve;
    const char *vlan, *native;
    struct option_list ips;
    int mode; /* enum tap_mode */
    bool multi_queue, vnet_hdr, packet_info, up;
};

/* Finds a user by name, or else by number. Returns 0, or 1 after reporting that there is none. */
int tap_find_user(const char *verb, const char *text, uid_t *out);

enum tap_mode { MODE_DEFAULT, MODE_TAP, MODE_TUN };

/* `virt-tap tap create` and `delete` for such a name; verb is for messages. Return the exit status, having
 * reported any error. */
int device_create(const char *verb, const char *name, const struct tap_options *options);
int device_delete(const char *verb, const char *name, bool force);
