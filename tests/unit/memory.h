/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Policies whose files live in memory, and somebody they are judged for. */
#pragma once

#include "base/error.h"
#include "policy/policy.h"

struct memory_file {
    const char *path;
    const char *text; /* NULL: a folder */
    int error;        /* of reading it */
    size_t size;      /* 0: strlen(text) */
};

#define FILES(...) ((const struct memory_file[]){__VA_ARGS__, {NULL, NULL, 0, 0}})
#define MAIN(text)                                                                                           \
    {                                                                                                        \
        "/main", text, 0, 0                                                                                  \
    }

/* The policy read last, and why it was not. */
extern struct policy policy;
extern struct error why;

/* Users: alice and al are both 1000, whose account is alice with gid 1999; bob is 1001. No account: 1001,
 * whose name does not lead to one; 1002, whose name leads to 1000; 1004, whose name leads to nobody. Nobody
 * can tell: 1003, 1099, the name 'broken'. Groups: own 2000, readers 2001, students 2002, any other name 2003
 * but 'nobody', of whom there is none; 2099 cannot be looked up, other gids have no name. */
extern const struct name_source memory_names;

/* uid 1000, gid 2000, groups 2001 and 2002. */
extern const struct caller alice;

/* Reads "/main" of these files into `policy`; returns what policy_read() does. The other keeps only what is
 * about that bridge. */
int read_policy(const struct memory_file *files, enum policy_dialect dialect);
int read_policy_of(const char *bridge, const struct memory_file *files, enum policy_dialect dialect);

/* Judges `policy` for alice, which must not fail. */
struct policy_match decide(const char *bridge);

/* Both, and frees it: 1 allowed, 0 denied, -1 the policy does not count. */
int verdict(const struct memory_file *files, enum policy_dialect dialect, const char *bridge);
