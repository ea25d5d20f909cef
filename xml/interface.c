/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "interface.h"

#include "base/cleanup.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int plan_tag(const struct node *tag, bool trunk, struct vlans *vlans, char reason[REASON_SIZE])
{
    const unsigned int vlan = decimal_number(node_attribute(tag, "id"), VLAN_MAX);

    if (!vlan)
        return reason_set(reason, "its VLAN is not from 1 to 4094");
    vlans_add(vlans, vlan);
    if (trunk && !node_attribute(tag, "nativeMode"))
        return 0;
    if (trunk && !node_attribute_is(tag, "nativeMode", "untagged"))
        return reason_set(reason, "its native VLAN is not untagged both ways, as that of a tap is");
    if (vlans->untagged)
        return reason_set(reason, "its <vlan> has more than one native VLAN");
    vlans->untagged = vlan;
    return 0;
}

/* Reads <vlan> as libvirt does (netdev_vlan_conf.c, virNetDevVlanParse): several tags are a trunk, a single
 * one is an access VLAN unless trunk='yes'. */
static int plan_vlans(const struct node *interface, struct plan *plan, char reason[REASON_SIZE])
{
    const struct node *vlan = node_child(interface, "vlan"), *tag = node_child(vlan, "tag");
    const bool trunk = node_attribute_is(vlan, "trunk", "yes") || (tag && node_next(tag, "tag"));
    const char *says = node_attribute(vlan, "trunk");
    char text[VLANS_TEXT];

    if (!vlan)
        return 0;
    if (!tag || (says && strcmp(says, trunk ? "yes" : "no") != 0) ||
        (!trunk && node_attribute(tag, "nativeMode")))
        return reason_set(reason, "its <vlan> is neither one plain tag nor a trunk");
    for (; tag; tag = node_next(tag, "tag"))
        if (plan_tag(tag, trunk, &plan->vlans, reason) < 0)
            return -1;
    if (vlans_print(&plan->vlans, text))
        return 0;
    return reason_set(reason, "its <vlan> is of more than %d ranges of VLANs, the most that a tap can have",
                      VLANS_RANGES_MAX);
}

bool interface_has_floor(const struct node *interface)
{
    return child_attribute(node_child(interface, "bandwidth"), "inbound", "floor");
}

/* Rejects what an interface of type ethernet does not support, or treats differently. */
static int plan_content(const struct node *interface, struct plan *plan, char reason[REASON_SIZE])
{
    static const struct {
        const char *child, *reason;
    } never[] = {
        {"virtualport", "it has a <virtualport>, which requires a switch that supports it"},
        {"script", "it has a <script>, which libvirt would run for the tap"},
        {"coalesce", "libvirt refuses <coalesce> on taps that it does not manage"},
        {"downscript", "it has a <downscript>, which libvirt would run for the tap"},
    };
    static const char *const once[] = {"mac", "source", "target", "vlan", "port", "filterref"};

    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
        if (node_child(interface, never[i].child))
            return reason_set(reason, "%s", never[i].reason);
    for (size_t i = 0; i < sizeof(once) / sizeof(once[0]); i++) {
        const struct node *first = node_child(interface, once[i]);
        if (first && node_next(first, once[i]))
            return reason_set(reason, "it has more than one <%s>", once[i]);
    }
    if (interface_has_floor(interface))
        return reason_set(reason, REASON_FLOOR);
    if (node_attribute(interface, "trustGuestRxFilters") &&
        !node_attribute_is(interface, "trustGuestRxFilters", "no"))
        return reason_set(reason, "libvirt ignores trustGuestRxFilters on taps that it does not manage");
    plan->isolated = node_attribute_is(node_child(interface, "port"), "isolated", "yes");
    return plan_vlans(interface, plan, reason);
}

/* Decides what the guest is to ask to be bound by. libvirt itself enforces a packet filter on a tap that it
 * does not manage (qemuInterfaceEthernetConnect() of 9.0, later virDomainInterfaceEthernetConnect(), call
 * virDomainConfNWFilterInstantiate()), but a session's has none, and refuses to start the domain
 * (nwfilterConnectOpen(): "unexpected nwfilter URI path '/session'"). */
static int plan_lock(const struct node *interface, const struct wish *wish, struct plan *plan,
                     char reason[REASON_SIZE])
{
    const struct node *filter = wish->session ? node_child(interface, "filterref") : NULL;

    if (lock_plan_filter(filter, wish->ip_count > 0, &plan->filter, reason) < 0)
        return -1;
    plan->serve = wish->serve;
    plan->lock = text_or(wish->lock, plan->filter.lock);
    if (plan->filter.lock && strcmp(plan->filter.lock, "ip") == 0)
        plan->lock = plan->filter.lock;
    plan->ips = wish->ip_count ? wish->ips : plan->filter.ips;
    plan->ip_count = wish->ip_count ? wish->ip_count : plan->filter.ip_count;
    return 0;
}

