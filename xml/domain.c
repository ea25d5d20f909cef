/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "domain.h"

#include "ips.h"
#include "lock.h"

#include "base/array.h"
#include "base/text.h"
#include "base/vlans.h"
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VERSION_MAX = 1000000 };

unsigned int decimal_number(const char *text, unsigned int max)
{
    unsigned int value = 0;

    if (!text || !*text)
        return 0;
    for (; *text >= '0' && *text <= '9' && value <= max; text++)
        value = value * 10 + (unsigned int)(*text - '0');
    return *text || value > max ? 0 : value;
}

void interface_read(struct interface *out, struct node *node)
{
    *out = (struct interface){
        .node = node,
        .type = node_attribute(node, "type"),
        .mac = child_attribute(node, "mac", "address"),
        .dev = child_attribute(node, "target", "dev"),
        .model = child_attribute(node, "model", "type"),
        .queues = decimal_number(child_attribute(node, "driver", "queues"), 65535),
        .mtu = decimal_number(child_attribute(node, "mtu", "size"), 65535),
        .outbound = node_child(node_child(node, "bandwidth"), "outbound") != NULL,
    };
    out->unmanaged = node_attribute_is(node, "type", "ethernet") &&
                     node_attribute_is(node_child(node, "target"), "managed", "no");
}

/* libvirt uses the interfaces of all <devices> elements. */
static int read_interfaces(struct domain *out, struct error *why)
{
    for (struct node *devices = node_child(out->doc.nodes, "devices"); devices;
         devices = node_next(devices, "devices")) {
        for (struct node *node = node_child(devices, "interface"); node;
             node = node_next(node, "interface")) {
            if (out->interface_count == INTERFACES_MAX)
                return document_fail(&out->doc, node, why, "it has more than %d interfaces", INTERFACES_MAX);
            struct interface *more = array_grow(out->interfaces, out->interface_count, sizeof(*more));
            if (!more)
                return document_fail(&out->doc, node, why, "no memory");
            out->interfaces = more;
            interface_read(&out->interfaces[out->interface_count++], node);
        }
    }
    return 0;
}

/* Compares the UUID's digits, in any spelling that libvirt accepts. */
static bool same_uuid(const char *a, const char *b)
{
    static const char ignored[] = "- \t\r\n";

    for (;;) {
        a += strspn(a, ignored);
        b += strspn(b, ignored);
        if ((*a | 0x20) != (*b | 0x20))
            return false;
        if (!*a || !*b)
            return *a == *b;
        a++;
        b++;
    }
}

static void link_to(struct tap *tap, struct interface *interface)
{
    tap->interface = interface;
    interface->tap = tap;
}

/* Links a tap and the interface that has it as target. */
static int join(struct domain *out, struct tap *tap, struct error *why)
{
    for (size_t i = 0; i < out->interface_count; i++) {
        struct interface *interface = &out->interfaces[i];
        if (!interface->unmanaged || !interface->dev || strcmp(interface->dev, tap->dev) != 0)
            continue;
        if (tap->interface)
            return document_fail(&out->doc, interface->node, why, "a second interface has the target '%s'",
                                 tap->dev);
        link_to(tap, interface);
    }
    return 0;
}

/* Links a tap of a clone with the first interface that lost its target and has this text as its <address>;
 * length 0: any. */
static void join_clone(struct domain *out, struct tap *tap, const char *address, size_t length)
{
    for (size_t i = 0; i < out->interface_count && !tap->interface; i++) {
        struct interface *interface = &out->interfaces[i];
        const struct node *is = node_child(interface->node, "address");
        if (!interface->unmanaged || interface->dev || interface->tap)
            continue;
        if (length == 0 ||
            (is && is->end - is->open == length && memcmp(out->doc.text + is->open, address, length) == 0))
            link_to(tap, interface);
    }
}

/* virt-clone and virt-manager remove the name of each target (virtinst's cloner.py): links the taps with the
 * interfaces by the <address> in the originals, which libvirt always writes alike, otherwise in their order.
 */
