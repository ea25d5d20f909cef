/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "schema.h"

#include "base/text.h"
#include "libxml.h"

#include <libxml/relaxng.h>
#include <string.h>

/* Keeps libxml2's first message. It has line numbers but no columns for a tree. */
static void keep_first(void *data, libxml_error error)
{
    struct error *why = data;
    const char *message = text_or(error->message, "not valid");

    if (why->text[0])
        return;
    xml_fail(why, "", 0, "%.*s", (int)strcspn(message, "\n"), message); /* at line 1 */
    if (error->line > 0)
        why->line = (unsigned int)error->line;
}

xmlRelaxNG *schema_load(const char *path, struct error *why)
{
    xmlRelaxNGParserCtxt *parser = xmlRelaxNGNewParserCtxt(path);
    xmlRelaxNG *grammar = NULL;

    *why = (struct error){0};
    if (parser) {
        /* Errors in reading a file do not go through the parser. */
        xmlSetStructuredErrorFunc(why, keep_first);
        xmlRelaxNGSetParserStructuredErrors(parser, keep_first, why);
        grammar = xmlRelaxNGParse(parser);
        xmlRelaxNGFreeParserCtxt(parser);
        xmlSetStructuredErrorFunc(NULL, NULL);
    }
    if (!grammar && !why->text[0])
        error_set(why, "no memory");
    return grammar;
}

void schema_free(xmlRelaxNG *schema)
{
    if (schema)
        xmlRelaxNGFree(schema);
}

/* Parses the document again, into the tree that libxml2 validates. */
int schema_check(xmlRelaxNG *schema, const char *text, size_t size, struct error *why)
{
    xmlDoc *tree =
        xmlReadMemory(text, (int)size, NULL, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    xmlRelaxNGValidCtxt *checker = xmlRelaxNGNewValidCtxt(schema);
    int result = -1;

    *why = (struct error){0};
    if (tree && checker) {
        xmlRelaxNGSetValidStructuredErrors(checker, keep_first, why);
        result = xmlRelaxNGValidateDoc(checker, tree);
    }
    xmlRelaxNGFreeValidCtxt(checker);
    xmlFreeDoc(tree);
    if (result != 0 && !why->text[0])
        xml_fail(why, text, 0, "libxml2 does not read it");
    return result == 0 ? 0 : -1;
}