/* Finds the bridge that the interface is on. */
static int plan_source(const struct interface *interface, const struct wish *wish, struct plan *plan,
                       char reason[REASON_SIZE])
{
    const struct node *source = node_child(interface->node, "source");
    const char *type = text_or(interface->type, "");
    const bool network = strcmp(type, "network") == 0;

    if (!network && strcmp(type, "bridge") != 0)
        return reason_set(reason, "it is of type '%.20s', not bridge or network", type);
    const char *name = node_attribute(source, type);
    if (!name || source->children)
        return reason_set(reason, "its <source> names no bridge or network");
    if (network && node_attribute(source, "portgroup"))
        return reason_set(reason, REASON_PORTGROUP);
    if (wish->bridge || !network) {
        plan->bridge = text_or(wish->bridge, name);
        return 0;
    }
    plan->bridge = plan->found;
    if (wish->find_network)
        return wish->find_network(wish->data, name, plan->found, reason);
    return reason_set(reason, "the bridge of its network is not known");
}

int interface_judge(const struct interface *interface, const struct wish *wish, struct plan *plan,
                    char reason[REASON_SIZE])
{
    *plan = (struct plan){0};
    if (plan_source(interface, wish, plan, reason) < 0 || plan_content(interface->node, plan, reason) < 0)
        return -1;
    return plan_lock(interface->node, wish, plan, reason);
}

size_t blanks_before(const struct document *doc, size_t offset)
{
    while (offset > 0 && strchr(" \t\r\n", doc->text[offset - 1]))
        offset--;
    return offset;
}

int edit_remove(struct edits *edits, const struct document *doc, const struct node *node)
{
    const size_t start = blanks_before(doc, node->open);

    return edits_add(edits, start, node->end - start, strdup(""));
}

int edit_attribute(struct edits *edits, const struct document *doc, const struct node *node, const char *name,
                   const char *value)
{
    size_t length;
    const size_t at = node_attribute_place(doc, node, name, &length);

    return edits_add(edits, at, length, escape_attribute(value));
}

int edit_replace(struct edits *edits, const struct node *node, char *text)
{
    return edits_add(edits, node->open, node->end - node->open, text);
}

int interface_set_target(struct edits *edits, const struct node *node, const char *dev)
{
    char *text;

    if (asprintf(&text, "<target dev='%s' managed='no'/>", dev) < 0)
        return -1;
    return edit_replace(edits, node, text);
}

int interface_point(struct edits *edits, const struct document *doc, const struct node *node, const char *dev,
                    bool no_filter)
{
    static const char *const moved[] = {"vlan", "port", "filterref"};
    const size_t moved_count = sizeof(moved) / sizeof(moved[0]) - !no_filter;
    const struct node *source = node_child(node, "source"), *target = node_child(node, "target");

    if (target && edit_remove(edits, doc, source) < 0)
        return -1;
    if (!target)
        target = source;
    if (interface_set_target(edits, target, dev) < 0 ||
        edit_attribute(edits, doc, node, "type", "ethernet") < 0)
        return -1;
    for (size_t i = 0; i < moved_count; i++) {
        const struct node *child = node_child(node, moved[i]);
        if (child && edit_remove(edits, doc, child) < 0)
            return -1;
    }
    return 0;
}

/* Whether rewriting put a lock in place of the original's packet filter, if it had one. */
static bool lost_filter(const struct tap *tap, const struct document *original)
{
    const struct node *filter = node_child(original->nodes, "filterref");
    struct lock_plan plan;
    char ignored[REASON_SIZE];

    return tap->lock && !node_child(tap->interface->node, "filterref") &&
           lock_plan_filter(filter, tap->ips != NULL, &plan, ignored) == 0;
}

/* Parses the original stored in a tap's metadata: it must be a single interface that rewriting would have
 * pointed at a tap. Must be freed in either case. */
static int read_original(struct document *out, const struct document *doc, const struct tap *tap,
                         struct interface *original, struct error *why)
{
    const struct wish wish = {.bridge = tap->bridge};
    const char *text = tap->node->text;
    char reason[REASON_SIZE];
    struct plan plan;

