/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * An XML document: what it says, and where every element stands in the text, so that a change touches nothing
 * else.
 *
 * Read by libxml2's SAX2, as libvirt does (with a tree), so that both see the same document. Input is
 * hostile: no document type, hence no entities and nothing that is loaded from elsewhere; UTF-8 only; size,
 * depth and counts are bounded. Reading takes time in proportion to the size, and so must all that is done
 * with a document: never search all of it, or all attributes of an element, for each element or change. */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* No real domain comes near. Libvirt's protocol has no room for a longer text (REMOTE_STRING_MAX), its parser
 * none for a deeper one (libxml2's xmlParserMaxDepth). libxml2 searches the namespaces around an element one
 * by one, and before 2.12 compares each of its attributes with all before it (xmlParseStartTag2). */
enum {
    DOCUMENT_BYTES_MAX = 4 * 1024 * 1024,
    DOCUMENT_DEPTH_MAX = 256,
    DOCUMENT_NODES_MAX = 65536,
    DOCUMENT_ATTRIBUTES_MAX = 1000, /* of an element */
    DOCUMENT_NAMESPACES_MAX = 256,  /* declared by an element and those around it */
};

/* An element. Strings and nodes are the document's. */
struct node {
    const char *name;        /* as it is written, with its prefix */
    const char *uri;         /* its namespace: "" for none; NULL: nobody declares its prefix */
    const char **attributes; /* those in no namespace: name and value in turn, up to NULL */
    const char *text;        /* its content; NULL if there are elements in it */
    struct node *parent, *children, *last, *next;
    size_t open, open_end; /* offsets of the start tag, */
    size_t close, end;     /* of the end tag. <a/> has none: close and end are then open_end */
    bool mixed;            /* text other than white space, a comment or an instruction is directly in it */
};

struct document {
    const char *text; /* the caller's */
    size_t size;
    struct node *nodes; /* owned; in the order of their start tags; the first is the root */
    size_t count;
    char *strings;
    const char **attributes;
    struct _xmlDict *dictionary; /* has the URIs */
};

/* Reads a text, which must live as long as the document. Returns 0, or -1 and why; too long a text has no
 * place. The caller must document_free(out) in both cases. */
int document_read(struct document *out, const char *text, size_t size, struct error *why);
void document_free(struct document *doc);
#define _cleanup_document_ __attribute__((cleanup(document_free)))

/* The first tag of a text that document_read() would take to have more attributes than
 * DOCUMENT_ATTRIBUTES_MAX, counting what looks like one in the text behind it, too; NULL: there is none. */
const char *document_find_crowded(const char *text, size_t size);

/* Whether the node has that name in no namespace, as all of libvirt's do; or in that namespace. */
bool node_is(const struct node *node, const char *name);
bool node_is_of(const struct node *node, const char *name, const char *uri);

/* The first child, or the next sibling, of that name in no namespace; NULL: there is none. */
struct node *node_child(const struct node *parent, const char *name);
struct node *node_next(const struct node *node, const char *name);

/* The value of an attribute in no namespace, of the node or of its first child of that name; NULL: there is
 * none. */
const char *node_attribute(const struct node *node, const char *name);
const char *child_attribute(const struct node *node, const char *child, const char *name);

/* Whether that attribute's value is this one. */
bool node_attribute_is(const struct node *node, const char *name, const char *value);

/* Where the value of an attribute that the node has begins in the text, behind the quote, and its length
 * there. */
size_t node_attribute_place(const struct document *doc, const struct node *node, const char *name,
                            size_t *length);

/* Moves the place that why tells, of offset `from` of a text, on to offset `to`. */
void xml_place(struct error *why, const char *text, size_t from, size_t to);

/* Says what is wrong at an offset of the text, or at a node, as one line that is fit for a terminal
 * (base/printable.h); why->text itself may be an argument. Returns -1, for `return xml_fail(...)`. */
int xml_fail(struct error *why, const char *text, size_t offset, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
#define document_fail(doc, node, why, ...) xml_fail((why), (doc)->text, (node)->open, __VA_ARGS__)
