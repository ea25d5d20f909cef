/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "document.h"

#include "libxml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char blanks[] = " \t\r\n";

enum { MINOR_MAX = 1000 };

struct reader {
    xmlParserCtxt *parser;
    struct document *out;
    struct node *in; /* the element that is open */
    size_t depth, node_room;
    size_t namespaces; /* that are declared here */
    int declared[DOCUMENT_DEPTH_MAX];
    char *string, *strings_end; /* where the next one goes */
    const char **attribute;     /* likewise */
    char *text;                 /* where that of the open element began */
    struct error *why;
    unsigned int minor; /* errors so far that are not fatal: such as a prefix without a namespace */
    bool failed;
};

/* The first reason counts. libxml2 goes on after an error, up to the next callback, which must stop it: not
 * at once, since it uses what that would free. */
static void fail(struct reader *reader, const char *text)
{
    const size_t at = libxml_offset(reader->parser), size = reader->out->size;

    if (!reader->failed)
        xml_fail(reader->why, reader->out->text, at < size ? at : size, "%s", text);
    reader->failed = true;
}

static void on_error(void *data, libxml_error error)
{
    struct reader *reader = data;
    char text[300];

    if (error->level != XML_ERR_FATAL &&
        ++reader->minor > MINOR_MAX) /* each costs as much as its name is long */
        fail(reader, "it has more errors in its namespaces than anybody makes");
    if (error->level != XML_ERR_FATAL || reader->failed)
        return;
    const int length = (int)strcspn(error->message, "\n");
    snprintf(text, sizeof(text), "this is not well-formed XML: %.*s", length, error->message);
    fail(reader, text);
}

/* Whether a callback has nothing to do any more. */
static bool is_over(struct reader *reader)
{
    if (reader->failed)
        xmlStopParser(reader->parser);
    return reader->failed;
}

/* A string that is decoded, with its '\0', is never longer than how it is written with what is around it. */
static void append(struct reader *reader, const char *text, size_t length)
{
    if (length > (size_t)(reader->strings_end - reader->string))
        fail(reader, "libxml2 decodes it to something longer");
    else
        reader->string = mempcpy(reader->string, text, length);
}

static const char *end_string(struct reader *reader, const char *start)
{
    if (reader->string < reader->strings_end)
        *reader->string++ = '\0';
    return start;
}

static const char *keep(struct reader *reader, const char *text, size_t length)
{
    const char *start = reader->string;

    append(reader, text, length);
    return end_string(reader, start);
}

/* libxml2 leaves each & of a value written as it wants it back for its tree: as &#38;. */
static const char *keep_value(struct reader *reader, const char *value, const char *end)
{
    static const char written[] = "&#38;";
    const char *start = reader->string, *found;

    while ((found = memmem(value, (size_t)(end - value), written, strlen(written)))) {
        append(reader, value, (size_t)(found + 1 - value));
        value = found + strlen(written);
    }
    append(reader, value, (size_t)(end - value));
    return end_string(reader, start);
}

/* Of each attribute there are five: its name, prefix and URI; where the value begins, and ends. */
static void keep_attributes(struct reader *reader, int count, const xmlChar **attributes)
{
    for (; count > 0; count--, attributes += 5) {
        const char *name = (const char *)attributes[0];
        if (attributes[1])
            continue;
        *reader->attribute++ = keep(reader, name, strlen(name));
        *reader->attribute++ = keep_value(reader, (const char *)attributes[3], (const char *)attributes[4]);
    }
    *reader->attribute++ = NULL;
}

/* There can be no '<' inside a tag, so the nearest one before its end is where it begins. */
static size_t tag_start(const struct reader *reader, size_t end)
{
    const char *text = reader->out->text, *start = memrchr(text, '<', end);

    return start ? (size_t)(start - text) : 0;
}

static struct node *add_node(struct reader *reader, size_t open, size_t open_end)
{
    struct document *out = reader->out;
    struct node *node = &out->nodes[out->count++], *parent = reader->in;

    *node = (struct node){.parent = parent, .open = open, .open_end = open_end};
    if (parent) {
        *(parent->last ? &parent->last->next : &parent->children) = node;
        parent->last = node;
    }
    reader->in = node;
    return node;
}

