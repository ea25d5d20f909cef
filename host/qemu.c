/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "base/text.h"
#include "config.h"
#include "hooks.h"
#include "libvirt_conf.h"
#include "program.h"
#include "software.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

enum { NS_PER_SECOND = 1000000000 };

/* The one for the host's own architecture, the only one that can use KVM. */
static const char *find_qemu(char usr[64], char local[64])
{
    struct utsname name;

    if (uname(&name) < 0)
        return NULL;
    const char *machine = strncmp(name.machine, "ppc64", 5) == 0 ? "ppc64" : name.machine;
    snprintf(usr, 64, "/usr/bin/qemu-system-%.32s", machine);
    snprintf(local, 64, "/usr/local/bin/qemu-system-%.32s", machine);
    return program_find(
        (const char *const[]){local, usr, "/usr/bin/qemu-kvm", "/usr/libexec/qemu-kvm", NULL});
}

void qemu_probe(const struct probe_context *context, struct findings *out)
{
    char usr[64], local[64], words[4096];
    const char *path = find_qemu(usr, local);

    if (!path) {
        finding_add_fixable(out, QEMU_MISSING, "", "no QEMU for this host's architecture is installed");
        return;
    }
    int status = program_run((const char *[]){path, "--version", NULL}, context->user, words, sizeof(words));
    if (status != 0) {
        program_report(out, QEMU_BROKEN, path, "--version", status, words);
        return;
    }
    finding_add(out, QEMU_INSTALLED, "%s: %s", path, program_first_line(words));
    status = program_run((const char *[]){path, "-accel", "help", NULL}, context->user, words, sizeof(words));
    if (status != 0)
        program_report(out, QEMU_BROKEN, path, "-accel help", status, words);
    else if (text_has_word(words, "kvm"))
        finding_add(out, QEMU_KVM, "KVM is among its accelerators");
    else
        finding_add_fixable(out, QEMU_ACCELERATOR, "", "KVM is not among the accelerators of %s", path);
}

bool qemu_session_folder(const struct user *user, char *out, size_t size)
{
    const char *xdg = user->other ? NULL : getenv("XDG_CONFIG_HOME");
    const int length = xdg && *xdg ? snprintf(out, size, "%s/libvirt", xdg)
                                   : snprintf(out, size, "%s/.config/libvirt", user->home);

    return length > 0 && (size_t)length < size;
}

/* Whether the session's daemon started before the file was last changed; file: the daemon's PID file. */
static bool is_stale(const struct user *user, const char *conf, char file[FINDING_ABOUT_SIZE])
{
    const int64_t start = hooks_session_start(user, file) / NS_PER_SECOND;
    struct stat st;

    return start && stat(conf, &st) == 0 && st.st_mtim.tv_sec > start;
}

/* What the session's file says. */
static void report_session(const struct user *user, const char *path, const char *text, struct findings *out)
{
    unsigned int line = 0;
    char helper[256], file[FINDING_ABOUT_SIZE], name[CONF_NAME_SIZE];
    const char *type = libvirt_conf_mistyped(text, name, &line);

    if (type && libvirt_conf_read(text, name, helper, sizeof(helper), &(unsigned int){0}) != CONF_BROKEN) {
        finding_add_fixable(out, QEMU_SESSION_BROKEN, "", "%s:%u: %s must be %s", path, line, name, type);
        return;
    }
    switch (libvirt_conf_read(text, "bridge_helper", helper, sizeof(helper), &line)) {
    case CONF_NONE:
        finding_add_fixable(out, QEMU_SESSION_UNSET, "", "%s does not set bridge_helper", path);
        break;
    case CONF_BROKEN:
        finding_add_fixable(out, QEMU_SESSION_BROKEN, "",
                            "%s:%u is not NAME = VALUE with a quoted string, "
                            "a number or a list",
                            path, line);
        break;
    case CONF_OTHER:
        finding_add_fixable(out, QEMU_SESSION_OTHER, "",
                            "%s sets bridge_helper to something that is not the path of a program", path);
        break;
    default:
        if (strcmp(helper, HELPER_PATH) != 0)
            finding_add_fixable(out, QEMU_SESSION_OTHER, "", "%s sets bridge_helper to %s", path, helper);
        else if (is_stale(user, path, file))
            finding_add_fixable(out, QEMU_SESSION_STALE, file, "%s is newer than the session's daemon", path);
        else
            finding_add(out, QEMU_SESSION, "%s sets it as bridge_helper", path);
    }
}

void qemu_session_probe(const struct probe_context *context, struct findings *out)
{
    char folder[448], path[512], text[65536];

    if (context->user->uid == 0) {
        finding_add(out, QEMU_SESSION_SKIPPED, "root has no libvirt session");
        return;
    }
    if (!qemu_session_folder(context->user, folder, sizeof(folder))) {
        finding_add(out, QEMU_SESSION_UNSET, "the path of the session's configuration is too long");
        return;
    }
    snprintf(path, sizeof(path), "%s/qemu.conf", folder);
    const ssize_t length = text_read(path, text, sizeof(text));
    if (length == -EINVAL)
        finding_add_fixable(out, QEMU_SESSION_BROKEN, "", "%s is not a regular file", path);
    else if (length < 0 && length != -ENOENT)
        finding_add_fixable(out, QEMU_SESSION_BROKEN, "", "%s cannot be read: %s", path,
                            strerror((int)-length));
    else if (length == sizeof(text) - 1)
        finding_add(out, QEMU_SESSION_OTHER, "%s is too large to be inspected", path);
    else if (length > 0 && strlen(text) < (size_t)length)
        finding_add_fixable(out, QEMU_SESSION_BROKEN, "", "%s contains a NUL byte", path);
    else
        report_session(context->user, path, text, out);
}
