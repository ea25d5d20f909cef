/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "confinement.h"

#include "bridge/process.h"
#include "config.h"
#include "file.h"
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

/* The administrator's file. */
struct local {
    char *text; /* owned by whoever reads it */
    size_t size;
    mode_t mode;
};

/* Empty where there is none. Returns 0, or -1 with errno: no memory, or it cannot be read. */
static int read_local(const char *path, struct local *out)
{
    out->text = file_read(path, LOCAL_MAX, &out->size, &out->mode);
    if (!out->text && errno == ENOENT)
        *out = (struct local){.text = strdup(""), .mode = 0644};
    return out->text ? 0 : -1;
}

static bool has_lines(const char *path)
{
    struct local local;
    const bool has =
        read_local(path, &local) == 0 && memmem(local.text, local.size, lines, sizeof(lines) - 1);

    free(local.text);
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

static int put_back(const char *verb, const char *path, const struct local *was)
{
    int err = 0;

    if (was->size)
        err = file_write(path, was->text, was->size, was->mode, true);
    else if (unlink(path) < 0)
        err = -errno;
    return err ? complain(1, verb, "%s cannot be restored: %s", path, strerror(-err)) : 1;
}

/* The text with the lines at its end, or without them where they were found. NULL: no memory. */
static char *edit(const struct local *was, const char *found, size_t *length)
{
    const size_t lines_length = sizeof(lines) - 1, before = found ? (size_t)(found - was->text) : was->size;
    char *out = malloc(was->size + lines_length + 1), *at = out;

    if (!out)
        return NULL;
    at = mempcpy(at, was->text, before);
    if (found)
        at = mempcpy(at, found + lines_length, was->size - before - lines_length);
    else if (was->size > 0 && was->text[was->size - 1] != '\n')
        *at++ = '\n';
    if (!found)
        at = mempcpy(at, lines, lines_length);
    *length = (size_t)(at - out);
    return out;
}

/* Writes it and loads the profile. What cannot be loaded is put back. */
static int replace(const char *verb, size_t which, const struct local *was, const char *text, size_t size)
{
    const char *path = profiles[which].local;
    const int err = file_write(path, text, size, was->mode, access(path, F_OK) == 0);

    if (err)
        return complain(1, verb, "cannot write %s: %s", path, strerror(-err));
    return load(verb, profiles[which].profile) ? put_back(verb, path, was) : 0;
}

/* Adds or removes the lines of one profile. */
static int change(const char *verb, size_t which, bool allow)
{
    struct local was;
    size_t length;
    int status = 0;

    if (read_local(profiles[which].local, &was) < 0)
        return complain(1, verb, "cannot read %s: %s", profiles[which].local, strerror(errno));
    const char *found = memmem(was.text, was.size, lines, sizeof(lines) - 1);
    if (allow != (found != NULL)) {
        char *changed = edit(&was, found, &length);
        status = changed ? replace(verb, which, &was, changed, length) : complain(1, verb, "out of memory");
        free(changed);
    }
    free(was.text);
    return status;
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
