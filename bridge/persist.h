/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * A bridge in the configuration of whoever manages this host's network. */
#pragma once

#include "base/name.h"
#include "bridge.h"
#include "move.h"

#include <stdio.h>

struct persist_route {
    char to[CIDR_TEXT]; /* "default" or a prefix */
    char via[CIDR_TEXT];
    uint32_t metric; /* 0: none said */
    int family;
};

/* What is to be there after each start. */
struct persist_plan {
    char bridge[IFNAMSIZ], uplink[IFNAMSIZ]; /* uplink "": none */
    char mac[MAC_TEXT];
    unsigned int mtu; /* 0: as it comes */
    bool stp, vlan_filtering, dhcp;
    struct cidr *addresses;
    size_t address_count;
    struct persist_route *routes;
    size_t route_count;
};

struct persist_file {
    char *path, *text; /* owned */
    mode_t mode;
};

struct persist_files {
    struct persist_file list[16];
    size_t count;
};

/* Adds a file; owns text from then on, also when it fails. Returns 0, -ENOMEM (also if text is NULL) or
 * -ENOSPC. */
int persist_add(struct persist_files *files, mode_t mode, char *text, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void persist_free(struct persist_files *files);

/* Adds a file that begins with a comment on who wrote it and goes on with what write() writes. Returns as
 * persist_add(). */
int persist_write(struct persist_files *files, const struct persist_plan *plan, mode_t mode,
                  void (*write)(FILE *out, const struct persist_plan *plan), const char *format, ...)
    __attribute__((format(printf, 5, 6)));

struct persist_format {
    const char *name;
    /* Adds the files that describe the plan. Returns 0 or -errno. */
    int (*write)(const struct persist_plan *plan, struct persist_files *files);
    /* Whether the manager's own parser accepts the files that are in their places; NULL: it has none. Returns
     * 0 or says why not. */
    int (*check)(const char *verb, const struct persist_plan *plan);
    const char *then; /* the command that makes the manager read them */
    bool then_name;   /* and ends with the bridge's name */
    bool owns_move;   /* see struct manager */
    /* Commands, words between blanks, %b being the bridge and %u the uplink: how it applies files that are in
     * their places; how it lets go of the bridge, before they are removed, and gets the uplink back, after.
     */
    const char *const apply[4], *const detach[2], *const reattach[3];
};

/* The format of that name, or NULL. */
const struct persist_format *persist_find_format(const char *name);

/* persist_apply.c: makes the manager read the plan's files, and waits until the uplink is a port of the
 * bridge. Returns 0 or says why not. */
int persist_apply(const char *verb, const struct persist_plan *plan, const struct persist_format *format);

/* What a move's manager, if it has one, does before and after everything is restored; in between the files
 * that persist wrote are removed. Reports failures on standard error and goes on. */
void persist_detach(const struct move *move);
void persist_reattach(const struct move *move);

/* Copies the text of an interfaces(5) file; the uplink's stanzas, and its name where interfaces are brought
 * up, become comments that begin with "#virt-tap# ". Returns whether there were any. */
bool persist_comment_out(FILE *in, FILE *out, const char *uplink);

int persist_ifupdown(const struct persist_plan *plan, struct persist_files *files);

/* persist_files.c: puts the files in their places, each whole or not at all; what was there is kept beside
 * it. Returns 0, or says why not, nothing being changed then. */
int persist_store(const char *verb, const struct persist_files *files);

/* Removes all that persist_store() put there for this bridge and restores what was kept, unless somebody has
 * changed a file since. Returns how many files, or -errno and has said why not. */
int persist_undo(const char *verb, const char *bridge);

/* Remembers for persist_undo() which files those are, and their state. Returns 0 or says why not. */
int persist_remember(const char *verb, const char *bridge, const struct persist_files *files);

/* The files that are remembered, as they are now; persist_free() them in any case. Returns how many, or
 * -errno. */
int persist_recall(const char *bridge, struct persist_files *files);
