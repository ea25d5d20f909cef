/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Carries out one request: policy, grant, reply; main.c's phases 3 to 5. */
#pragma once

struct error;
struct request;

/* Returns 0, or -1 and why not: nothing is then changed or left behind (of several taps to delete, some may
 * be gone). What was granted is in the system's log then; what is refused is the caller's to audit. */
int serve(const struct request *request, struct error *why);
