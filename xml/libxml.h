/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Differences between versions of libxml2. */
#pragma once

#include <libxml/parser.h>
#include <libxml/parserInternals.h>

#if LIBXML_VERSION >= 21200
typedef const xmlError *libxml_error;
#else
typedef xmlErrorPtr libxml_error;
#endif

/* The parser's position in its input, which must not need transcoding. To be called from its callbacks. */
static inline size_t libxml_offset(xmlParserCtxt *parser)
{
#if LIBXML_VERSION >= 21500
    unsigned long at = 0;

    xmlCtxtGetInputPosition(parser, 0, NULL, NULL, NULL, &at);
    return at;
#else
    const long at = xmlByteConsumed(parser);

    return at < 0 ? 0 : (size_t)at;
#endif
}
