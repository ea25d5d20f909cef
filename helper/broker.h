/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The broker serves those whose file capabilities are void. A request is one message over BROKER_PATH, a
 * SOCK_SEQPACKET socket: the words after argv[0], each with its '\0'. The answer is one message, too: the exit
 * status, followed by a line if it is not 0; a tap's descriptor comes with it (SCM_RIGHTS). */
#pragma once

#include <stdbool.h>

struct error;

enum {
    BROKER_REQUEST_SIZE = 4096, /* bytes */
    BROKER_WORDS_SIZE = 256,    /* argv[0] and NULL included */
    BROKER_BUSY = 255,          /* an exit status: try again */
};

/* Returns a new socket that listens at that path, in place of one that nobody listens on; or -1 and why not. */
int broker_listen(const char *path, struct error *why);

/* Serves until SIGTERM, or if `passing` until nobody has asked for 30 s; then finishes what it has begun.
 * serve() is called in a child for each request, and returns its exit status; the child must become the peer
 * before it reads. Returns 0, or -1 and why it cannot start. */
int broker_run(int listener, bool passing, int (*serve)(int connection), struct error *why);

/* In that child: reads the request into message, to which argv then points. Returns 0, or -1 and why not. */
int broker_receive(int connection, char message[BROKER_REQUEST_SIZE], char *argv[BROKER_WORDS_SIZE],
                   struct error *why);

/* In a client: asks the broker to do what argv says, and waits. Returns the exit status and the descriptor, owned
 * by the caller (-1: none), or the words of a refusal; or -1 and why nobody answered, after what is in `why`. Makes
 * no system call that QEMU's seccomp filter kills (softmmu/qemu-seccomp.c): none on ids, priorities, processes. */
int broker_ask(char *const argv[], int *descriptor, struct error *why);
