/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "document.h"

#include <expat.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char blanks[] = " \t\r\n";

/* A namespace that is declared where the reader is. */
struct binding {
    const char *prefix; /* "" for elements without one */
    const char *uri;    /* NULL: none */
    const struct node *by;
};

struct reader {
    XML_Parser parser;
    struct document *out;
    struct node *in; /* the element that is open */
    size_t depth, node_room;
    char *string;                                     /* where the next one goes */
    const char **attribute;                           /* likewise */
    char *text;                                       /* where that of the open element began */
    struct binding bindings[DOCUMENT_NAMESPACES_MAX]; /* the innermost last */
    size_t binding_count;
    struct xml_error *why;
    bool failed;
};

static size_t here(const struct reader *reader)
{
    const XML_Index index = XML_GetCurrentByteIndex(reader->parser);

    return index < 0 ? 0 : (size_t)index;
}

static void fail(struct reader *reader, const char *text)
{
    if (!reader->failed)
        xml_fail(reader->why, reader->out->text, here(reader), "%s", text);
    reader->failed = true;
    XML_StopParser(reader->parser, XML_FALSE);
}

static const char *keep(struct reader *reader, const char *text)
{
    const char *kept = reader->string;

    reader->string = stpcpy(reader->string, text) + 1;
    return kept;
}

/* Notes the namespaces that an element declares. A prefix of the empty namespace is as good as not declared
 * (Namespaces in XML 1.0, 5). */
static void declare(struct reader *reader, const struct node *node)
{
    for (const char **attribute = node->attributes; attribute[0] && attribute[1]; attribute += 2) {
        const char *rest = attribute[0] + strlen("xmlns");
        if (strncmp(attribute[0], "xmlns", strlen("xmlns")) != 0 || (*rest && *rest != ':'))
            continue;
        if (reader->binding_count == DOCUMENT_NAMESPACES_MAX) {
            fail(reader, "more namespaces are declared around an element than any domain has");
            return;
        }
        const char *uri = *rest && strcmp(attribute[1], "") == 0 ? NULL : attribute[1];
        reader->bindings[reader->binding_count++] = (struct binding){*rest ? rest + 1 : "", uri, node};
    }
}

static const char *namespace_of(const struct reader *reader, const char *name)
{
    const char *colon = strchr(name, ':');
    const size_t length = colon ? (size_t)(colon - name) : 0;

    for (size_t i = reader->binding_count; i > 0; i--) {
        const struct binding *binding = &reader->bindings[i - 1];
        if (strncmp(binding->prefix, name, length) == 0 && !binding->prefix[length])
            return binding->uri;
    }
    return length == 0 ? "" : NULL;
}

static void XMLCALL start(void *data, const XML_Char *name, const XML_Char **attributes)
{
    struct reader *reader = data;
    struct document *out = reader->out;

    if (reader->failed)
        return;
    if (out->count == reader->node_room) {
        fail(reader, "it has more elements than any domain");
        return;
    }
    if (reader->depth++ == DOCUMENT_DEPTH_MAX) {
        fail(reader, "elements are nested deeper than libvirt reads");
        return;
    }
    struct node *node = &out->nodes[out->count++];
    *node = (struct node){.parent = reader->in, .open = here(reader)};
    node->open_end = node->open + (size_t)XML_GetCurrentByteCount(reader->parser);
    node->name = keep(reader, name);
    node->attributes = reader->attribute;
    for (; *attributes; attributes++)
        *reader->attribute++ = keep(reader, *attributes);
    *reader->attribute++ = NULL;
    declare(reader, node);
    node->uri = namespace_of(reader, node->name);
    if (node->parent) {
        *(node->parent->last ? &node->parent->last->next : &node->parent->children) = node;
        node->parent->last = node;
    }
    reader->in = node;
    reader->text = reader->string;
}

static void XMLCALL end(void *data, const XML_Char *name)
{
    struct reader *reader = data;
    struct node *node = reader->in;

    (void)name;
    if (reader->failed)
        return;
    node->close = here(reader);
    node->end = node->close + (size_t)XML_GetCurrentByteCount(reader->parser);
    if (!node->children) {
        *reader->string++ = '\0';
        node->text = reader->text;
    }
    while (reader->binding_count > 0 && reader->bindings[reader->binding_count - 1].by == node)
        reader->binding_count--;
    reader->depth--;
    reader->in = node->parent;
}

static void XMLCALL text(void *data, const XML_Char *piece, int length)
{
    struct reader *reader = data;

    if (reader->failed)
        return;
    for (int i = 0; i < length; i++)
        if (!strchr(blanks, piece[i]))
            reader->in->mixed = true;
    reader->string = mempcpy(reader->string, piece, (size_t)length);
}

static void XMLCALL comment(void *data, const XML_Char *ignore)
{
    struct reader *reader = data;

    (void)ignore;
    if (reader->in)
        reader->in->mixed = true;
}

static void XMLCALL instruction(void *data, const XML_Char *target, const XML_Char *ignore)
{
    (void)target;
    comment(data, ignore);
}

