/* SPDX-License-Identifier: GPL-2.0-or-later
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

#include <jansson.h>
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
    long saved_at; /* seconds of CLOCK_BOOTTIME */
    pid_t mover;   /* create's process */
    struct messages addresses, routes, neighbours;
    struct dhcp_clients clients; /* of the uplink */
    json_t
        *settings; /* struct sysctl of the uplink that go along; not saved, for they stay on the uplink too */
    json_t *own;   /* addresses that the bridge was given besides, as texts */
};

void move_free(struct move *move);
long move_clock(void);

/* Everything of `bridge create --uplink`. Returns the exit status, the reason said. */
int move_create(struct view *view, const char *verb, const struct create *create);

/* Where the state to be put back was read: on the uplink itself, or on the bridge that goes. */
struct origin {
    const char *name;
    int ifindex;
};

/* Removes the bridge, if it is there, and gives the uplink the addresses and routes of the move, whatever
 * state it is in. Goes on after single failures. Returns 0 or the first -errno. */
int move_restore(struct move *move, const struct origin *origin);

/* state.c */
void state_path(char path[64], const char *bridge, enum phase phase);

/* The state as it is saved, for the caller to free; NULL: no memory. Never a part of it. */
char *state_text(const struct move *move);

/* Writes the state as PHASE_ARMING. Returns a descriptor that holds the lock, or -errno. */
int state_save(const struct move *move);

/* Reads the state of a phase; move_free() it in any case. Returns NULL, or why not: "" when there is none. */
const char *state_load(const char *bridge, enum phase phase, struct move *out);

/* From one phase to another. Returns 0 or -errno; -ENOENT: it is not in that phase, so another was first. */
int state_advance(const char *bridge, enum phase from, enum phase to);

/* Waits until the move leaves that phase. Returns whether it did in that time. */
bool state_await(const char *bridge, enum phase phase, int ms);

/* Whether a move of this bridge is not over: its guard lives. What a dead one left is removed. */
bool state_in_progress(const char *bridge);

/* guard.c: starts the guard of a saved state and waits until it is there. Returns 0 or says why not.
 */
int guard_start(const char *verb, const char *bridge);
int bridge_guard(int argc, char *argv[]);
int bridge_confirm(int argc, char *argv[]);

/* uplink.c: says why no NIC of this kind can be a bridge's uplink. Returns 0 when it can. */
int uplink_refuse_kind(const char *verb, const struct link *uplink);

/* Says why this NIC cannot become the bridge's uplink. Returns 0 when it can. */
int uplink_refuse(struct view *view, const char *verb, const struct create *create,
                  const struct link *uplink);
