/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What is asked of the helper: its command line, checked strictly and asking nothing of the system. */
#pragma once

#include <stdbool.h>

struct refusal;

enum request_verb {
    REQUEST_TAP, /* QEMU's form: a tap for the one at the other end of a socket */
    REQUEST_HELP,
    REQUEST_VERSION,
};

struct request {
    enum request_verb verb;
    const char *bridge; /* points into argv; a valid interface name */
    const char *name;   /* likewise; NULL: the helper chooses */
    int fd;             /* a number from 0; not known to be open */
    bool vnet_hdr;
};

enum request_result { REQUEST_OK, REQUEST_REFUSED = 1, REQUEST_USAGE = 2 }; /* also the exit status */

/* Reads argv[1] and on. Returns REQUEST_OK, or else says why. */
enum request_result request_parse(struct request *out, char *const argv[], struct refusal *why);