static void XMLCALL declaration(void *data, const XML_Char *version, const XML_Char *encoding, int standalone)
{
    (void)version;
    (void)standalone;
    if (encoding && strcasecmp(encoding, "UTF-8") != 0 && strcasecmp(encoding, "US-ASCII") != 0 &&
        strcasecmp(encoding, "ASCII") != 0)
        fail(data,
             "its XML declaration names another encoding: convert it to UTF-8, and the declaration too");
}

static void XMLCALL document_type(void *data, const XML_Char *name, const XML_Char *system,
                                  const XML_Char *public, int has_subset)
{
    (void)name;
    (void)system;
    (void)public;
    (void)has_subset;
    fail(data, "a document type declaration is not accepted: it can define entities");
}

static size_t count(const char *text, size_t size, char c, size_t max)
{
    const char *end = text + size;
    size_t found = 0;

    while (found < max && (text = memchr(text, c, (size_t)(end - text)))) {
        found++;
        text++;
    }
    return found;
}

/* Makes room for all there can be. Every element takes a '<', every attribute a '=', and a decoded string,
 * with the '\0' behind it, is never longer than how it is written, with what stands around it. */
static int make_room(struct reader *reader)
{
    struct document *out = reader->out;
    const size_t values = count(out->text, out->size, '=', out->size);

    reader->node_room = count(out->text, out->size, '<', DOCUMENT_NODES_MAX);
    out->nodes = calloc(reader->node_room + 1, sizeof(*out->nodes));
    out->attributes = calloc(2 * values + reader->node_room + 1, sizeof(*out->attributes));
    out->strings = malloc(out->size + 1);
    reader->attribute = out->attributes;
    reader->string = out->strings;
    reader->parser = XML_ParserCreate("UTF-8");
    return out->nodes && out->attributes && out->strings && reader->parser
               ? 0
               : xml_fail(reader->why, out->text, 0, "no memory");
}

static int parse(struct reader *reader)
{
    const struct document *out = reader->out;

    XML_SetUserData(reader->parser, reader);
    XML_SetElementHandler(reader->parser, start, end);
    XML_SetCharacterDataHandler(reader->parser, text);
    XML_SetCommentHandler(reader->parser, comment);
    XML_SetProcessingInstructionHandler(reader->parser, instruction);
    XML_SetXmlDeclHandler(reader->parser, declaration);
    XML_SetStartDoctypeDeclHandler(reader->parser, document_type);
    if (XML_Parse(reader->parser, out->text, (int)out->size, XML_TRUE) == XML_STATUS_OK && !reader->failed)
        return 0;
    if (reader->failed)
        return -1;
    const enum XML_Error error = XML_GetErrorCode(reader->parser);
    const size_t at = here(reader);
    return xml_fail(reader->why, out->text, at < out->size ? at : out->size,
                    "this is not well-formed XML: %s",
                    error == XML_ERROR_NO_ELEMENTS ? "the document ends too early" : XML_ErrorString(error));
}

int document_read(struct document *out, const char *text, size_t size, struct xml_error *why)
{
    struct reader reader = {.out = out, .why = why};
    int result;

    *out = (struct document){.text = text, .size = size};
    if (size > DOCUMENT_BYTES_MAX) {
        xml_fail(why, text, 0, "it is longer than %d MiB: no domain of libvirt is", DOCUMENT_BYTES_MAX >> 20);
        why->line = 0;
        return -1;
    }
    if (memchr(text, '\0', size) ||
        (size >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0)))
        return xml_fail(why, text, 0, "it is binary, or in UTF-16 or UTF-32: convert it to UTF-8 (iconv)");
    result = make_room(&reader);
    if (result == 0)
        result = parse(&reader);
    if (reader.parser)
        XML_ParserFree(reader.parser);
    return result;
}

void document_free(struct document *doc)
{
    free(doc->nodes);
    free(doc->attributes);
    free(doc->strings);
    *doc = (struct document){0};
}

const char *node_attribute(const struct node *node, const char *name)
{
    for (const char **attribute = node->attributes; *attribute; attribute += 2)
        if (strcmp(attribute[0], name) == 0)
            return attribute[1];
    return NULL;
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

struct node *node_child(const struct node *parent, const char *name)
{
    struct node *child = parent->children;

    return !child || node_is(child, name) ? child : node_next(child, name);
}

struct node *node_next(const struct node *node, const char *name)
{
    struct node *next = node->next;

    while (next && !node_is(next, name))
        next = next->next;
    return next;
}

/* expat has accepted the tag: it is as the grammar says. */
size_t node_attribute_place(const struct document *doc, const struct node *node, const char *name,
                            size_t *length)
{
    const char *at = doc->text + node->open + 1 + strlen(node->name);

    for (;;) {
        at += strspn(at, blanks);
        const size_t name_length = strcspn(at, "= \t\r\n");
        const char *value = strpbrk(at, "'\""), *value_end = strchr(value + 1, *value);
        if (strlen(name) == name_length && memcmp(at, name, name_length) == 0) {
            *length = (size_t)(value_end - value) - 1;
            return (size_t)(value - doc->text) + 1;
        }
        at = value_end + 1;
    }
}
