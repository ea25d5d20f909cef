/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Reads and writes whole files in folders that others may be able to write to: root edits users' files.
 * Nothing is opened before it is known to be a regular file (opening a device can have side effects, a FIFO
 * can block for ever), and a file that is replaced is found through a folder descriptor, never by its path
 * again. */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

struct error;

/* Reads a whole file, or standard input for "-", but at most max + 1 bytes: a size of max + 1 means that it
 * is too long. Besides regular files, accepts an unnamed pipe such as a shell's <(COMMAND). Returns a new
 * buffer and its length, or NULL and why not. *mode is the file's mode, or 0644 if it is not a file. */
char *file_read(const char *path, size_t max, size_t *size, mode_t *mode, struct error *why);

/* Likewise what an open descriptor has. Returns the buffer, which has room for one more byte unless it is too
 * long; NULL and errno. */
char *file_read_open(int fd, size_t max, size_t *size);

/* Writes the absolute path of a file named relative to the current folder. Returns false if it is too long or
 * the current folder cannot be determined. */
bool file_whole_path(const char *file, char out[PATH_MAX]);

/* A regular file that may be replaced. */
struct file {
    int folder; /* the folder it is in; nobody can substitute another */
    int fd;     /* the file, for reading */
    char *name; /* in the folder */
    struct stat as_read;
    char *text;
    size_t size;
};

/* Finds a file and reads it as file_read() does. Refuses a symbolic link, including one on the way that
 * belongs to neither root nor the caller (its owner would choose what is replaced), and a file with several
 * hard links, only one of which would change. Returns 0, and the caller must call file_release(); or -1 and
 * why not. */
int file_hold(struct file *out, const char *path, size_t max, struct error *why);
void file_release(struct file *file);

/* Replaces the file's content with text, completely or not at all: a new file takes its place, with the old
 * one's owner, group, permissions, ACL and other extended attributes, but without set-user-ID bits and
 * capabilities, and is on disk before that. Only replaces the file that was read, unchanged: the two are
 * exchanged in one step, and exchanged back if another file comes out (if the file system cannot do that, the
 * file is checked just before). Returns 0; or -1 and why not, with nothing left behind. */
int file_replace(const struct file *file, const char *text, size_t size, struct error *why);

/* Fills a new file: with the text; with the owner, group, ACL and other extended attributes of `old`, a
 * descriptor, or -1; and with exactly that mode. It is on disk then. Returns 0, or -1 and why not. */
int file_fill(int fd, int old, const char *text, size_t size, mode_t mode, struct error *why);

/* Creates a file of that name in the folder or replaces an existing one, completely or not at all. It belongs
 * to the caller; mode is as for open(2), without execute permission. Links on the way to the folder are
 * treated as above. Returns 0, or -1 and why not. */
int file_put(const char *folder, const char *name, const char *text, size_t size, mode_t mode,
             struct error *why);

/* Writes text to the file with that absolute path as file_put() does, but with exactly that mode, whatever
 * the umask; missing folders are created, and the file is on disk on return. */
int file_configure(const char *path, const char *text, mode_t mode, struct error *why);
