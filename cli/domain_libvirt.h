/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What the verbs of `virt-tap domain` ask of libvirt. All of them report errors themselves, as the command.
 */
#pragma once

#include "taken.h"

#include <libvirt/libvirt.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Connects, asking for passwords if need be. NULL: failed. */
virConnectPtr libvirt_open(const char *command, const char *uri);

/* Finds a domain by name, otherwise by UUID. NULL: failed, or there is none. */
virDomainPtr libvirt_find(virConnectPtr connection, const char *command, const char *name);

/* Returns "-- " if a command would take the domain's name for an option, otherwise "". */
const char *libvirt_dashes(const char *name);

/* Collects the tap names used by the domains of this libvirt: of their definitions (VIR_DOMAIN_XML_INACTIVE),
 * or of what runs (0). Returns 0, or 1. */
int libvirt_learn(virConnectPtr connection, const char *command, struct taken *taken, unsigned int flags);

/* Whether this libvirt is a user's, which has no packet filters, wherever it is: .../session?OPTIONS. */
bool libvirt_is_session(virConnectPtr connection);

/* Returns the definition, with its secrets, to be freed by _cleanup_secret_; NULL: not available. */
char *libvirt_definition(virDomainPtr domain);

/* libvirt only sets a whole definition, and a whole list of taps, so whoever changes one must be the only one
 * from reading to setting it. Waits up to LIBVIRT_LOCK_MS until no other virt-tap of this user's on this host
 * does so with this domain. Returns 0 and a descriptor that holds the lock until it is closed (-1: there is
 * nothing to lock), or 1. */
enum { LIBVIRT_LOCK_MS = 30 * 1000 };
int libvirt_lock(virDomainPtr domain, const char *command, int *lock);

/* Redefines the domain, unless its definition is no longer `was`. flags are of virDomainDefineXMLFlags();
 * if libvirt's schema accepts neither the old definition nor the new one, it is not asked, and that is
 * reported. Returns 0, or 1. */
int libvirt_define(virDomainPtr domain, const char *command, const char *was, const char *text,
                   unsigned int flags);

static inline void cleanup_domain(const virDomainPtr *domain)
{
    if (*domain)
        virDomainFree(*domain);
}

static inline void cleanup_secret(char **text)
{
    if (*text)
        explicit_bzero(*text, strlen(*text));
    free(*text);
}
#define _cleanup_virdomain_ __attribute__((cleanup(cleanup_domain)))
#define _cleanup_secret_ __attribute__((cleanup(cleanup_secret)))
