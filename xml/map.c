/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Adapts a domain from another host to this one. The originals stored in the metadata stay as they are: after
 * migrating back and restoring, the domain is byte for byte what it was. */
#include "interface.h"

#include "base/cleanup.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct mapping {
    const struct domain *domain;
    const struct wish *wish;
    struct change *out;
    struct error *why;
};

/* Its name on this host; NULL: unchanged. */
static const char *find(const struct mapping *all, bool network, const char *theirs)
{
    if (!theirs)
        return NULL;
    const char *ours = all->wish->find_bridge(all->wish->data, network, theirs);
    if (ours && !network && strcmp(ours, theirs) == 0)
        return NULL;
    return ours;
}

static const char *source_name(const struct interface *interface, bool *network)
{
    const char *type = text_or(interface->type, "");

    *network = strcmp(type, "network") == 0;
    if (!*network && strcmp(type, "bridge") != 0)
        return NULL;
    return child_attribute(interface->node, "source", type);
}

static int leave(struct note *note, const char *reason)
{
    note->outcome = OUTCOME_LEFT;
    reason_set(note->reason, "%s", reason);
    return 0;
}

/* Puts this host's bridge in place of the source. Returns 0, or -1 if out of memory. */
static int set_source(struct edits *edits, const struct document *doc, const struct node *interface,
                      const char *ours)
{
    const struct node *source = node_child(interface, "source");
    char *text;

    if (node_attribute_is(interface, "type", "bridge"))
        return edit_attribute(edits, doc, source, "bridge", ours);
    _cleanup_free_ char *escaped = escape_attribute(ours);
    if (!escaped || asprintf(&text, "<source bridge='%s'/>", escaped) < 0 ||
        edit_replace(edits, source, text) < 0)
        return -1;
    return edit_attribute(edits, doc, interface, "type", "bridge");
}

/* Maps an interface that libvirt itself puts on a bridge. */
static int map_source(const struct mapping *all, size_t index)
{
    const struct interface *interface = &all->domain->interfaces[index];
    const struct node *source = node_child(interface->node, "source");
    struct note *note = &all->out->notes[index];
    bool network;
    const char *theirs = source_name(interface, &network);
    const char *ours = find(all, network, theirs);

    if (!ours)
        return 0;
    if (network && (source->children || node_attribute(source, "portgroup")))
        return leave(note, REASON_PORTGROUP);
    if (network && interface_has_floor(interface->node))
        return leave(note, REASON_FLOOR);
    note->outcome = OUTCOME_DONE;
    if (set_source(&all->out->edits, &all->domain->doc, interface->node, ours) < 0)
        return error_set(all->why, "no memory");
    return 0;
}

/* Uses the network that the interface originally named, for a bridge name that no `map` line has. */
static const char *find_by_original(const struct mapping *all, const struct tap *tap)
{
    _cleanup_document_ struct document original = {0};
    struct interface was;
    struct error ignored;
    const char *ours = NULL, *text = tap->node->text;
    bool network;

    if (!text || document_read(&original, text, strlen(text), &ignored) < 0 ||
        !node_is(original.nodes, "interface"))
        return NULL;
    interface_read(&was, original.nodes);
    const char *name = source_name(&was, &network);
    if (network)
        ours = find(all, true, name);
    if (ours && strcmp(ours, tap->bridge) == 0)
        return NULL;
    return ours;
}

/* Whether one of this domain's taps already has that name, from the start or just given. */
static bool is_ours(const struct mapping *all, const char *dev)
{
    for (size_t i = 0; i < all->domain->interface_count; i++)
        if ((all->domain->interfaces[i].dev && strcmp(all->domain->interfaces[i].dev, dev) == 0) ||
            strcmp(all->out->notes[i].dev, dev) == 0)
            return true;
    for (size_t i = 0; i < all->domain->tap_count; i++)
        if (strcmp(all->domain->taps[i].dev, dev) == 0)
            return true;
    return false;
}

static int find_free(const struct mapping *all, size_t index, char dev[NAME_SIZE])
{
    const struct domain *domain = all->domain;
    const struct interface *interface = &domain->interfaces[index];

    for (unsigned int salt = 1; salt <= NAME_SALT_MAX; salt++) {
        name_tap(dev, text_or(domain->name, ""), domain->uuid, interface->mac, index + 1, salt);
        if (!is_ours(all, dev) && !all->wish->is_taken(all->wish->data, domain, dev))
            return 0;
    }
    return document_fail(&domain->doc, interface->node, all->why,
                         "no name is free for the tap '%s': `ip link` shows which are taken",
                         interface->tap->dev);
}

static int map_tap(const struct mapping *all, size_t index)
{
    const struct domain *domain = all->domain;
    const struct interface *interface = &domain->interfaces[index];
    const struct tap *tap = interface->tap;
    struct edits *edits = &all->out->edits;
    struct note *note = &all->out->notes[index];
    const char *ours = find(all, false, tap->bridge);
    char dev[NAME_SIZE] = "";

    if (!ours)
        ours = find_by_original(all, tap);
    if (ours && edit_attribute(edits, &domain->doc, tap->node, "bridge", ours) < 0)
        return error_set(all->why, "no memory");
    if (all->wish->is_taken(all->wish->data, domain, tap->dev)) {
        if (find_free(all, index, dev) < 0)
            return -1;
        if (edit_attribute(edits, &domain->doc, tap->node, "dev", dev) < 0 ||
            interface_set_target(edits, node_child(interface->node, "target"), dev) < 0)
            return error_set(all->why, "no memory");
        memcpy(note->dev, dev, sizeof(dev));
    }
    if (ours || *dev)
        note->outcome = OUTCOME_DONE;
    return 0;
}

int domain_map(struct change *out, const struct domain *domain, const struct wish *wish, struct error *why)
{
    const struct mapping all = {domain, wish, out, why};

    if (change_begin(out, domain, wish, why) < 0)
        return -1;
    for (size_t i = 0; i < domain->interface_count; i++) {
        if (!wish_chooses(wish, domain, i))
            continue;
        if (domain->interfaces[i].tap ? map_tap(&all, i) : map_source(&all, i))
            return -1;
    }
    return 0;
}
