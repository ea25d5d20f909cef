/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * A file system for policies, made of the bytes of one fuzz input. The text up to the first line that begins
 * with '@' is /main; each such line begins the next file, /1 to /9, and says what it is:
 *
 *     allow br0
 *     include /1
 *
 *     @EACCES
 *     @wide 1
 *     deny br1~~~~
 *
 * The newline before '@' belongs to no file, hence the empty line above. If the input begins with '@', that
 * line is about /main. The words after '@', in any order and number:
 *     EACCES ...  reading fails so (files_errors has them all)
 *     folder      it is a folder
 *     fresh       its inode is another one at each reading, so that loops are not seen
 *     wide        '~' stands for 1,000 blanks
 *     a digit     its inode is that of /0 (/main) to /9
 * Other words mean nothing. */
#pragma once

#include "policy/policy.h"

#include <stdint.h>

enum { FILES_COUNT = 10 };

struct files_entry {
    const char *text; /* points into the input */
    size_t size;
    int error; /* 0: none */
    bool folder, fresh, wide;
    ino_t inode;
};

struct files {
    struct files_entry entries[FILES_COUNT];
    size_t count;
    const char *before, *after;  /* what is put in front of and behind the text of /main; never NULL */
    enum policy_dialect dialect; /* that it is read in; set by files_rewind */

    /* What has been asked since files_rewind: */
    size_t reads;
    unsigned int errors; /* bit i: files_errors[i].number was answered */
    bool listed;         /* the files of a folder were asked for, ever */
    bool folder;         /* a folder was read */
    bool fatal;          /* an error was answered after which nothing may be read any more */
};

/* The errors that reading may have, and which dialect passes an include over that has it. */
struct files_error {
    const char *name;
    int number;
    bool passed[2]; /* index: enum policy_dialect */
};
extern const struct files_error files_errors[];
extern const size_t files_error_count;

void files_parse(struct files *out, const uint8_t *data, size_t size);
void files_rewind(struct files *files, enum policy_dialect dialect);

/* Of a struct policy_source; context is the struct files. Holds that it is asked only what it may be asked.
 */
int files_read(void *context, const char *path, size_t limit, struct policy_text *out, struct error *why);

/* Likewise: every folder is empty. */
int files_list(void *context, const char *folder, const char *pattern,
               int (*each)(void *arg, const char *path), void *arg, struct error *why);
