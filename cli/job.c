/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "job.h"

#include "base/cleanup.h"
#include "base/printable.h"
#include "base/quote.h"
#include "base/terminal.h"
#include "base/text.h"
#include "base/verb.h"
#include "xml/interface.h"
#include "xml/ips.h"

#include <stdio.h>
#include <string.h>

/* Prints NAME: LABEL:LINE:COLUMN: TEXT. Returns 1. */
static int complain_at(const char *name, const char *label, const struct error *why)
{
    if (why->line == 0)
        return complain(1, name, "%s: %s", label, why->text);
    return complain(1, name, "%s:%u:%u: %s", label, why->line, why->column, why->text);
}

/* Reports the interfaces that were left unchanged, and what there is to say of others. Returns how many were
 * left. */
static size_t report_left(const struct job *job, const char *label, const struct domain *domain,
                          const struct change *change)
{
    struct error where = {.line = 1, .column = 1};
    size_t left = 0, at = 0;

    for (size_t i = 0; i < domain->interface_count; i++) {
        const size_t open = domain->interfaces[i].node->open; /* they are in document order */
        const struct note *note = &change->notes[i];
        left += note->outcome == OUTCOME_LEFT;
        if (!note->reason[0] || job->mute)
            continue;
        xml_place(&where, domain->doc.text, at, open);
        at = open;
        snprintf(where.text, sizeof(where.text), "interface %zu %s%s", i + 1,
                 text_if(note->outcome == OUTCOME_LEFT, "is left as it is: "), note->reason);
        complain_at(job->name, label, &where);
    }
    return left;
}

/* Records the names given out. Returns 0 or -ENOMEM. */
static int learn(const struct job *job, const struct domain *domain, const struct change *change)
{
    int err = 0;

    for (size_t i = 0; i < domain->interface_count && !err && job->known; i++)
        if (change->notes[i].outcome == OUTCOME_DONE)
            err = taken_add(&job->known->taken, domain, change->notes[i].dev);
    return err;
}

static int change(const struct job *job, const struct domain *domain, struct product *out, struct error *why)
{
    const struct document *doc = &domain->doc;

    if (job->change(&out->change, domain, &job->wish, why) < 0)
        return -1;
    out->text = edits_apply(&out->change.edits, doc->text, doc->size, &out->size);
    if (!out->text)
        return error_set(why, "no memory");
    if (out->size > DOCUMENT_BYTES_MAX || doc->count + domain->interface_count + 2 > DOCUMENT_NODES_MAX)
        return xml_fail(why, doc->text, 0, "the result would be longer than virt-tap reads");
    if (job->schema && schema_check(job->schema, out->text, out->size, why) < 0)
        return -1;
    if (learn(job, domain, &out->change) < 0)
        return error_set(why, "no memory");
    return 0;
}

int job_run(const struct job *job, const char *label, const char *text, size_t size, struct product *out)
{
    _cleanup_domain_ struct domain domain = {0};
    struct error why;

    *out = (struct product){0};
    if (domain_read(&domain, text, size, &why) < 0 || change(job, &domain, out, &why) < 0)
        return complain_at(job->name, label, &why);
    out->left = report_left(job, label, &domain, &out->change);
    return 0;
}

void print_document(const char *name, const char *text, size_t size)
{
    const size_t escaped = terminal_document(text, size);

    if (escaped > 0)
        complain(
            0, name,
            "%zu characters that could control this terminal are shown as escapes; a file or a pipe gets the "
            "document as it is",
            escaped);
}

void product_free(struct product *product)
{
    change_free(&product->change);
    free(product->text);
    *product = (struct product){0};
}

/* Prints a name chosen by others, so that it cannot start a new line. */
static void print_named(const char *name, const char *behind)
{
    _cleanup_free_ char *line = printable_line(name);

    printf("%s%s", text_or(line, "(no memory)"), behind);
}

static void print_asked(const char *lock, const char *serve, const char *const *ips, size_t ip_count)
{
    if (lock)
        printf(", lock=%s", lock);
    if (serve)
        printf(", serve=%s", serve);
    for (size_t i = 0; i < ip_count; i++)
        printf("%s%s", i ? " " : ", ", ips[i]);
}

