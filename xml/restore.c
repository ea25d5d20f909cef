/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Restores interfaces, and removes what rewriting added to the metadata. */
#include "interface.h"

#include <stdio.h>
#include <string.h>

int edit_remove_list(struct edits *edits, const struct domain *domain)
{
    const struct node *metadata = domain->metadata;

    if (!node_attribute(domain->taps_node, "metadata") || metadata->mixed || metadata->children->next)
        return edit_remove(edits, &domain->doc, domain->taps_node);
    if (node_attribute_is(domain->taps_node, "metadata", "empty"))
        return edits_add(edits, metadata->open_end - 1, metadata->end - metadata->open_end + 1, strdup("/>"));
    return edit_remove(edits, &domain->doc, domain->metadata);
}

/* Restores one tap of the list. Returns whether its entry is to be removed, or -1 and why. */
static int restore_one(struct change *out, const struct domain *domain, const struct wish *wish,
                       const struct tap *tap, struct error *why)
{
    struct note *note;

    if (!tap->interface)
        return wish->interface_count == 0;
    const size_t index = (size_t)(tap->interface - domain->interfaces);
    if (!wish_chooses(wish, domain, index))
        return 0;
    note = &out->notes[index];
    if (interface_unpoint(&out->edits, &domain->doc, tap, why) < 0)
        return -1;
    note->outcome = OUTCOME_DONE;
    snprintf(note->dev, sizeof(note->dev), "%s", tap->dev);
    return 1;
}

int domain_restore(struct change *out, const struct domain *domain, const struct wish *wish,
                   struct error *why)
{
    bool gone[INTERFACES_MAX];
    size_t left = 0;

    if (change_begin(out, domain, wish, why) < 0)
        return -1;
    if (domain->foreign)
        return document_fail(
            &domain->doc, domain->taps_node, why,
            "these taps belong to another domain, of which this one is a clone: rewrite it first to give it its own");
    for (size_t i = 0; i < domain->tap_count; i++) {
        const int goes = restore_one(out, domain, wish, &domain->taps[i], why);
        if (goes < 0)
            return -1;
        gone[i] = goes;
        left += !goes;
    }
    if (domain->tap_count > 0 && left == 0 && edit_remove_list(&out->edits, domain) < 0)
        return error_set(why, "no memory");
    for (size_t i = 0; i < domain->tap_count && left > 0; i++)
        if (gone[i] && edit_remove(&out->edits, &domain->doc, domain->taps[i].node) < 0)
            return error_set(why, "no memory");
    return 0;
}
