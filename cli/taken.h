/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The names of taps that the domains at hand have, so that none is given to two domains. */
#pragma once

#include "xml/domain.h"

struct taken {
    void *names; /* a tree, see tsearch(3); NULL: none */
};

/* Adds the taps that the document names: none of a clone, which are another's, nor of what is not a domain.
 * Returns 0, or -ENOMEM. */
int taken_add_document(struct taken *taken, const char *text, size_t size);

/* Adds one name of the domain's. Returns 0, or -ENOMEM. */
int taken_add(struct taken *taken, const struct domain *domain, const char *dev);

/* Whether another domain has that name. */
bool taken_by_another(const struct taken *taken, const struct domain *domain, const char *dev);
void taken_free(struct taken *taken);
