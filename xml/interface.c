/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "interface.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int no_memory(const struct document *doc, struct xml_error *why)
{
    return xml_fail(why, doc->text, 0, "no memory");
}

static int leave(char reason[REASON_SIZE], const char *text)
{
    snprintf(reason, REASON_SIZE, "%s", text);
    xml_clean(reason);
    return -1;
}

/* <vlan> as an access VLAN: one tag, no trunk. */
static int judge_vlan(const struct node *interface, struct plan *plan, char reason[REASON_SIZE])
{
    const struct node *vlan = node_child(interface, "vlan"), *tag = vlan ? node_child(vlan, "tag") : NULL;
    const char *id = tag ? node_attribute(tag, "id") : NULL;
    char *end = NULL;

    if (!vlan)
        return 0;
    if (node_attribute(vlan, "trunk") || !id || node_attribute(tag, "nativeMode") || node_next(tag, "tag"))
        return leave(reason, "its <vlan> is more than one plain tag: a tap has one untagged VLAN");
    plan->vlan = *id >= '0' && *id <= '9' && strlen(id) <= 4 ? (unsigned int)strtoul(id, &end, 10) : 0;
    if (plan->vlan < 1 || plan->vlan > 4094 || *end)
        return leave(reason, "its VLAN is not one of 1 to 4094");
    return 0;
}

/* What an interface of type ethernet does not do, or would do otherwise. */
static int judge_content(const struct node *interface, struct plan *plan, char reason[REASON_SIZE])
{
    static const struct {
        const char *child, *reason;
    } never[] = {
        {"virtualport", "it has a <virtualport>, which only a switch that knows it can serve"},
        {"filterref", "its packet filter (<filterref>) might not be enforced on the tap"},
        {"script", "it has a <script>, which libvirt would run for the tap"},
        {"downscript", "it has a <downscript>, which libvirt would run for the tap"},
    };
    static const char *const once[] = {"mac", "source", "target", "vlan", "port"};
    const char *trust = node_attribute(interface, "trustGuestRxFilters");
    const struct node *port = node_child(interface, "port");
    const char *isolated = port ? node_attribute(port, "isolated") : NULL;

    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
        if (node_child(interface, never[i].child))
            return leave(reason, never[i].reason);
    for (size_t i = 0; i < sizeof(once) / sizeof(once[0]); i++) {
        const struct node *first = node_child(interface, once[i]);
        if (first && node_next(first, once[i])) {
            snprintf(reason, REASON_SIZE, "it has more than one <%s>", once[i]);
            return -1;
        }
    }
    if (trust && strcmp(trust, "no") != 0)
        return leave(reason, "trustGuestRxFilters is nothing that libvirt does for a tap it does not manage");
    plan->isolated = isolated && strcmp(isolated, "yes") == 0;
    return judge_vlan(interface, plan, reason);
}

/* Which bridge it is about. */
static int judge_source(const struct interface *interface, const struct wish *wish, struct plan *plan,
                        char reason[REASON_SIZE])
{
    const struct node *source = node_child(interface->node, "source");
    const char *name;

    if (!interface->type ||
        (strcmp(interface->type, "bridge") != 0 && strcmp(interface->type, "network") != 0)) {
        snprintf(reason, REASON_SIZE, "it is of type '%.20s', not bridge or network",
                 interface->type ? interface->type : "");
        xml_clean(reason);
        return -1;
    }
    name = source ? node_attribute(source, interface->type) : NULL;
    if (!name || source->children)
        return leave(reason, "its <source> names no bridge or network");
    if (strcmp(interface->type, "network") == 0 && node_attribute(source, "portgroup"))
        return leave(reason, "its portgroup may ask for a VLAN, a bandwidth or a virtual port");
    if (wish->bridge || strcmp(interface->type, "bridge") == 0) {
        plan->bridge = wish->bridge ? wish->bridge : name;
        return 0;
    }
    plan->bridge = plan->found;
    if (wish->find_network)
        return wish->find_network(wish->data, name, plan->found, reason);
    return leave(reason, "the bridge of its network is not known");
}