/* libxml2 is at the end of the tag: at > or />. Where it is not, it is about to say what is wrong. */
static void on_start(void *data, const xmlChar *local, const xmlChar *prefix, const xmlChar *uri,
                     int declared, const xmlChar **namespaces, int count, int defaulted,
                     const xmlChar **attributes)
{
    struct reader *reader = data;
    const struct document *out = reader->out;
    const size_t at = libxml_offset(reader->parser);

    (void)local, (void)namespaces, (void)defaulted;
    if (is_over(reader) || at >= out->size || !strchr("/>", out->text[at]))
        return;
    reader->namespaces += (size_t)declared;
    if (out->count == reader->node_room)
        fail(reader, "it has more elements than any domain");
    else if (reader->depth == DOCUMENT_DEPTH_MAX)
        fail(reader, "elements are nested deeper than libvirt reads");
    else if (reader->namespaces > DOCUMENT_NAMESPACES_MAX)
        fail(reader, "more namespaces are declared around an element than any domain has");
    if (is_over(reader))
        return;
    reader->declared[reader->depth++] = declared;
    struct node *node = add_node(reader, tag_start(reader, at), at + (out->text[at] == '/' ? 2 : 1));
    const char *name = out->text + node->open + 1;
    node->name = keep(reader, name, strcspn(name, " \t\r\n/>"));
    node->uri = uri || prefix ? (const char *)uri : "";
    node->attributes = reader->attribute;
    keep_attributes(reader, count, attributes);
    reader->text = reader->string;
}

/* libxml2 is behind the tag. */
static void on_end(void *data, const xmlChar *local, const xmlChar *prefix, const xmlChar *uri)
{
    struct reader *reader = data;
    struct node *node = reader->in;

    (void)local, (void)prefix, (void)uri;
    if (is_over(reader))
        return;
    node->end = libxml_offset(reader->parser);
    node->close = node->end == node->open_end ? node->end : tag_start(reader, node->end);
    if (!node->children)
        node->text = end_string(reader, reader->text);
    reader->namespaces -= (size_t)reader->declared[--reader->depth];
    reader->in = node->parent;
}

static void on_text(void *data, const xmlChar *piece, int length)
{
    struct reader *reader = data;

    if (is_over(reader))
        return;
    for (int i = 0; i < length && !reader->in->mixed; i++)
        reader->in->mixed = !strchr(blanks, piece[i]);
    append(reader, (const char *)piece, (size_t)length);
}

static void on_comment(void *data, const xmlChar *comment)
{
    struct reader *reader = data;

    (void)comment;
    if (!is_over(reader) && reader->in)
        reader->in->mixed = true;
}

static void on_instruction(void *data, const xmlChar *target, const xmlChar *instruction)
{
    (void)target;
    on_comment(data, instruction);
}

