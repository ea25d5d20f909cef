/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Removes taps that virt-tap made. Neither policy nor the bridge is asked: otherwise a rule that is gone
 * would leave taps for ever. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct error;
struct rtnl;
struct link;
struct links;

struct removal {
    const char *name;   /* NULL: every name */
    int ifindex;        /* with name: only if it has this index; 0: whichever */
    const char *claim;  /* with name: only if it has this claim; NULL: whichever */
    const char *domain; /* UUID; "": of whatever domain */
    /* Who asks. 0 may remove everybody's taps, but not by the domain: anybody may give a domain of theirs the
     * UUID of another, so that a UUID means one of the caller's own. */
    uid_t uid;
    bool force; /* also one that somebody holds */
};

/* Finds what is to be removed; to be called without the capability effective. By name it must be there and
 * the caller's; by domain alone it is all that is the caller's, which may be nothing. Returns 0,
 * or -1 and why not; links_free(taps) in any case. */
int removal_find(const struct removal *what, struct links *taps, struct error *why);

/* Removes one, if it still is what was found, by its ifindex (net/tapdelete.h); needs CAP_NET_ADMIN
 * effective, now and when nl was opened. Returns 0, or -1 and why not, nothing then being changed. */
int removal_delete(struct rtnl *nl, const struct link *tap, const struct removal *what, struct error *why);
