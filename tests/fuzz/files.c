/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "files.h"

#include "base/error.h"
#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 1000, WIDE_MOST = 64 };

/* Errors that nobody has thought of, like EIO, must not be passed over. */
const struct files_error files_errors[] = {
    {"EACCES", EACCES, {true, true}},
    {"ENOENT", ENOENT, {true, false}},
    {"ENOTDIR", ENOTDIR, {true, false}},
    {"ELOOP", ELOOP, {true, false}},
    {"ENAMETOOLONG", ENAMETOOLONG, {true, false}},
    {"ENXIO", ENXIO, {true, false}},
    {"ENODEV", ENODEV, {true, false}},
    {"EPERM", EPERM, {false, false}},
    {"EMFILE", EMFILE, {false, false}},
    {"ENFILE", ENFILE, {false, false}},
    {"ENOMEM", ENOMEM, {false, false}},
    {"EFBIG", EFBIG, {false, false}},
    {"EIO", EIO, {false, false}},
};
const size_t files_error_count = sizeof(files_errors) / sizeof(files_errors[0]);

static bool word_is(const char *word, size_t length, const char *expected)
{
    return strlen(expected) == length && memcmp(word, expected, length) == 0;
}

static void parse_word(struct files_entry *entry, const char *word, size_t length)
{
    if (length == 1 && word[0] >= '0' && word[0] <= '9')
        entry->inode = (ino_t)(word[0] - '0') + 1;
    entry->folder |= word_is(word, length, "folder");
    entry->fresh |= word_is(word, length, "fresh");
    entry->wide |= word_is(word, length, "wide");
    for (size_t i = 0; i < files_error_count; i++)
        if (word_is(word, length, files_errors[i].name))
            entry->error = files_errors[i].number;
}

/* The words of the line behind '@'; returns where the next line begins. */
static const char *parse_header(struct files_entry *entry, const char *at, const char *end)
{
    const char *newline = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
    const char *stop = newline ? newline : end;

    while (at < stop) {
        const char *blank = memchr(at, ' ', (size_t)(stop - at));
        const char *word_end = blank ? blank : stop;
        parse_word(entry, at, (size_t)(word_end - at));
        at = blank ? blank + 1 : stop;
    }
    return newline ? newline + 1 : end;
}

void files_parse(struct files *out, const uint8_t *data, size_t size)
{
    const char *at = (const char *)data, *end = at + size;

    *out = (struct files){.before = "", .after = ""};
    do {
        struct files_entry *entry = &out->entries[out->count++];
        entry->inode = out->count;
        if (at < end && *at == '@')
            at = parse_header(entry, at + 1, end);
        const char *next =
            out->count < FILES_COUNT && at < end ? memmem(at, (size_t)(end - at), "\n@", 2) : NULL;
        entry->text = at;
        entry->size = (size_t)((next ? next : end) - at);
        at = next ? next + 1 : end;
    } while (at < end);
}

void files_rewind(struct files *files, enum policy_dialect dialect)
{
    files->dialect = dialect;
    files->reads = 0;
    files->errors = 0;
    files->folder = false;
    files->fatal = false;
}

static const struct files_entry *find(const struct files *files, const char *path)
{
    size_t index = FILES_COUNT;

    if (strcmp(path, "/main") == 0)
        index = 0;
    else if (path[1] >= '1' && path[1] <= '9' && !path[2])
        index = (size_t)(path[1] - '0');
    return index < files->count ? &files->entries[index] : NULL;
}

static int fail(struct files *files, const char *path, int error, struct error *why)
{
    for (size_t i = 0; i < files_error_count; i++)
        if (files_errors[i].number == error) {
            files->errors |= 1U << i;
            files->fatal = files->reads == 1 || !files_errors[i].passed[files->dialect];
        }
    error_set(why, "%s: error %d", path, error);
    return -error;
}

/* One byte larger than the text, as it must be, so that AddressSanitizer sees each byte read beyond it. */
static char *make_text(const char *before, const struct files_entry *entry, const char *after, size_t *size)
{
    const size_t wide_most = entry->wide ? WIDE_MOST : 0;
    size_t wide = 0;

    for (size_t i = 0; i < entry->size; i++)
        wide += entry->text[i] == '~' && wide < wide_most;
    *size = strlen(before) + entry->size + wide * (WIDTH - 1) + strlen(after);
    char *bytes = malloc(*size + 1), *to = bytes;
    hold(bytes != NULL);
    bytes[*size] = 'x'; /* which is not read */
    memcpy(to, before, strlen(before));
    to += strlen(before);
    for (size_t i = 0; i < entry->size; i++) {
        if (entry->text[i] == '~' && wide > 0) {
            memset(to, ' ', WIDTH);
            to += WIDTH;
            wide--;
        } else {
            *to++ = entry->text[i];
        }
    }
    memcpy(to, after, strlen(after));
    return bytes;
}

int files_read(void *context, const char *path, size_t limit, struct policy_text *out, struct error *why)
{
    struct files *files = context;
    const struct files_entry *entry = find(files, path);

    hold(path[0] == '/');
    hold(limit <= 4UL * 1024 * 1024);
    hold(!files->fatal);
    files->reads++;
    if (!entry)
        return fail(files, path, ENOENT, why);
    if (entry->error)
        return fail(files, path, entry->error, why);
    out->inode = entry->fresh ? FILES_COUNT + files->reads : entry->inode;
    out->device = 1;
    if (entry->folder) {
        files->folder = true;
        return 0;
    }
    const bool main_file = entry == files->entries;
    out->bytes = make_text(main_file ? files->before : "", entry, main_file ? files->after : "", &out->size);
    if (out->size <= limit)
        return 0;
    free(out->bytes);
    out->bytes = NULL;
    return fail(files, path, EFBIG, why);
}

int files_list(void *context, const char *folder, const char *pattern,
               int (*each)(void *arg, const char *path), void *arg, struct error *why)
{
    struct files *files = context;
    (void)each;
    (void)arg;
    (void)why;
    files->listed = true;
    hold(files->dialect == POLICY_STRICT && folder[0] == '/' && strpbrk(pattern, "*?["));
    return 0;
}