int interface_judge(const struct interface *interface, const struct wish *wish, struct plan *plan,
                    char reason[REASON_SIZE])
{
    *plan = (struct plan){0};
    if (judge_source(interface, wish, plan, reason) < 0)
        return -1;
    return judge_content(interface->node, plan, reason);
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

static int replace(struct edits *edits, const struct node *node, char *text)
{
    return edits_add(edits, node->open, node->end - node->open, text);
}

int interface_point(struct edits *edits, const struct document *doc, const struct node *node, const char *dev)
{
    static const char *const moved[] = {"vlan", "port"};
    const struct node *source = node_child(node, "source"), *target = node_child(node, "target");
    char *text;

    if (edit_attribute(edits, doc, node, "type", "ethernet") < 0 ||
        asprintf(&text, "<target dev='%s' managed='no'/>", dev) < 0 ||
        replace(edits, target ? target : source, text) < 0 || (target && edit_remove(edits, doc, source) < 0))
        return -1;
    for (size_t i = 0; i < sizeof(moved) / sizeof(moved[0]); i++) {
        const struct node *child = node_child(node, moved[i]);
        if (child && edit_remove(edits, doc, child) < 0)
            return -1;
    }
    return 0;
}

/* The stored original counts only if it is one interface that rewriting would have pointed at a tap. */
static int read_original(struct document *out, const char *text, const struct document *doc,
                         const struct tap *tap, struct interface *original, struct xml_error *why)
{
    const struct wish wish = {.bridge = tap->bridge};
    char reason[sizeof(why->text)];
    struct plan plan;

    if (document_read(out, text, strlen(text), why) < 0) {
        snprintf(reason, sizeof(reason), "%s", why->text);
        return document_fail(doc, tap->node, why, "damaged metadata: the original of '%s' is no XML: %s",
                             tap->dev, reason);
    }
    if (!node_is(out->nodes, "interface"))
        return document_fail(doc, tap->node, why, "damaged metadata: the original of '%s' is no <interface>",
                             tap->dev);
    interface_read(original, out->nodes);
    if (interface_judge(original, &wish, &plan, reason) < 0)
        return document_fail(doc, tap->node, why, "damaged metadata: the original of '%s' cannot be: %s",
                             tap->dev, reason);
    return 0;
}

/* Gives back what rewriting took, and leaves alone what others changed since. */
static int merge(struct edits *edits, const struct document *doc, const struct node *node,
                 const struct document *original)
{
    static const char *const taken[] = {"source", "target", "vlan", "port"};
    const struct node *target = node_child(node, "target");
    const size_t end = target->open, start = blanks_before(doc, end);
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);

    if (!file)
        return -1;
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
        const struct node *was = node_child(original->nodes, taken[i]), *is = node_child(node, taken[i]);
        if (!was || (is && is != target))
            continue;
        if (i > 0)
            fwrite(doc->text + start, 1, end - start, file);
        fwrite(original->text + was->open, 1, was->end - was->open, file);
    }
    if (fclose(file) != 0) {
        free(text);
        return -1;
    }
    return replace(edits, target, text) < 0
               ? -1
               : edit_attribute(edits, doc, node, "type", node_attribute(original->nodes, "type"));
}

/* Whether pointing the original at the tap gives exactly what stands in the document. 1 yes, 0 no, -1 no
 * memory. */
static int is_unchanged(const struct document *doc, const struct tap *tap, const struct document *original)
{
    const struct node *node = tap->interface->node;
    struct edits edits = {0};
    char *pointed = NULL;
    size_t size = 0;

    if (interface_point(&edits, original, original->nodes, tap->dev) == 0)
        pointed = edits_apply(&edits, original->text, original->size, &size);
    const int result =
        !pointed ? -1 : size == node->end - node->open && memcmp(pointed, doc->text + node->open, size) == 0;
    free(pointed);
    edits_free(&edits);
    return result;
}

int interface_unpoint(struct edits *edits, const struct document *doc, const struct tap *tap,
                      struct xml_error *why)
{
    const struct node *node = tap->interface->node;
    struct document original = {0};
    struct interface was = {0};
    const char *text = tap->node->text;
    int result = -1;

    if (!text)
        return document_fail(doc, tap->node, why, "damaged metadata: the original of '%s' is no text",
                             tap->dev);
    if (read_original(&original, text, doc, tap, &was, why) == 0) {
        const int unchanged = is_unchanged(doc, tap, &original);
        if (was.mac && (!tap->interface->mac || strcasecmp(was.mac, tap->interface->mac) != 0))
            document_fail(doc, node, why, "its MAC is not that of the original: give it '%.20s' again first",
                          was.mac);
        else if (unchanged == 0 && node_child(node, "source"))
            document_fail(doc, node, why,
                          "it has a <source> now, where the original's belongs: take it out first");
        else if (unchanged < 0 ||
                 (unchanged ? replace(edits, node, strdup(text)) : merge(edits, doc, node, &original)) < 0)
            no_memory(doc, why);
        else
            result = 0;
    }
    document_free(&original);
    return result;
}

/* The original's text with the MAC that the interface has now, escaped; or NULL. */
static char *with_mac(const struct document *original, const struct interface *was,
                      const struct interface *is)
{
    struct edits edits = {0};
    char *text = NULL, *escaped = NULL;
    size_t size;

    if (!was->mac || !is->mac ||
        edit_attribute(&edits, original, node_child(was->node, "mac"), "address", is->mac) == 0)
        text = edits_apply(&edits, original->text, original->size, &size);
    if (text)
        escaped = escape_text(text, size);
    free(text);
    edits_free(&edits);
    return escaped;
}

int interface_adopt(struct edits *edits, const struct document *doc, const struct tap *tap, const char *dev,
                    struct xml_error *why)
{
    struct document original = {0};
    struct interface was = {0};
    const char *text = tap->node->text;
    int result = -1;

    if (!text)
        return document_fail(doc, tap->node, why, "damaged metadata: the original of '%s' is no text",
                             tap->dev);
    if (read_original(&original, text, doc, tap, &was, why) == 0) {
        result =
            edit_attribute(edits, doc, tap->node, "dev", dev) < 0 ||
                    edits_add(edits, tap->node->open_end, tap->node->close - tap->node->open_end,
                              with_mac(&original, &was, tap->interface)) < 0 ||
                    edit_attribute(edits, doc, node_child(tap->interface->node, "target"), "dev", dev) < 0
                ? no_memory(doc, why)
                : 0;
    }
    document_free(&original);
    return result;
}
