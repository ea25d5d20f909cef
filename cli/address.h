/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What `virt-tap address` and `virt-tap list -v` ask of libvirt. */
#pragma once

#include "bridge/domainnames.h"
#include "bridge/portjson.h"
#include "net/link.h"
#include "net/rtnl.h"

/* Which guests libvirt is asked about. */
struct cards_request {
    const char *uri;            /* NULL: root's system libvirt, others' session, if guests of it run */
    const char *const *domains; /* names and UUIDs */
    size_t count;               /* 0: all that run */
};

/* Asks virt-tap-domain, a program of its own (program.h), which asks libvirt and the guest agents, for some
 * seconds at most. A daemon is not started for nothing: guests run if libvirt's folder of state files has a
 * file. Returns 0; 1 if libvirt was not asked, could not be, or does not have a domain; or -errno. What was
 * found is in *out in any case, for the caller to cards_free(). reason, unless NULL: what virt-tap-domain
 * complained of first, or why it could not be run; "": nothing. */
enum { CARDS_REASON = 256 };
int cards_ask(struct guest_cards *out, const struct cards_request *request, char reason[CARDS_REASON]);
void cards_free(struct guest_cards *cards);
#define _cleanup_cards_ __attribute__((cleanup(cards_free)))

/* The state of the host at one moment. */
struct look {
    struct rtnl nl;
    struct links links;
    struct domain_names names;
    struct guest_sight sight;
};

/* Reads it, for as long as the cards are kept. Returns 0 or -errno; the caller must look_close() in either
 * case. */
int look_open(struct look *look, const struct guest_cards *cards);
void look_close(struct look *look);
#define _cleanup_look_ __attribute__((cleanup(look_close)))

/* Returns the object for a tap (docs/interfaces.md); NULL: no memory. *reachable: whether its guest has an
 * address that is not only of the link. */
json_t *look_json(const struct look *look, const struct link *tap, bool *reachable);

/* Some taps of the host. */
struct taps {
    struct link *list; /* copies, sorted by name */
    size_t count;
    const char **domains; /* the UUIDs in their claims; owned, as the texts are */
    size_t domain_count;  /* less than count: some have none */
};

/* Finds the taps that a word means: a tap or tun device of that name; otherwise the taps of this user's
 * domain of that name or UUID; otherwise those that libvirt named in the cards. Without a word, finds all
 * taps that virt-tap made for this user, or, for root, for anybody. Returns 0 or -ENOMEM; the caller must
 * taps_free() in either case. */
int look_taps(const struct look *look, const struct guest_cards *cards, const char *word, struct taps *out);
void taps_free(struct taps *taps);
#define _cleanup_taps_ __attribute__((cleanup(taps_free)))
