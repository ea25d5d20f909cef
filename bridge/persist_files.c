/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Writes configuration files and undoes it. PERSIST_RECORD records which files belong to a bridge. */
#include "base/cleanup.h"
#include "base/error.h"
#include "base/name.h"
#include "nat.h"
#include "persist.h"
#include "persist_private.h"
#include "persist_swap.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORMAT_WORD "format " /* begins the first line of a record; its number follows */

void persist_end(struct persist_files *files)
{
    if (files->out)
        persist_end_text(files->out);
    files->out = NULL;
}

/* Writes a comment that names a file's author: its first line. */
static void write_head(FILE *out, const struct persist_plan *plan)
{
    char nat[CIDR_TEXT + sizeof(NAT_MARK)] = "";

    if (plan->nat.family) {
        strcpy(nat, NAT_MARK);
        cidr_print(&plan->nat, nat + strlen(nat));
    }
    fprintf(out,
            "# Written by `virt-tap bridge persist %s%s`; `virt-tap bridge unpersist %s` takes it back.\n",
            plan->bridge, nat, plan->bridge);
}

FILE *persist_open(struct persist_files *files, const struct persist_plan *plan, mode_t mode,
                   const char *format, ...)
{
    struct persist_file *file = &files->list[files->count];
    va_list args;

    persist_end(files);
    if (files->count == PERSIST_FILES_MAX)
        persist_give_up("too many files have to do with the NIC");
    *file = (struct persist_file){.mode = mode};
    va_start(args, format);
    if (vasprintf(&file->path, format, args) < 0)
        persist_give_up(strerror(errno));
    va_end(args);
    files->count++;
    files->out = persist_begin_text(&file->text, &file->size);
    if (plan)
        write_head(files->out, plan);
    return files->out;
}

bool persist_has(const struct persist_files *files, const char *path)
{
    for (size_t i = 0; i < files->count; i++)
        if (strcmp(files->list[i].path, path) == 0)
            return true;
    return false;
}

void persist_free(struct persist_files *files)
{
    persist_end(files);
    for (size_t i = 0; i < files->count; i++) {
        free(files->list[i].path);
        free(files->list[i].text);
    }
    files->count = 0;
}

/* Only a file of ours may be removed. Files of others are changed, and later restored. */
static bool is_ours(const char *path)
{
    return strstr(path, "virt-tap") != NULL;
}

