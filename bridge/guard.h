/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The guard process of a move; see move.h. */
#pragma once

/* Starts the guard for a saved state and waits until it is ready. Returns 0 or reports why not. */
int guard_start(const char *verb, const char *bridge);
