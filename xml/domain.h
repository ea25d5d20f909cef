/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * A libvirt domain as virt-tap sees it: its interfaces, and the taps in its metadata:
 *
 *   <metadata>
 *     <vt:taps xmlns:vt='urn:virt-tap' version='1' uuid='UUID OF THE DOMAIN'>
 *       <vt:tap dev='vtap-web-k3x7q' bridge='br0'>THE ORIGINAL INTERFACE, AS ESCAPED TEXT</vt:tap>
 *     </vt:taps>
 *   </metadata>
 *
 * A tap may also have vlan='42', or vlan='42,47-50' with native='42' or native='none', isolated='yes',
 * ip='10.66.1.5 2001:db8::5', lock='mac' or 'ip', and serve='dhcp,dhcpv6,ra'. Its other properties (MAC,
 * queues, MTU, bandwidth) are in the interface, where people may change them. taps may have metadata='new' or
 * 'empty', which records what preceded it (rewrite.c). */
#pragma once

#include "document.h"
#include "name.h"

#define TAPS_NAMESPACE "urn:virt-tap"

enum {
    INTERFACES_MAX = 1024,       /* a bridge cannot have as many ports */
    DOMAIN_NAME_MAX = 128 * 1024 /* passed to QEMU and the hooks as an argument: MAX_ARG_STRLEN (execve(2)) */
};

struct tap;

/* Strings and nodes belong to the document; NULL: not present. */
struct interface {
    struct node *node;
    const char *type, *mac;
    const char *dev;       /* target device */
    const char *model;     /* of the device presented to the guest */
    unsigned int queues;   /* 0: not given */
    unsigned int mtu;      /* 0: not given */
    bool outbound;         /* libvirt is to limit what the guest sends */
    bool unmanaged;        /* of type ethernet; if it has a target device, that exists */
    const struct tap *tap; /* the metadata's entry for this target */
};

struct tap {
    struct node *node;
    const char *dev, *bridge;
    const char *vlan, *native; /* as rewrite.c writes them, for vlans_parse(); NULL: none */
    bool isolated;
    const char *ips;                   /* addresses requested for the guest, for ips_split(); NULL: none */
    const char *lock, *serve;          /* what the guest asks to be bound by (lock.h); NULL: none */
    const struct interface *interface; /* NULL: no interface has this target (any more) */
};

struct domain {
    struct document doc;
    const char *type;
    const char *name, *uuid; /* NULL: none */
    struct interface *interfaces;
    size_t interface_count;
    struct node *metadata;  /* NULL: none */
    struct node *taps_node; /* NULL: none; then there are no taps either */
    struct tap *taps;
    size_t tap_count;
    bool foreign; /* the taps belong to another domain, of which this is a clone */
};

/* Parses a domain from a text, which must outlive it. virt-tap metadata that virt-tap would not have written
 * is rejected. Returns 0, or -1 and why. The caller must domain_free(out) in either case. */
int domain_read(struct domain *out, const char *text, size_t size, struct error *why);
void domain_free(struct domain *domain);
#define _cleanup_domain_ __attribute__((cleanup(domain_free)))

/* Parses a decimal number of at most max; 0: text is NULL or not such a number. */
unsigned int decimal_number(const char *text, unsigned int max);

/* Reads one <interface>, which need not be in a domain. tap is left NULL. */
void interface_read(struct interface *out, struct node *node);

/* Whether libvirt requests multiple queues, or vnet headers, for this interface's tap: the tap must have been
 * created with the same flags (qemu_interface.c, virDomainNetIsVirtioModel). */
bool interface_multi_queue(const struct interface *interface);
bool interface_vnet_hdr(const struct interface *interface);
