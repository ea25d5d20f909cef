/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Writes configuration files and undoes it. LIST_FOLDER records which files belong to a bridge. */
#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "persist.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIST_FOLDER "/etc/virt-tap"
#define KEPT ".virt-tap-old"

static int add(struct persist_files *files, mode_t mode, char *text, const char *format, va_list args)
{
    struct persist_file *file = &files->list[files->count];
    const bool full = files->count == sizeof(files->list) / sizeof(files->list[0]);

    if (!text)
        return -ENOMEM;
    if (full || vasprintf(&file->path, format, args) < 0) {
        free(text);
        return full ? -ENOSPC : -ENOMEM;
    }
    file->text = text;
    file->mode = mode;
    files->count++;
    return 0;
}

int persist_add(struct persist_files *files, mode_t mode, char *text, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    const int err = add(files, mode, text, format, args);
    va_end(args);
    return err;
}

const char *persist_destination(const struct persist_route *route)
{
    if (strcmp(route->to, "default") != 0)
        return route->to;
    return route->family == AF_INET ? "0.0.0.0/0" : "::/0";
}

void persist_head(FILE *out, const struct persist_plan *plan)
{
    fprintf(out, "# Written by `virt-tap bridge persist %s`; `virt-tap bridge unpersist %s` takes it back.\n",
            plan->bridge, plan->bridge);
}

int persist_write(struct persist_files *files, const struct persist_plan *plan, mode_t mode,
                  void (*write)(FILE *out, const struct persist_plan *plan), const char *format, ...)
{
    char *text = NULL;
    size_t size;
    va_list args;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return -ENOMEM;
    persist_head(out, plan);
    write(out, plan);
    if (fclose(out) != 0) {
        free(text);
        text = NULL;
    }
    va_start(args, format);
    const int err = add(files, mode, text, format, args);
    va_end(args);
    return err;
}

void persist_free(struct persist_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        free(files->list[i].path);
        free(files->list[i].text);
    }
    files->count = 0;
}

/* Makes a hard link to the existing file, unless an older one is already kept: that is the
 * administrator's. */
static int keep_old(const char *path, struct error *why)
{
    char kept[PATH_MAX + sizeof(KEPT)];

    snprintf(kept, sizeof(kept), "%s" KEPT, path);
    if (link(path, kept) == 0 || errno == ENOENT || errno == EEXIST)
        return 0;
    return error_set(why, "%s", strerror(errno));
}

/* Only a file of ours may be removed. Files of others are changed, and later restored. */
static bool is_ours(const char *path)
{
    return strstr(path, "virt-tap") != NULL;
}

static long long changed_at(const struct stat *st)
{
    return (long long)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

/* Restores the previous file if it was kept; otherwise removes the file if it is ours alone. */
static int bring_back(const char *path)
{
    char kept[PATH_MAX + sizeof(KEPT)];
    struct stat old, now;

    snprintf(kept, sizeof(kept), "%s" KEPT, path);
    const bool saved = lstat(kept, &old) == 0, there = lstat(path, &now) == 0;
    if (saved && there &&
        old.st_ino == now.st_ino) /* still the same file, of which rename() would leave both names */
        return unlink(kept) < 0 ? -errno : 0;
    if (saved)
        return rename(kept, path) < 0 ? -errno : 0;
    return there && is_ours(path) && unlink(path) < 0 ? -errno : 0;
}

int persist_store(const char *verb, const struct persist_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        const struct persist_file *file = &files->list[i];
        struct error why = {0};
        if (keep_old(file->path, &why) == 0 && file_configure(file->path, file->text, file->mode, &why) == 0)
            continue;
        complain(1, verb, "nothing is changed, for %s cannot be written: %s", file->path, why.text);
        for (size_t done = 0; done <= i; done++)
            bring_back(files->list[done].path);
        return 1;
    }
    return 0;
}

static void list_path(char path[PATH_MAX], const char *bridge)
{
    snprintf(path, PATH_MAX, LIST_FOLDER "/persist.%s", bridge);
}

