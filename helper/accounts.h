/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Users and groups as /etc/passwd and /etc/group have them: what NSS would answer, where it asks these files
 * before all else. Functions of their texts alone. Whatever is not plain they leave to NSS. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* How many numbers stand in a row in a line: NAME:PASSWORD:NUMBER[:NUMBER]... */
enum { ACCOUNTS_USERS = 2, ACCOUNTS_GROUPS = 1 };

/* Whether what a file says of a database ("passwd", "group") is final: in this nsswitch.conf the first
 * service is "files", and no action stands behind it (nsswitch.conf(5); SUCCESS=return unless told). False
 * also where that cannot be told for certain. */
bool accounts_files_first(const char *nsswitch, const char *database);

/* Looks a name up in the text of the file; numbers: which file it is. Returns whether NSS would find it
 * there, and then with which number (glibc 2.36: nss/nss_files/files-XXX.c, the first line of that name that
 * parses). False: not there, or not for certain. */
bool accounts_find(const char *text, unsigned int numbers, const char *name, id_t *id);

/* Likewise: the name of a user, with a '\0' at its end, of at most `size` bytes in all. */
bool accounts_find_name(const char *passwd, uid_t uid, char *name, size_t size);
