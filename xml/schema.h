/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * libvirt's own grammar of domains. */
#pragma once

#include "document.h"

struct schema;

/* Loads a RELAX NG grammar, which takes longer than anything else here. Returns it, to be freed with
 * schema_free(); or NULL and why. */
struct schema *schema_load(const char *path, struct xml_error *why);
void schema_free(struct schema *schema);

/* Whether the grammar accepts a document that document_read() has read. Returns 0, or -1 and why. */
int schema_check(const struct schema *schema, const char *text, size_t size, struct xml_error *why);
