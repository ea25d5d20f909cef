/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * libvirt's RELAX NG grammar for domains. */
#pragma once

#include "document.h"

struct _xmlRelaxNG;

/* Loads a RELAX NG grammar, which takes longer than anything else here. Returns it, to be freed with
 * schema_free(), or NULL and why. */
struct _xmlRelaxNG *schema_load(const char *path, struct error *why);
void schema_free(struct _xmlRelaxNG *schema);

/* Checks a document, one that document_read() has accepted, possibly changed since, against the grammar.
 * Returns 0, or -1 and why. */
int schema_check(struct _xmlRelaxNG *schema, const char *text, size_t size, struct error *why);