    if (!text)
        return document_fail(doc, tap->node, why, "damaged metadata: the original of '%s' is not text",
                             tap->dev);
    if (document_read(out, text, strlen(text), why) < 0)
        return document_fail(doc, tap->node, why, "damaged metadata: the original of '%s' is not XML: %s",
                             tap->dev, why->text);
    if (!node_is(out->nodes, "interface"))
        return document_fail(doc, tap->node, why,
                             "damaged metadata: the original of '%s' is not an <interface>", tap->dev);
    interface_read(original, out->nodes);
    if (interface_judge(original, &wish, &plan, reason) < 0)
        return document_fail(doc, tap->node, why,
                             "damaged metadata: the original of '%s' is not one that rewrite converts: %s",
                             tap->dev, reason);
    return 0;
}

/* Restores what rewriting removed, and leaves alone what others have changed since. */
static int merge(struct edits *edits, const struct document *doc, const struct tap *tap,
                 const struct document *original)
{
    static const char *const taken[] = {"source", "target", "vlan", "port", "filterref"};
    const size_t taken_count = sizeof(taken) / sizeof(taken[0]) - !lost_filter(tap, original);
    const struct node *node = tap->interface->node;
    const struct node *target = node_child(node, "target");
    const size_t end = target->open, start = blanks_before(doc, end);
    _cleanup_free_ char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);

    if (!file)
        return -1;
    for (size_t i = 0; i < taken_count; i++) {
        const struct node *was = node_child(original->nodes, taken[i]), *is = node_child(node, taken[i]);
        if (!was || (is && is != target))
            continue;
        if (i > 0)
            fwrite(doc->text + start, 1, end - start, file);
        fwrite(original->text + was->open, 1, was->end - was->open, file);
    }
    if (fclose(file) != 0 || edit_replace(edits, target, take_text(&text)) < 0)
        return -1;
    return edit_attribute(edits, doc, node, "type", node_attribute(original->nodes, "type"));
}

/* Whether pointing the original at the tap gives exactly what is in the document. 1: yes, 0: no, -1:
 * out of memory. */
static int is_unchanged(const struct document *doc, const struct tap *tap, const struct document *original)
{
    const struct node *node = tap->interface->node;
    _cleanup_edits_ struct edits edits = {0};
    size_t size = 0;

    if (interface_point(&edits, original, original->nodes, tap->dev, lost_filter(tap, original)) < 0)
        return -1;
    _cleanup_free_ char *pointed = edits_apply(&edits, original->text, original->size, &size);
    if (!pointed)
        return -1;
    return size == node->end - node->open && memcmp(pointed, doc->text + node->open, size) == 0;
}

int interface_unpoint(struct edits *edits, const struct document *doc, const struct tap *tap,
                      struct error *why)
{
    const struct node *node = tap->interface->node;
    _cleanup_document_ struct document original = {0};
    struct interface was = {0};

    if (read_original(&original, doc, tap, &was, why) < 0)
        return -1;
    if (was.mac && (!tap->interface->mac || strcasecmp(was.mac, tap->interface->mac) != 0))
        return document_fail(doc, node, why, "its MAC is not that of the original: set it to '%.20s' first",
                             was.mac);
    int result = is_unchanged(doc, tap, &original);
    if (result == 0 && node_child(node, "source"))
        return document_fail(doc, node, why,
                             "it has a <source> now, where the original's belongs: remove it first");
    if (result > 0)
        result = edit_replace(edits, node, strdup(tap->node->text));
    else if (result == 0)
        result = merge(edits, doc, tap, &original);
    if (result < 0)
        return error_set(why, "no memory");
    return 0;
}

/* Returns the original's text with the interface's current MAC, escaped; or NULL. */
static char *with_mac(const struct document *original, const struct interface *was,
                      const struct interface *is)
{
    _cleanup_edits_ struct edits edits = {0};
    size_t size;

    if (was->mac && is->mac &&
        edit_attribute(&edits, original, node_child(was->node, "mac"), "address", is->mac) < 0)
        return NULL;
    _cleanup_free_ char *text = edits_apply(&edits, original->text, original->size, &size);
    return text ? escape_text(text, size) : NULL;
}

int interface_adopt(struct edits *edits, const struct document *doc, const struct tap *tap, const char *dev,
                    struct error *why)
{
    const struct node *node = tap->node;
    _cleanup_document_ struct document original = {0};
    struct interface was = {0};

    if (read_original(&original, doc, tap, &was, why) < 0)
        return -1;
    if (edit_attribute(edits, doc, node, "dev", dev) < 0 ||
        edits_add(edits, node->open_end, node->close - node->open_end,
                  with_mac(&original, &was, tap->interface)) < 0 ||
        interface_set_target(edits, node_child(tap->interface->node, "target"), dev) < 0)
        return error_set(why, "no memory");
    return 0;
}
