/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * virt-tap hooks: whether libvirt runs virt-tap's hooks. Installs one link for each driver in the directory
 * that libvirt shares between hooks; files there that are not ours stay. */
#include "host/hooks.h"
#include "base/cleanup.h"
#include "base/pidfd.h"
#include "base/process.h"
#include "base/terminal.h"
#include "base/text.h"
#include "bridge/json.h"
#include "config.h"
#include "confinement.h"
#include "hooks_words.h"
#include "verbs.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { RELOAD_SECONDS = 10 };

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
            "there is no /etc/libvirt, so libvirt is not installed; `virt-tap check libvirt` shows how to install it");
    for (size_t i = 0; i < HOOKS_DRIVERS; i++) {
        hooks_path(path, hooks_drivers[i]);
        target_of(target, hooks_drivers[i]);
        if (access(target, X_OK) < 0)
            return complain(1, verb, "%s cannot be run: %s; " PROCESS_INSTALL("virt-tap-hooks"), target,
                            strerror(errno));
        if (hooks_look(hooks_drivers[i]) == HOOK_FOREIGN)
            return complain(1, verb, "nothing was changed: %s exists and is not virt-tap's; move it away",
                            path);
    }
    return 0;
}

/* Makes the link, or replaces one of ours. It is made beside the folder, because libvirt runs whatever it
 * finds in there; an administrator may have linked that folder to another file system. */
static int make_link(const char *target, const char *path)
{
    static const char half[] = HOOKS_FOLDER "/.virt-tap-new";

    unlink(half);
    if (symlink(target, half) == 0 && rename(half, path) == 0)
        return 0;
    const int err = -errno;
    unlink(half);
    if (err != -EXDEV)
        return err;
    unlink(path);
    if (symlink(target, path) < 0)
        return -errno;
    return 0;
}

static int put_link(const char *verb, const char *driver)
{
    char path[HOOKS_PATH_SIZE], folder[HOOKS_PATH_SIZE], target[PATH_MAX], there[PATH_MAX];
    struct stat st;

    hooks_path(path, driver);
    target_of(target, driver);
    const ssize_t length = readlink(path, there, sizeof(there));
    if (length == (ssize_t)strlen(target) && memcmp(there, target, (size_t)length) == 0)
        return 0;
    snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(path, '/') - path), path);
    mkdir(HOOKS_FOLDER, 0755);
    mkdir(folder, 0755);
    if (lstat(folder, &st) == 0 && (stat(folder, &st) < 0 || !S_ISDIR(st.st_mode)))
        return complain(1, verb, "%s is neither a folder nor a link to one; remove it, and try again",
                        folder);
    const int err = make_link(target, path);
    if (err)
        return complain(1, verb, "cannot make the link %s: %s", path, strerror(-err));
    return 0;
}

/* Also removes their folders, if nothing else is in there. Returns the number of our links removed, or
 * -errno. */
static int remove_links(void)
{
    char path[HOOKS_PATH_SIZE];
    int count = 0;

    for (size_t i = 0; i < HOOKS_DRIVERS; i++) {
        const enum hook_state state = hooks_look(hooks_drivers[i]);
        if (state == HOOK_MISSING || state == HOOK_FOREIGN)
            continue;
        hooks_path(path, hooks_drivers[i]);
        if (unlink(path) < 0)
            return -errno;
        *strrchr(path, '/') = '\0';
        rmdir(path);
        count++;
    }
    return count;
}

/* By pidfd, so that a reused PID never gets the signal. Returns 0 or -errno. */
static int send_reload(size_t which, const struct hooks_daemon *daemon)
{
    struct hooks_daemon again[HOOKS_DAEMONS_MAX];
    const _cleanup_close_ int fd = pidfd_of(daemon->pid);

    if (fd < 0 || hooks_daemons(again) <= which || again[which].pid != daemon->pid)
        return -ESRCH;
    if (pidfd_signal(fd, SIGHUP) < 0)
        return -errno;
    return 0;
}

/* When the daemon last told our hook that it reloads; 0: never. */
static struct timespec reload_time(const char *daemon)
{
    char path[HOOKS_PATH_SIZE];
    struct stat st;

    hooks_stamp_path(path, daemon);
    if (lstat(path, &st) < 0)
        return (struct timespec){0};
    return st.st_mtim;
}

/* Reloads a daemon, and waits until it has called our hook. */
static int reload_one(const char *verb, size_t which, const struct hooks_daemon *daemon)
{
    const struct timespec before = reload_time(daemon->name), step = {.tv_nsec = 20 * 1000 * 1000};
    const int err = send_reload(which, daemon);

    if (err)
        return complain(1, verb,
                        "the hooks are enabled, but %s (process %d) could not be sent SIGHUP: %s; restart it",
                        daemon->name, daemon->pid, strerror(-err));
    for (int waited = 0; waited < RELOAD_SECONDS * 50; waited++) {
        const struct timespec now = reload_time(daemon->name);
        if (now.tv_sec != before.tv_sec || now.tv_nsec != before.tv_nsec) {
            printf("reloaded: %s, process %d\n", daemon->name, daemon->pid);
            return 0;
        }
        nanosleep(&step, NULL);
    }
    return complain(1, verb,
                    "the hooks are enabled, but %s (process %d) was told to reload and has not called them "
                    "within %d seconds; restart it",
                    daemon->name, daemon->pid, RELOAD_SECONDS);
}

