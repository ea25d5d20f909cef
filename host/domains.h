/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Which domains libvirt runs, by the state files that it keeps of each; without asking libvirt, which may be
 * the one that waits for us.
 *
 * What a user's libvirt keeps, that user can replace by anything: links, FIFOs, devices, a million files, a
 * file system of his own that never answers. So each user's files are looked at by a child process that has
 * become that user, in a session of its own, within bounds of count, size and time. Whoever goes beyond them
 * decides about taps of his own alone, and they stay. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct domain_query {
    uid_t uid;          /* whose libvirt (0: qemu:///system) */
    const char *domain; /* UUID in lower case */
    bool runs;          /* the answer: it runs, starts or ends, or that cannot be told */
};

/* Answers all of them, in two seconds for every 32 users at most. As root anybody's can be asked, else the
 * caller's own; of other users the answer is yes. */
void domains_ask(struct domain_query *asked, size_t count);
