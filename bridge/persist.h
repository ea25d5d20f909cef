/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Makes a bridge persistent in the configuration of the host's network manager. */
#pragma once

#include "base/error.h"
#include "base/name.h"
#include "bridge.h"
#include "move.h"

#include <limits.h>
#include <stdio.h>

#define PERSIST_RECORD "/etc/virt-tap/persist." /* of what is installed; the bridge's name follows */

struct persist_route {
    char to[CIDR_TEXT];  /* "default" or a prefix */
    char via[CIDR_TEXT]; /* "": none, on the link itself */
    bool onlink;         /* the gateway is in none of the interface's networks */
    uint32_t metric;     /* 0: not given */
    int family;
};

/* What must exist after every boot. */
struct persist_plan {
    const struct persist_format *format;     /* the manager that does it */
    char bridge[IFNAMSIZ], uplink[IFNAMSIZ]; /* uplink "": none */
    char mac[MAC_TEXT];
    unsigned int mtu;         /* 0: default */
    unsigned int max_learned; /* addresses */
    bool stp, vlan_filtering, dhcp;
    struct cidr *addresses;
    size_t address_count;
    struct persist_route *routes;
    size_t route_count;
    bool managed;  /* the manager's own configuration of the uplink is in force, and its routes are in it */
    bool repeated; /* managed by what an earlier persist made of it, and of routes that no file had */
    char nic_file[NAME_MAX + 1]; /* networkd's, of the uplink; "": none, or another manager's */
    char token[CIDR_TEXT];       /* as ::1:2:3:4, the lower half of an address from router advertisements */
    bool many_tokens;            /* several addresses have different ones */
    char lost[400];              /* what no format can express, for a person; "": nothing */
    struct cidr nat;             /* of a NAT bridge (nat.h): its IPv4 address; family 0: of another */
    struct cidr nat6;            /* and its IPv6 address; family 0: none */
};

