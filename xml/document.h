/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * An XML document: its content, and the position of every element in the text, so that a change leaves
 * everything else alone.
 *
 * Parsed with libxml2's SAX2, as libvirt does (with a tree), so that both see the same document. Input is
 * untrusted: no document type, hence no entities and no external resources; UTF-8 only; size, depth and
 * counts are limited. Parsing takes time linear in the size, and so must everything done with a document:
 * never search all of it, or all attributes of an element, for each element or change. */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* Far more than any real domain. Longer texts do not fit in libvirt's protocol (REMOTE_STRING_MAX), deeper
 * ones are rejected by its parser (libxml2's xmlParserMaxDepth). libxml2 searches the namespaces in scope of
 * an element linearly, and before 2.12 compares each attribute with all before it (xmlParseStartTag2). */
enum {
    DOCUMENT_BYTES_MAX = 4 * 1024 * 1024,
    DOCUMENT_DEPTH_MAX = 256,
    DOCUMENT_NODES_MAX = 65536,
    DOCUMENT_ATTRIBUTES_MAX = 1000, /* per element */
    DOCUMENT_NAMESPACES_MAX = 256,  /* in scope of an element */
};

/* An element. Strings and nodes belong to the document. */
struct node {
    const char *name;        /* as written, with its prefix */
    const char *uri;         /* its namespace; "": none; NULL: its prefix is undeclared */
    const char **attributes; /* those without a namespace: alternating name and value, NULL-terminated */
    const char *text;        /* its content; NULL if it has child elements */
    struct node *parent, *children, *next;
    struct node **tail;    /* where the reader puts the next child */
    size_t open, open_end; /* offsets of the start tag */
    size_t close, end;     /* offsets of the end tag; for <a/> both are open_end */
    bool mixed;            /* directly contains a comment, an instruction, or text other than white space */
};

struct document {
    const char *text; /* the caller's */
    size_t size;
    struct node *nodes; /* owned; in order of their start tags; the first is the root */
    size_t count;
    char *strings;
    const char **attributes;
    struct _xmlDict *dictionary; /* owns the URIs */
};

/* Parses a text, which must outlive the document. Returns 0, or -1 and why; the error for a text that is too
 * long has no position. The caller must document_free(out) in either case. */
int document_read(struct document *out, const char *text, size_t size, struct error *why);
void document_free(struct document *doc);
#define _cleanup_document_ __attribute__((cleanup(document_free)))

/* Returns the first tag that document_read() would reject for having more than DOCUMENT_ATTRIBUTES_MAX
 * attributes, also counting whatever looks like one in the text after it; NULL: none. */
const char *document_find_crowded(const char *text, size_t size);

/* Whether the node has that name and no namespace, as all of libvirt's do; or that name and namespace. */
bool node_is(const struct node *node, const char *name);
bool node_is_of(const struct node *node, const char *name, const char *uri);

/* The first child, or the next sibling, with that name and no namespace; NULL: none. parent may be NULL. */
struct node *node_child(const struct node *parent, const char *name);
struct node *node_next(const struct node *node, const char *name);

/* The value of an attribute without a namespace, of the node or of its first child of that name; NULL: none.
 * node may be NULL, here and below. */
const char *node_attribute(const struct node *node, const char *name);
const char *child_attribute(const struct node *node, const char *child, const char *name);

/* Whether the attribute has this value. */
bool node_attribute_is(const struct node *node, const char *name, const char *value);

/* The offset in the text of the value of an attribute that the node has, after the quote, and
 * its length there. */
size_t node_attribute_place(const struct document *doc, const struct node *node, const char *name,
                            size_t *length);

/* Moves the position in `why` from offset `from` of a text to offset `to`. */
void xml_place(struct error *why, const char *text, size_t from, size_t to);

/* Sets the error at an offset of the text, or at a node, as one line that is safe for a terminal
 * (base/printable.h); why->text itself may be an argument. Returns -1, for `return xml_fail(...)`. */
int xml_fail(struct error *why, const char *text, size_t offset, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
#define document_fail(doc, node, why, ...) xml_fail((why), (doc)->text, (node)->open, __VA_ARGS__)
