/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The helper's command line, checked strictly and without asking the system anything. */
#pragma once

#include "net/tap.h"
#include "policy/addresses.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct error;

enum request_verb {
    REQUEST_TAP,    /* QEMU's form: a tap for the process at the other end of a socket */
    REQUEST_CREATE, /* a persistent tap, for whoever opens it by name */
    REQUEST_DELETE, /* taps that virt-tap made */
    REQUEST_BRIDGE, /* a declared bridge, if it is missing */
    REQUEST_BROKER, /* to serve the requests of others (broker.h) */
    REQUEST_HELP,
    REQUEST_VERSION,
};

enum { REQUEST_DOMAIN_SIZE = 37 /* a UUID, including the '\0' */ };

struct request {
    enum request_verb verb;
    const char *bridge; /* points into argv; a valid interface name */
    const char *name;   /* likewise, of plain characters; NULL: the helper chooses, or any name */
    int fd;             /* a number from 0, not known to be open; -1: none */
    struct tap_kind kind;
    bool has_mac;
    uint8_t mac[6];                   /* the guest's; unicast, and does not begin with fe */
    char domain[REQUEST_DOMAIN_SIZE]; /* UUID in lower case; "": none */
    bool has_owner;
    uid_t owner; /* the user for whom root asks */
    bool force;
    int ifindex;       /* of the tap to delete; 0: not given */
    const char *claim; /* likewise; points into argv; NULL: not given */
    bool isolated;
    const char *vlan, *native;     /* valid for vlans_parse(); point into argv; NULL: not given */
    struct address_list addresses; /* the guest's; single unicast ones, each once */
    bool lock_mac, lock_ip;        /* bind the guest to its MAC; with it, also to its addresses */
    unsigned int serve;            /* what alone it shall serve, SERVE_; 0: not given */
    const char *listen;            /* the broker's socket; points into argv; NULL: systemd's */
};

enum request_result { REQUEST_OK, REQUEST_REFUSED = 1, REQUEST_USAGE = 2 }; /* also the exit status */

/* Parses argv[1] and the following. Returns REQUEST_OK; otherwise `why` is set. */
enum request_result request_parse(struct request *out, char *const argv[], struct error *why);

/* serve.c: carries out one request: policy, grant, reply; phases 3 to 5 in main.c. Returns 0, or -1 and why
 * not, with nothing changed or left behind (when deleting several taps, some may be gone). A grant has been
 * logged on return; the caller must log a refusal. */
int serve(const struct request *request, struct error *why);
