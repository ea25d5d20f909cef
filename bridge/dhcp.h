/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The host's DHCP client, which must run on the interface that has the address. A client is moved by killing
 * it, so that it cannot release the lease, and starting it again on the other interface.
 *
 * Any user can run a process named dhclient. A process is taken for the host's client only if its real,
 * effective, saved and file system UIDs are 0, it is in our user, mount, PID and network namespaces and under
 * our root directory, and its executable is dhclient, dhcpcd, udhcpc or busybox, a file owned by root that
 * nobody else can write, in /usr/sbin, /sbin, /usr/bin or /bin (where Debian, Fedora, Arch and Alpine install
 * them): the same device and inode, or that path followed by " (deleted)" after an upgrade has replaced it.
 * Nothing else about a foreign process is read, in particular not its command line: if the memory behind it
 * is a FUSE file, that read blocks for as long as the file's owner likes. What we start is the fixed path,
 * with arguments that dhcp_words.h accepts and an empty environment. */
#pragma once

#include "dhcp_words.h"

#include <stddef.h>

struct dhcp_client {
    int process;           /* pidfd; -1: from a saved state */
    struct dhcp_argv argv; /* the first word is dhclient, dhcpcd or udhcpc */
};

struct dhcp_clients {
    struct dhcp_client *list;
    size_t count;
};

/* Adds a client with a copy of the NULL-terminated words. Takes ownership of the pidfd (or -1), also on
 * failure. Returns 0 or -ENOMEM. */
int dhcp_add(struct dhcp_clients *clients, int process, const char *const words[]);

/* Finds the clients that were started for this interface. Returns 0, -ETIMEDOUT if the processes could not
 * all be examined within 10 seconds, or another -errno. The caller must dhcp_free(out) in either case. */
int dhcp_find(const char *interface, struct dhcp_clients *out);
void dhcp_free(struct dhcp_clients *clients);

/* If clients is not empty: kills all running clients of both interfaces and starts the given ones on the
 * interface `to`. Options that had to be dropped are reported on standard error. */
void dhcp_move(const struct dhcp_clients *clients, const char *from, const char *to);

/* Starts the first DHCP client installed on the host for the interface. Returns 0, or 1 and reports why. */
int dhcp_begin(const char *verb, const char *interface);

/* dhcp_lease.c: dhclient asks for the same address again by its lease, and the server knows it by the DUID in
 * the same file, which ifupdown names after the interface. For a client with these words (NULL-terminated,
 * words[0] its name) that is started again with the words `again`, on the interface `to` in place of `from`:
 * copies the files of -lf and -df that have another name then, with the leases of `from` as leases of `to`.
 * What cannot be copied is reported on standard error; the client then asks for a new lease. */
void dhcp_carry_leases(const char *const words[], const char *const again[], const char *from,
                       const char *to);
