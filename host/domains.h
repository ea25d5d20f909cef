/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Finds out which domains are running from libvirt's state files, without asking libvirt, which may itself be
 * waiting for us.
 *
 * A user can replace the files of their own libvirt by anything: links, FIFOs, devices, a million files, a
 * file system that never answers. So each user's files are read by a child process that has become that user,
 * in a session of its own, within limits on count, size and time. Whoever exceeds the limits only affects
 * their own taps, which are then kept. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct domain_query {
    uid_t uid;          /* owner of the libvirt daemon (0: qemu:///system) */
    const char *domain; /* UUID, lower case */
    bool runs;          /* the answer: it is running, starting or stopping, or that is unknown */
};

/* Answers all queries, within two seconds for every 32 users. Root gets answers about any user, others only
 * about themselves; the answer about anybody else is true. */
void domains_ask(struct domain_query *asked, size_t count);