int persist_remember(const char *verb, const char *bridge, const struct persist_files *files)
{
    _cleanup_free_ char *text = NULL;
    char path[PATH_MAX];
    struct error why = {0};
    struct stat st;
    size_t size;
    FILE *list = open_memstream(&text, &size);

    for (size_t i = 0; list && i < files->count; i++)
        fprintf(list, "%lld %s\n", lstat(files->list[i].path, &st) == 0 ? changed_at(&st) : 0,
                files->list[i].path);
    if (!list || fclose(list) != 0)
        return complain(1, verb, "no memory");
    list_path(path, bridge);
    if (file_configure(path, text, 0600, &why) == 0)
        return 0;
    return complain(1, verb, "cannot write %s: %s", path, why.text);
}

/* Calls each(arg, path, mtime when it was written) for every recorded file. Returns the number of files (0:
 * none recorded), the first negative value returned by each(), or -errno. */
static int for_each(const char *bridge, int (*each)(void *arg, const char *path, long long written),
                    void *arg)
{
    _cleanup_free_ char *line = NULL;
    char path[PATH_MAX];
    size_t size = 0;
    int count = 0;

    list_path(path, bridge);
    _cleanup_fclose_ FILE *list = fopen(path, "re");
    if (!list)
        return errno == ENOENT ? 0 : -errno;
    for (; getline(&line, &size, list) > 0; count++) {
        const char *file = strchr(line, ' ');
        line[strcspn(line, "\n")] = '\0';
        if (!file || file[1] != '/')
            return -EBADMSG;
        const int err = each(arg, file + 1, strtoll(line, NULL, 10));
        if (err < 0)
            return err;
    }
    return count;
}

/* arg: the verb. Fails if an administrator has changed the file since: the change would be lost. */
static int check_unchanged(void *arg, const char *path, long long written)
{
    char kept[PATH_MAX + sizeof(KEPT)];
    struct stat old, now;

    snprintf(kept, sizeof(kept), "%s" KEPT, path);
    if (lstat(kept, &old) < 0 || lstat(path, &now) < 0 || old.st_ino == now.st_ino ||
        changed_at(&now) == written)
        return 0;
    complain(
        1, arg,
        "nothing is changed, for %s was changed since virt-tap wrote it: to keep it as it is now, remove %s, "
        "the file that was there before, and try again",
        path, kept);
    return -ESTALE;
}

static int bring_one_back(void *arg, const char *path, long long written)
{
    (void)arg;
    (void)written;
    return bring_back(path);
}

int persist_undo(const char *verb, const char *bridge)
{
    char path[PATH_MAX];
    int count = for_each(bridge, check_unchanged, (void *)(uintptr_t)verb);

    if (count > 0)
        count = for_each(bridge, bring_one_back, NULL);
    list_path(path, bridge);
    if (count > 0 && unlink(path) < 0)
        count = -errno;
    if (count < 0 && count != -ESTALE)
        complain(1, verb, "cannot undo what was written for '%s' (see %s): %s", bridge, path,
                 strerror(-count));
    return count;
}

/* arg: struct persist_files to add to. */
static int read_one(void *arg, const char *path, long long written)
{
    _cleanup_fclose_ FILE *file = fopen(path, "re");
    struct stat st;
    char *text = NULL;
    size_t size = 0;
    (void)written;

    if (!file)
        return errno == ENOENT ? 0 : -errno;
    if (fstat(fileno(file), &st) == 0 && (getdelim(&text, &size, '\0', file) >= 0 || feof(file))) {
        if (feof(file) && ftell(file) == 0 && text)
            text[0] = '\0'; /* getdelim() does not touch it if there is nothing to read */
        return persist_add(arg, st.st_mode & 0777, text, "%s", path);
    }
    const int err = -errno;
    free(text);
    return err;
}

int persist_recall(const char *bridge, struct persist_files *files)
{
    *files = (struct persist_files){.count = 0};
    return for_each(bridge, read_one, files);
}
