/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "hooks.h"
#include "base/text.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const hooks_drivers[HOOKS_DRIVERS] = {"qemu", "network", "daemon"};

size_t hooks_daemons(pid_t out[HOOKS_DAEMONS_MAX])
{
    static const struct {
        const char *file, *name;
    } daemons[] = {{"/run/libvirtd.pid", "libvirtd"},
                   {"/run/libvirt/libvirtd.pid", "libvirtd"},
                   {"/run/virtqemud.pid", "virtqemud"},
                   {"/run/virtnetworkd.pid", "virtnetworkd"}};
    char path[64], comm[64];
    size_t count = 0;

    for (size_t i = 0; i < sizeof(daemons) / sizeof(daemons[0]); i++) {
        const long pid = text_number(daemons[i].file, 0);
        snprintf(path, sizeof(path), "/proc/%ld/comm", pid);
        if (pid <= 0 || text_read(path, comm, sizeof(comm)) <= 0)
            continue;
        comm[strcspn(comm, "\n")] = '\0';
        if (strcmp(comm, daemons[i].name) == 0)
            out[count++] = (pid_t)pid;
    }
    return count;
}

/* Field 22 of /proc/PID/stat, after the name in parentheses. */
time_t hooks_daemon_start(void)
{
    char path[64], text[4096];
    pid_t pids[HOOKS_DAEMONS_MAX];

    if (hooks_daemons(pids) == 0)
        return 0;
    snprintf(path, sizeof(path), "/proc/%d/stat", pids[0]);
    const char *at = text_read(path, text, sizeof(text)) > 0 ? strrchr(text, ')') : NULL;
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    const long long ticks = at ? strtoll(at, NULL, 10) : 0;
    struct timespec now, since_boot;
    if (!ticks || clock_gettime(CLOCK_REALTIME, &now) < 0 || clock_gettime(CLOCK_BOOTTIME, &since_boot) < 0)
        return 0;
    return now.tv_sec - since_boot.tv_sec + (time_t)(ticks / sysconf(_SC_CLK_TCK));
}

/* Whether the daemon looked for this driver's hooks before the first one was installed. */
static bool is_unseen(const char *driver, time_t start)
{
    char pattern[128];
    struct stat st;
    glob_t files;
    bool older = false;

    snprintf(pattern, sizeof(pattern), HOOKS_FOLDER "/{%s,%s.d/*}", driver, driver);
    if (!start || glob(pattern, GLOB_BRACE, NULL, &files) != 0)
        return false;
    for (size_t i = 0; i < files.gl_pathc; i++) /* a directory is always there, so it tells nothing */
        older |= lstat(files.gl_pathv[i], &st) == 0 && !S_ISDIR(st.st_mode) && st.st_ctime <= start;
    globfree(&files);
    return !older;
}

void hooks_path(char path[HOOKS_PATH_SIZE], const char *driver)
{
    snprintf(path, HOOKS_PATH_SIZE, HOOKS_FOLDER "/%s.d/50-virt-tap", driver);
}

/* Whether this is a link to a virt-tap hook, under any prefix. */
static bool is_ours(const char *path, const char *driver)
{
    char target[PATH_MAX], end[64];
    const ssize_t length = readlink(path, target, sizeof(target) - 1);
    const int wanted = snprintf(end, sizeof(end), "/virt-tap/hooks/%s", driver);

    target[length > 0 ? length : 0] = '\0';
    return length > wanted && strcmp(target + length - wanted, end) == 0;
}

enum hook_state hooks_look(const char *driver, time_t start)
{
    char path[HOOKS_PATH_SIZE];
    struct stat st;

    hooks_path(path, driver);
    if (lstat(path, &st) < 0)
        return errno == EACCES ? HOOK_CLOSED : HOOK_MISSING;
    if (!is_ours(path, driver))
        return HOOK_FOREIGN;
    if (access(path, X_OK) < 0)
        return HOOK_BROKEN;
    return is_unseen(driver, start) ? HOOK_UNSEEN : HOOK_GOOD;
}
