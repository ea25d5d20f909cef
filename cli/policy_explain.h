/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What virt-tap policy explain has found out, for people and for programs. */
#pragma once

#include "base/error.h"
#include "net/link.h"
#include "policy/decide.h"

#include <jansson.h>

/* Whether the bridge exists, or would be made. */
struct bridge_facts {
    bool usable, isolated, other; /* other: the name is that of another kind of device */
    unsigned long declared;       /* missing, and declared at this line; 0: not so */
    struct error why;             /* if it is not usable */
    struct link link;             /* if it exists */
};

/* How many taps count towards a quota: the number of its claimed slots (policy/claim.h), as the helper counts
 * them. */
struct used {
    unsigned int of_user, of_range, quota; /* quota 0: none */
    int err;                               /* -errno: the numbers are not known */
};

/* What the policy says, with the reasons. */
struct answer {
    const char *selector;            /* of the caller, as in a rule */
    const struct question *question; /* without the tap */
    bool loaded, allowed,
        taken; /* taken: no tap there can be so: a MAC or address is another's, or the bridge lacks it */
    struct policy policy;
    struct decision decision;
    struct used used;
    struct error why;
};

/* Whether no further tap fits into the quota. */
static inline bool explain_is_full(const struct used *used)
{
    return used->quota && (used->of_user >= used->quota || used->of_range >= used->quota);
}

/* All of it as an object; docs/interfaces.md has the keys. yes: whether such a tap would be made. */
json_t *explain_json(const struct answer *answer, const struct bridge_facts *state,
                     const struct caller *caller, bool yes);
