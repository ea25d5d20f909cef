/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "confinement.h"

#include "bridge/process.h"
#include "config.h"
#include "file.h"
#include "host/cleanup.h"
#include "host/hooks.h"
#include "verb.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { LOCAL_MAX = 1024 * 1024 };

/* The daemons' profiles, as Debian and its kin name them, and the file of each for the administrator. */
static const struct {
    const char *profile, *local;
} profiles[] = {
    {"/etc/apparmor.d/usr.sbin.libvirtd", "/etc/apparmor.d/local/usr.sbin.libvirtd"},
    {"/etc/apparmor.d/usr.sbin.virtqemud", "/etc/apparmor.d/local/usr.sbin.virtqemud"},
};
enum { PROFILES = sizeof(profiles) / sizeof(profiles[0]) };

static const char lines[] = "# by virt-tap hooks enable\n" HELPER_PATH " PUx,\n" HOOKS_PATH "/* PUx,\n";

/* Whether the kernel's file begins with that. */
static bool says(const char *path, char wanted)
{
    char answer = '\0';
    const int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return false;
    const bool same = read(fd, &answer, 1) == 1 && answer == wanted;
    close(fd);
    return same;
}

static bool in_force(void)
{
    return says("/sys/module/apparmor/parameters/enabled", 'Y');
}

/* The administrator's file, "" where there is none; NULL: no memory, or it cannot be read. */
static char *read_local(const char *path, size_t *size, mode_t *mode)
{
    char *text = file_read(path, LOCAL_MAX, size, mode);

    if (text || errno != ENOENT)
        return text;
    *size = 0;
    *mode = 0644;
    return strdup("");
}

static bool has_lines(const char *path)
{
    size_t size;
    mode_t mode;
    char *text = read_local(path, &size, &mode);
    const bool has = text && memmem(text, size, lines, sizeof(lines) - 1);

    free(text);
    return has;
}

static int load(const char *verb, const char *profile)
{
    char program[] = "apparmor_parser", replace[] = "-r", *output;
    char *path = strdupa(profile);
    const int status = process_capture((char *[]){program, replace, path, NULL}, 1, &output);

    if (output)
        output[strcspn(output, "\n")] = '\0';
    const char *reason = output && *output ? output : "apparmor_parser gives no reason";
    if (status)
        complain(1, verb, "AppArmor rejects %s: %.300s", profile, status < 0 ? strerror(-status) : reason);
    free(output);
    return status != 0;
}

static int put_back(const char *verb, const char *path, const char *text, size_t size, mode_t mode)
{
    int err = 0;

    if (size)
        err = file_write(path, text, size, mode, true);
    else if (unlink(path) < 0)
        err = -errno;
    return err ? complain(1, verb, "%s cannot be restored: %s", path, strerror(-err)) : 1;
}

/* The text with the lines at its end, or without them where they were found. NULL: no memory. */
static char *edit(const char *text, size_t size, const char *found, size_t *length)
{
    const size_t lines_length = sizeof(lines) - 1, before = found ? (size_t)(found - text) : size;
    char *out = malloc(size + lines_length + 1), *at = out;

    if (!out)
        return NULL;
    at = mempcpy(at, text, before);
    if (found)
        at = mempcpy(at, found + lines_length, size - before - lines_length);
    else if (size > 0 && text[size - 1] != '\n')
        *at++ = '\n';
    if (!found)
        at = mempcpy(at, lines, lines_length);
    *length = (size_t)(at - out);
    return out;
}

/* Adds or removes the lines of one profile, and loads it. What cannot be loaded is put back. */
static int change(const char *verb, size_t which, bool allow)
{
    const char *path = profiles[which].local;
    size_t size, length;
    mode_t mode;

    _cleanup_free_ char *text = read_local(path, &size, &mode);
    if (!text)
        return complain(1, verb, "cannot read %s: %s", path, strerror(errno));
    const char *found = memmem(text, size, lines, sizeof(lines) - 1);
    if (allow == (found != NULL))
        return 0;
    _cleanup_free_ char *changed = edit(text, size, found, &length);
    if (!changed)
        return complain(1, verb, "cannot change %s: out of memory", path);
    const int err = file_write(path, changed, length, mode, access(path, F_OK) == 0);
    if (err)
        return complain(1, verb, "cannot write %s: %s", path, strerror(-err));
    return load(verb, profiles[which].profile) ? put_back(verb, path, text, size, mode) : 0;
}

static int change_all(const char *verb, bool allow)
{
    int status = 0;

    for (size_t i = 0; !status && i < PROFILES && in_force(); i++)
        if (access(profiles[i].profile, F_OK) == 0)
            status = change(verb, i, allow);
    return status;
}

int confinement_allow(const char *verb)
{
    return change_all(verb, true);
}

int confinement_forget(const char *verb)
{
    return change_all(verb, false);
}

/* Returns 1 where a hook has another label than programs have. */
static int show_labels(void)
{
    char path[128], label[128];
    int status = 0;

    for (size_t i = 0; i < HOOKS_DRIVERS && says("/sys/fs/selinux/enforce", '1'); i++) {
        snprintf(path, sizeof(path), HOOKS_PATH "/%s", hooks_drivers[i]);
        const ssize_t length = getxattr(path, "security.selinux", label, sizeof(label) - 1);
        label[length > 0 ? length : 0] = '\0';
        if (strstr(label, ":bin_t"))
            continue;
        printf("SELinux  %s  is labelled %s, which libvirt cannot run: restorecon -F %s\n", path,
               *label ? label : "not at all", path);
        status = 1;
    }
    return status;
}

int confinement_show(void)
{
    int status = show_labels();

    for (size_t i = 0; i < PROFILES && in_force(); i++) {
        if (access(profiles[i].profile, F_OK) != 0)
            continue;
        const bool lets = has_lines(profiles[i].local);
        printf("AppArmor %s  %s\n", profiles[i].local,
               lets ? "lets libvirt run the hooks"
                    : "does not let libvirt run the hooks: virt-tap hooks enable");
        status |= !lets;
    }
    return status;
}
