/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "mend.h"
#include "program.h"
#include "software.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

static void mend_install_qemu(struct findings *out)
{
    char install[160];

    mend_install(PACKAGE_QEMU, install, sizeof(install));
    finding_mend(out, "%s", install);
}

/* The one for guests of this host's own kind, which alone can use KVM. */
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
    char version[] = "--version", accel[] = "-accel", help[] = "help";
    const char *found = find_qemu(usr, local);

    if (!found) {
        finding_add(out, QEMU_MISSING, "there is no QEMU for this host's kind of guests");
        mend_install_qemu(out);
        return;
    }
    char *path = strdupa(found);
    int status = program_run((char *[]){path, version, NULL}, context->subject, words, sizeof(words));
    if (status != 0) {
        finding_add(out, QEMU_BROKEN, "%s does not tell its version: exit status %d: %s", path, status,
                    program_first_line(words));
        mend_install_qemu(out);
        return;
    }
    finding_add(out, QEMU_INSTALLED, "%s: %s", path, program_first_line(words));
    status = program_run((char *[]){path, accel, help, NULL}, context->subject, words, sizeof(words));
    if (status == 0 && text_has_word(words, "kvm")) {
        finding_add(out, QEMU_KVM, "KVM is among its accelerators");
    } else {
        finding_add(out, QEMU_ACCELERATOR, "KVM is not among the accelerators of %s", path);
        mend_install_qemu(out);
    }
}

static void mend_session(const struct subject *subject, const char *folder, struct findings *out)
{
    char user[128], quoted[512];

    mend_quote(subject->name, user, sizeof(user));
    mend_quote(folder, quoted, sizeof(quoted));
    finding_mend(out, "runuser -u %s -- mkdir -p %s", user, quoted);
    finding_mend(
        out,
        "runuser -u %s -- sh -c 'cd \"$0\" && { [ ! -e qemu.conf ] || sed -i \"/^ *bridge_helper/d\" "
        "qemu.conf; } && echo \"bridge_helper = \\\"" HELPER_PATH "\\\"\" >>qemu.conf' %s",
        user, quoted);
}

void qemu_session_probe(const struct probe_context *context, struct findings *out)
{
    const struct subject *subject = context->subject;
    const char *xdg = subject->other ? NULL : getenv("XDG_CONFIG_HOME");
    char folder[448], path[512], text[65536], helper[256];

    if (subject->uid == 0) {
        finding_add(out, QEMU_SESSION_SKIPPED, "root has no session of libvirt's");
        return;
    }
    if (xdg && *xdg)
        snprintf(folder, sizeof(folder), "%s/libvirt", xdg);
    else
        snprintf(folder, sizeof(folder), "%s/.config/libvirt", subject->home);
    snprintf(path, sizeof(path), "%s/qemu.conf", folder);
    text_read(path, text, sizeof(text));
    if (!text_value(text, "bridge_helper", helper, sizeof(helper)))
        finding_add(out, QEMU_SESSION_UNSET, "%s does not name a bridge_helper", path);
    else if (strcmp(helper, HELPER_PATH) == 0)
        finding_add(out, QEMU_SESSION, "%s names it as bridge_helper", path);
    else
        finding_add(out, QEMU_SESSION_OTHER, "%s names %s as bridge_helper", path, helper);
    if (strcmp(helper, HELPER_PATH) != 0)
        mend_session(subject, folder, out);
}