static void on_document_type(void *data, const xmlChar *name, const xmlChar *external, const xmlChar *system)
{
    (void)name, (void)external, (void)system;
    fail(data, "a document type declaration is not accepted: it can define entities");
    is_over(data);
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

/* Makes room for all there can be. Every element takes a '<', every attribute a '='. */
static int make_room(struct reader *reader)
{
    struct document *out = reader->out;
    const size_t values = count(out->text, out->size, '=', out->size);

    reader->node_room = count(out->text, out->size, '<', DOCUMENT_NODES_MAX);
    out->nodes = calloc(reader->node_room + 1, sizeof(*out->nodes));
    out->attributes = calloc(2 * values + reader->node_room + 1, sizeof(*out->attributes));
    out->strings = calloc(1, out->size + 1);
    if (!out->nodes || !out->attributes || !out->strings)
        return xml_fail(reader->why, out->text, 0, "no memory");
    reader->attribute = out->attributes;
    reader->string = out->strings;
    reader->strings_end = out->strings + out->size;
    return 0;
}

/* The encoding is not libxml2's affair: it would read by a converted text, and tell offsets of that. After
 * errors it is to call back as without them (XML_PARSE_RECOVER), so as to be stopped. */
static int parse(struct reader *reader)
{
    static const xmlSAXHandler handler = {
        .initialized = XML_SAX2_MAGIC,
        .internalSubset = on_document_type,
        .startElementNs = on_start,
        .endElementNs = on_end,
        .characters = on_text,
        .ignorableWhitespace = on_text,
        .cdataBlock = on_text,
        .comment = on_comment,
        .processingInstruction = on_instruction,
        .serror = on_error,
    };
    struct document *out = reader->out;
    xmlParserCtxt *parser = xmlNewParserCtxt();

    if (!parser)
        return xml_fail(reader->why, out->text, 0, "no memory");
    reader->parser = parser;
    *parser->sax = handler;
    parser->userData = reader;
    xmlCtxtReadMemory(parser, out->text, (int)out->size, NULL, NULL,
                      XML_PARSE_NONET | XML_PARSE_IGNORE_ENC | XML_PARSE_RECOVER);
    if (!parser->wellFormed)
        fail(reader, "this is not well-formed XML");
    out->dictionary = parser->dict;
    xmlDictReference(out->dictionary);
    xmlFreeParserCtxt(parser);
    return reader->failed ? -1 : 0;
}

/* What the XML declaration names as the encoding must be true of UTF-8. */
static int check_declaration(const struct document *doc, size_t start, struct error *why)
{
    static const char *const known[] = {"UTF-8", "US-ASCII", "ASCII"};
    const char *text = doc->text + start, *end, *at;

    if (doc->size - start < 6 || memcmp(text, "<?xml", 5) != 0 || !strchr(blanks, text[5]))
        return 0;
    end = memmem(text, doc->size - start, "?>", 2);
    if (!end)
        return 0;
    at = memmem(text, (size_t)(end - text), "encoding", strlen("encoding"));
    if (!at)
        return 0;
    at += strlen("encoding");
    at += strspn(at, "= \t\r\n");
    const size_t length = strcspn(at + 1, "'\"?>");
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (length == strlen(known[i]) && strncasecmp(at + 1, known[i], length) == 0)
            return 0;
    return xml_fail(
        why, doc->text, start,
        "its XML declaration names another encoding: convert it to UTF-8, and the declaration too");
}

/* Also in what is not well-formed, a tag ends at the next '<' for the parser. */
const char *document_find_crowded(const char *text, size_t size)
{
    const char *end = text + size, *tag = text;
    size_t found = 0;

    for (const char *at = text, *equals; (equals = memchr(at, '=', (size_t)(end - at))); at = equals + 1) {
        const char *start = memrchr(at, '<', (size_t)(equals - at)), *quote = equals + 1;
        if (start) {
            tag = start;
            found = 0;
        }
        while (quote < end && strchr(blanks, *quote))
            quote++;
        if (quote < end && (*quote == '\'' || *quote == '"') && ++found > DOCUMENT_ATTRIBUTES_MAX)
            return tag;
    }
    return NULL;
}

/* The first comment that has "--" in it; NULL: none. At each libxml2 copies what it has read of the comment
 * so far, for its message, and goes on to the comment's end. In an instruction it may be no comment: it is
 * refused all the same, since a broken declaration ends inside of one. */
static const char *find_bad_comment(const char *text, size_t size)
{
    const char *end = text + size, *at = text;

    while (at && (at = memchr(at, '<', (size_t)(end - at)))) {
        const char *start = at;
        const size_t left = (size_t)(end - at);
        if (left >= 9 && memcmp(at, "<![CDATA[", 9) == 0) {
            at = memmem(at, left, "]]>", 3);
        } else if (left >= 4 && memcmp(at, "<!--", 4) == 0) {
            at = memmem(at + 4, left - 4, "--", 2);
            if (at && (at + 2 == end || at[2] != '>'))
                return start;
        } else {
            at++;
        }
    }
    return NULL;
}

/* Sees to it that libxml2 takes the text as UTF-8, too, which it would guess from its first bytes. */
static int check(const struct document *doc, struct error *why)
{
    const char *text = doc->text;
    size_t start = doc->size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0, first = start;

    if (doc->size > DOCUMENT_BYTES_MAX)
        return error_set(why, "it is longer than %d MiB: no domain of libvirt is", DOCUMENT_BYTES_MAX >> 20);
    if (memchr(text, '\0', doc->size) ||
        (doc->size >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0)))
        return xml_fail(why, text, 0, "it is binary, or in UTF-16 or UTF-32: convert it to UTF-8 (iconv)");
    while (first < doc->size && strchr(blanks, text[first]))
        first++;
    if (first == doc->size || text[first] != '<')
        return xml_fail(why, text, first, "this is not well-formed XML: it does not begin with <");
    if (check_declaration(doc, start, why) < 0)
        return -1;
    const char *crowded = document_find_crowded(text, doc->size);
    if (crowded)
        return xml_fail(why, text, (size_t)(crowded - text), "it has more than %d attributes",
                        DOCUMENT_ATTRIBUTES_MAX);
    const char *bad = find_bad_comment(text, doc->size);
    if (bad)
        return xml_fail(why, text, (size_t)(bad - text),
                        "this is not well-formed XML: a comment has -- in it");
    return 0;
}

int document_read(struct document *out, const char *text, size_t size, struct error *why)
{
    struct reader reader = {.out = out, .why = why};

    *out = (struct document){.text = text, .size = size};
    if (check(out, why) < 0 || make_room(&reader) < 0)
        return -1;
    return parse(&reader);
}

void document_free(struct document *doc)
{
    free(doc->nodes);
    free(doc->attributes);
    free(doc->strings);
    xmlDictFree(doc->dictionary);
    *doc = (struct document){0};
}
