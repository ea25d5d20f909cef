/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * A libvirt domain as virt-tap sees it: its interfaces, and the taps in its metadata:
 *
 *   <metadata>
 *     <vt:taps xmlns:vt='urn:virt-tap' version='1' uuid='UUID OF THE DOMAIN'>
 *       <vt:tap dev='vtap-web-k3x7q' bridge='br0'>THE INTERFACE AS IT WAS BEFORE, AS ESCAPED TEXT</vt:tap>
 *     </vt:taps>
 *   </metadata>
 *
 * A tap may also have vlan='1' to '4094' and isolated='yes'. What else a tap needs (MAC, queues, MTU) is in
 * the interface, where people may change it. taps may have metadata='new' or 'empty': what there was before
 * it (rewrite.c). */
#pragma once

#include "document.h"
#include "name.h"

#define TAPS_NAMESPACE "urn:virt-tap"

enum {
    INTERFACES_MAX = 1024,       /* a bridge has fewer ports */
    DOMAIN_NAME_MAX = 128 * 1024 /* QEMU and the hooks get it as an argument: MAX_ARG_STRLEN (execve(2)) */
};

struct tap;

/* Strings and nodes belong to the document; NULL: there is none. */
struct interface {
    struct node *node;
    const char *type, *mac;
    const char *dev;       /* its target */
    const char *model;     /* of the device that the guest sees */
    unsigned int queues;   /* 0: not said */
    unsigned int mtu;      /* 0: not said */
    bool unmanaged;        /* of type ethernet, with a target that is there already */
    const struct tap *tap; /* what the metadata says of this target */
};

struct tap {
    struct node *node;
    const char *dev, *bridge;
    unsigned int vlan; /* 0: none */
    bool isolated;
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
    bool foreign; /* the taps are another domain's: this one is a clone of it */
};

/* Reads a domain from a text, which must live as long as it. Metadata of ours that virt-tap would not have
 * written is refused. Returns 0, or -1 and why. The caller must domain_free(out) in both cases. */
int domain_read(struct domain *out, const char *text, size_t size, struct error *why);
void domain_free(struct domain *domain);
#define _cleanup_domain_ __attribute__((cleanup(domain_free)))

/* A decimal number of at most max; 0: text is NULL or something else. */
unsigned int decimal_number(const char *text, unsigned int max);

/* Reads one <interface>, also outside of a domain. tap is left NULL. */
void interface_read(struct interface *out, struct node *node);

/* Whether libvirt asks the kernel for more than one queue of this interface's tap, and for vnet headers: the
 * tap must have been made likewise (qemu_interface.c, virDomainNetIsVirtioModel). */
bool interface_multi_queue(const struct interface *interface);
bool interface_vnet_hdr(const struct interface *interface);
