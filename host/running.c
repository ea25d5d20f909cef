/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "running.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_MAX = 16 * 1024 * 1024 };

/* The folder of state files (src/qemu/qemu_conf.c, stateDir): of a session below XDG_RUNTIME_DIR, or where
 * that is not set in the user's cache. */
static int write_pattern(char out[PATH_MAX], uid_t uid, int nth)
{
    const struct passwd *account = getpwuid(uid);
    const char *runtime = uid == getuid() ? getenv("XDG_RUNTIME_DIR") : NULL;

    if (uid == 0)
        return nth == 0 ? snprintf(out, PATH_MAX, "/run/libvirt/qemu/*.xml") : -1;
    if (nth == 0)
        return snprintf(out, PATH_MAX, "/run/user/%u/libvirt/qemu/run/*.xml", uid);
    if (nth == 1)
        return runtime ? snprintf(out, PATH_MAX, "%s/libvirt/qemu/run/*.xml", runtime) : 0;
    if (nth == 2)
        return account ? snprintf(out, PATH_MAX, "%s/.cache/libvirt/qemu/run/*.xml", account->pw_dir) : 0;
    return -1;
}

/* Each state file holds <uuid>UUID</uuid> of its domain; another place with the same words keeps a tap that
 * could go. */
static bool file_has(const char *path, const char *words)
{
    FILE *file = fopen(path, "re");
    char *text = malloc(FILE_MAX);
    bool has = true;

    if (file && text) {
        const size_t size = fread(text, 1, FILE_MAX, file);
        has = size == FILE_MAX || ferror(file) || memmem(text, size, words, strlen(words));
    } else if (errno == ENOENT) { /* it has ended meanwhile */
        has = false;
    }
    if (file)
        fclose(file);
    free(text);
    return has;
}

bool running_domain(uid_t uid, const char *uuid)
{
    char pattern[PATH_MAX], words[64];
    bool found = false;
    int length;

    snprintf(words, sizeof(words), "<uuid>%s</uuid>", uuid);
    for (int nth = 0; !found && (length = write_pattern(pattern, uid, nth)) >= 0; nth++) {
        glob_t files;
        if (length == 0 || length >= PATH_MAX)
            continue;
        const int err = glob(pattern, GLOB_ERR, NULL, &files);
        if (err == GLOB_ABORTED) {
            char *folder = strrchr(pattern, '/');
            *folder = '\0';
            found = access(pattern, F_OK) == 0 || errno != ENOENT;
            *folder = '/';
        } else if (err && err != GLOB_NOMATCH) {
            found = true;
        }
        for (size_t i = 0; !err && !found && i < files.gl_pathc; i++)
            found = file_has(files.gl_pathv[i], words);
        if (!err)
            globfree(&files);
    }
    return found;
}
