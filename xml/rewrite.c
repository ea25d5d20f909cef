/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Points interfaces at taps. The metadata goes where restoring can find and remove it without a trace:
 * directly after <uuid>, or else <name>, with the white space before that copied; or first in an
 * existing <metadata>. */
#include "interface.h"
#include "ips.h"

#include "base/cleanup.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rewriting {
    const struct domain *domain;
    const struct wish *wish;
    struct change *out;
    FILE *list;            /* collects the entries for new taps; NULL: none yet */
    char *entries;         /* owned, as are the next two */
    char *metadata_blanks; /* white space before the metadata */
    char *blanks;          /* white space before each entry */
    size_t size;           /* of entries */
    struct error *why;
};

/* Finishes the list of entries. Returns 0, or -1 if out of memory. */
static int end_entries(struct rewriting *all)
{
    FILE *list = all->list;

    all->list = NULL;
    return list ? fclose(list) : 0;
}

static void rewriting_free(struct rewriting *all)
{
    end_entries(all);
    free(all->entries);
    free(all->metadata_blanks);
    free(all->blanks);
}

/* Whether the name is taken: it is the target of an interface other than number index, has just been given to
 * one, or is used by another domain at hand. */
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

/* Gives an interface the name of its tap. */
static int give_name(const struct rewriting *all, size_t index)
{
    const struct domain *domain = all->domain;
    const struct interface *interface = &domain->interfaces[index];
    struct note *note = &all->out->notes[index];

    if (!domain->name)
        return document_fail(&domain->doc, domain->doc.nodes, all->why,
                             "the domain has no <name>, which its taps are named after");
    for (unsigned int salt = 0; salt <= NAME_SALT_MAX; salt++) {
        name_tap(note->dev, domain->name, domain->uuid, interface->mac, index + 1, salt);
        if (is_taken(all, index, note->dev))
            continue;
        note->outcome = OUTCOME_DONE;
        return 0;
    }
    return document_fail(&domain->doc, interface->node, all->why,
                         "no name is free for its tap: others have '%s' and all alternatives to it",
                         note->dev);
}

/* Points *name at the list's prefix, or "vt:" for a new list. Returns its length, including the colon. */
static int prefix_of(const struct node *taps, const char **name)
{
    *name = taps ? taps->name : "vt:";
    const char *colon = strchr(*name, ':');
    return colon ? (int)(colon + 1 - *name) : 0;
}

/* As vlans_parse() reads them. */
static void print_vlans(FILE *list, const struct vlans *vlans)
{
    char text[VLANS_TEXT];

    if (!vlans_any(vlans) || !vlans_print(vlans, text))
        return;
    fprintf(list, " vlan='%s'", text);
    if (vlans_tagged(vlans) && vlans->untagged)
        fprintf(list, " native='%u'", vlans->untagged);
    else if (vlans_tagged(vlans))
        fputs(" native='none'", list);
}

static int print_entry(const struct rewriting *all, const struct interface *interface, const char *dev,
                       const struct plan *plan)
{
    const struct node *node = interface->node;
    const char *prefix;
    const int prefix_length = prefix_of(all->domain->taps_node, &prefix);
    _cleanup_free_ char *original = escape_text(all->domain->doc.text + node->open, node->end - node->open);
    _cleanup_free_ char *bridge = escape_attribute(plan->bridge);

    if (!original || !bridge || !all->list)
        return -1;
    fprintf(all->list, "%s<%.*stap dev='%s' bridge='%s'", all->blanks, prefix_length, prefix, dev, bridge);
    print_vlans(all->list, &plan->vlans);
    if (plan->isolated)
        fputs(" isolated='yes'", all->list);
    for (size_t i = 0; i < plan->ip_count; i++)
        fprintf(all->list, "%s%s", i ? " " : " ip='", plan->ips[i]);
    if (plan->ip_count)
        fputc('\'', all->list);
    if (plan->lock)
        fprintf(all->list, " lock='%s'", plan->lock);
    if (plan->serve)
        fprintf(all->list, " serve='%s'", plan->serve);
    fprintf(all->list, ">%s</%.*stap>", original, prefix_length, prefix);
    return fflush(all->list);
}

/* Adds the tap to the new metadata. */
static int add_entry(struct rewriting *all, const struct interface *interface, const char *dev,
                     const struct plan *plan)
{
    const size_t before = all->size;

    if (!all->list)
        all->list = open_memstream(&all->entries, &all->size);
    if (print_entry(all, interface, dev, plan) < 0)
        return error_set(all->why, "no memory");
    /* White space and prefix are repeated in each entry and may be long; an original is a single text. */
    if (all->size > DOCUMENT_BYTES_MAX || document_find_crowded(all->entries + before, all->size - before))
        return document_fail(&all->domain->doc, interface->node, all->why,
                             "the result would be longer than virt-tap reads");
    return 0;
}

