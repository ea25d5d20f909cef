/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Pointing interfaces at taps. The metadata goes where restoring can find and take it without a trace: right
 * behind <uuid>, else <name>, in white space copied from before it; or first in the <metadata> that is there.
 */
#include "choice.h"
#include "interface.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rewriting {
    const struct domain *domain;
    const struct wish *wish;
    struct change *out;
    FILE *list;    /* the taps that are new, one behind the other, which become entries; NULL: none yet */
    char *entries; /* owned */
    size_t size;   /* of entries */
    char *blanks;  /* the white space before each */
    struct xml_error *why;
};

static int no_memory(const struct rewriting *all)
{
    return xml_fail(all->why, all->domain->doc.text, 0, "no memory");
}

/* Whether another interface has that target, or was just given it, or another domain at hand has it; index
 * is the one that wants it. */
static bool is_taken(const struct rewriting *all, size_t index, const char *dev)
{
    for (size_t i = 0; i < all->domain->interface_count; i++) {
        const struct note *note = &all->out->notes[i];
        const char *other = note->outcome == OUTCOME_DONE ? note->dev : all->domain->interfaces[i].dev;
        if (i != index && other && strcmp(other, dev) == 0)
            return true;
    }
    return all->wish->is_taken && all->wish->is_taken(all->wish->data, all->domain, dev);
}

/* Gives the interface the name of its tap. */
static int give_name(const struct rewriting *all, size_t index)
{
    const struct domain *domain = all->domain;
    const struct interface *interface = &domain->interfaces[index];
    struct note *note = &all->out->notes[index];

    if (!domain->name)
        return document_fail(&domain->doc, domain->doc.nodes, all->why,
                             "the domain has no <name>, after which its taps are called");
    for (unsigned int salt = 0; salt <= NAME_SALT_MAX; salt++) {
        name_tap(note->dev, domain->name, domain->uuid, interface->mac, index + 1, salt);
        if (is_taken(all, index, note->dev))
            continue;
        note->outcome = OUTCOME_DONE;
        return 0;
    }
    return document_fail(
        &domain->doc, interface->node, all->why,
        "no name is free for its tap: others have the target '%s' and all that come after it", note->dev);
}

/* How the list's own name is prefixed: "vt:" where it is new. */
static int prefix_of(const struct node *taps, const char **prefix)
{
    const char *colon = taps ? strchr(taps->name, ':') : NULL;

    *prefix = taps ? taps->name : "vt:";
    return taps ? (colon ? (int)(colon + 1 - taps->name) : 0) : 3;
}

/* Adds the tap to the metadata to be. */
static int add_entry(struct rewriting *all, const struct interface *interface, const char *dev,
                     const struct plan *plan)
{
    const struct node *node = interface->node;
    const char *prefix;
    const int prefix_length = prefix_of(all->domain->taps_node, &prefix);
    char *original = escape_text(all->domain->doc.text + node->open, node->end - node->open);
    char *bridge = escape_attribute(plan->bridge), vlan[24] = "";

    if (plan->vlan)
        snprintf(vlan, sizeof(vlan), " vlan='%u'", plan->vlan);
    if (!all->list)
        all->list = open_memstream(&all->entries, &all->size);
    const bool written =
        original && bridge && all->list &&
        fprintf(all->list, "%s<%.*stap dev='%s' bridge='%s'%s%s>%s</%.*stap>", all->blanks, prefix_length,
                prefix, dev, bridge, vlan, plan->isolated ? " isolated='yes'" : "", original, prefix_length,
                prefix) > 0 &&
        fflush(all->list) == 0;
    free(original);
    free(bridge);
    if (!written)
        return no_memory(all);
    if (all->size > DOCUMENT_BYTES_MAX) /* white space and prefix come with each, and may be long */
        return document_fail(&all->domain->doc, node, all->why,
                             "the result would be longer than virt-tap reads");
    return 0;
}

/* Ends the list of entries. Returns 0, or -1: no memory. */
static int end_entries(struct rewriting *all)
{
    FILE *list = all->list;

    all->list = NULL;
    return list && fclose(list) != 0 ? -1 : 0;
}

/* What is left in the metadata of an interface that is gone, under a name that is needed now. */
static int drop_orphan(const struct rewriting *all, const char *dev)
{
    for (size_t i = 0; i < all->domain->tap_count; i++)
        if (!all->domain->taps[i].interface && strcmp(all->domain->taps[i].dev, dev) == 0)
            return edit_remove(&all->out->edits, &all->domain->doc, all->domain->taps[i].node);
    return 0;
}

int domain_judge(const struct domain *domain, char reason[REASON_SIZE])
{
    if (!domain->type || strcmp(domain->type, "qemu") == 0 || strcmp(domain->type, "kvm") == 0)
        return 0;
    snprintf(reason, REASON_SIZE, "a domain of type '%.20s' does not open taps by name", domain->type);
    xml_clean(reason);
    return -1;
}

static int rewrite_one(struct rewriting *all, size_t index)
{
    const struct domain *domain = all->domain;
    const struct interface *interface = &domain->interfaces[index];
    struct note *note = &all->out->notes[index];
    struct plan plan;

    if (domain_judge(domain, note->reason) < 0) {
        note->outcome = OUTCOME_LEFT;
        return 0;
    }
    if (interface_judge(interface, all->wish, &plan, note->reason) < 0) {
        note->outcome = OUTCOME_LEFT;
        return 0;
    }
    if (!ifname_valid(plan.bridge))
        return document_fail(&domain->doc, interface->node, all->why,
                             "no kernel takes '%.40s' as the name of a bridge", plan.bridge);
    if (give_name(all, index) < 0 || add_entry(all, interface, note->dev, &plan) < 0)
        return -1;
    return drop_orphan(all, note->dev) < 0 ||
                   interface_point(&all->out->edits, &domain->doc, interface->node, note->dev) < 0
               ? no_memory(all)
               : 0;
}

