/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Carries out one request: policy, grant, reply; phases 3 to 5 in main.c. */
#pragma once

struct error;
struct request;

/* Returns 0, or -1 and why not, with nothing changed or left behind (when deleting several taps, some may be
 * gone). A grant has been logged on return; the caller must log a refusal. */
int serve(const struct request *request, struct error *why);
