/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What mends things, in the words of the distribution that runs here. */
#pragma once

#include <stddef.h>

enum package { PACKAGE_QEMU, PACKAGE_LIBVIRT, PACKAGE_KERNEL };

/* The command that installs the package by this distribution's package manager (/etc/os-release), or a
 * comment where it is not known. */
void mend_install(enum package package, char *out, size_t size);

/* A word as a shell takes it: quote_into() of base/quote.h. */
void mend_quote(const char *word, char *out, size_t size);

/* The name that this distribution has for itself (PRETTY_NAME), "unknown" where it does not say. */
void mend_distribution(char *out, size_t size);
