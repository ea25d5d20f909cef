/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "base/text.h"
#include "config.h"
#include "program.h"
#include "software.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

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
        finding_add_fixable(out, QEMU_BROKEN, "", "%s --version failed with status %d: %s", path, status,
                            program_first_line(words));
        return;
    }
    finding_add(out, QEMU_INSTALLED, "%s: %s", path, program_first_line(words));
    status = program_run((const char *[]){path, "-accel", "help", NULL}, context->user, words, sizeof(words));
    if (status == 0 && text_has_word(words, "kvm"))
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

enum setting { SETTING_NONE, SETTING_BROKEN, SETTING_GOOD };

/* The first setting of that name applies (virConfGetValue). A string is in single or double quotes, and may
 * be followed by a comment (src/util/virconf.c, virConfParseString). */
static enum setting read_setting(const char *text, const char *name, char *out, size_t size)
{
    const size_t name_length = strlen(name);

    for (const char *line = text; line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
        const char *at = line + strspn(line, " \t");
        if (strncmp(at, name, name_length) != 0)
            continue;
        at += name_length;
        at += strspn(at, " \t");
        if (*at != '=')
            continue;
        at += 1 + strspn(at + 1, " \t");
        const char quote = *at;
        if (quote != '"' && quote != '\'')
            return SETTING_BROKEN;
        const size_t length = strcspn(at + 1, quote == '"' ? "\"\n" : "'\n");
        if (at[1 + length] != quote || length >= size)
            return SETTING_BROKEN;
        memcpy(out, at + 1, length);
        out[length] = '\0';
        at += 2 + length;
        at += strspn(at, " \t\r");
        return strchr("#\n", *at) ? SETTING_GOOD : SETTING_BROKEN; /* also matches the end of the file */
    }
    return SETTING_NONE;
}

void qemu_session_probe(const struct probe_context *context, struct findings *out)
{
    char folder[448], path[512], text[65536], helper[256] = "";

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
    const enum setting setting = read_setting(text, "bridge_helper", helper, sizeof(helper));
    if (length < 0 && length != -ENOENT)
        finding_add(out, QEMU_SESSION_OTHER, "%s cannot be read: %s", path,
                    length == -EINVAL ? "it is not a regular file" : strerror((int)-length));
    else if (setting == SETTING_NONE)
        finding_add(out, QEMU_SESSION_UNSET, "%s does not set bridge_helper", path);
    else if (setting == SETTING_BROKEN)
        finding_add(out, QEMU_SESSION_OTHER, "%s sets bridge_helper to something that is not a quoted string",
                    path);
    else if (strcmp(helper, HELPER_PATH) == 0)
        finding_add(out, QEMU_SESSION, "%s sets it as bridge_helper", path);
    else
        finding_add(out, QEMU_SESSION_OTHER, "%s sets bridge_helper to %s", path, helper);
    if (setting != SETTING_GOOD || strcmp(helper, HELPER_PATH) != 0)
        finding_fixable(out, "");
}
