/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * An XML document as it is read: what it says, and where every element of it stands in the text, so that a
 * change touches nothing else.
 *
 * Read by expat, which tells both, and of which a process loads a tenth of what it would of libxml2. Input is
 * hostile: no document type, hence no entities and nothing that is loaded from elsewhere; UTF-8 only; size,
 * depth and number are bounded. Reading takes time in proportion to the size, and so must all that is done
 * with a document: no search of all of it, or of all attributes of an element, for each element or change. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* What no real domain meets. A longer text does not pass libvirt's protocol (REMOTE_STRING_MAX), and a deeper
 * one not the parser that libvirt uses (libxml2's xmlParserMaxDepth). */
enum {
    DOCUMENT_BYTES_MAX = 4 * 1024 * 1024,
    DOCUMENT_DEPTH_MAX = 256,
    DOCUMENT_NODES_MAX = 65536,
    DOCUMENT_NAMESPACES_MAX = 256, /* declared by an element and those around it */
};

/* An element. Strings and nodes are the document's. */
struct node {
    const char *name;        /* as it is written, with its prefix */
    const char *uri;         /* its namespace: "" for none; NULL: nobody declares its prefix */
    const char **attributes; /* name and value in turn, up to NULL */
    const char *text;        /* what stands in it; NULL if there are elements in it */
    struct node *parent, *children, *last, *next;
    size_t open, open_end; /* offsets of the start tag, */
    size_t close, end;     /* of the end tag. <a/> has none: close and end are then open_end */
    bool mixed; /* text other than white space, a comment or an instruction stands directly in it */
};

struct document {
    const char *text; /* the caller's */
    size_t size;
    struct node *nodes; /* owned; in the order of their start tags; the first is the root */
    size_t count;
    char *strings;
    const char **attributes;
};

/* What is wrong with a text, and where. */
struct xml_error {
    unsigned int line, column; /* from 1; line 0: nowhere in particular */
    char text[240];            /* one line */
};

/* Reads a text, which must live as long as the document. Returns 0, or -1 and why. The caller must
 * document_free(out) in both cases. */
int document_read(struct document *out, const char *text, size_t size, struct xml_error *why);
void document_free(struct document *doc);

/* Whether the node is called that in no namespace, as all of libvirt's are; or in that namespace. */
bool node_is(const struct node *node, const char *name);
bool node_is_of(const struct node *node, const char *name, const char *uri);

/* The first child, or the next sibling, of that name in no namespace; NULL: there is none. */
struct node *node_child(const struct node *parent, const char *name);
struct node *node_next(const struct node *node, const char *name);

/* The value of an attribute in no namespace; NULL: there is none. */
const char *node_attribute(const struct node *node, const char *name);

/* Where the value of an attribute that is there stands in the text, behind the quote, and its length there.
 */
size_t node_attribute_place(const struct document *doc, const struct node *node, const char *name,
                            size_t *length);

/* Replaces what is no text, and would confuse a terminal or a log, by '?'. */
void xml_clean(char *text);

/* Moves the place that why tells, of offset `from` of a text, on to offset `to`. */
void xml_place(struct xml_error *why, const char *text, size_t from, size_t to);

/* Says what is wrong at an offset of the text, or at a node. Returns -1, for `return xml_fail(...)`. */
int xml_fail(struct xml_error *why, const char *text, size_t offset, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
#define document_fail(doc, node, why, ...) xml_fail((why), (doc)->text, (node)->open, __VA_ARGS__)
