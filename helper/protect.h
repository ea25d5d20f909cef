/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What a rule has the bridge itself enforce at a tap's port. What the kernel or the bridge cannot do is
 * refused, never left out: everything is read back. */
#pragma once

struct error;
struct rtnl;
struct grant;

/* Protects a port that is on its bridge and not up yet. Returns 0, or -1 and why not; the port must not be
 * used then. */
int protect_port(struct rtnl *nl, int ifindex, const char *tap, const struct grant *what, struct error *why);
