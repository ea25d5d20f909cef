/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The safe move of a host's network between a NIC and a bridge.
 *
 *   create  1 looks, refuses what would not come through, reads all of the NIC's state
 *           2 saves it in STATE_FOLDER, and starts the guard; nothing has been changed so far
 *           3 makes the bridge, then moves everything in as few messages as the kernel takes
 *           4 tells, and waits for Enter if there is a terminal
 *   guard   puts the saved state back when create dies before the end of 3, when it takes longer than the
 *           time for confirmation, and when nobody confirms in that time after it
 *
 * Which of these phases a move is in is the ending of its file's name, so that two can never both act: a
 * rename has one winner. Whoever is at work holds a lock (flock) on the file, which ends with its process. */
#pragma once

#include "bridge.h"
#include "dhcp.h"

#include <sys/types.h>

#define STATE_FOLDER "/run/virt-tap"

enum phase {
    PHASE_ARMING,    /* saved, the guard is not there yet */
    PHASE_MOVING,    /* the guard is there, create at work */
    PHASE_MOVED,     /* to be confirmed */
    PHASE_CONFIRMED, /* kept for `bridge delete` */
    PHASE_RESTORING, /* the guard at work */
};

/* Everything that is needed to put a NIC back. */
struct move {
    char bridge[IFNAMSIZ], uplink[IFNAMSIZ];
    char manager[16]; /* that knows of the move; "": none */
    int uplink_index;
    unsigned int mtu; /* of the uplink */
    int addr_gen_mode;
    unsigned int confirm_ms;
    int saved_at; /* seconds of CLOCK_BOOTTIME */
    pid_t mover;  /* create's process */
    struct messages addresses, routes, neighbours;
    struct dhcp_clients clients; /* of the uplink */
    struct cidr *own;            /* owned; addresses that the bridge was given besides */
    size_t own_count;
};

void move_free(struct move *move);
int move_clock(void);

/* Everything of `bridge create --uplink`. Returns the exit status, the reason said. */
int move_create(struct view *view, const char *verb, const struct create *create);

/* Where the state to be put back was read: on the uplink itself, or on the bridge that goes. */
struct origin {
    const char *name;
    int ifindex;
};

/* Reads the addresses, routes and neighbours of an interface into the move. Returns 0 or -errno. */
int move_read(struct rtnl *nl, int ifindex, struct move *move);

/* restore.c: removes the bridge, if there is one, and gives the uplink the addresses and routes of the move,
 * whatever state it is in. Goes on after single failures. Returns 0 or the first -errno. */
int move_restore(const struct move *move, const struct origin *origin);
