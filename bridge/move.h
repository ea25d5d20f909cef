/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Moves a host's network safely between a NIC and a bridge.
 *
 *   create  1 refuses what would not survive the move; reads all of the NIC's state
 *           2 saves it in STATE_FOLDER and starts the guard; nothing has been changed so far
 *           3 creates the bridge, then moves everything in as few messages as the kernel allows
 *           4 reports the move, and waits for Enter if there is a terminal
 *   guard   restores the saved state if create dies before it has finished step 3 or restored it itself,
 *           if it takes longer than the confirmation time, or if nobody confirms within that time
 *
 * The suffix of the state file's name is the phase of the move. A phase ends by a rename, which only one
 * process can win, so create and the guard never both act. Whichever is working holds a flock(2) lock on the
 * file, which ends with the process. */
#pragma once

#include "bridge.h"
#include "config.h"
#include "dhcp.h"

#include <sys/types.h>

enum phase {
    PHASE_ARMING,    /* saved; the guard is not running yet */
    PHASE_MOVING,    /* the guard is running; create is working */
    PHASE_MOVED,     /* waiting for confirmation */
    PHASE_CONFIRMED, /* kept for `bridge delete` */
    PHASE_RESTORING, /* the guard is restoring */
};

/* Everything needed to restore a NIC. */
struct move {
    char bridge[IFNAMSIZ], uplink[IFNAMSIZ];
    char manager[16]; /* name of the network manager; "": none */
    int uplink_index;
    unsigned int mtu; /* of the uplink */
    int addr_gen_mode;
    unsigned int confirm_ms;
    int saved_at; /* seconds of CLOCK_BOOTTIME */
    pid_t mover;  /* PID of create */
    struct messages addresses, routes, neighbours;
    struct dhcp_clients clients; /* of the uplink */
    struct cidr *own;            /* owned; extra addresses given to the bridge */
    size_t own_count;
};

void move_free(struct move *move);
int move_clock(void);

/* guard.c: starts the guard for a saved state and waits until it is ready. Returns 0 or reports why not. */
int guard_start(const char *verb, const char *bridge);

/* Returns 0 if nothing that is known beforehand keeps the uplink from being moved; or reports what does. */
int move_check(struct view *view, const char *verb, const struct create *create);

/* Implements `bridge create --uplink`. Returns the exit status, having reported any error. */
int move_create(struct view *view, const char *verb, const struct create *create);

/* Adds the interface's addresses, routes and neighbours to the move. Returns 0 or -errno. */
int move_read(struct rtnl *nl, int ifindex, struct move *move);

/* restore.c: removes the bridge, if it exists, and gives the uplink the addresses and routes of the move,
 * whatever state it is in; ends PHASE_RESTORING. bridge: the ifindex of the bridge that the state was read
 * from; 0: it was read from the uplink. Continues after individual failures. Returns 0 or the first -errno;
 * 1: the files of the manager remain, as was reported. */
int move_restore(const struct move *move, int bridge);
