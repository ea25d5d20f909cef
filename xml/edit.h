/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Changes to a text, as a list of pieces to cut and text to insert. All other bytes stay. */
#pragma once

#include <stddef.h>

struct edit {
    size_t at, cut; /* bytes [at, at + cut) are removed */
    char *insert;   /* and replaced by this; owned */
    size_t number;  /* insertion order; edits at the same position keep it */
};

struct edits {
    struct edit *list; /* owned */
    size_t count;
};

/* Adds an edit. Takes ownership of insert. Edits at the same position are applied in the order in which they
 * were added. Returns 0, or -1 if out of memory, also if insert is NULL (so that the result of an allocating
 * function can be passed on); insert is then freed. */
int edits_add(struct edits *edits, size_t at, size_t cut, char *insert);
void edits_free(struct edits *edits);
#define _cleanup_edits_ __attribute__((cleanup(edits_free)))

/* Applies the edits. Returns the new text, NUL-terminated, to be freed by the caller, and its length in
 * *out_size. Sorts the list. NULL: out of memory, or two edits overlap. */
char *edits_apply(struct edits *edits, const char *text, size_t size, size_t *out_size);

/* Escapes text for XML: &, < and > as entities, carriage returns as character references (a parser would
 * turn them into line feeds). For attributes also quotes, and all white space except blanks. Returns a new
 * string, or NULL. */
char *escape_text(const char *text, size_t size);
char *escape_attribute(const char *text);
