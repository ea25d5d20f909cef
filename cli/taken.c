/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "taken.h"

#include "base/text.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct name {
    char dev[NAME_SIZE];
    char domain[]; /* its UUID, or else its name */
};

static const char *key_of(const struct domain *domain)
{
    return text_or(domain->uuid, text_or(domain->name, ""));
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct name *)a)->dev, ((const struct name *)b)->dev);
}

int taken_add(struct taken *taken, const struct domain *domain, const char *dev)
{
    const char *key = key_of(domain);
    struct name *name = calloc(1, sizeof(*name) + strlen(key) + 1);

    if (!name)
        return -ENOMEM;
    strncpy(name->dev, dev, NAME_SIZE - 1);
    strcpy(name->domain, key);
    struct name **found = tsearch(name, &taken->names, compare);
    if (!found || *found != name)
        free(name);
    if (found)
        return 0;
    return -ENOMEM;
}

int taken_add_document(struct taken *taken, const char *text, size_t size)
{
    _cleanup_domain_ struct domain domain = {0};
    struct error ignored;
    int err = 0;

    if (domain_read(&domain, text, size, &ignored) < 0 || domain.foreign)
        return 0;
    for (size_t i = 0; i < domain.tap_count && !err; i++)
        if (domain.taps[i].interface)
            err = taken_add(taken, &domain, domain.taps[i].dev);
    return err;
}

bool taken_by_another(const struct taken *taken, const struct domain *domain, const char *dev)
{
    struct name wanted = {.dev = ""};

    strncpy(wanted.dev, dev, NAME_SIZE - 1);
    struct name *const *found = tfind(&wanted, &taken->names, compare);
    return found && strcasecmp((*found)->domain, key_of(domain)) != 0;
}

void taken_free(struct taken *taken)
{
    tdestroy(taken->names, free);
    taken->names = NULL;
}
