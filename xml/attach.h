/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Adds an interface to a domain, for domain_rewrite() to point at a tap, and removes one with its tap. */
#pragma once

#include "domain.h"
#include "edit.h"

/* Puts an interface, an element as text, behind the domain's other devices. Returns the new document,
 * NUL-terminated, to be freed, and its length; or NULL and why. */
char *attach_insert(const struct domain *domain, const char *interface, size_t *size, struct error *why);

/* Adds the edits that remove a tap from the metadata, and its interface, if there is one. Returns 0, or -1 if
 * out of memory. */
int attach_remove(struct edits *edits, const struct domain *domain, const struct tap *tap);

/* Returns the domain's list of taps as virDomainSetMetadata() takes it, which adds the namespace itself:
 * without `except`, and with `extra`, which may be of another domain; NULL: none. "": the list is empty. To
 * be freed; NULL: out of memory. */
char *attach_list(const struct domain *domain, const struct tap *except, const struct tap *extra);
