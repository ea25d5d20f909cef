/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The saved states of moves, in STATE_FOLDER: see move.h. */
#pragma once

#include "move.h"

void state_path(char path[64], const char *bridge, enum phase phase);

/* The state as it is saved, for the caller to free; NULL: no memory. Never a part of it. */
char *state_text(const struct move *move);

/* Reads it from a file. Returns NULL, or why not: then *out may be filled in part. */
const char *state_parse(int fd, struct move *out);

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