static void join_all_of_clone(struct domain *out)
{
    struct tap *tap = out->taps;

    for (const struct node *node = out->taps_node->children; node; node = node->next, tap++) {
        _cleanup_document_ struct document original = {0};
        const char *text = node->text;
        struct error ignored;
        if (tap->interface || !text || document_read(&original, text, strlen(text), &ignored) < 0)
            continue;
        const struct node *address = node_child(original.nodes, "address");
        if (address)
            join_clone(out, tap, text + address->open, address->end - address->open);
    }
    for (size_t i = 0; i < out->tap_count; i++)
        join_clone(out, &out->taps[i], NULL, 0);
}

/* Whether these VLANs are written as rewriting does it: "100,200-210", and native only, but always, for a
 * trunk. */
static bool vlans_are_good(const char *list, const char *native)
{
    char text[VLANS_TEXT], untagged[sizeof("4294967295")] = "none";
    struct vlans vlans;

    if (vlans_parse(&vlans, list, native) || !vlans_print(&vlans, text) ||
        strcmp(text, text_or(list, "")) != 0)
        return false;
    if (vlans.untagged)
        snprintf(untagged, sizeof(untagged), "%u", vlans.untagged);
    return vlans_tagged(&vlans) ? native && strcmp(native, untagged) == 0 : !native;
}

static int check_lock(const struct domain *domain, const struct tap *tap, struct error *why)
{
    if (tap->lock && !lock_valid(tap->lock))
        return document_fail(&domain->doc, tap->node, why,
                             "damaged metadata: a tap's lock is 'mac' or 'ip', if present");
    if (tap->serve && !serve_valid(tap->serve))
        return document_fail(
            &domain->doc, tap->node, why,
            "damaged metadata: a tap's serve has 'dhcp', 'dhcpv6' and 'ra' once each, with a "
            "comma between them, if present");
    return 0;
}

static int read_tap(struct domain *out, struct node *node, struct error *why)
{
    struct tap *tap = &out->taps[out->tap_count];
    char words[IPS_MAX][IP_TEXT];

    *tap = (struct tap){
        .node = node,
        .dev = node_attribute(node, "dev"),
        .bridge = node_attribute(node, "bridge"),
        .vlan = node_attribute(node, "vlan"),
        .native = node_attribute(node, "native"),
        .isolated = node_attribute_is(node, "isolated", "yes"),
        .ips = node_attribute(node, "ip"),
        .lock = node_attribute(node, "lock"),
        .serve = node_attribute(node, "serve"),
    };
    if (!tap->dev || strncmp(tap->dev, TAP_PREFIX, strlen(TAP_PREFIX)) != 0 || !ifname_valid(tap->dev))
        return document_fail(&out->doc, node, why,
                             "damaged metadata: a tap's dev is a name that begins with " TAP_PREFIX);
    if (!tap->bridge || !ifname_valid(tap->bridge))
        return document_fail(&out->doc, node, why, "damaged metadata: a tap's bridge is not a valid name");
    if (!vlans_are_good(tap->vlan, tap->native))
        return document_fail(
            &out->doc, node, why,
            "damaged metadata: a tap's vlan is '1' to '4094' or a trunk, as in vlan='100,200-210' "
            "native='none', if present");
    if (node_attribute(node, "isolated") && !tap->isolated)
        return document_fail(&out->doc, node, why, "damaged metadata: a tap's isolated is 'yes', if present");
    if (tap->ips && !ips_split(tap->ips, words))
        return document_fail(
            &out->doc, node, why,
            "damaged metadata: a tap's ip has 1 to %d IP addresses with a space between them, if "
            "present",
            IPS_MAX);
    if (check_lock(out, tap, why) < 0)
        return -1;
    for (size_t i = 0; i < out->tap_count; i++)
        if (strcmp(out->taps[i].dev, tap->dev) == 0)
            return document_fail(&out->doc, node, why, "damaged metadata: there are two taps '%s'", tap->dev);
    out->tap_count++;
    return join(out, tap, why);
}

