/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "hooks.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

const char *const hooks_drivers[HOOKS_DRIVERS] = {"qemu", "network", "daemon"};

/* The daemons that call hooks: PID file, name, and the driver whose hooks they call besides "daemon"; NULL:
 * all. */
static const struct {
    const char *file, *name, *driver;
} daemons[] = {{"/run/libvirtd.pid", "libvirtd", NULL},
               {"/run/libvirt/libvirtd.pid", "libvirtd", NULL},
               {"/run/virtqemud.pid", "virtqemud", "qemu"},
               {"/run/virtnetworkd.pid", "virtnetworkd", "network"}};

pid_t hooks_read_pid(const char *file, const char *name, uid_t uid)
{
    const long pid = text_number(file, 0);
    char path[64], text[4096], value[64], uids[64];

    snprintf(path, sizeof(path), "/proc/%ld/status", pid);
    snprintf(uids, sizeof(uids), "%u\t%u\t%u\t%u", uid, uid, uid, uid);
    const bool is_it = pid > 0 && text_read(path, text, sizeof(text)) > 0 &&
                       text_value(text, "Name", value, sizeof(value)) && strcmp(value, name) == 0 &&
                       text_value(text, "Uid", value, sizeof(value)) && strcmp(value, uids) == 0;
    if (is_it)
        return (pid_t)pid;
    return 0;
}

size_t hooks_daemons(struct hooks_daemon out[HOOKS_DAEMONS_MAX])
{
    size_t count = 0;

    for (size_t i = 0; i < sizeof(daemons) / sizeof(daemons[0]); i++) {
        const pid_t pid = hooks_read_pid(daemons[i].file, daemons[i].name, 0);
        if (pid)
            out[count++] = (struct hooks_daemon){pid, daemons[i].name};
    }
    return count;
}

/* Nanoseconds since 1970, as files' times are. */
static int64_t nanoseconds(struct timespec time)
{
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* Field 22 of /proc/PID/stat, after the name in parentheses. */
int64_t hooks_process_start(pid_t pid)
{
    char path[64], text[4096];
    struct timespec now, since_boot;

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    if (text_read(path, text, sizeof(text)) <= 0)
        return 0;
    const char *at = strrchr(text, ')');
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    if (!at || clock_gettime(CLOCK_REALTIME, &now) < 0 || clock_gettime(CLOCK_BOOTTIME, &since_boot) < 0)
        return 0;
    return nanoseconds(now) - nanoseconds(since_boot) +
           strtoll(at, NULL, 10) * (1000000000 / sysconf(_SC_CLK_TCK));
}

void hooks_stamp_path(char path[HOOKS_PATH_SIZE], const char *daemon)
{
    snprintf(path, HOOKS_PATH_SIZE, STATE_FOLDER "/%s.reloaded", daemon);
}

/* Returns when the daemon last looked for hooks; 0: unknown. The stamp of an earlier process is older than
 * the start of this one. */
static int64_t last_look(const struct hooks_daemon *daemon)
{
    char path[HOOKS_PATH_SIZE];
    struct stat st;
    const int64_t start = hooks_process_start(daemon->pid);

    hooks_stamp_path(path, daemon->name);
    if (start && lstat(path, &st) == 0 && nanoseconds(st.st_mtim) > start)
        return nanoseconds(st.st_mtim);
    return start;
}

/* Returns whether that daemon calls the driver's hooks. */
static bool calls(const char *daemon, const char *driver)
{
    for (size_t i = 0; i < sizeof(daemons) / sizeof(daemons[0]); i++)
        if (strcmp(daemons[i].name, daemon) == 0)
            return !daemons[i].driver || strcmp(driver, "daemon") == 0 ||
                   strcmp(daemons[i].driver, driver) == 0;
    return false;
}

/* Returns the earliest time at which one of the running daemons last looked for the driver's hooks; 0: none
 * runs. */
static int64_t oldest_look(const char *driver)
{
    struct hooks_daemon found[HOOKS_DAEMONS_MAX];
    const size_t count = hooks_daemons(found);
    int64_t oldest = 0;

    for (size_t i = 0; i < count; i++) {
        if (!calls(found[i].name, driver))
            continue;
        const int64_t look = last_look(&found[i]);
        if (look && (!oldest || look < oldest))
            oldest = look;
    }
    return oldest;
}

/* Whether this was a hook at that time: only what is executable is one (src/util/virhook.c, virHookCheck).
 * The target of a link may be newer: it is replaced by each upgrade. */
static bool was_hook(const char *path, int64_t look)
{
    struct stat link, file;

    return lstat(path, &link) == 0 && nanoseconds(link.st_ctim) <= look && stat(path, &file) == 0 &&
           S_ISREG(file.st_mode) && file.st_mode & 0111;
}

/* Whether a daemon looked for this driver's hooks at that time, before the first one was installed. */
static bool is_unseen(const char *driver, int64_t look)
{
    _cleanup_globfree_ glob_t files = {.gl_pathc = 0};
    char pattern[128];

    snprintf(pattern, sizeof(pattern), HOOKS_FOLDER "/{%s,%s.d/*}", driver, driver);
    if (!look || glob(pattern, GLOB_BRACE, NULL, &files) != 0)
        return false;
    for (size_t i = 0; i < files.gl_pathc; i++)
        if (was_hook(files.gl_pathv[i], look))
            return false;
    return true;
}

/* Without XDG_RUNTIME_DIR, libvirt uses the cache (glib's g_get_user_runtime_dir()). */
int64_t hooks_session_start(const struct user *user, char file[FINDING_ABOUT_SIZE])
{
    static const char *const names[] = {"libvirtd", "virtqemud"};
    const char *xdg = user->other ? NULL : getenv("XDG_RUNTIME_DIR");
    char folder[256];

    if (xdg && *xdg)
        snprintf(folder, sizeof(folder), "%s", xdg);
    else if (user->other)
        snprintf(folder, sizeof(folder), "/run/user/%u", user->uid);
    else
        snprintf(folder, sizeof(folder), "%s/.cache", user->home);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const int length = snprintf(file, FINDING_ABOUT_SIZE, "%s/libvirt/%s.pid", folder, names[i]);
        const pid_t pid = length < FINDING_ABOUT_SIZE ? hooks_read_pid(file, names[i], user->uid) : 0;
        if (pid)
            return hooks_process_start(pid);
    }
    return 0;
}

bool hooks_session_unseen(const struct user *user, char file[FINDING_ABOUT_SIZE])
{
    return is_unseen("qemu", hooks_session_start(user, file));
}

void hooks_path(char path[HOOKS_PATH_SIZE], const char *driver)
{
    snprintf(path, HOOKS_PATH_SIZE, HOOKS_FOLDER "/%s.d/50-virt-tap", driver);
}

/* Whether this is a link to a virt-tap hook, under any prefix. */
static bool is_ours(const char *path, const char *driver)
{
    char target[PATH_MAX], end[64];
    const ssize_t length = readlink(path, target, sizeof(target));
    const int wanted = snprintf(end, sizeof(end), "/virt-tap/hooks/%s", driver);

    return length > wanted && memcmp(target + length - wanted, end, (size_t)wanted) == 0;
}

enum hook_state hooks_look(const char *driver)
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
    if (is_unseen(driver, oldest_look(driver)))
        return HOOK_UNSEEN;
    return HOOK_GOOD;
}
