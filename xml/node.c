/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Queries on the elements of a document. */
#include "document.h"

#include <string.h>

const char *node_attribute(const struct node *node, const char *name)
{
    if (!node)
        return NULL;
    for (const char **attribute = node->attributes; *attribute; attribute += 2)
        if (strcmp(attribute[0], name) == 0)
            return attribute[1];
    return NULL;
}

const char *child_attribute(const struct node *node, const char *child, const char *name)
{
    return node_attribute(node_child(node, child), name);
}

bool node_attribute_is(const struct node *node, const char *name, const char *value)
{
    const char *found = node_attribute(node, name);

    return found && strcmp(found, value) == 0;
}

bool node_is_of(const struct node *node, const char *name, const char *uri)
{
    const char *colon = strchr(node->name, ':');

    return strcmp(colon ? colon + 1 : node->name, name) == 0 && node->uri && strcmp(node->uri, uri) == 0;
}

bool node_is(const struct node *node, const char *name)
{
    return node_is_of(node, name, "");
}

/* Returns the node itself, or the next sibling, that has the name; NULL: none. */
static struct node *find(struct node *node, const char *name)
{
    while (node && !node_is(node, name))
        node = node->next;
    return node;
}

struct node *node_child(const struct node *parent, const char *name)
{
    if (!parent)
        return NULL;
    return find(parent->children, name);
}

struct node *node_next(const struct node *node, const char *name)
{
    return find(node->next, name);
}

/* The tag is known to be well-formed, since it has been parsed. */
size_t node_attribute_place(const struct document *doc, const struct node *node, const char *name,
                            size_t *length)
{
    const char *at = doc->text + node->open + 1 + strlen(node->name);

    for (;;) {
        at += strspn(at, " \t\r\n");
        const size_t name_length = strcspn(at, "= \t\r\n");
        const char *value = strpbrk(at, "'\""), *value_end = strchr(value + 1, *value);
        if (strlen(name) == name_length && memcmp(at, name, name_length) == 0) {
            *length = (size_t)(value_end - value) - 1;
            return (size_t)(value - doc->text) + 1;
        }
        at = value_end + 1;
    }
}
