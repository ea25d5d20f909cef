/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Edits the files of interfaces(5) so that a NIC becomes a bridge's port: what makes the NIC (bond, VLAN,
 * MTU, scripts, firewall) stays with it, its addresses go, and what only its stanzas say (name servers, the
 * words of its DHCP client, IPv6 autoconfiguration) is taken for the bridge's. */
#pragma once

#include "base/error.h"
#include "persist.h"

#include <stdio.h>

/* What edits take from the NIC's stanzas. */
struct persist_taken {
    const struct persist_plan *plan;
    struct persist_files *files; /* those that differ now */
    int depth;                   /* how many files name the one that is read */
    FILE *options;               /* lines for the bridge's stanza */
    FILE *inet6;                 /* whole stanzas of the bridge: IPv6 by router advertisements or DHCPv6 */
    uint64_t seen;               /* bit I: the plan's address I is in a stanza of the NIC's */
    uint64_t routes;             /* bit I: and where its route I leads to, or the gateway of a default one */
    bool dhcp;                   /* a stanza asks for an IPv4 address by DHCP */
    char command[64];            /* a command that remains, and may set addresses; "": none */
    struct error why;            /* its text is not "": what cannot be taken */
};

/* Copies an interfaces(5) file. Of the NIC's stanzas, what must not be done any more becomes a comment that
 * starts with "#virt-tap# ", and their method becomes `manual`; `auto` and similar lines name it as before,
 * but not its aliases (eth0:1). Returns whether anything differs. */
bool persist_edit_interfaces(FILE *in, FILE *out, struct persist_taken *taken);

/* persist_commands.c: notes what cannot be carried over, unless something was noted before. */
void persist_cannot(struct persist_taken *taken, const char *what, const char *value);

/* persist_commands.c: notes which of the plan's routes a value of the NIC's stanzas is about. */
void persist_note_routes(struct persist_taken *taken, const char *value);

/* Judges a command of the NIC's, behind the word (`up`, for one): addresses and routes go, which the bridge
 * has from the kernel; what else concerns the network layer is given to the bridge, in its stanza for IPv6 if
 * inet6; other commands stay. alias: the stanza is an alias's. Returns whether it goes. */
bool persist_edit_command(struct persist_taken *taken, const char *word, const char *command, bool inet6,
                          bool alias);

/* Whether a command of another interface's stanza sets an address, a route or a setting of the NIC. */
bool persist_names_nic(const struct persist_taken *taken, const char *command);

/* Writes the bridge's own stanzas; options and inet6: what the NIC's gave for them, "": nothing. */
void persist_ifupdown_print(FILE *out, const struct persist_plan *plan, const char *options,
                            const char *inet6);
