/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The grammar of libvirt's configuration files, such as qemu.conf (src/util/virconf.c). A daemon does not
 * start with a file that has an error anywhere. */
#pragma once

#include <stddef.h>

enum conf_result {
    CONF_NONE,   /* no such setting */
    CONF_STRING, /* its value is in out */
    CONF_OTHER,  /* it is not a string, or one that does not fit in out */
    CONF_BROKEN, /* the text has an error, in *line (from 1) */
};

/* Reads a setting from a whole text; the first one of that name applies. */
enum conf_result libvirt_conf_read(const char *text, const char *name, char *out, size_t size,
                                   unsigned int *line);

enum { CONF_NAME_SIZE = 64 };

/* Finds the first setting of qemu.conf whose value is of a type for which the daemon does not start its QEMU
 * driver; a setting that is repeated has the first value. Returns what it must be, in words, with its name
 * and line; NULL: none of those that are known, or the text has an error. */
const char *libvirt_conf_mistyped(const char *text, char name[CONF_NAME_SIZE], unsigned int *line);
