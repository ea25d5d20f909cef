/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "program.h"

#include "base/cleanup.h"
#include "base/process.h"
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Finds a program beside the running command. Returns false if the installed one is to be used. */
static bool find_beside(const char *program, char path[PATH_MAX])
{
    const ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);
    struct stat self, folder, found;

    if (length <= 0)
        return false;
    path[length] = '\0';
    if (strcmp(path, COMMAND_PATH) == 0 || stat("/proc/self/exe", &self) < 0)
        return false;
    char *name = strrchr(path, '/') + 1;
    const size_t room = PATH_MAX - (size_t)(name - path);
    *name = '\0';
    if (stat(path, &folder) < 0 || folder.st_mode & (S_IWOTH | S_ISVTX) || folder.st_uid != self.st_uid)
        return false;
    return snprintf(name, room, "%s", program) < (int)room && stat(path, &found) == 0 &&
           found.st_uid == self.st_uid && access(path, X_OK) == 0;
}

void program_path(const char *program, const char *installed, char path[PATH_MAX])
{
    if (!find_beside(program, path))
        snprintf(path, PATH_MAX, "%s", installed);
}

int program_start(const struct verb *verb, int argc, char *argv[])
{
    _cleanup_free_ char **words = calloc((size_t)argc + 2, sizeof(*words));
    char path[PATH_MAX], installed[PATH_MAX], command[] = "virt-tap";

    if (!words)
        return complain(1, argv[0], "no memory");
    words[0] = command;
    words[1] = (char *)(uintptr_t)verb->name;
    memcpy(words + 2, argv + 1, ((size_t)argc - 1) * sizeof(*words));
    snprintf(installed, sizeof(installed), "%s/%s", PROGRAMS_PATH, verb->program);
    program_path(verb->program, installed, path);
    fflush(stdout);
    execv(path, words);
    const int err = errno;
    const char *package = strcmp(verb->program, "virt-tap-domain") == 0 ? "virt-tap-hooks" : "virt-tap";
    return complain(1, argv[0], "cannot start %s: %s; " PROCESS_INSTALL("%s"), path, strerror(err), package);
}