static void show_interface(const struct domain *domain, size_t index, const struct wish *wish)
{
    const struct interface *interface = &domain->interfaces[index];
    const struct tap *tap = interface->tap;
    _cleanup_free_ char *mac = printable_line(text_or(interface->mac, "no MAC"));
    char reason[REASON_SIZE];
    struct plan plan;

    printf("  %zu  %-17s  ", index + 1, text_or(mac, "(no memory)"));
    if (tap) {
        printf("tap %s on %s", tap->dev, tap->bridge);
        print_asked(tap->lock, tap->serve, &tap->ips, tap->ips != NULL);
        printf("%s%s\n", text_if(tap->isolated, ", isolated"),
               text_if(interface_multi_queue(interface), ", multiqueue"));
        return;
    }
    if (domain_judge(domain, reason) < 0 || interface_judge(interface, wish, &plan, reason) < 0) {
        printf("no tap: %s\n", reason);
        return;
    }
    if (!ifname_valid(plan.bridge)) {
        puts("no tap: the name of its bridge is not valid");
        return;
    }
    printf("could be a tap on %s", plan.bridge);
    print_asked(plan.lock, plan.serve, plan.ips, plan.ip_count);
    putchar('\n');
}

int job_show(const struct job *job, const char *label, const char *text, size_t size)
{
    _cleanup_domain_ struct domain domain = {0};
    struct error why;

    if (domain_read(&domain, text, size, &why) < 0)
        return complain_at(job->name, label, &why);
    if (strcmp(label, text_or(domain.name, "")) != 0) /* a file's */
        print_named(label, ": ");
    print_named(text_or(domain.name, ""), "");
    puts(domain.foreign ? ", a clone: its taps belong to another domain" : "");
    for (size_t i = 0; i < domain.interface_count; i++)
        show_interface(&domain, i, &job->wish);
    for (size_t i = 0; i < domain.tap_count; i++)
        if (!domain.taps[i].interface)
            printf("  -  tap %s on %s: no interface uses it any more\n", domain.taps[i].dev,
                   domain.taps[i].bridge);
    return 0;
}

static const char *network_bridge(const char *word)
{
    const char *equals = strrchr(word, '=');

    if (equals && equals > word && ifname_valid(equals + 1))
        return equals + 1;
    return NULL;
}

int wish_set(struct wish *wish, struct known *known, const char *name, const struct wish_options *options)
{
    static const char *const lock_words[] = {"mac", "ip"};
    const struct option_list *networks = &options->networks;

    wish->bridge = options->bridge;
    wish->interfaces = options->interfaces.words;
    wish->interface_count = options->interfaces.count;
    wish->ips = options->ips.words;
    wish->ip_count = options->ips.count;
    wish->lock = options->lock ? lock_words[options->lock - 1] : NULL;
    wish->serve = options->serve;
    known->networks = networks;
    if (wish->bridge && !ifname_valid(wish->bridge))
        return complain(2, name, "'%.40s' is not a valid name for a bridge", wish->bridge);
    for (size_t i = 0; i < networks->count; i++)
        if (!network_bridge(networks->words[i]))
            return complain(2, name, "--network takes NAME=BRIDGE, not '%.40s'", networks->words[i]);
    for (size_t i = 0; i < wish->ip_count; i++)
        if (!ip_valid(wish->ips[i]) || i >= IPS_MAX)
            return complain(2, name, "--ip takes up to %d times an IP address, as in 10.66.1.5, not '%.48s'",
                            IPS_MAX, wish->ips[i]);
    if (wish->serve && !serve_valid(wish->serve))
        return complain(2, name,
                        "--serve takes dhcp, dhcpv6, ra, or several of them separated by commas, not '%.40s'",
                        wish->serve);
    return 0;
}

int networks_find(void *data, const char *network, char bridge[NAME_SIZE], char reason[REASON_SIZE])
{
    const struct option_list *networks = ((const struct known *)data)->networks;
    char word[72]; /* fits in the reason even when escaped, so that it is not cut inside the quotes */

    for (size_t i = 0; i < networks->count; i++) {
        const char *found = network_bridge(networks->words[i]);
        const size_t length = (size_t)(found - networks->words[i]) - 1;
        if (strlen(network) == length && strncmp(networks->words[i], network, length) == 0) {
            snprintf(bridge, NAME_SIZE, "%s", found);
            return 0;
        }
    }
    if (!quote_into(network, word, sizeof(word)))
        strcpy(word, "NAME");
    return reason_set(reason, "the bridge of network '%.32s' is not known: --network %s=BRIDGE", network,
                      word);
}

bool taken_find(void *data, const struct domain *domain, const char *dev)
{
    const struct known *known = data;

    return taken_by_another(&known->taken, domain, dev);
}