/* Adds the addresses and routes of an interface, and what is lost of them. Returns 0 or -errno. */
int persist_read_network(struct view *view, const struct link *holder, struct persist_plan *plan);
/* Adds to what is lost. */
void persist_lose(struct persist_plan *plan, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Adds what the format's files beside name the NIC for. */
void persist_look_beside(struct persist_plan *plan);
void persist_plan_free(struct persist_plan *plan);

struct persist_file {
    char *path, *text; /* owned */
    size_t size;       /* of the text */
    mode_t mode;
    long long written; /* when, in ns since 1970; of recorded files only */
};

enum { PERSIST_FILES_MAX = 16 };

struct persist_files {
    struct persist_file list[PERSIST_FILES_MAX];
    size_t count;
    FILE *out; /* for the text of the last; NULL: that is complete */
};

/* Ends the program: nothing has been changed yet. */
void persist_give_up(const char *reason) __attribute__((noreturn));

/* Returns a stream for a text in memory, to be freed after persist_end_text(). There is always one: without
 * memory the program ends, since nothing has been changed yet when texts are made. */
FILE *persist_begin_text(char **text, size_t *size);
void persist_end_text(FILE *out);

/* Returns a copy of the text, likewise. */
char *persist_copy(const char *text);

/* Adds a file with that path; it starts with a comment that names its author, unless the plan is NULL.
 * Returns, likewise, a stream for its text, which the next file or persist_end() ends. */
FILE *persist_open(struct persist_files *files, const struct persist_plan *plan, mode_t mode,
                   const char *format, ...) __attribute__((format(printf, 4, 5)));
void persist_end(struct persist_files *files);

bool persist_has(const struct persist_files *files, const char *path);
void persist_free(struct persist_files *files);

struct persist_format {
    const char *name;
    const char *folder; /* that all its files are in */
    /* Where scripts and settings may name the NIC, beyond what is read of it; up to a NULL. */
    const char *const beside[7];
    /* Notes what the manager's own configuration of the uplink has, before the kernel's is read; NULL: see
     * write. Returns 0, or -1 and why not. */
    int (*inspect)(struct persist_plan *plan, struct error *why);
    /* Adds the files that describe the plan. Returns 0, or -1 and why not. */
    int (*write)(const struct persist_plan *plan, struct persist_files *files, struct error *why);
    /* Lets the manager's own parser check the files, which are visible to this process only; NULL: it has
     * none. Returns 0, or -1 and why not. */
    int (*check)(const struct persist_plan *plan, struct error *why);
    bool owns_move; /* see struct manager */
    /* Commands for persist_expand(), words separated by blanks, up to a NULL; one that starts with "-" may
     * fail, and gets half a minute, since the host is offline until it is over. then: what a person runs to
     * make the manager read the installed files. apply: applies them. detach: releases the bridge, before the
     * files are removed. release: does so after that, but before the bridge is deleted. reuse: then takes the
     * uplink back, by what the file `note` has noted; reattach: if that is nothing, or fails. */
    const char *then, *const apply[4], *const detach[2], *const release[2], *const reuse[2],
                                                                                *const reattach[3];
    const char *note;
};

enum { PERSIST_COMMAND = 128, PERSIST_NOTED = 40 };

/* What the port's file says of the NIC's own: its name, or its UUID. */
#define PERSIST_NOTE "# Made from"

/* Writes the command with the bridge in place of %b, the uplink in place of %u, and what is noted in place of
 * %n. */
void persist_expand(const char *command, const char *bridge, const char *uplink, const char *note,
                    char out[PERSIST_COMMAND]);

/* Returns the format of that name, or NULL. */
const struct persist_format *persist_find_format(const char *name);

/* persist_apply.c: makes the manager read the plan's files. Returns 0 or reports why not. */
int persist_tell(const char *verb, const struct persist_plan *plan);

/* persist_apply.c: limits what the bridge learns as the rule for udev does, which knows it only after a
 * moment. */
void persist_limit(const struct persist_plan *plan);

/* persist_apply.c: makes the manager read the plan's files and waits until the uplink is a port of the
 * bridge. Returns 0 or reports why not. */
int persist_apply(const char *verb, const struct persist_plan *plan);

/* Returns the name of the manager that the recorded files are for; NULL: nothing is recorded. The record
 * outlives a reboot, other than the state of a move. */
const char *persist_manager_of(const struct persist_files *record);

/* Finds the port that leads to the outside: the one in the alias of a bridge of ours, or the only
 * one for which port_may_be_uplink(). Returns 0, also if there is none: *out is NULL; or reports that there
 * are several. */
int persist_find_uplink(const struct view *view, const char *verb, const struct link *bridge,
                        const struct link **out);

/* What the move's manager, if any, does before and after everything is restored: the bridge's files are
 * removed in between. Failures are reported on standard error, and must stop nobody: the host is offline.
 * persist_detach() returns whether it removed the files; note: what they noted, for persist_reattach(). */
bool persist_detach(const struct move *move, char note[PERSIST_NOTED]);
void persist_reattach(const struct move *move, const char *note);

/* A route's destination, for formats that have no keyword for the default route. */
const char *persist_destination(const struct persist_route *route);

/* Whether a manager's text has the address, with any prefix if it says none, in one of the lines that are
 * about addresses and routes: not that of a name server. */
bool persist_has_address(const char *text, const char *address);
/* Likewise the route: its gateway, and where it leads, unless that is everywhere. */
bool persist_has_route(const char *text, const struct persist_route *route);
/* Checks that the text has the plan's addresses and routes. where: what should have them, for the message.
 * Returns 0, or -1 and why not. */
int persist_check_text(const struct persist_plan *plan, const char *text, const char *where,
                       struct error *why);

/* Adds networkd's files; text: what the NIC's own says, with its drop-ins; "": there is none. Returns as
 * persist_networkd(). */
int persist_networkd_from(const struct persist_plan *plan, const char *text, struct persist_files *files,
                          struct error *why);

/* Writes netplan's whole file but for its head. section and id: where the NIC is defined; moved: what its
 * definition said, as lines of the bridge's; NULL: nothing did, and the kernel's state is written. */
void persist_netplan_print(FILE *out, const struct persist_plan *plan, const char *section, const char *id,
                           const char *moved);

enum { PERSIST_IAID = 32 };

/* Writes, as a section of its files, the IAID of the DHCP client that networkd has for the NIC, or by now for
 * its bridge: with another one the server takes the bridge for another host, and gives it another address.
 * That of [DHCPv4], if there is a lease, is DHCPv6's, too (config_parse_iaid() of networkd-dhcp-common.c).
 * Returns whether there is one. */
bool persist_networkd_iaid(const struct persist_plan *plan, char text[PERSIST_IAID]);

/* Whether the address is the one that networkd has leased for the interface; it lasts for ever if networkd is
 * to keep it (KeepConfiguration=, netplan's critical). */
bool persist_networkd_leased(const char *name, const struct cidr *address);

/* Gets the path of the file that networkd uses for an interface. Returns whether it says one. */
bool persist_networkd_uses(const char *name, char path[PATH_MAX]);

/* persist_networkd.c, persist_networkmanager.c and so on: as inspect() and check() of struct persist_format.
 */
int persist_networkd_inspect(struct persist_plan *plan, struct error *why);
int persist_netplan_inspect(struct persist_plan *plan, struct error *why);
int persist_networkmanager_inspect(struct persist_plan *plan, struct error *why);
int persist_ifupdown_check(const struct persist_plan *plan, struct error *why);

/* persist_ifupdown.c and so on: as write() of struct persist_format. */
int persist_networkd(const struct persist_plan *plan, struct persist_files *files, struct error *why);
int persist_networkmanager(const struct persist_plan *plan, struct persist_files *files, struct error *why);
int persist_netplan(const struct persist_plan *plan, struct persist_files *files, struct error *why);
int persist_ifupdown(const struct persist_plan *plan, struct persist_files *files, struct error *why);

/* Calls act(arg) with the managers' files as they were before anything was written for this bridge: in a
 * mount namespace, if something was, which requires root. Returns 0, or reports why not, as act() must do,
 * which then returns more than 0. */
int persist_as_before(const char *verb, const char *bridge, int (*act)(void *arg), void *arg);

/* Whether NetworkManager has a profile for the bridge's name, other than ours: -1 and why. */
int persist_networkmanager_free(const struct persist_plan *plan, struct error *why);

/* persist_files.c: installs the files in place of those that were written for this bridge before, all in one
 * step (persist_swap.h). What was there is kept beside each. check, if any, is called before that where the
 * files can be seen already, and refuses by a value other than 0, after reporting why. Returns 0, or reports
 * why not and changes nothing. */
int persist_store(const char *verb, const char *bridge, struct persist_files *files, int (*check)(void *arg),
                  void *arg);

/* Returns what is recorded as installed for this bridge: paths, and when they were written. Returns 0, also
 * if nothing is, or -errno; -ENOTSUP: a later virt-tap wrote it. The caller must persist_free() them in
 * either case. */
int persist_recall(const char *bridge, struct persist_files *files);

/* Completes or undoes what was killed, and reads what is recorded for this bridge. Returns 0; or 1 after
 * reporting why it cannot be undone: one of the files was changed since, for one. The caller must
 * persist_free() the record in either case. */
int persist_check(const char *verb, const char *bridge, struct persist_files *record);

/* Removes all that persist_store() installed for this bridge and restores what was kept, in one step, unless
 * one of the files was changed since; by_guard: unless it is somebody else's. Returns the number of files, or
 * -1 after reporting why. */
int persist_undo(const char *verb, const char *bridge, bool by_guard);

/* persist_plan.c: writes a command of the bridge's stanza of ifupdown's. dhclient (client "") and dhclient -6
 * ("6") identify themselves by a DUID in a lease file, which ifupdown names after the interface: with a new
 * one, the server takes the host for another one, and its address changes. */
void persist_ifupdown_lease(FILE *out, const struct persist_plan *plan, const char *client);

/* persist_plan.c: whether there is a file whose path matches, as glob(3) with GLOB_BRACE has it. */
bool persist_any_file(const char *pattern);
