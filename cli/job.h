/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Shared by `virt-tap xml` and `virt-tap domain`: rewrites, restores, maps or shows one document, and prints
 * the messages that go with it. */
#pragma once

#include "base/options.h"
#include "taken.h"
#include "xml/change.h"
#include "xml/diff.h"
#include "xml/schema.h"

struct job {
    const char *name;        /* command name, for messages */
    change_function *change; /* domain_rewrite, domain_restore or domain_map */
    struct wish wish;
    struct known *known;        /* collects the tap names given out; NULL: not needed */
    struct _xmlRelaxNG *schema; /* the result must validate against it; NULL: no check */
    bool mute;                  /* says nothing of the interfaces that are left */
};

struct product {
    struct change change;
    char *text; /* owned; NUL-terminated */
    size_t size;
    size_t left; /* number of interfaces that could not be changed */
};

/* Changes text, named label in messages. Returns 0, or 1 after reporting why. The caller must
 * product_free(out) in either case. */
int job_run(const struct job *job, const char *label, const char *text, size_t size, struct product *out);
void product_free(struct product *product);
#define _cleanup_product_ __attribute__((cleanup(product_free)))

/* Prints a document to standard output: unchanged, unless that is a terminal. Then control sequences are
 * escaped, and a message gives their number. */
void print_document(const char *name, const char *text, size_t size);

/* Prints one line for each interface and tap in the document, according to the job's wish. Returns 0, or 1
 * after reporting why. */
int job_show(const struct job *job, const char *label, const char *text, size_t size);

/* What is known besides the document; passed as data to the wish's functions. */
struct known {
    const struct option_list *networks; /* of --network, NAME=BRIDGE */
    struct taken taken;                 /* from the domains at hand, including changes just made */
};

/* Options that make a wish; in the verbs' structs of options, the field `wish`. */
struct wish_options {
    const char *bridge, *serve;
    struct option_list interfaces, networks, ips;
    int lock;
    bool strict;
};
#define INTERFACE_OPTION(type)                                                                               \
    OPTION_LIST("interface", "MAC|N", "only this interface, by MAC or by number from 1; may be repeated",    \
                type, wish.interfaces)
#define LOCK_OPTIONS(type, ip_help)                                                                          \
    OPTION_LIST("ip", "ADDRESS", ip_help, type, wish.ips),                                                   \
        OPTION_CHOICE("lock", "mac|ip", "have the guest locked to its MAC, or to its IP addresses, too",     \
                      type, wish.lock),                                                                      \
        OPTION_STRING("serve", "LIST",                                                                       \
                      "of what a locked guest may serve, only this: dhcp, dhcpv6, ra, separated by commas",  \
                      type, wish.serve)
#define REWRITE_OPTIONS(type, network_help)                                                                  \
    OPTION_STRING("bridge", "BRIDGE", "put all taps on BRIDGE, whatever the interfaces name", type,          \
                  wish.bridge),                                                                              \
        OPTION_LIST("network", "NAME=BRIDGE", network_help, type, wish.networks),                            \
        LOCK_OPTIONS(type, "an IP address for the guest, if it is locked to them; one interface only; may "  \
                           "be repeated"),                                                                   \
        OPTION_FLAG("strict", "exit 3 if an interface had to be left as it is", type, wish.strict)

/* Sets what the options say of the wish, and the known networks. Returns 0, or 2 after reporting why. */
int wish_set(struct wish *wish, struct known *known, const char *name, const struct wish_options *options);

/* Functions for a wish; data is a struct known. */
bool taken_find(void *data, const struct domain *domain, const char *dev);
int networks_find(void *data, const char *network, char bridge[NAME_SIZE], char reason[REASON_SIZE]);