static int reload(const char *verb)
{
    struct hooks_daemon found[HOOKS_DAEMONS_MAX];
    const size_t count = hooks_daemons(found);
    int status = 0;

    for (size_t i = 0; i < count && !status; i++)
        status = reload_one(verb, i, &found[i]);
    return status;
}

static bool any_unseen(void)
{
    for (size_t i = 0; i < HOOKS_DRIVERS; i++)
        if (hooks_look(hooks_drivers[i]) == HOOK_UNSEEN)
            return true;
    return false;
}

struct enable_options {
    bool reload;
};

static const struct option_entry enable_options[] = {
    OPTION_FLAG("reload", "have the running daemons look for hooks again, and wait until they have",
                struct enable_options, reload),
    OPTION_END(struct enable_options),
};

static int enable(const struct call *call)
{
    const struct enable_options *options = call->options;
    int status = 0;

    umask(022); /* the daemons of users look for hooks, too */
    if (complain_unless_root(call->name, "what libvirt runs") || check(call->name) ||
        confinement_set(call->name, true))
        return 1;
    for (size_t i = 0; i < HOOKS_DRIVERS; i++)
        if (put_link(call->name, hooks_drivers[i]))
            return 1;
    puts(
        "enabled: libvirt's drivers qemu, network and daemon call virt-tap's hooks\n"
        "A session's daemon (qemu:///session) that is running calls them once it was started again; `virt-tap "
        "hooks status`, as its user, says how");
    if (options->reload)
        status = reload(call->name);
    else if (any_unseen())
        puts("The running daemon has not looked for hooks since: `virt-tap hooks enable --reload`");
    return finish_output(status, call->name);
}

static int disable(const struct call *call)
{
    if (complain_unless_root(call->name, "what libvirt runs"))
        return 1;
    const int count = remove_links();
    if (count < 0)
        return complain(1, call->name, "cannot remove a hook from " HOOKS_FOLDER ": %s", strerror(-count));
    if (confinement_set(call->name, false))
        return 1;
    if (count > 0)
        puts("disabled: taps of running domains stay until they end; then `virt-tap gc` removes them");
    else
        puts("the hooks were not enabled");
    return finish_output(0, call->name);
}

struct status_options {
    bool json;
};

static const struct option_entry status_options[] = {
    OPTION_JSON(struct status_options, json),
    OPTION_END(struct status_options),
};

static int show_json(const char *name)
{
    json_t *hooks = json_array(), *confinement = json_array();
    char path[HOOKS_PATH_SIZE], command[HOOKS_COMMAND];
    const bool session = !hooks_session_is_old(command);
    bool all = session;

    for (size_t i = 0; i < HOOKS_DRIVERS; i++) {
        const enum hook_state state = hooks_look(hooks_drivers[i]);
        hooks_path(path, hooks_drivers[i]);
        json_array_append_new(hooks, json_pack("{s:s, s:s, s:s}", "driver", hooks_drivers[i], "path", path,
                                               "state", hooks_words[state].word));
        all = all && state == HOOK_GOOD;
    }
    all = confinement_show(confinement) == 0 && all;
    return json_finish(json_pack("{s:b, s:o, s:b, s:o}", "enabled", all, "hooks", hooks, "session", session,
                                 "confinement", confinement),
                       !all, name);
}

static void print_line(const char *what, const char *where, const char *words, const char *sudo,
                       const char *fix)
{
    char command[HOOKS_COMMAND];

    printf("%-8s %s  %s", what, where, words);
    snprintf(command, sizeof(command), "%s%s", text_if(*fix, sudo), fix);
    terminal_whole(command);
    putchar('\n');
}

static int show_status(const struct call *call)
{
    const struct status_options *options = call->options;
    char path[HOOKS_PATH_SIZE], command[HOOKS_COMMAND];
    int status = 0;

    if (options->json)
        return show_json(call->name);
    terminal_wrap(true);
    for (size_t i = 0; i < HOOKS_DRIVERS; i++) {
        const enum hook_state state = hooks_look(hooks_drivers[i]);
        hooks_path(path, hooks_drivers[i]);
        print_line(hooks_drivers[i], path, hooks_words[state].words, hooks_sudo(), hooks_words[state].fix);
        status |= state != HOOK_GOOD;
    }
    if (hooks_session_is_old(command)) {
        print_line("session", "qemu:///session", HOOKS_SESSION, "", command);
        status = 1;
    }
    status |= confinement_show(NULL);
    return finish_output(status, call->name);
}

static const struct verb verbs[] = {
    {.name = "enable",
     .arguments = "[--reload]",
     .summary = "have libvirt call virt-tap's hooks, which make and remove domains' taps",
     .options = enable_options,
     .act = enable},
    {.name = "disable", .summary = "stop libvirt from calling them", .act = disable},
    {.name = "status",
     .arguments = "[--json]",
     .options = status_options,
     .summary = "show whether libvirt calls them; exit status 1 if not",
     .act = show_status},
};

const struct command hooks_command = {"libvirt's hooks: domains that make and remove their own taps.", verbs,
                                      sizeof(verbs) / sizeof(verbs[0])};
