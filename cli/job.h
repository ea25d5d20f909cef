/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rewriting or restoring one document, saying what is to be said: what `virt-tap xml` and `virt-tap domain`
 * share. */
#pragma once

#include "taken.h"
#include "xml/change.h"
#include "xml/diff.h"
#include "xml/schema.h"

typedef int change_function(struct change *out, const struct domain *domain, const struct wish *wish,
                            struct xml_error *why);

struct job {
    const char *name;        /* the command, for messages */
    change_function *change; /* domain_rewrite or domain_restore */
    struct wish wish;
    struct known *known;   /* learns the names of taps that are given; NULL: nobody asks again */
    struct schema *schema; /* the result must pass it; NULL: need not */
};

struct product {
    struct change change;
    char *text; /* owned; with a '\0' behind it */
    size_t size;
    size_t left; /* how many interfaces had to be left as they are */
};

/* Changes text, called label in messages. Returns 0, or 1 with the reason said. The caller must
 * product_free(out) in both cases. */
int job_run(const struct job *job, const char *label, const char *text, size_t size, struct product *out);
void product_free(struct product *product);

/* Prints a document to standard output, to the byte unless that is a terminal: then what could steer it is
 * shown as escapes, and it is said how many. */
void print_document(const char *name, const char *text, size_t size);

/* Says NAME: LABEL:LINE:COLUMN: TEXT. Returns 1. */
int complain_at(const char *name, const char *label, const struct xml_error *why);

/* Prints what the document says of each interface and tap, a line each. Returns 0, or 1 with the reason said.
 */
int job_show(const char *name, const char *label, const char *text, size_t size);

/* What is known beside the document: data of the wish's functions. */
struct known {
    const char **words; /* of --network, NAME=BRIDGE */
    size_t count;
    struct taken taken; /* by the domains at hand, also as they were just changed */
};
void known_free(struct known *known);

/* The options that both have. They return 0, or 2 with the reason said. */
int wish_bridge(struct wish *wish, const char *name, const char *word);
int networks_add(struct known *known, const char *name, const char *word);

/* Says that getopt_long(3) did not know an option. Returns 2. */
int unknown_option(char *argv[]);

/* Functions of a wish: data is a struct known. */
bool taken_find(void *data, const struct domain *domain, const char *dev);
int networks_find(void *data, const char *network, char bridge[NAME_SIZE], char reason[REASON_SIZE]);
