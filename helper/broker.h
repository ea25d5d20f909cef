/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The broker serves those whose file capabilities are void. A request is one message over BROKER_PATH, a
 * SOCK_SEQPACKET socket: the words after argv[0], each with its '\0'. The answer is one message, too: the
 * exit status, then a line if that is not 0; a tap's descriptor comes with it (SCM_RIGHTS). */
#pragma once

struct error;

enum {
    BROKER_REQUEST_SIZE = 4096, /* bytes */
    BROKER_ARGV_SIZE = BROKER_REQUEST_SIZE + 2,
    BROKER_BUSY = 255, /* an exit status: try again */
};

/* Serves over a new socket at that path; NULL: over descriptor 3, from systemd (sd_listen_fds(3)), until 30 s
 * without a request. Returns 0, in a child for each connection with that, which must become the peer before
 * it reads, and whose exit status is BROKER_BUSY if nothing was asked; otherwise with -1; or -1 and why. */
int broker_run(const char *path, int *connection, struct error *why);

/* In that child: reads the request into message, of BROKER_REQUEST_SIZE, to which argv, of BROKER_ARGV_SIZE,
 * then points. Returns 0, or -1 and why not. */
int broker_receive(int connection, char *message, char *argv[], struct error *why);

/* In a client: has the broker do what argv says. Returns the exit status, and a descriptor that the caller
 * owns (-1: none) or the words of a refusal; or -1 and, after what `why` says, why nobody answered. Makes no
 * system call that QEMU's seccomp filter kills: none on ids, priorities, processes. */
int broker_ask(char *const argv[], int *descriptor, struct error *why);
