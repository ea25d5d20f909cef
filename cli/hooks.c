/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * virt-tap hooks: whether libvirt runs virt-tap's hooks. Installs one link for each driver in the directory
 * that libvirt shares between hooks; files there that are not ours stay. */
#include "host/hooks.h"
#include "config.h"
#include "confinement.h"
#include "verbs.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

static int require_root(const char *verb)
{
    if (geteuid() == 0)
        return 0;
    return complain(1, verb, "this changes what libvirt runs, which requires root: use sudo");
}

static void target_of(char path[PATH_MAX], const char *driver)
{
    snprintf(path, PATH_MAX, HOOKS_PATH "/%s", driver);
}

/* Checks, before anything is changed, that all changes are possible. */
static int check(const char *verb)
{
    char path[HOOKS_PATH_SIZE], target[PATH_MAX];

    if (access("/etc/libvirt", F_OK) < 0)
        return complain(
            1, verb,
            "there is no /etc/libvirt, so libvirt is not installed; `virt-tap check libvirt` says how to");
    for (size_t i = 0; i < HOOKS_DRIVERS; i++) {
        hooks_path(path, hooks_drivers[i]);
        target_of(target, hooks_drivers[i]);
        if (access(target, X_OK) < 0)
            return complain(1, verb,
                            "%s cannot be run: %s; `./dev install` in virt-tap's source puts it there",
                            target, strerror(errno));
        if (hooks_look(hooks_drivers[i], 0) == HOOK_FOREIGN)
            return complain(1, verb,
                            "nothing is changed, for %s is there and not virt-tap's: move it out of the way",
                            path);
    }
    return 0;
}

/* Created beside the directory, not in it: libvirt runs whatever it finds there. Returns 0 or -errno. */
static int put_link(const char *driver)
{
    static const char half[] = HOOKS_FOLDER "/.virt-tap-new";
    char path[HOOKS_PATH_SIZE], target[PATH_MAX], there[PATH_MAX];

    hooks_path(path, driver);
    target_of(target, driver);
    const ssize_t length = readlink(path, there, sizeof(there));
    if (length == (ssize_t)strlen(target) && memcmp(there, target, (size_t)length) == 0)
        return 0;
    char *slash = strrchr(path, '/');
    *slash = '\0';
    if ((mkdir(HOOKS_FOLDER, 0755) < 0 && errno != EEXIST) || (mkdir(path, 0755) < 0 && errno != EEXIST))
        return -errno;
    *slash = '/';
    unlink(half);
    if (symlink(target, half) == 0 && rename(half, path) == 0)
        return 0;
    const int err = -errno;
    unlink(half);
    return err;
}

/* Returns the number of our links removed, or -errno. */
static int remove_links(void)
{
    char path[HOOKS_PATH_SIZE];
    int count = 0;

    for (size_t i = 0; i < HOOKS_DRIVERS; i++) {
        const enum hook_state state = hooks_look(hooks_drivers[i], 0);
        if (state == HOOK_MISSING || state == HOOK_FOREIGN)
            continue;
        hooks_path(path, hooks_drivers[i]);
        if (unlink(path) < 0)
            return -errno;
        count++;
    }
    return count;
}

/* By pidfd, so that a reused PID never gets the signal. */
static int reload(const char *verb)
{
    pid_t pids[HOOKS_DAEMONS_MAX], again[HOOKS_DAEMONS_MAX];
    const size_t count = hooks_daemons(pids);

    for (size_t i = 0; i < count; i++) {
        const int fd = pidfd_open(pids[i], 0);
        const bool same = fd >= 0 && hooks_daemons(again) == count && again[i] == pids[i];
        const int err = !same ? ESRCH : pidfd_send_signal(fd, SIGHUP, NULL, 0) < 0 ? errno : 0;
        if (fd >= 0)
            close(fd);
        if (err)
            return complain(1, verb,
                            "the hooks are enabled, but libvirt's daemon %d cannot be told: %s; restart it",
                            pids[i], strerror(err));
        printf("reloaded: process %d\n", pids[i]);
    }
    return 0;
}

