/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "confinement.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "base/process.h"
#include "base/text.h"
#include "base/verb.h"
#include "config.h"
#include "host/hooks.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { LOCAL_MAX = 1024 * 1024 };

/* The daemons' profiles, named as on Debian and its derivatives, and each one's file for local changes. */
static const struct {
    const char *profile, *local;
} profiles[] = {
    {"/etc/apparmor.d/usr.sbin.libvirtd", "/etc/apparmor.d/local/usr.sbin.libvirtd"},
    {"/etc/apparmor.d/usr.sbin.virtqemud", "/etc/apparmor.d/local/usr.sbin.virtqemud"},
};
enum { PROFILES = sizeof(profiles) / sizeof(profiles[0]) };

/* The helper has a profile of its own, data/snippets/apparmor.in: a daemon that calls it by itself hands it a
 * socket, and ends it. */
static const char lines[] = "# by virt-tap hooks enable\n" HELPER_PATH " PUx,\n" HOOKS_PATH "/* PUx,\n"
                            "unix (send, receive) type=stream addr=none peer=(label=virt-tap-helper),\n"
                            "signal (send) set=(kill, term) peer=virt-tap-helper,\n";

/* Whether a file of the kernel starts with this character. */
static bool starts_with(const char *path, char wanted)
{
    char answer[8];

    return text_line(path, answer, sizeof(answer)) && answer[0] == wanted;
}

static bool in_force(void)
{
    return starts_with("/sys/module/apparmor/parameters/enabled", 'Y');
}

static bool is_missing(const char *path)
{
    return access(path, F_OK) < 0 && errno == ENOENT;
}

static bool has_lines(const char *path)
{
    struct error why;
    size_t size;
    mode_t mode;
    _cleanup_free_ char *text = file_read(path, LOCAL_MAX, &size, &mode, &why);

    return text && memmem(text, size, lines, sizeof(lines) - 1);
}

static int load(const char *verb, const char *profile)
{
    _cleanup_free_ char *output = NULL;
    const int status = process_capture((const char *[]){"apparmor_parser", "-r", profile, NULL}, true,
                                       PROCESS_QUERY_MS, &output);

    if (status < 0)
        return complain(1, verb, "cannot run apparmor_parser for %s: %s", profile, strerror(-status));
    if (status > 0)
        return complain(1, verb, "AppArmor rejects %s: %.300s", profile, process_reason(output));
    return 0;
}

/* Writes the file for local changes. Returns 0, or 1 after reporting why. */
static int write_local(const char *verb, const struct file *file, const char *path, const char *text,
                       size_t size)
{
    struct error why;
    const int err =
        file->fd >= 0 ? file_replace(file, text, size, &why) : file_configure(path, text, 0644, &why);

    if (err)
        return complain(1, verb, "%s cannot be written: %s", path, why.text);
    return 0;
}

static int put_back(const char *verb, const char *path, const struct file *was)
{
    struct error why = {0};
    struct file now;

    if (was->fd < 0 && unlink(path) < 0)
        return complain(1, verb, "%s cannot be removed again: %s", path, strerror(errno));
    if (was->fd < 0)
        return 1;
    if (file_hold(&now, path, LOCAL_MAX, &why) == 0) {
        const int err = file_replace(&now, was->text, was->size, &why);
        file_release(&now);
        if (!err)
            return 1;
    }
    return complain(1, verb, "%s cannot be put back: %s", path, why.text);
}

/* Returns the text without the lines that were found in it, or with them added, and its length in *size.
 * NULL: out of memory. */
static char *change_text(const char *text, const char *found, size_t *size)
{
    const size_t old = *size;
    char *changed = malloc(old + sizeof(lines) + 1), *end;

    if (!changed)
        return NULL;
    if (found) {
        const char *behind = found + strlen(lines);
        end = mempcpy(changed, text, (size_t)(found - text));
        end = mempcpy(end, behind, (size_t)(text + old - behind));
    } else {
        end = mempcpy(changed, text, old);
        if (old > 0 && text[old - 1] != '\n')
            *end++ = '\n';
        end = mempcpy(end, lines, strlen(lines));
    }
    *end = '\0';
    *size = (size_t)(end - changed);
    return changed;
}

/* Adds or removes the lines of one profile and loads it. If it cannot be loaded, the file is restored. */
static int change(const char *verb, size_t which, bool allow)
{
    char real[PATH_MAX];
    /* In root's own directories, links are root's choice. */
    const char *path = realpath(profiles[which].local, real) ? real : profiles[which].local;
    struct file file = {.folder = -1, .fd = -1};
    struct error why;
    int status = 0;

    if (!is_missing(path) && file_hold(&file, path, LOCAL_MAX, &why) < 0)
        return complain(1, verb, "%s cannot be changed: %s", path, why.text);
    const char *text = text_or(file.text, ""), *found = memmem(text, file.size, lines, strlen(lines));
    if (allow != (found != NULL)) {
        size_t size = file.size;
        _cleanup_free_ char *changed = change_text(text, found, &size);
        if (changed)
            status = write_local(verb, &file, path, changed, size);
        else
            status = complain(1, verb, "no memory");
        if (status == 0 && load(verb, profiles[which].profile) != 0)
            status = put_back(verb, path, &file);
    }
    file_release(&file);
    return status;
}

int confinement_set(const char *verb, bool allow)
{
    int status = 0;

    for (size_t i = 0; !status && i < PROFILES && in_force(); i++)
        if (access(profiles[i].profile, F_OK) == 0)
            status = change(verb, i, allow);
    return status;
}

static void add(json_t *list, const char *by, const char *path, bool allows)
{
    if (list)
        json_array_append_new(list, json_pack("{s:s, s:s, s:b}", "by", by, "path", path, "allows", allows));
}

/* Returns 1 if a hook has a label other than that of programs. */
static int show_labels(json_t *list)
{
    char path[128], label[128];
    int status = 0;

    for (size_t i = 0; i < HOOKS_DRIVERS && starts_with("/sys/fs/selinux/enforce", '1'); i++) {
        snprintf(path, sizeof(path), HOOKS_PATH "/%s", hooks_drivers[i]);
        const ssize_t length = getxattr(path, "security.selinux", label, sizeof(label) - 1);
        if (length <= 0)
            strcpy(label, "not at all");
        else
            label[length] = '\0';
        if (strstr(label, ":bin_t"))
            continue;
        add(list, "SELinux", path, false);
        if (!list)
            printf("SELinux  %s  is labelled %s, which libvirt cannot run: restorecon -F %s\n", path, label,
                   path);
        status = 1;
    }
    return status;
}

int confinement_show(json_t *list)
{
    int status = show_labels(list);

    for (size_t i = 0; i < PROFILES && in_force(); i++) {
        if (access(profiles[i].profile, F_OK) != 0)
            continue;
        const bool lets = has_lines(profiles[i].local);
        add(list, "AppArmor", profiles[i].local, lets);
        if (!list)
            printf("AppArmor %s  %s\n", profiles[i].local,
                   lets ? "lets libvirt run the hooks"
                        : "does not let libvirt run the hooks: virt-tap hooks enable");
        status |= !lets;
    }
    return status;
}
