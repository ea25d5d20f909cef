/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The host's own DHCP client, which must ask on the interface that has the address. A client is moved by
 * killing it, so that it cannot give the address up, and starting it again for the other interface.
 *
 * Any user can run a process that calls itself dhclient. A process counts as a client of the host's only if
 * its real, effective, saved and file system uids are 0, it lives in our own user, mount, pid and network
 * namespaces and under our own root folder, and its executable is dhclient, dhcpcd, udhcpc or busybox as a
 * file of root's that nobody else can write, in /usr/sbin, /sbin, /usr/bin or /bin (where Debian, Fedora,
 * Arch and Alpine have them): the same device and inode, or that path with " (deleted)", where an upgrade has
 * replaced it. Nothing else of another process is read, its command line least of all: reading that can block
 * for as long as its owner likes, if the memory behind it is a FUSE file. What is started is the fixed path,
 * with words that dhcp_words.h lets through and an empty environment. */
#pragma once

#include <stddef.h>

struct dhcp_client {
    int process;  /* pidfd; -1: of a saved state */
    char **words; /* ends with NULL; words[0] is dhclient, dhcpcd or udhcpc */
};

struct dhcp_clients {
    struct dhcp_client *list;
    size_t count;
};

/* Adds a client with the words up to NULL, copied; takes over the pidfd, or -1, in any case. Returns 0 or
 * -ENOMEM. */
int dhcp_add(struct dhcp_clients *clients, int process, char *const words[]);

/* Finds the clients that were started for this interface. Returns 0; -ETIMEDOUT when there are more processes
 * than can be looked at in 10 seconds; or another -errno. dhcp_free() in any case. */
int dhcp_find(const char *interface, struct dhcp_clients *out);
void dhcp_free(struct dhcp_clients *clients);

/* If there are any: ends all clients of both interfaces that run now, and starts these again for the
 * interface `to`. Reports options that they lose on standard error. */
void dhcp_move(const struct dhcp_clients *clients, const char *from, const char *to);

/* Starts the first client that the host has for the interface. Returns 0, or 1 with the reason reported. */
int dhcp_begin(const char *verb, const char *interface);
