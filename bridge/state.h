/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The saved states of moves, in STATE_FOLDER; see move.h. */
#pragma once

#include "move.h"

/* The path of the state in that phase; as state_path(...).text, it lives until the called function returns.
 */
struct state_path {
    char text[64];
};
struct state_path state_path(const char *bridge, enum phase phase);

/* Serializes the state, always completely. The caller frees the result. NULL: out of memory. */
char *state_text(const struct move *move);

/* What a later virt-tap wrote is neither used nor replaced. */
#define STATE_LATER "was written by a later virt-tap"

/* Reads a state from a file. Returns NULL, or the reason, STATE_LATER for that one; *out may then be partly
 * filled. */
const char *state_parse(int fd, struct move *out);

/* Saves the state as PHASE_ARMING. Returns a descriptor that holds the lock, or -errno. */
int state_save(const struct move *move);

/* Loads the state if it is in that phase. Returns NULL, or the reason: "" if there is none. The caller must
 * move_free() it in either case. */
const char *state_load(const char *bridge, enum phase phase, struct move *out);

/* Moves the state from one phase to another. Returns 0 or -errno; -ENOENT: it is not in phase `from`, so
 * another process was first. */
int state_advance(const char *bridge, enum phase from, enum phase to);

/* Waits until the move leaves that phase. Returns whether it did so in time. */
bool state_await(const char *bridge, enum phase phase, int ms);

/* Returns 0, or an exit status after reporting why a move of this bridge to or from a NIC cannot begin: one
 * is in progress, with its guard alive; or a later virt-tap left a state. Removes what a dead one left. */
int state_refuse(const char *verb, const char *bridge);
