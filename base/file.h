/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Whole files in and out, in folders that somebody else may be able to write: root works on users' files.
 * Nothing is opened before it is known to be a regular file (opening a device can do something, a FIFO can
 * wait for ever), and a file that is replaced is found by a folder held open, never by its path again. */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

struct error;

/* Opens a regular file for reading, links to it being followed. Returns a descriptor that the caller owns,
 * or -errno: -EPERM it is something else. */
int file_open(const char *path);

/* Reads all of a file, or of standard input for "-", but not more than max + 1 bytes: who gets so many knows
 * that it is too long. Besides regular files, a pipe without a name will do, as a shell's <(COMMAND) gives
 * one. Returns a new buffer and its length, or NULL and why not. *mode is the file's, 0644 of what is none.
 */
char *file_read(const char *path, size_t max, size_t *size, mode_t *mode, struct error *why);

/* Writes the path from '/' of a file named from the current folder. Returns false if it is too long, or the
 * folder cannot be found. */
bool file_whole_path(const char *file, char out[PATH_MAX]);

/* A regular file that may be replaced. */
struct file {
    int folder; /* where it is; nobody can put another in its place */
    int fd;     /* the file, for reading */
    char *name; /* in the folder */
    struct stat as_read;
    char *text;
    size_t size;
};

/* Finds a file and reads it as file_read() does. Refused are a symbolic link, also one on the way there that
 * is neither root's nor the caller's (whoever owns it chooses what is replaced), and a file of several names
 * (hard links), of which only one would change. Returns 0, the caller then must file_release() it, or -1 and
 * why not. */
int file_hold(struct file *out, const char *path, size_t max, struct error *why);
void file_release(struct file *file);

/* Puts text into the file, all of it or nothing: a new file takes its place, with its owner, group,
 * permissions, access list and other extended attributes, but for set-user-ID bits and capabilities, and is
 * on the disk before. Only if it still is the file that was read, unchanged: the two are exchanged in one
 * step, and back if something else comes out (where a file system cannot do that, it is looked at just
 * before). Returns 0, or -1 and why not, nothing being left then. */
int file_replace(const struct file *file, const char *text, size_t size, struct error *why);

/* Makes a file of that name in the folder, in the place of one that is there, all of it or nothing. It is the
 * caller's; mode is as open(2) takes it, without the right to execute. Links on the way to the folder as
 * above. Returns 0, or -1 and why not. */
int file_put(const char *folder, const char *name, const char *text, size_t size, mode_t mode,
             struct error *why);

/* Puts the text into the file of that absolute path as file_put() does, but with that mode, whatever the
 * umask, in folders that are made where they are missing, and on the disk before it returns. */
int file_configure(const char *path, const char *text, mode_t mode, struct error *why);
