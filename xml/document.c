/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "document.h"

#include "libxml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/param.h>

static const char blanks[] = " \t\r\n";

enum { MINOR_MAX = 1000 };

struct reader {
    xmlParserCtxt *parser;
    struct document *out;
    struct node *in; /* the currently open element */
    size_t depth, node_room;
    size_t namespaces; /* number of those declared here */
    int declared[DOCUMENT_DEPTH_MAX];
    char *string, *strings_end; /* where the next string goes */
    const char **attribute;     /* where the next attribute goes */
    char *text;                 /* start of the open element's text */
    struct error *why;
    unsigned int minor; /* number of non-fatal errors so far, such as an undeclared prefix */
    bool failed;
};

/* Keeps the first reason. After an error libxml2 continues to the next callback, which must stop the parser.
 * It must not be stopped here, since libxml2 still uses what that would free. */
static void fail(struct reader *reader, const char *text)
{
    const size_t at = libxml_offset(reader->parser), size = reader->out->size;

    if (!reader->failed)
        xml_fail(reader->why, reader->out->text, MIN(at, size), "%s", text);
    reader->failed = true;
}

static void on_error(void *data, libxml_error error)
{
    struct reader *reader = data;
    char text[300];

    if (error->level != XML_ERR_FATAL &&
        ++reader->minor > MINOR_MAX) /* each costs time in proportion to its name's length */
        fail(reader, "it has more than 1000 namespace errors");
    if (error->level != XML_ERR_FATAL || reader->failed)
        return;
    const int length = (int)strcspn(error->message, "\n");
    snprintf(text, sizeof(text), "this is not well-formed XML: %.*s", length, error->message);
    fail(reader, text);
}

/* Whether a callback should do nothing any more. */
static bool is_over(struct reader *reader)
{
    if (reader->failed)
        xmlStopParser(reader->parser);
    return reader->failed;
}

/* A decoded string, with its '\0', is never longer than its encoded form and the markup around it. */
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

/* libxml2 leaves every & in a value in the form that it wants for its own tree: as &#38;. */
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

/* Each attribute is five entries: name, prefix, URI, start and end of the value. */
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

/* A tag cannot contain '<', so it starts at the nearest one before its end. */
static size_t tag_start(const struct reader *reader, size_t end)
{
    const char *text = reader->out->text, *start = memrchr(text, '<', end);

    return start ? (size_t)(start - text) : 0;
}

static struct node *add_node(struct reader *reader, size_t open, size_t open_end)
{
    struct document *out = reader->out;
    struct node *node = &out->nodes[out->count++], *parent = reader->in;

    *node = (struct node){.parent = parent, .tail = &node->children, .open = open, .open_end = open_end};
    if (parent) {
        *parent->tail = node;
        parent->tail = &node->next;
    }
    reader->in = node;
    return node;
}

/* libxml2 is at the end of the tag, at > or />. If not, it is about to report an error. */
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
    struct node *node = add_node(reader, tag_start(reader, at), at + 1 + (out->text[at] == '/'));
    const char *name = out->text + node->open + 1;
    node->name = keep(reader, name, strcspn(name, " \t\r\n/>"));
    node->uri = uri || prefix ? (const char *)uri : "";
    node->attributes = reader->attribute;
    keep_attributes(reader, count, attributes);
    reader->text = reader->string;
}

/* libxml2 is just after the tag. */
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

/* Allocates for the maximum: every element takes a '<', every attribute a '='. */
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

/* libxml2 must not handle the encoding: it would parse converted text, and its offsets would refer to that.
 * XML_PARSE_RECOVER makes it call back after errors as usual, so that it can be stopped. */
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

/* The encoding named in the XML declaration must be compatible with UTF-8. */
static int check_declaration(const struct document *doc, size_t start, struct error *why)
{
    /* libxml2, and so libvirt, treats the second as the first (encoding.c, xmlParseCharEncoding). */
    static const char *const known[] = {"UTF-8", "UTF8", "US-ASCII", "ASCII"};
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
    return xml_fail(why, doc->text, start,
                    "its XML declaration names another encoding, '%.*s': convert the file to UTF-8, with "
                    "iconv(1), and write encoding='UTF-8' there",
                    (int)MIN(length, 32), at + 1);
}

/* To the parser, a tag ends at the next '<', even if the text is not well-formed. */
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

/* Returns the first comment with "--" in it; NULL: none. At each one libxml2 copies the comment so far for
 * its message, and then continues to the comment's end. Inside an instruction it may not be a comment, but is
 * refused nevertheless, since a broken declaration ends inside one. */
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

/* Makes sure that libxml2, which guesses from the first bytes, also takes the text as UTF-8. */
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