static bool any_unseen(void)
{
    const time_t start = hooks_daemon_start();
    bool any = false;

    for (size_t i = 0; i < HOOKS_DRIVERS; i++)
        any = any || hooks_look(hooks_drivers[i], start) == HOOK_UNSEEN;
    return any;
}

static int enable_all(const char *verb)
{
    int status = require_root(verb);

    if (!status)
        status = check(verb);
    if (!status)
        status = confinement_allow(verb);
    for (size_t i = 0; !status && i < HOOKS_DRIVERS; i++) {
        const int err = put_link(hooks_drivers[i]);
        if (err)
            status = complain(1, verb, "the hook of libvirt's driver %s cannot be put in its place: %s",
                              hooks_drivers[i], strerror(-err));
    }
    return status;
}

struct enable_options {
    bool reload;
};

static const struct option_entry enable_options[] = {
    OPTION_FLAG("reload", "have the running daemons look for hooks again", struct enable_options, reload),
    OPTION_END(struct enable_options),
};

static int enable(const struct call *call)
{
    const struct enable_options *options = call->options;
    int status = enable_all(call->name);

    if (status)
        return status;
    puts("enabled: libvirt's drivers qemu, network and daemon call virt-tap's hooks");
    if (options->reload)
        status = reload(call->name);
    else if (any_unseen())
        puts("The running daemon has not looked for hooks since: `virt-tap hooks enable --reload`");
    return finish_output(status, call->name);
}

static int disable(const struct call *call)
{
    if (require_root(call->name))
        return 1;
    const int count = remove_links();
    if (count < 0)
        return complain(1, call->name, "a hook cannot be taken out of " HOOKS_FOLDER ": %s",
                        strerror(-count));
    const int status = confinement_forget(call->name);
    if (!status)
        puts(
            count
                ? "disabled: taps of domains that run stay until they end, and are then removed by `virt-tap gc`"
                : "they were not enabled");
    return finish_output(status, call->name);
}

static int show_status(const struct call *call)
{
    static const char *const words[HOOK_STATES] = {
        [HOOK_GOOD] = "enabled",
        [HOOK_MISSING] = "not enabled: virt-tap hooks enable",
        [HOOK_CLOSED] = "not to be looked at by this user",
        [HOOK_BROKEN] = "enabled, but cannot be run: virt-tap hooks enable",
        [HOOK_FOREIGN] =
            "shadowed by something that is not virt-tap's: move it out of the way, virt-tap hooks enable",
        [HOOK_UNSEEN] =
            "enabled, but newer than the daemon, which must be reloaded: virt-tap hooks enable --reload",
    };
    const time_t start = hooks_daemon_start();
    char path[HOOKS_PATH_SIZE];
    int status = 0;

    for (size_t i = 0; i < HOOKS_DRIVERS; i++) {
        const enum hook_state state = hooks_look(hooks_drivers[i], start);
        hooks_path(path, hooks_drivers[i]);
        printf("%-8s %s  %s\n", hooks_drivers[i], path, words[state]);
        if (state != HOOK_GOOD)
            status = 1;
    }
    if (confinement_show() != 0)
        status = 1;
    return finish_output(status, call->name);
}

static const struct verb verbs[] = {
    {.name = "enable",
     .arguments = "[--reload]",
     .summary = "have libvirt call virt-tap's hooks, which make and remove domains' taps",
     .options = enable_options,
     .act = enable},
    {.name = "disable", .summary = "have libvirt not call them any more", .act = disable},
    {.name = "status", .summary = "whether libvirt calls them; exit status 1 if not", .act = show_status},
};

const struct command hooks_command = {"libvirt's hooks: domains that make and remove their own taps.", verbs,
                                      sizeof(verbs) / sizeof(verbs[0])};