/* Removes the entry that a deleted interface left in the metadata, if its name is now needed. */
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
    return reason_set(reason, "a domain of type '%.20s' does not open taps by name", domain->type);
}

/* Says what became of a packet filter. */
static void remark(const struct plan *plan, char text[REASON_SIZE])
{
    const char *drops = "other lies are dropped, too";

    if (!plan->filter.filter)
        return;
    if (strcmp(plan->lock, "ip") == 0)
        drops = "only ARP and IP from its own addresses pass";
    reason_set(text, "has lock='%s' in place of its packet filter %s: %s; what it receives is not filtered",
               plan->lock, plan->filter.filter, drops);
}

static int rewrite_one(struct rewriting *all, size_t index)
{
    const struct domain *domain = all->domain;
    const struct interface *interface = &domain->interfaces[index];
    struct note *note = &all->out->notes[index];
    struct plan plan;

    if (domain_judge(domain, note->reason) < 0 ||
        interface_judge(interface, all->wish, &plan, note->reason) < 0) {
        note->outcome = OUTCOME_LEFT;
        return 0;
    }
    if ((all->wish->lock || plan.filter.filter) && interface->outbound) {
        reason_set(note->reason, REASON_OUTBOUND);
        note->outcome = OUTCOME_LEFT;
        return 0;
    }
    if (!ifname_valid(plan.bridge))
        return document_fail(&domain->doc, interface->node, all->why,
                             "'%.40s' is not a valid name for a bridge", plan.bridge);
    if (give_name(all, index) < 0 || add_entry(all, interface, note->dev, &plan) < 0)
        return -1;
    if (drop_orphan(all, note->dev) < 0 || interface_point(&all->out->edits, &domain->doc, interface->node,
                                                           note->dev, plan.filter.filter != NULL) < 0)
        return error_set(all->why, "no memory");
    remark(&plan, note->reason);
    return 0;
}

/* A clone has the metadata of another domain: gives it taps of its own. */
static int adopt(const struct rewriting *all)
{
    const struct domain *domain = all->domain;

    for (size_t i = 0; i < domain->tap_count; i++) {
        const struct tap *tap = &domain->taps[i];
        if (!tap->interface)
            continue;
        const size_t index = (size_t)(tap->interface - domain->interfaces);
        if (give_name(all, index) < 0)
            return -1;
        if (drop_orphan(all, all->out->notes[index].dev) < 0)
            return error_set(all->why, "no memory");
        if (interface_adopt(&all->out->edits, &domain->doc, tap, all->out->notes[index].dev, all->why) < 0)
            return -1;
    }
    if (edit_attribute(&all->out->edits, &domain->doc, domain->taps_node, "uuid", domain->uuid) < 0)
        return error_set(all->why, "no memory");
    return 0;
}

/* The element after which new metadata goes. */
static const struct node *anchor_of(const struct domain *domain)
{
    const struct node *uuid = node_child(domain->doc.nodes, "uuid");

    return uuid ? uuid : node_child(domain->doc.nodes, "name");
}

/* Takes the white space for entries from existing ones, or indents two steps deeper than the metadata. */
static int take_blanks(struct rewriting *all)
{
    const struct domain *domain = all->domain;
    const struct node *like = domain->metadata;
    const char *text = domain->doc.text, *step = "";

    if (domain->taps_node)
        like = domain->taps[0].node;
    else if (!like)
        like = anchor_of(domain);
    const size_t start = blanks_before(&domain->doc, like->open);
    all->metadata_blanks = strndup(text + start, like->open - start);
    if (!domain->taps_node && memchr(text + start, '\n', like->open - start))
        step = "    ";
    if (!all->metadata_blanks || asprintf(&all->blanks, "%s%s", all->metadata_blanks, step) < 0) {
        all->blanks = NULL;
        return error_set(all->why, "no memory");
    }
    return 0;
}

/* Adds the list of taps to a domain without one, and <metadata> around it if needed. Returns 0, or -1 if
 * out of memory. */
