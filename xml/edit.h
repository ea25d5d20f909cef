/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Changes to a text as a list of what is cut where and what comes instead: every other byte stays. */
#pragma once

#include <stddef.h>

struct edit {
    size_t at, cut; /* bytes [at, at + cut) go */
    char *insert;   /* and this comes; owned */
    size_t number;  /* of its note: edits at one place stay in that order */
};

struct edits {
    struct edit *list; /* owned */
    size_t count;
};

/* Notes an edit; insert becomes the list's. Edits at the same place are done in the order of their notes.
 * Returns 0, or -1 when memory is out, also when insert is NULL (so that the result of a function that
 * allocates can be passed on); then insert is freed. */
int edits_add(struct edits *edits, size_t at, size_t cut, char *insert);
void edits_free(struct edits *edits);
#define _cleanup_edits_ __attribute__((cleanup(edits_free)))

/* The text with the edits done, with a '\0' behind it, to be freed by the caller. *out_size is its length.
 * Sorts the list. NULL: memory is out, or two edits are about the same bytes. */
char *edits_apply(struct edits *edits, const char *text, size_t size, size_t *out_size);

/* Text for XML: &, < and > as entities, a carriage return as a character reference (a parser would make it a
 * line feed); quotes too, and all white space but blanks, where it is for an attribute. Returns a new string,
 * or NULL. */
char *escape_text(const char *text, size_t size);
char *escape_attribute(const char *text);
