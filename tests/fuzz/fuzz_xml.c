/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Domains of libvirt, rewritten, restored and mapped. For every document that is taken: what comes out is
 * taken again, twice is once, and restoring gives back what went in, to the byte. For every one that is not:
 * one line says why. */
#include "fuzz.h"

#include "xml/change.h"
#include "xml/diff.h"

#include <stdlib.h>
#include <string.h>

static void hold_reason(const struct error *why)
{
    const size_t length = strnlen(why->text, sizeof(why->text));

    hold(length > 0 && length < sizeof(why->text) && why->line > 0 && why->column > 0);
    for (size_t i = 0; i < length; i++)
        hold((unsigned char)why->text[i] >= ' ' && why->text[i] != 0x7f);
}

static int find_network(void *data, const char *network, char bridge[NAME_SIZE], char reason[REASON_SIZE])
{
    (void)data;
    memcpy(bridge, "br9", 4);
    memcpy(reason, "empty", 6);
    return *network ? 0 : -1;
}

static const char *find_bridge(void *data, bool network, const char *theirs)
{
    (void)data, (void)network, (void)theirs;
    return "br8";
}

/* As if there were taps of these names: half of those that rewriting and mapping try. */
static bool is_taken(void *data, const struct domain *domain, const char *dev)
{
    (void)data, (void)domain;
    return dev[strlen(dev) - 1] & 1;
}

/* Does it, and shows what it did. Returns the text that comes out, or NULL when it is refused. */
static char *change(change_function *function, const struct domain *domain, bool session, size_t *size)
{
    const struct wish wish = {
        .find_network = find_network, .find_bridge = find_bridge, .is_taken = is_taken, .session = session};
    struct error why = {0};
    struct change made;
    char *out = NULL, *shown = NULL;
    size_t shown_size;

    if (function(&made, domain, &wish, &why) == 0) {
        out = edits_apply(&made.edits, domain->doc.text, domain->doc.size, size);
        hold(out);
        FILE *file = open_memstream(&shown, &shown_size);
        hold(file);
        diff_print(file, "label", &made.edits, domain->doc.text, domain->doc.size, out);
        fclose(file);
        hold((shown_size == 0) == (*size == domain->doc.size && memcmp(out, domain->doc.text, *size) == 0));
        free(shown);
    } else {
        hold_reason(&why);
    }
    change_free(&made);
    return out;
}

/* Reads what came out, which must be taken, and changes it again: expected must come out. */
static void hold_change(change_function *function, bool session, const char *text, size_t size,
                        const char *expected, size_t expected_size)
{
    struct domain domain;
    struct error why;
    size_t out_size;

    hold(domain_read(&domain, text, size, &why) == 0);
    char *out = change(function, &domain, session, &out_size);
    hold(out && out_size == expected_size && memcmp(out, expected, out_size) == 0);
    free(out);
    domain_free(&domain);
}

static void hold_rewriting(const struct domain *domain, bool session, const char *text, size_t size)
{
    size_t out_size;
    char *rewritten = change(domain_rewrite, domain, session, &out_size);

    if (!rewritten)
        return;
    hold_change(domain_rewrite, session, rewritten, out_size, rewritten, out_size);
    if (!domain->taps_node)
        hold_change(domain_restore, session, rewritten, out_size, text, size);
    free(rewritten);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct domain domain;
    struct error why = {0};
    size_t out_size;

    if (domain_read(&domain, text, size, &why) < 0) {
        hold_reason(&why);
    } else {
        hold_rewriting(&domain, false, text, size);
        hold_rewriting(&domain, true, text, size);
        char *restored = change(domain_restore, &domain, false, &out_size);
        if (restored)
            hold_change(domain_restore, false, restored, out_size, restored, out_size);
        free(restored);
        char *mapped = change(domain_map, &domain, false, &out_size);
        if (mapped)
            hold_change(domain_map, false, mapped, out_size, mapped, out_size);
        free(mapped);
    }
    domain_free(&domain);
    return 0;
}