/* A clone has its metadata from another domain: its taps become its own. */
static int adopt(struct rewriting *all)
{
    const struct domain *domain = all->domain;

    for (size_t i = 0; i < domain->tap_count; i++) {
        const struct tap *tap = &domain->taps[i];
        if (!tap->interface)
            continue;
        const size_t index = (size_t)(tap->interface - domain->interfaces);
        if (give_name(all, index) < 0 || drop_orphan(all, all->out->notes[index].dev) < 0 ||
            interface_adopt(&all->out->edits, &domain->doc, tap, all->out->notes[index].dev, all->why) < 0)
            return -1;
    }
    return edit_attribute(&all->out->edits, &domain->doc, domain->taps_node, "uuid", domain->uuid) < 0
               ? no_memory(all)
               : 0;
}

/* Where the metadata goes if there is none, and the white space that goes before it. */
static size_t new_place(const struct domain *domain, size_t *blanks, size_t *length)
{
    const struct node *uuid = node_child(domain->doc.nodes, "uuid");
    const struct node *anchor = uuid ? uuid : node_child(domain->doc.nodes, "name");

    *blanks = blanks_before(&domain->doc, anchor->open);
    *length = anchor->open - *blanks;
    return anchor->end;
}

/* Takes the white space for the entries: as before those that there are, or two steps deeper than the
 * metadata. */
static int take_blanks(struct rewriting *all, char **metadata_blanks)
{
    const struct domain *domain = all->domain;
    const char *text = domain->doc.text;
    size_t start, length, end;

    if (domain->taps_node)
        end = domain->taps[0].node->open;
    else if (domain->metadata)
        end = domain->metadata->open;
    else {
        new_place(domain, &start, &length);
        end = start + length;
    }
    start = blanks_before(&domain->doc, end);
    *metadata_blanks = strndup(text + start, end - start);
    const bool step = !domain->taps_node && memchr(text + start, '\n', end - start);
    if (!*metadata_blanks || asprintf(&all->blanks, "%s%s", *metadata_blanks, step ? "    " : "") < 0) {
        all->blanks = NULL;
        return no_memory(all);
    }
    return 0;
}

/* Adds the list of taps to a domain that has none. */
static int add_list(const struct rewriting *all, const char *blanks)
{
    const struct domain *domain = all->domain;
    const struct node *metadata = domain->metadata;
    const bool empty = metadata && metadata->close == metadata->open_end && metadata->end == metadata->close;
    const char *step = strchr(blanks, '\n') ? "  " : "";
    char *uuid = domain->uuid ? escape_attribute(domain->uuid) : NULL, *list = NULL, *text = NULL;
    size_t at, ignore;
    int length = -1;

    if (!domain->uuid || uuid)
        length =
            asprintf(&list, "%s%s<vt:taps xmlns:vt='" TAPS_NAMESPACE "' version='1'%s%s%s%s>%s%s%s</vt:taps>",
                     blanks, step, uuid ? " uuid='" : "", uuid ? uuid : "", uuid ? "'" : "",
                     !metadata ? " metadata='new'"
                     : empty   ? " metadata='empty'"
                               : "",
                     all->entries, blanks, step);
    free(uuid);
    if (length < 0)
        return -1;
    if (metadata && !empty)
        return edits_add(&all->out->edits, metadata->open_end, 0, list);
    length = asprintf(&text, "%s%s%s%s</metadata>", metadata ? "" : blanks, metadata ? ">" : "<metadata>",
                      list, blanks);
    free(list);
    if (length < 0)
        return -1;
    at = metadata ? metadata->open_end - 2 : new_place(domain, &ignore, &ignore);
    return edits_add(&all->out->edits, at, metadata ? 2 : 0, text);
}

int domain_rewrite(struct change *out, const struct domain *domain, const struct wish *wish,
                   struct xml_error *why)
{
    struct rewriting all = {.domain = domain, .wish = wish, .out = out, .why = why};
    char *blanks = NULL;
    int result = change_begin(out, domain, wish, why);

    if (result == 0 && (domain->name || domain->metadata))
        result = take_blanks(&all, &blanks);
    if (result == 0 && domain->foreign)
        result = adopt(&all);
    for (size_t i = 0; i < domain->interface_count && result == 0; i++) {
        if (out->notes[i].outcome == OUTCOME_DONE || !wish_chooses(wish, domain, i))
            continue;
        if (domain->interfaces[i].tap)
            out->notes[i].outcome = OUTCOME_DONE_BEFORE;
        else
            result = rewrite_one(&all, i);
    }
    if (end_entries(&all) < 0 && result == 0)
        result = no_memory(&all);
    if (result == 0 && all.entries &&
        blanks) { /* a tap was named after the domain, so that blanks were taken */
        if (!domain->taps_node)
            result = add_list(&all, blanks) < 0 ? no_memory(&all) : 0;
        else {
            result = edits_add(&out->edits, domain->taps[domain->tap_count - 1].node->end, 0, all.entries) < 0
                         ? no_memory(&all)
                         : 0;
            all.entries = NULL;
        }
    }
    free(all.entries);
    free(all.blanks);
    free(blanks);
    return result;
}
