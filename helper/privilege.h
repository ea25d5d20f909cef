/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The one capability: CAP_NET_ADMIN, permitted from the file capability, effective only while the kernel is
 * asked to make and bridge the tap. */
#pragma once

#include <sys/types.h>

struct error;

/* Gives up everything but CAP_NET_ADMIN, which stays permitted and not effective, and sets no_new_privs.
 * Other sets are emptied; the bounding set cannot be without CAP_SETPCAP and means nothing under
 * no_new_privs, which no exec ever leaves. Returns 0, or -1 and why not: setuid, or no CAP_NET_ADMIN, with
 * the cause of that. Called by real root it keeps CAP_SETUID and CAP_SETGID too, not effective, until one of
 * the functions below is called. */
int privilege_confine(struct error *why);

/* Makes CAP_NET_ADMIN effective, or not. Returns 0, or -1 and why not. */
int privilege_raise(struct error *why);
int privilege_lower(struct error *why);

/* Makes this process that user's, with the user's own groups, for good, CAP_NET_ADMIN staying permitted.
 * Returns 0, or -1 and why not: the caller is not root, or there is no such user. */
int privilege_become(uid_t uid, struct error *why);
