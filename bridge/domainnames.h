/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The names of libvirt's domains, from the files of the caller's own libvirt: those of qemu:///system for
 * root, otherwise the caller's session. libvirt itself is not asked. What these files say only affects what
 * their owner is shown. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

struct domain_names {
    struct domain_name *list;
    size_t count;
};

/* Returns 0 or -ENOMEM; files that cannot be read are skipped. The caller must domain_names_free(). */
int domain_names_read(struct domain_names *out);
void domain_names_free(struct domain_names *names);

/* Returns the printable name of the domain with that UUID in the libvirt of that user, or "". */
const char *domain_names_find(const struct domain_names *names, uid_t user, const char *uuid);
