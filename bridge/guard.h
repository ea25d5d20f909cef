/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The guard of a move: see move.h. */
#pragma once

/* Starts the guard of a saved state and waits until it is there. Returns 0 or says why not. */
int guard_start(const char *verb, const char *bridge);
