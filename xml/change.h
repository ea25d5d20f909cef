/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Points a domain's interfaces at taps, back, or at another host's bridges. All of this only builds a list of
 * edits to the text: what they do not touch stays byte for byte. */
#pragma once

#include "domain.h"
#include "edit.h"

enum { REASON_SIZE = 400 };

/* Sets the reason, cut if necessary: one line that is safe for a terminal. Returns -1, for `return
 * reason_set(...)`. */
int reason_set(char reason[REASON_SIZE], const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What the caller asks for. */
struct wish {
    const char *bridge; /* for all taps, whatever the interface names; NULL: what it names */
    /* Finds the bridge of a libvirt network. Returns 0, or -1 and why; the interface is then left as it is.
     * NULL: no networks are known. */
    int (*find_network)(void *data, const char *network, char bridge[NAME_SIZE], char reason[REASON_SIZE]);
    /* For domain_map(), which requires it: returns this host's name for a bridge (or a libvirt network) of
     * the source host, valid as long as data; NULL: the same name. */
    const char *(*find_bridge)(void *data, bool network, const char *theirs);
    /* Whether anything other than this domain's own tap has that name. domain_map() requires it; NULL:
     * nothing is known about others. */
    bool (*is_taken)(void *data, const struct domain *domain, const char *dev);
    void *data;
    const char *const *interfaces; /* by number, from 1, or by MAC; others are not touched */
    size_t interface_count;        /* 0: all */
    const char *const *ips;        /* addresses for the guest: of the one interface that is rewritten */
    size_t ip_count;
    const char *lock, *serve; /* values of --lock and --serve; NULL: not asked for */
    bool session;             /* for a session's libvirt, which has no packet filters */
};

/* What happened to one interface. */
enum outcome { OUTCOME_SKIPPED, OUTCOME_DONE_BEFORE, OUTCOME_DONE, OUTCOME_LEFT };

struct note {
    enum outcome outcome;
    char reason[REASON_SIZE]; /* for OUTCOME_LEFT; with OUTCOME_DONE: a remark, or "" */
    char dev[NAME_SIZE];      /* the tap, for OUTCOME_DONE; its former name, if restored */
};

struct change {
    struct edits edits;
    struct note *notes; /* owned; one for each interface of the domain */
};

typedef int change_function(struct change *out, const struct domain *domain, const struct wish *wish,
                            struct error *why);

/* Whether domains of this type can have taps at all. Returns 0, or -1 and why not. */
int domain_judge(const struct domain *domain, char reason[REASON_SIZE]);

/* Points interfaces at taps; idempotent. The taps of a clone get new names. Returns 0, or -1 and why; then no
 * edits may be applied. The caller must change_free(out) in either case. */
change_function domain_rewrite;

/* Restores every interface: byte for byte if it was not changed since, otherwise only what rewriting had
 * changed. Only the wish's interfaces are used. Otherwise as domain_rewrite(). */
change_function domain_restore;

/* Adapts a domain from another host to this one: the bridges of its taps and interfaces become this host's, a
 * network becomes the bridge that it is mapped to, and a tap whose name is taken here gets another one (given
 * in its note). The taps' owner and the stored originals stay. The wish's bridge and find_network are
 * ignored. Otherwise as domain_rewrite(). */
change_function domain_map;
void change_free(struct change *change);
#define _cleanup_change_ __attribute__((cleanup(change_free)))

/* Shared by these three: allocates the notes, and checks that every interface in the wish exists. Returns 0,
 * or -1 and why. */
int change_begin(struct change *out, const struct domain *domain, const struct wish *wish, struct error *why);

/* Whether the wish includes this interface. */
bool wish_chooses(const struct wish *wish, const struct domain *domain, size_t index);
