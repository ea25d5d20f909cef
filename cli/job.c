/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job.h"

#include "base/printable.h"
#include "base/quote.h"
#include "base/terminal.h"
#include "base/verb.h"
#include "xml/interface.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int complain_at(const char *name, const char *label, const struct xml_error *why)
{
    if (why->line == 0)
        return complain(1, name, "%s: %s", label, why->text);
    return complain(1, name, "%s:%u:%u: %s", label, why->line, why->column, why->text);
}

/* Says which interfaces were left as they are, and counts them. */
static size_t tell_left(const struct job *job, const char *label, const struct domain *domain,
                        const struct change *change)
{
    struct xml_error where = {.line = 1, .column = 1};
    size_t left = 0, at = 0;

    for (size_t i = 0; i < domain->interface_count; i++) {
        const size_t open = domain->interfaces[i].node->open; /* they are in the order of the text */
        if (change->notes[i].outcome != OUTCOME_LEFT)
            continue;
        xml_place(&where, domain->doc.text, at, open);
        at = open;
        snprintf(where.text, sizeof(where.text), "interface %zu is left as it is: %s", i + 1,
                 change->notes[i].reason);
        complain_at(job->name, label, &where);
        left++;
    }
    return left;
}

/* Remembers the names that it has given. */
static int learn(const struct job *job, const struct domain *domain, const struct change *change)
{
    int err = 0;

    for (size_t i = 0; i < domain->interface_count && !err; i++)
        if (change->notes[i].outcome == OUTCOME_DONE)
            err = taken_add(&job->known->taken, domain, change->notes[i].dev);
    return err;
}

int job_run(const struct job *job, const char *label, const char *text, size_t size, struct product *out)
{
    struct domain domain;
    struct xml_error why;
    int result;

    *out = (struct product){0};
    result = domain_read(&domain, text, size, &why);
    if (result == 0)
        result = job->change(&out->change, &domain, &job->wish, &why);
    if (result == 0) {
        out->text = edits_apply(&out->change.edits, text, size, &out->size);
        if (!out->text)
            result = xml_fail(&why, text, 0, "no memory");
        else if (out->size > DOCUMENT_BYTES_MAX ||
                 domain.doc.count + domain.interface_count + 2 > DOCUMENT_NODES_MAX)
            result = xml_fail(&why, text, 0, "the result would be longer than virt-tap reads");
    }
    if (result == 0 && job->schema)
        result = schema_check(job->schema, out->text, out->size, &why);
    if (result == 0 && job->known && learn(job, &domain, &out->change) < 0)
        result = xml_fail(&why, text, 0, "no memory");
    if (result == 0)
        out->left = tell_left(job, label, &domain, &out->change);
    else
        complain_at(job->name, label, &why);
    domain_free(&domain);
    return result < 0;
}

void print_document(const char *name, const char *text, size_t size)
{
    const size_t escaped = terminal_document(text, size);

    if (escaped > 0)
        complain(
            0, name,
            "%zu characters that could steer this terminal are shown as escapes; a file or a pipe gets the "
            "document as it is",
            escaped);
}

void product_free(struct product *product)
{
    change_free(&product->change);
    free(product->text);
    *product = (struct product){0};
}

/* A name that others chose, which makes no new line. */
static void print_named(const char *before, const char *name, const char *behind)
{
    char *line = printable_line(name);

    printf("%s%s%s", before, line ? line : "(no memory)", behind);
    free(line);
}

static void show_interface(const struct domain *domain, size_t index)
{
    const struct wish wish = {0};
    const struct interface *interface = &domain->interfaces[index];
    const struct tap *tap = interface->tap;
    char reason[REASON_SIZE], *mac = printable_line(interface->mac ? interface->mac : "no MAC");
    struct plan plan;

    printf("  %zu  %-17s  ", index + 1, mac ? mac : "(no memory)");
    free(mac);
    if (tap)
        printf("tap %s on %s%s%s\n", tap->dev, tap->bridge, tap->isolated ? ", isolated" : "",
               interface_multi_queue(interface) ? ", multiqueue" : "");
    else if (domain_judge(domain, reason) < 0 || interface_judge(interface, &wish, &plan, reason) < 0)
        printf("no tap: %s\n", reason);
    else if (ifname_valid(plan.bridge))
        printf("could be a tap on %s\n", plan.bridge);
    else
        puts("no tap: no kernel takes the name of its bridge");
}

int job_show(const char *name, const char *label, const char *text, size_t size)
{
    struct domain domain;
    struct xml_error why;
    int status = 0;

    if (domain_read(&domain, text, size, &why) < 0) {
        status = complain_at(name, label, &why);
    } else {
        print_named("", label, ": ");
        print_named("", domain.name ? domain.name : "",
                    domain.foreign ? ", a clone: its taps are another domain's\n" : "\n");
        for (size_t i = 0; i < domain.interface_count; i++)
            show_interface(&domain, i);
        for (size_t i = 0; i < domain.tap_count; i++)
            if (!domain.taps[i].interface)
                printf("  -  tap %s on %s: no interface has it any more\n", domain.taps[i].dev,
                       domain.taps[i].bridge);
    }
    domain_free(&domain);
    return status;
}

static const char *network_bridge(const char *word)
{
    const char *equals = strrchr(word, '=');

    return equals && equals > word && ifname_valid(equals + 1) ? equals + 1 : NULL;
}

int wish_bridge(struct wish *wish, const char *name, const char *word)
{
    wish->bridge = word;
    return ifname_valid(word) ? 0
                              : complain(2, name, "no kernel takes '%.40s' as the name of a bridge", word);
}

int networks_add(struct known *known, const char *name, const char *word)
{
    known->words[known->count++] = word;
    return network_bridge(word) ? 0 : complain(2, name, "--network takes NAME=BRIDGE, not '%.40s'", word);
}

int unknown_option(char *argv[])
{
    return complain(2, argv[0], "'%.40s' is no option, or one without its argument; see %s --help",
                    argv[optind - 1], argv[0]);
}

int networks_find(void *data, const char *network, char bridge[NAME_SIZE], char reason[REASON_SIZE])
{
    const struct known *known = data;
    char word[72]; /* the reason has room for it, which must not end amid quotes */

    for (size_t i = 0; i < known->count; i++) {
        const char *found = network_bridge(known->words[i]);
        const size_t length = (size_t)(found - known->words[i]) - 1;
        if (strlen(network) == length && strncmp(known->words[i], network, length) == 0) {
            snprintf(bridge, NAME_SIZE, "%s", found);
            return 0;
        }
    }
    snprintf(reason, REASON_SIZE, "the bridge of network '%.32s' is not known: --network %s=BRIDGE", network,
             quote_into(network, word, sizeof(word)) ? word : "NAME");
    xml_clean(reason);
    return -1;
}

bool taken_find(void *data, const struct domain *domain, const char *dev)
{
    const struct known *known = data;

    return taken_by_another(&known->taken, domain, dev);
}

void known_free(struct known *known)
{
    free(known->words);
    taken_free(&known->taken);
}
