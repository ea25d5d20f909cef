/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "attach.h"

#include "base/cleanup.h"
#include "interface.h"

#include <stdio.h>
#include <string.h>

char *attach_insert(const struct domain *domain, const char *interface, size_t *size, struct error *why)
{
    const struct node *devices = node_child(domain->doc.nodes, "devices");
    _cleanup_edits_ struct edits edits = {0};
    char *text;

    if (!devices || devices->close == devices->end) {
        document_fail(&domain->doc, domain->doc.nodes, why, "it has no <devices>");
        return NULL;
    }
    if (domain->interface_count >= INTERFACES_MAX) {
        document_fail(&domain->doc, devices, why, "it has %d interfaces already", INTERFACES_MAX);
        return NULL;
    }
    if (asprintf(&text, "\n    %s", interface) < 0)
        text = NULL;
    if (edits_add(&edits, blanks_before(&domain->doc, devices->close), 0, text) < 0 ||
        !(text = edits_apply(&edits, domain->doc.text, domain->doc.size, size))) {
        error_set(why, "no memory");
        return NULL;
    }
    return text;
}

int attach_remove(struct edits *edits, const struct domain *domain, const struct tap *tap)
{
    if (tap->interface && edit_remove(edits, &domain->doc, tap->interface->node) < 0)
        return -1;
    if (domain->tap_count == 1)
        return edit_remove_list(edits, domain);
    return edit_remove(edits, &domain->doc, tap->node);
}

/* Prints an element's start tag without its prefix and namespaces. Returns 0, or -1 if out of memory. */
static int print_tag(FILE *file, const char *name, const struct node *node)
{
    fprintf(file, "<%s", name);
    for (const char **attribute = node->attributes; *attribute; attribute += 2) {
        _cleanup_free_ char *value = escape_attribute(attribute[1]);
        if (!value)
            return -1;
        fprintf(file, " %s='%s'", attribute[0], value);
    }
    return fputc('>', file) == EOF ? -1 : 0;
}

static int print_tap(FILE *file, const struct node *node)
{
    const char *text = node->text ? node->text : "";
    _cleanup_free_ char *original = escape_text(text, strlen(text));

    if (!original || print_tag(file, "tap", node) < 0)
        return -1;
    return fprintf(file, "%s</tap>", original) < 0 ? -1 : 0;
}

char *attach_list(const struct domain *domain, const struct tap *except, const struct tap *extra)
{
    const struct node *head = domain->taps_node;
    _cleanup_free_ char *text = NULL;
    size_t size;

    if (extra && !head)
        head = extra->node->parent;
    if (!head || (!extra && domain->tap_count == (size_t)(except != NULL)))
        return strdup("");
    FILE *file = open_memstream(&text, &size);
    if (!file)
        return NULL;
    int err = print_tag(file, "taps", head);
    for (size_t i = 0; i < domain->tap_count && !err; i++)
        if (&domain->taps[i] != except)
            err = print_tap(file, domain->taps[i].node);
    if (extra && !err)
        err = print_tap(file, extra->node);
    fputs("</taps>", file);
    if (fclose(file) != 0 || err)
        return NULL;
    return take_text(&text);
}
