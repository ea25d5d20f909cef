/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The only capability: CAP_NET_ADMIN, permitted by the file capability, and effective only while the kernel
 * is asked to make the tap and add it to the bridge. */
#pragma once

#include <sys/types.h>

struct error;

/* Drops everything but CAP_NET_ADMIN, which stays permitted but not effective, and sets no_new_privs. The
 * other capability sets are emptied; the bounding set cannot be without CAP_SETPCAP, and means nothing under
 * no_new_privs. Returns 0; 1 and why CAP_NET_ADMIN is missing; or -1 and why not. If called by real root,
 * also keeps CAP_SETUID, CAP_SETGID and CAP_KILL, not effective, until a function below is called. */
int privilege_confine(struct error *why);

/* Makes CAP_NET_ADMIN effective. Returns 0, or -1 and why not. */
int privilege_raise(struct error *why);

/* Makes it not effective. Returns err, the result of what was done with it; or -1 and why not. */
int privilege_lower(int err, struct error *why);

/* Changes to that user and its groups for good; CAP_NET_ADMIN stays permitted. Returns 0, or -1 and why not:
 * the caller is not root, or there is no such user. */
int privilege_become(uid_t uid, struct error *why);

/* Keeps CAP_SETUID and CAP_SETGID, and makes CAP_KILL effective. Returns 0, or -1 and why not. */
int privilege_broker(struct error *why);

/* Like privilege_become(): becomes who called connect() at the other end, with the groups of that time. */
int privilege_become_peer(int connection, struct error *why);
