/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What a guest asks to be bound by (--lock and --serve of virt-tap-helper), and the packet filters of libvirt
 * that come to the same. */
#pragma once

#include "change.h"
#include "ips.h"

/* Whether this is a value of --lock, or of --serve with each word once. */
bool lock_valid(const char *text);
bool serve_valid(const char *list);

/* A packet filter, <filterref>, as a request. */
struct lock_plan {
    const char *filter;       /* its name; NULL: there is none */
    const char *lock;         /* "mac" or "ip" */
    const char *ips[IPS_MAX]; /* with "ip": the guest's addresses, each valid; belong to the document */
    unsigned int ip_count;
};

/* Reads a <filterref> (NULL: none). Only a filter of libvirt's own (libvirt-daemon-config-nwfilter) all of
 * whose rules about what the guest sends the port filter enforces, or stricter ones, becomes a request:
 * docs/domains.md has the table. has_ips: the addresses are given otherwise. Returns 0, or -1 and the reason
 * why it is none. */
int lock_plan_filter(const struct node *filter, bool has_ips, struct lock_plan *out,
                     char reason[REASON_SIZE]);
