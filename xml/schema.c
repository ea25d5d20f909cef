/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The one use of libxml2, which is loaded when it is asked for: it brings libicu and libstdc++ along. */
#include "schema.h"

#include <dlfcn.h>
#include <libxml/parser.h>
#include <libxml/relaxng.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FUNCTIONS(X)                                                                                         \
    X(xmlReadMemory)                                                                                         \
    X(xmlFreeDoc)                                                                                            \
    X(xmlSetStructuredErrorFunc)                                                                             \
    X(xmlRelaxNGNewParserCtxt)                                                                               \
    X(xmlRelaxNGSetParserStructuredErrors)                                                                   \
    X(xmlRelaxNGParse)                                                                                       \
    X(xmlRelaxNGFreeParserCtxt)                                                                              \
    X(xmlRelaxNGNewValidCtxt)                                                                                \
    X(xmlRelaxNGSetValidStructuredErrors)                                                                    \
    X(xmlRelaxNGValidateDoc)                                                                                 \
    X(xmlRelaxNGFreeValidCtxt)                                                                               \
    X(xmlRelaxNGFree)

struct schema {
    void *library;
#define X(name) __typeof__(name) *name; /* NOLINT(bugprone-macro-parentheses): a declaration */
    FUNCTIONS(X)
#undef X
    xmlRelaxNG *grammar;
};

/* What libxml2 says first. */
static void keep_first(void *data, xmlErrorPtr error)
{
    struct xml_error *why = data;

    if (why->text[0])
        return;
    why->line = error->line > 0 ? (unsigned int)error->line : 1;
    why->column = 1;
    snprintf(why->text, sizeof(why->text), "%s", error->message ? error->message : "not valid");
    why->text[strcspn(why->text, "\n")] = '\0';
    xml_clean(why->text);
}

static bool load_library(struct schema *schema, struct xml_error *why)
{
    static const char *const versions[] = {"libxml2.so.2", "libxml2.so.16"};

    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]) && !schema->library; i++)
        schema->library = dlopen(versions[i], RTLD_NOW | RTLD_LOCAL);
    if (schema->library) {
        bool all = true;
#define X(name) all = (*(void **)&schema->name = dlsym(schema->library, #name)) && all;
        FUNCTIONS(X)
#undef X
        if (all)
            return true;
    }
    snprintf(why->text, sizeof(why->text), "libxml2 is not installed, or another version of it");
    return false;
}

struct schema *schema_load(const char *path, struct xml_error *why)
{
    struct schema *schema = calloc(1, sizeof(*schema));

    *why = (struct xml_error){0};
    if (schema && load_library(schema, why)) {
        xmlRelaxNGParserCtxt *parser = schema->xmlRelaxNGNewParserCtxt(path);
        if (parser) {
            /* Errors of reading a file do not go through the parser. */
            schema->xmlSetStructuredErrorFunc(why, keep_first);
            schema->xmlRelaxNGSetParserStructuredErrors(parser, keep_first, why);
            schema->grammar = schema->xmlRelaxNGParse(parser);
            schema->xmlRelaxNGFreeParserCtxt(parser);
            schema->xmlSetStructuredErrorFunc(NULL, NULL);
        }
    }
    if (schema && schema->grammar)
        return schema;
    if (!why->text[0])
        snprintf(why->text, sizeof(why->text), "no memory");
    schema_free(schema);
    return NULL;
}

void schema_free(struct schema *schema)
{
    if (schema && schema->grammar)
        schema->xmlRelaxNGFree(schema->grammar);
    free(schema); /* the library stays: what it allocates for good is freed with the process */
}

/* libxml2 before 2.12 compares each attribute of an element with all before it (xmlParseStartTag2). */
static int check_attributes(const char *text, size_t size, struct xml_error *why)
{
    enum { ATTRIBUTES_MAX = 1000 /* which the grammar has nowhere, but where it takes anything */ };
    struct document doc;
    int result = document_read(&doc, text, size, why);

    for (size_t i = 0; result == 0 && i < doc.count; i++) {
        size_t words = 0;
        while (doc.nodes[i].attributes[words])
            words++;
        if (words > 2 * ATTRIBUTES_MAX)
            result =
                document_fail(&doc, &doc.nodes[i], why, "it has more than %d attributes", ATTRIBUTES_MAX);
    }
    document_free(&doc);
    return result;
}

int schema_check(const struct schema *schema, const char *text, size_t size, struct xml_error *why)
{
    if (check_attributes(text, size, why) < 0)
        return -1;
    xmlDoc *tree = schema->xmlReadMemory(text, (int)size, NULL, NULL,
                                         XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    xmlRelaxNGValidCtxt *checker = tree ? schema->xmlRelaxNGNewValidCtxt(schema->grammar) : NULL;
    int result = -1;

    why->text[0] = '\0';
    if (checker) {
        schema->xmlRelaxNGSetValidStructuredErrors(checker, keep_first, why);
        result = schema->xmlRelaxNGValidateDoc(checker, tree);
        schema->xmlRelaxNGFreeValidCtxt(checker);
    }
    schema->xmlFreeDoc(tree);
    if (result == 0)
        return 0;
    return why->text[0] ? -1 : xml_fail(why, text, 0, "libxml2 does not read it");
}