static int add_list(const struct rewriting *all)
{
    const struct domain *domain = all->domain;
    const struct node *metadata = domain->metadata;
    const char *blanks = all->metadata_blanks, *step = strchr(blanks, '\n') ? "  " : "";
    const char *made = NULL; /* how <metadata> was, for domain_restore(); NULL: it had content */
    _cleanup_free_ char *uuid = escape_attribute(text_or(domain->uuid, "")), *text = NULL;
    size_t at, cut = 0, size;

    if (!metadata) {
        made = "new";
        at = anchor_of(domain)->end;
    } else if (metadata->end == metadata->open_end) {
        made = "empty";
        cut = strlen("/>");
        at = metadata->open_end - cut;
    } else {
        at = metadata->open_end;
    }
    FILE *list = open_memstream(&text, &size);
    if (!list)
        return -1;
    if (!metadata)
        fprintf(list, "%s<metadata>", blanks);
    if (cut)
        fputc('>', list);
    fprintf(list, "%s%s<vt:taps xmlns:vt='" TAPS_NAMESPACE "' version='1'", blanks, step);
    if (domain->uuid)
        fprintf(list, " uuid='%s'", uuid);
    if (made)
        fprintf(list, " metadata='%s'", made);
    fprintf(list, ">%s%s%s</vt:taps>", all->entries, blanks, step);
    if (made)
        fprintf(list, "%s</metadata>", blanks);
    if (fclose(list) != 0 || !uuid)
        return -1;
    return edits_add(&all->out->edits, at, cut, take_text(&text));
}

/* Inserts the entries into the metadata. Returns 0, or -1 if out of memory. */
static int add_entries(struct rewriting *all)
{
    const struct domain *domain = all->domain;

    if (end_entries(all) != 0)
        return -1;
    if (!all->entries)
        return 0;
    if (!domain->taps_node)
        return add_list(all);
    return edits_add(&all->out->edits, domain->taps[domain->tap_count - 1].node->end, 0,
                     take_text(&all->entries));
}

/* Whether the tap has the addresses that are asked for and no others, in any order. */
static bool has_ips(const struct tap *tap, const struct wish *wish)
{
    char words[IPS_MAX][IP_TEXT];
    const unsigned int count = tap->ips ? ips_split(tap->ips, words) : 0;

    if (count != wish->ip_count)
        return false;
    for (unsigned int i = 0; i < count; i++) {
        size_t k = 0;
        while (k < wish->ip_count && strcmp(words[i], wish->ips[k]) != 0)
            k++;
        if (k == wish->ip_count)
            return false;
    }
    return true;
}

/* Whether the tap has what is asked for, from rewriting before. */
static bool has_asked(const struct tap *tap, const struct wish *wish)
{
    const bool locked =
        !wish->lock || (tap->lock && (strcmp(tap->lock, "ip") == 0 || strcmp(wish->lock, "mac") == 0));
    const bool serves = !wish->serve || (tap->serve && strcmp(tap->serve, wish->serve) == 0);

    return locked && serves && (!wish->ip_count || has_ips(tap, wish));
}

/* What is asked for goes to new taps only. Addresses are one guest's on one network: they cannot go to
 * several interfaces. */
static int check_asked(const struct rewriting *all, const char *option)
{
    const struct domain *domain = all->domain;
    size_t chosen = 0;

    for (size_t i = 0; i < domain->interface_count; i++) {
        if (!wish_chooses(all->wish, domain, i))
            continue;
        chosen++;
        if (domain->interfaces[i].tap && !has_asked(domain->interfaces[i].tap, all->wish))
            return document_fail(
                &domain->doc, domain->interfaces[i].node, all->why,
                "%s: this interface has a tap already; restore it first, then rewrite it again", option);
    }
    if (chosen == 1 || !all->wish->ip_count)
        return 0;
    return document_fail(&domain->doc, domain->doc.nodes, all->why,
                         "--ip is for one interface, and these are %zu; choose one with --interface", chosen);
}

/* The option that asks for something; NULL: none. */
static const char *asking_option(const struct wish *wish)
{
    if (wish->ip_count)
        return "--ip";
    if (wish->lock)
        return "--lock";
    return wish->serve ? "--serve" : NULL;
}

int domain_rewrite(struct change *out, const struct domain *domain, const struct wish *wish,
                   struct error *why)
{
    __attribute__((cleanup(rewriting_free))) struct rewriting all = {
        .domain = domain, .wish = wish, .out = out, .why = why};

    if (change_begin(out, domain, wish, why) < 0)
        return -1;
    if (asking_option(wish) && check_asked(&all, asking_option(wish)) < 0)
        return -1;
    if ((domain->name || domain->metadata) && take_blanks(&all) < 0)
        return -1;
    if (domain->foreign && adopt(&all) < 0)
        return -1;
    for (size_t i = 0; i < domain->interface_count; i++) {
        if (out->notes[i].outcome == OUTCOME_DONE || !wish_chooses(wish, domain, i))
            continue;
        if (domain->interfaces[i].tap)
            out->notes[i].outcome = OUTCOME_DONE_BEFORE;
        else if (rewrite_one(&all, i) < 0)
            return -1;
    }
    if (add_entries(&all) < 0)
        return error_set(why, "no memory");
    return 0;
}