static int read_taps(struct domain *out, struct error *why)
{
    const char *uuid = node_attribute(out->taps_node, "uuid");
    const unsigned int version = decimal_number(node_attribute(out->taps_node, "version"), VERSION_MAX);

    if (version > 1)
        return document_fail(
            &out->doc, out->taps_node, why,
            "a later virt-tap wrote the metadata: it has version %u, and this one supports version 1; use that "
            "one",
            version);
    if (!node_attribute_is(out->taps_node, "version", "1"))
        return document_fail(&out->doc, out->taps_node, why, "damaged metadata: it has no version");
    out->foreign = uuid && out->uuid && !same_uuid(uuid, out->uuid);
    out->taps = calloc(INTERFACES_MAX, sizeof(*out->taps));
    if (!out->taps)
        return document_fail(&out->doc, out->taps_node, why, "no memory");
    for (struct node *node = out->taps_node->children; node; node = node->next) {
        if (!node_is_of(node, "tap", TAPS_NAMESPACE) || out->taps_node->mixed ||
            out->tap_count == INTERFACES_MAX)
            return document_fail(&out->doc, out->taps_node, why,
                                 "damaged metadata: <taps> contains 1 to %d <tap>, and nothing else",
                                 INTERFACES_MAX);
        if (read_tap(out, node, why) < 0)
            return -1;
    }
    if (out->tap_count == 0)
        return document_fail(&out->doc, out->taps_node, why, "damaged metadata: there is no tap in it");
    if (out->foreign)
        join_all_of_clone(out);
    return 0;
}

static int read_metadata(struct domain *out, struct error *why)
{
    out->metadata = node_child(out->doc.nodes, "metadata");
    if (!out->metadata)
        return 0;
    if (node_next(out->metadata, "metadata"))
        return document_fail(&out->doc, node_next(out->metadata, "metadata"), why,
                             "there is a second <metadata>");
    for (struct node *node = out->metadata->children; node; node = node->next) {
        if (!node_is_of(node, "taps", TAPS_NAMESPACE))
            continue;
        if (out->taps_node)
            return document_fail(&out->doc, node, why, "damaged metadata: there is a second list of taps");
        out->taps_node = node;
    }
    return out->taps_node ? read_taps(out, why) : 0;
}

static const char *child_text(const struct node *parent, const char *name)
{
    const struct node *child = node_child(parent, name);

    return child ? child->text : NULL;
}

int domain_read(struct domain *out, const char *text, size_t size, struct error *why)
{
    *out = (struct domain){0};
    if (document_read(&out->doc, text, size, why) < 0)
        return -1;
    if (!node_is(out->doc.nodes, "domain"))
        return document_fail(&out->doc, out->doc.nodes, why, "this is not a libvirt domain, but <%.40s>",
                             out->doc.nodes->name);
    out->type = node_attribute(out->doc.nodes, "type");
    out->name = child_text(out->doc.nodes, "name");
    out->uuid = child_text(out->doc.nodes, "uuid");
    if ((out->name && strlen(out->name) > DOMAIN_NAME_MAX) ||
        (out->uuid && strlen(out->uuid) > DOMAIN_NAME_MAX))
        return document_fail(&out->doc, out->doc.nodes, why,
                             "its <name> or <uuid> is longer than QEMU's command line can hold");
    if (read_interfaces(out, why) < 0)
        return -1;
    return read_metadata(out, why);
}

void domain_free(struct domain *domain)
{
    free(domain->interfaces);
    free(domain->taps);
    document_free(&domain->doc);
    *domain = (struct domain){0};
}

static bool is_model(const struct interface *interface, const char *const *models)
{
    while (interface->model && *models && strcmp(interface->model, *models) != 0)
        models++;
    return interface->model && *models;
}

/* libvirt reads <driver> for virtio models only. */
static bool is_virtio(const struct interface *interface)
{
    return is_model(interface,
                    (const char *const[]){"virtio", "virtio-transitional", "virtio-non-transitional", NULL});
}

bool interface_multi_queue(const struct interface *interface)
{
    return interface->queues > 1 && is_virtio(interface);
}

bool interface_vnet_hdr(const struct interface *interface)
{
    return is_virtio(interface) ||
           is_model(interface, (const char *const[]){"e1000e", "igb", "vmxnet3", NULL});
}
