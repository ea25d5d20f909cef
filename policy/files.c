/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "files.h"

#include "base/error.h"
#include "base/file.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE_MOST = 4095 /* what fits into qemu-bridge-helper's buffer: see policy.h */ };

void policy_files_begin(struct policy_files *files, enum policy_dialect dialect)
{
    *files = (struct policy_files){.dialect = dialect};
    rootfile_begin(&files->rootfile, dialect == POLICY_STRICT ? ROOTFILE_NO_LINKS : ROOTFILE_ROOTS_LINKS);
}

void policy_files_free(struct policy_files *files)
{
    for (size_t i = 0; i < files->exception_count; i++)
        free(files->exceptions[i].path);
    free(files->untrusted);
    files->exception_count = 0;
    files->untrusted = NULL;
}

static bool excepted(const struct policy_files *files, const char *path, unsigned long line)
{
    for (size_t i = 0; i < files->exception_count; i++)
        if (files->exceptions[i].line == line && strcmp(files->exceptions[i].path, path) == 0)
            return true;
    return false;
}

bool policy_files_except(struct policy_files *files, const char *path, unsigned long line)
{
    struct policy_exception *next = &files->exceptions[files->exception_count];

    if (files->exception_count == sizeof(files->exceptions) / sizeof(files->exceptions[0]) ||
        excepted(files, path, line))
        return false;
    *next = (struct policy_exception){strdup(path), line};
    if (!next->path)
        return false;
    files->exception_count++;
    return true;
}

bool policy_files_readable_by_all(const char *path)
{
    char whole[PATH_MAX];
    struct stat st;

    /* The links of a bridge.conf are followed. What cannot be examined here fails to be read for other
     * reasons. */
    if (!realpath(path, whole) || stat(whole, &st) < 0)
        return true;
    const mode_t wanted = S_ISDIR(st.st_mode) ? 0055 : 0044; /* root's group may have other members */
    if ((st.st_mode & wanted) != wanted)
        return false;
    for (char *slash = strrchr(whole, '/'); slash; slash = strrchr(whole, '/')) {
        *slash = '\0';
        if (stat(*whole ? whole : "/", &st) == 0 && (st.st_mode & 0011) != 0011)
            return false;
    }
    return true;
}

const char *policy_files_line(const struct policy_text *text, enum policy_dialect dialect, unsigned long line,
                              size_t *length)
{
    const char *at = text->bytes, *end = at + text->size;

    for (unsigned long number = 1; at < end; number++) {
        size_t most = (size_t)(end - at);
        if (dialect == POLICY_QEMU && most > LINE_MOST)
            most = LINE_MOST;
        const char *newline = memchr(at, '\n', most);
        *length = newline ? (size_t)(newline - at) : most;
        if (number == line)
            return at;
        at += *length + (newline ? 1 : 0);
    }
    return NULL;
}

/* Empties that file's excepted lines in the text; line numbers do not change. */
static void empty_lines(const struct policy_files *files, const char *path, struct policy_text *text)
{
    for (size_t i = 0; i < files->exception_count; i++) {
        const struct policy_exception *exception = &files->exceptions[i];
        size_t length = 0;
        if (!exception->line || strcmp(exception->path, path) != 0)
            continue;
        const char *line = policy_files_line(text, files->dialect, exception->line, &length);
        if (!line || !length)
            continue;
        const size_t start = (size_t)(line - text->bytes), behind = start + length;
        text->bytes[start] = '\n'; /* also where a bridge.conf's long line was cut */
        const size_t skipped = behind < text->size && text->bytes[behind] == '\n' ? behind + 1 : behind;
        memmove(text->bytes + start + 1, text->bytes + skipped, text->size - skipped);
        text->size -= skipped - start - 1;
    }
}

/* Reads a file that others could have written, and no other one that they have put a link to there. Returns
 * 0, or -errno and why not. */
static int read_untrusted(const char *path, size_t limit, struct policy_text *out, struct error *why)
{
    struct error reason = {0};
    struct file file;

    if (file_hold(&file, path, limit, &reason) < 0) {
        error_set(why, "%s: %s", path, reason.text);
        return -EPERM;
    }
    const struct policy_text text = {file.text, file.size, file.as_read.st_dev, file.as_read.st_ino};
    if (text.size <= limit) {
        *out = text;
        file.text = NULL;
    }
    file_release(&file);
    return text.size <= limit ? 0 : -EFBIG;
}

/* Whether the main file is another user's, who may not read the one that it includes: what root reads for
 * them is not shown to them. */
static bool is_secret(const struct policy_files *files, const char *path, struct error *why)
{
    if (!excepted(files, files->main, 0) || strcmp(path, files->main) == 0 ||
        policy_files_readable_by_all(path))
        return false;
    error_set(why, "%s is not read: not everybody may read it, and others than root can write %s", path,
              files->main);
    return true;
}

static bool hidden(const struct policy_files *files, const char *path)
{
    if (files->only)
        return strcmp(path, files->only) != 0;
    return files->for_all && strcmp(path, files->for_all) != 0 && !policy_files_readable_by_all(path);
}

static int read_one(void *context, const char *path, size_t limit, struct policy_text *out, struct error *why)
{
    struct policy_files *files = context;

    if (hidden(files, path))
        return -EACCES;
    const bool secret = is_secret(files, path, why);
    int err = secret ? -EPERM : rootfile_read(&files->rootfile, path, limit, out, why);
    if (err == -EPERM && !secret) {
        struct policy_text text = {.bytes = NULL};
        const int unsafe = read_untrusted(path, limit, &text, why);
        if (!unsafe && excepted(files, path, 0)) {
            *out = text;
            err = 0;
        } else if (!unsafe) {
            free(text.bytes);
            free(files->untrusted);
            files->untrusted = strdup(path);
        }
    }
    if (err && files->failed)
        files->failed(files->context, path, err, why->text);
    if (!err && out->bytes)
        empty_lines(files, path, out);
    if (strcmp(path, files->main) == 0 && ++files->times == 2 && files->failed)
        files->failed(files->context, path, -ELOOP, "it includes itself");
    if (!err && !out->bytes && files->failed)
        files->failed(files->context, path, -EISDIR, "it is a folder, so no file in it is read");
    return err;
}

static int list_one(void *context, const char *folder, const char *pattern,
                    int (*each)(void *arg, const char *path), void *arg, struct error *why)
{
    struct policy_files *files = context;

    if (hidden(files, folder))
        return -EACCES;
    if (is_secret(files, folder, why))
        return -EPERM;
    const int err = rootfile_list(&files->rootfile, folder, pattern, each, arg, why);
    if (err < 0 && files->failed)
        files->failed(files->context, folder, err, why->text);
    return err;
}

int policy_files_read(struct policy_files *files, struct policy *out, const char *path, struct error *why)
{
    const struct policy_source source = {files, read_one, list_one};

    free(files->untrusted);
    files->untrusted = NULL;
    files->main = path;
    files->times = 0;
    return policy_read(out, path, files->dialect, NULL, &source, why);
}
