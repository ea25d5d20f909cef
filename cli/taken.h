/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The tap names used by the domains at hand, so that none is given to two domains. */
#pragma once

#include "xml/domain.h"

struct taken {
    void *names; /* a tsearch(3) tree; NULL: empty */
};

/* Adds the taps that the document names, except those of a clone, which belong to another domain; adds
 * nothing if it is not a domain. Returns 0 or -ENOMEM. */
int taken_add_document(struct taken *taken, const char *text, size_t size);

/* Adds one name for the domain. Returns 0 or -ENOMEM. */
int taken_add(struct taken *taken, const struct domain *domain, const char *dev);

/* Whether another domain uses that name. */
bool taken_by_another(const struct taken *taken, const struct domain *domain, const char *dev);
void taken_free(struct taken *taken);
