/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What `virt-tap xml` and `virt-tap domain` share: one document is rewritten, restored, mapped or shown, with
 * the messages that go with it. */
#pragma once

#include "taken.h"
#include "xml/change.h"
#include "xml/diff.h"
#include "xml/schema.h"

struct job {
    const char *name;        /* the command, for messages */
    change_function *change; /* domain_rewrite, domain_restore or domain_map */
    struct wish wish;
    struct known *known;        /* learns the names of taps that are given; NULL: nobody asks again */
    struct _xmlRelaxNG *schema; /* the result must pass it; NULL: need not */
};

struct product {
    struct change change;
    char *text; /* owned; with a '\0' behind it */
    size_t size;
    size_t left; /* how many interfaces had to be left as they are */
};

/* Changes text, called label in messages. Returns 0, or 1 with the reason printed. The caller must
 * product_free(out) in both cases. */
int job_run(const struct job *job, const char *label, const char *text, size_t size, struct product *out);
void product_free(struct product *product);
#define _cleanup_product_ __attribute__((cleanup(product_free)))

/* Prints a document to standard output, to the byte unless that is a terminal: then what could steer it is
 * shown as escapes, and a message tells how many. */
void print_document(const char *name, const char *text, size_t size);

/* Prints what the document says of each interface and tap, a line each. Returns 0, or 1 with the reason
 * printed. */
int job_show(const char *name, const char *label, const char *text, size_t size);

/* What is known beside the document: data of the wish's functions. */
struct known {
    const char **words; /* of --network, NAME=BRIDGE */
    size_t count;
    struct taken taken; /* by the domains at hand, also as they were just changed */
};
void known_free(struct known *known);
#define _cleanup_known_ __attribute__((cleanup(known_free)))

/* The options that both have. They return 0, or 2 with the reason printed. */
int wish_bridge(struct wish *wish, const char *name, const char *word);
int networks_add(struct known *known, const char *name, const char *word);

/* Reports an option that getopt_long(3) did not know. Returns 2. */
int unknown_option(char *argv[]);

/* Functions of a wish: data is a struct known. */
bool taken_find(void *data, const struct domain *domain, const char *dev);
int networks_find(void *data, const char *network, char bridge[NAME_SIZE], char reason[REASON_SIZE]);
