/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The profile of NetworkManager's that a NIC uses, and nmcli. */
#pragma once

#include "base/words.h"
#include "persist.h"

#include <limits.h>

#define NM_OWN "/etc/NetworkManager/system-connections/virt-tap-"

/* What is known of the profile, and of the lease that the NIC has by it; "": nothing. */
struct profile {
    char uuid[40], file[PATH_MAX];
    char metric[16];     /* of its routes, if the profile has none */
    char client_id[400]; /* of DHCPv4, in hexadecimal */
    char duid[400];      /* of DHCPv6, likewise */
    char iaid[16];       /* of DHCPv6, likewise */
    char *text;          /* as nmcli prints it, owned; NULL: the NIC uses none */
    int priority;        /* the port's: above that of all other profiles */
};

#define _cleanup_profile_ __attribute__((cleanup(profile_free))) /* NOLINT(bugprone-reserved-identifier) */

void profile_free(struct profile *profile);

/* Reads the profile that the NIC uses. Returns 0, or -1 and why not. The caller must call profile_free() in
 * either case. */
int profile_read(const char *nic, struct profile *profile, struct error *why);

/* Whether the profile has the key in that section. */
bool profile_has(const struct profile *profile, const char *section, const char *key);

/* Adds a property and its value. */
void words_set(struct words *words, const char *property, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Runs `nmcli --offline connection modify WORDS` on what awk makes of a profile's file; "": of an empty one
 * of a card. Returns the keyfile that it prints, owned by the caller, or NULL and why not. */
char *nmcli_modify(const char *file, const char *awk, const struct words *words, struct error *why);
