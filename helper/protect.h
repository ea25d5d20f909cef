/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Protection that a rule has the bridge itself enforce on a tap's port. If the kernel or the bridge cannot
 * provide it, the request is refused, never granted without: every setting is read back. */
#pragma once

struct error;
struct rtnl;
struct grant;

/* Protects a port that is on its bridge and not up yet. Returns 0, or -1 and why not; the port must not be
 * used then. */
int protect_port(struct rtnl *nl, int ifindex, const char *tap, const struct grant *what, struct error *why);