static bool exists(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

/* Where the administrator's file is kept. */
static void kept_path(char kept[PATH_MAX], const char *path, const char *bridge)
{
    char part[sizeof("old.") + IFNAMSIZ];

    snprintf(part, sizeof(part), "old.%s", bridge);
    swap_beside(kept, path, part);
}

static void list_path(char path[PATH_MAX], const char *bridge)
{
    snprintf(path, PATH_MAX, PERSIST_RECORD "%s", bridge);
}

int persist_recall(const char *bridge, struct persist_files *files)
{
    _cleanup_free_ char *line = NULL;
    char path[PATH_MAX];
    size_t size = 0;

    files->count = 0;
    list_path(path, bridge);
    _cleanup_fclose_ FILE *list = fopen(path, "re");
    if (!list)
        return errno == ENOENT ? 0 : -errno;
    for (int number = 0; getline(&line, &size, list) > 0; number++) {
        const char *name = strchr(line, ' ');
        line[strcspn(line, "\n")] = '\0';
        if (number == 0 && strcmp(line, FORMAT_WORD "1") == 0) /* in records from before, a file is first */
            continue;
        if (number == 0 && strncmp(line, FORMAT_WORD, strlen(FORMAT_WORD)) == 0)
            return -ENOTSUP;
        if (!name || name[1] != '/')
            return -EBADMSG;
        struct persist_file *file = &files->list[files->count];
        if (files->count == PERSIST_FILES_MAX)
            return -ENOSPC;
        *file = (struct persist_file){.path = strdup(name + 1), .written = strtoll(line, NULL, 10)};
        if (!file->path)
            return -ENOMEM;
        files->count++;
    }
    return 0;
}

/* The bridge whose record has this file, as it was written at that time; "": none. */
static void find_writer(char bridge[IFNAMSIZ], const char *path, long long written)
{
    _cleanup_globfree_ glob_t records = {.gl_pathc = 0};

    *bridge = '\0';
    glob(PERSIST_RECORD "*", 0, NULL, &records);
    for (size_t i = 0; i < records.gl_pathc; i++) {
        __attribute__((cleanup(persist_free))) struct persist_files record = {.count = 0};
        const char *name = records.gl_pathv[i] + strlen(PERSIST_RECORD);
        if (!ifname_valid(name) || persist_recall(name, &record) < 0)
            continue;
        for (size_t j = 0; j < record.count; j++)
            if (record.list[j].written == written && strcmp(record.list[j].path, path) == 0)
                strcpy(bridge, name);
    }
}

/* Fails if somebody has changed a file since: the change would be lost. by_guard: our own files go in any
 * case, since they would cut the host off again. */
static int check_unchanged(const char *verb, const char *bridge, const struct persist_files *record,
                           bool by_guard)
{
    char kept[PATH_MAX], writer[IFNAMSIZ];
    struct stat now;

    for (size_t i = 0; i < record->count; i++) {
        const char *path = record->list[i].path;
        kept_path(kept, path, bridge);
        if (!exists(kept) && (by_guard || !is_ours(path)))
            continue;
        if (lstat(path, &now) < 0 || swap_time(&now) == record->list[i].written)
            continue;
        find_writer(writer, path, swap_time(&now));
        if (*writer)
            return complain(-ESTALE, verb,
                            "nothing was changed: %s was changed for '%s' since: take that back first "
                            "(virt-tap bridge unpersist %s), and persist it again afterwards",
                            path, writer, writer);
        if (exists(kept))
            return complain(
                -ESTALE, verb,
                "nothing was changed: %s was changed since virt-tap wrote it: to keep it as it is "
                "now, remove %s, the file that was there before, and try again",
                path, kept);
        return complain(-ESTALE, verb,
                        "nothing was changed: %s was changed since virt-tap wrote it: move it elsewhere, and "
                        "try again",
                        path);
    }
    return 0;
}

/* Completes or undoes what was killed, and reads what is installed. Returns 0, and swap_close() must be
 * called; or -1 after reporting why not. */
static int start(const char *verb, const char *bridge, struct swap *swap, struct persist_files *record,
                 bool by_guard)
{
    const int opened = swap_open(swap);
    const int err = persist_recall(bridge, record);

    if (opened < 0)
        complain(1, verb, "nothing was changed: %s", swap->why.text);
    else if (err == -ENOTSUP)
        complain(1, verb,
                 "nothing was changed: " PERSIST_RECORD "%s was written by a later virt-tap; use that one",
                 bridge);
    else if (err < 0)
        complain(1, verb, "nothing was changed: cannot read " PERSIST_RECORD "%s: %s", bridge,
                 strerror(-err));
    else if (check_unchanged(verb, bridge, record, by_guard) == 0)
        return 0;
    swap_close(swap);
    return -1;
}

/* Restores the previous file if it was kept; otherwise removes the file if it is ours alone. */
static void take_back(struct swap *swap, const char *bridge, const char *path)
{
    char kept[PATH_MAX];

    kept_path(kept, path, bridge);
    if (exists(kept)) {
        swap_link(swap, path, kept);
        swap_link(swap, kept, NULL);
    } else if (is_ours(path) && exists(path)) {
        swap_link(swap, path, NULL);
    }
}

/* What is there is kept, unless that was done before, or it is what we wrote before. */
static void install(struct swap *swap, const char *bridge, struct persist_file *file,
                    const struct persist_files *record)
{
    char kept[PATH_MAX];

    kept_path(kept, file->path, bridge);
    const bool done = persist_has(record, file->path) && (exists(kept) || is_ours(file->path));
    if (!done && exists(file->path))
        swap_link(swap, kept, file->path);
    swap_text(swap, file->path, file->text, file->mode, &file->written);
}

static void write_record(struct swap *swap, const char *bridge, const struct persist_files *files)
{
    char path[PATH_MAX], text[PERSIST_FILES_MAX * (PATH_MAX + 32)] = FORMAT_WORD "1\n";
    long long written;

    for (size_t i = 0; i < files->count; i++)
        sprintf(text + strlen(text), "%lld %s\n", files->list[i].written, files->list[i].path);
    list_path(path, bridge);
    swap_text(swap, path, text, 0600, &written);
}

static int close_reporting(const char *verb, struct swap *swap)
{
    const bool in_force = swap_close(swap);

    if (!swap->why.text[0])
        return 0;
    if (in_force)
        return complain(
            -1, verb,
            "%s; the new configuration is in place nevertheless, and the next persist or unpersist cleans up",
            swap->why.text);
    return complain(-1, verb, "nothing was changed: %s", swap->why.text);
}

int persist_check(const char *verb, const char *bridge, struct persist_files *record)
{
    struct swap swap;

    if (start(verb, bridge, &swap, record, false) < 0)
        return 1;
    swap_close(&swap);
    return 0;
}

int persist_as_before(const char *verb, const char *bridge, int (*act)(void *arg), void *arg)
{
    __attribute__((cleanup(persist_free))) struct persist_files record = {.count = 0};
    struct overlay overlays[PERSIST_FILES_MAX];
    char kept[PERSIST_FILES_MAX][PATH_MAX];
    char path[PATH_MAX];
    struct error why;
    size_t count = 0;

    list_path(path, bridge);
    if (!exists(path))
        return act(arg);
    if (geteuid() != 0)
        return complain(1, verb,
                        "only root can read the files that `bridge persist` replaced for '%s': use sudo",
                        bridge);
    if (persist_check(verb, bridge, &record) != 0)
        return 1;
    for (size_t i = 0; i < record.count; i++) {
        const char *file = record.list[i].path;
        kept_path(kept[i], file, bridge);
        if (exists(kept[i]))
            overlays[count++] = (struct overlay){file, kept[i]};
        else if (is_ours(file) && exists(file))
            overlays[count++] = (struct overlay){file, "/dev/null"}; /* see persist_swap.h */
    }
    if (count == 0)
        return act(arg);
    const int status = private_call(overlays, count, act, arg, &why);
    return status < 0 ? complain(1, verb, "nothing was changed: %s", why.text) : status;
}

int persist_store(const char *verb, const char *bridge, struct persist_files *files, int (*check)(void *arg),
                  void *arg)
{
    __attribute__((cleanup(persist_free))) struct persist_files record = {.count = 0};
    struct swap swap;
    int status = 0;

    if (start(verb, bridge, &swap, &record, false) < 0)
        return 1;
    for (size_t i = 0; i < files->count; i++)
        install(&swap, bridge, &files->list[i], &record);
    for (size_t i = 0; i < record.count; i++)
        if (!persist_has(files, record.list[i].path))
            take_back(&swap, bridge, record.list[i].path);
    write_record(&swap, bridge, files);
    if (check)
        status = swap_preview(&swap, check, arg);
    if (status == 0)
        swap_commit(&swap);
    return close_reporting(verb, &swap) < 0 || status != 0;
}

int persist_undo(const char *verb, const char *bridge, bool by_guard)
{
    __attribute__((cleanup(persist_free))) struct persist_files record = {.count = 0};
    char path[PATH_MAX];
    struct swap swap;

    if (start(verb, bridge, &swap, &record, by_guard) < 0)
        return -1;
    for (size_t i = 0; i < record.count; i++)
        take_back(&swap, bridge, record.list[i].path);
    list_path(path, bridge);
    if (record.count > 0)
        swap_link(&swap, path, NULL);
    swap_commit(&swap);
    return close_reporting(verb, &swap) < 0 ? -1 : (int)record.count;
}
