/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Configuration files, written and taken back. Which files are a bridge's is written down in LIST_FOLDER. */
#include "persist.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIST_FOLDER "/etc/virt-tap"
#define KEPT ".virt-tap-old"
#define HALF ".virt-tap-new"

int persist_add(struct persist_files *files, int mode, char *text, const char *format, ...)
{
    struct persist_file *file = &files->list[files->count];
    va_list args;

    if (!text || files->count == sizeof(files->list) / sizeof(files->list[0])) {
        free(text);
        return text ? -ENOSPC : -ENOMEM;
    }
    va_start(args, format);
    const int length = vasprintf(&file->path, format, args);
    va_end(args);
    if (length < 0) {
        free(text);
        return -ENOMEM;
    }
    file->text = text;
    file->mode = mode;
    files->count++;
    return 0;
}

void persist_free(struct persist_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        free(files->list[i].path);
        free(files->list[i].text);
    }
    files->count = 0;
}

static int make_folders(const char *path)
{
    char folder[PATH_MAX];

    snprintf(folder, sizeof(folder), "%s", path);
    for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(folder, 0755) < 0 && errno != EEXIST)
            return -errno;
        *slash = '/';
    }
    return 0;
}

static int write_whole(const char *path, const char *text, int mode)
{
    char half[PATH_MAX];
    const size_t length = strlen(text);

    snprintf(half, sizeof(half), "%s" HALF, path);
    int err = make_folders(path);
    unlink(half);
    const int fd = err < 0 ? -1 : open(half, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0)
        return err < 0 ? err : -errno;
    if (fchmod(fd, (mode_t)mode) < 0 || write(fd, text, length) != (ssize_t)length || fsync(fd) < 0)
        err = errno ? -errno : -ENOSPC;
    close(fd);
    if (err == 0 && rename(half, path) < 0)
        err = -errno;
    if (err < 0)
        unlink(half);
    return err;
}

/* A second name for what is there, unless an older one is kept already: that is the administrator's own. */
static int keep_old(const char *path)
{
    char kept[PATH_MAX + sizeof(KEPT)];

    snprintf(kept, sizeof(kept), "%s" KEPT, path);
    if (link(path, kept) == 0 || errno == ENOENT || errno == EEXIST)
        return 0;
    return -errno;
}

static void bring_back(const char *path)
{
    char kept[PATH_MAX + sizeof(KEPT)];

    snprintf(kept, sizeof(kept), "%s" KEPT, path);
    if (rename(kept, path) < 0)
        unlink(path);
}

int persist_store(const char *verb, const struct persist_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        const struct persist_file *file = &files->list[i];
        int err = keep_old(file->path);
        if (err == 0)
            err = write_whole(file->path, file->text, file->mode);
        if (err == 0)
            continue;
        while (i-- > 0)
            bring_back(files->list[i].path);
        return complain(1, verb, "nothing is changed, for %s cannot be written: %s", file->path,
                        strerror(-err));
    }
    return 0;
}

int persist_remember(const char *bridge, const struct persist_files *files)
{
    char path[PATH_MAX], *text = NULL;
    size_t size;
    FILE *list = open_memstream(&text, &size);

    for (size_t i = 0; list && i < files->count; i++)
        fprintf(list, "%s\n", files->list[i].path);
    if (!list || fclose(list) != 0)
        return -ENOMEM;
    snprintf(path, sizeof(path), LIST_FOLDER "/persist.%s", bridge);
    const int err = write_whole(path, text, 0600);
    free(text);
    return err;
}

int persist_undo(const char *bridge)
{
    char path[PATH_MAX], line[PATH_MAX];
    int count = 0;

    snprintf(path, sizeof(path), LIST_FOLDER "/persist.%s", bridge);
    FILE *list = fopen(path, "re");
    if (!list)
        return errno == ENOENT ? 0 : -errno;
    while (fgets(line, sizeof(line), list)) {
        line[strcspn(line, "\n")] = '\0';
        bring_back(line);
        count++;
    }
    fclose(list);
    return unlink(path) < 0 ? -errno : count;
}
