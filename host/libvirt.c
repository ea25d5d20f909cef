/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "base/text.h"
#include "hooks.h"
#include "libvirt_conf.h"
#include "program.h"
#include "software.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The file of the system's daemon, which only root can read on most hosts. */
static void look_at_conf(struct findings *out)
{
    static const char path[] = "/etc/libvirt/qemu.conf";
    char text[128 * 1024], name[CONF_NAME_SIZE];
    const char *type;
    unsigned int line = 0;
    const ssize_t length = text_read(path, text, sizeof(text));

    if (length == -ENOENT)
        return;
    if (length < 0)
        finding_add(out, LIBVIRT_CONF_SKIPPED, "%s cannot be read: %s", path, strerror((int)-length));
    else if (length == sizeof(text) - 1)
        finding_add(out, LIBVIRT_CONF_SKIPPED, "%s is too large to be inspected", path);
    else if (strlen(text) < (size_t)length)
        finding_add_fixable(out, LIBVIRT_CONF_BROKEN, path, "%s contains a NUL byte", path);
    else if (libvirt_conf_read(text, "", name, sizeof(name), &line) == CONF_BROKEN)
        finding_add_fixable(out, LIBVIRT_CONF_BROKEN, path,
                            "%s:%u is not NAME = VALUE with a quoted string, a number or a list", path, line);
    else if ((type = libvirt_conf_mistyped(text, name, &line)))
        finding_add_fixable(out, LIBVIRT_CONF_BROKEN, path, "%s:%u: %s must be %s", path, line, name, type);
    else
        finding_add(out, LIBVIRT_CONF, "%s has no error", path);
}

void libvirt_probe(const struct probe_context *context, struct findings *out)
{
    static const char schema[] = "/usr/share/libvirt/schemas/domain.rng";
    const char *path = program_find((const char *const[]){"/usr/sbin/libvirtd", "/usr/sbin/virtqemud",
                                                          "/usr/bin/libvirtd", "/usr/bin/virtqemud", NULL});
    char words[1024];

    if (!path) {
        finding_add_fixable(out, LIBVIRT_MISSING, "", "neither libvirtd nor virtqemud is installed");
        return;
    }
    const int status =
        program_run((const char *[]){path, "--version", NULL}, context->user, words, sizeof(words));
    if (status == 0)
        finding_add(out, LIBVIRT_INSTALLED, "%s", program_first_line(words));
    else
        program_report(out, LIBVIRT_BROKEN, path, "--version", status, words);
    look_at_conf(out);
    if (access(schema, R_OK) == 0)
        finding_add(out, LIBVIRT_SCHEMA, "%s exists", schema);
    else
        finding_add(out, LIBVIRT_SCHEMA_MISSING, "%s does not exist", schema);
}

/* One finding for all drivers in the same state. */
void libvirt_hooks_probe(const struct probe_context *context, struct findings *out)
{
    static const struct {
        const char *words;
        enum finding_id id;
        bool fixable;
    } states[HOOK_STATES] = {
        [HOOK_GOOD] = {"enabled", LIBVIRT_HOOKS, false},
        [HOOK_MISSING] = {"not enabled", LIBVIRT_HOOKS_MISSING, true},
        [HOOK_CLOSED] = {"not readable by this user", LIBVIRT_HOOKS_SKIPPED, false},
        [HOOK_BROKEN] = {"enabled, but cannot be run", LIBVIRT_HOOKS_BROKEN, true},
        [HOOK_FOREIGN] = {"replaced by files that are not virt-tap's", LIBVIRT_HOOKS_FOREIGN, true},
        [HOOK_UNSEEN] = {"newer than the daemon, which must be reloaded", LIBVIRT_HOOKS_UNSEEN, true},
    };
    char file[FINDING_ABOUT_SIZE];

    for (int state = 0; state < HOOK_STATES; state++) {
        char list[64] = "", path[HOOKS_PATH_SIZE] = "";
        for (size_t i = 0; i < HOOKS_DRIVERS; i++)
            if (hooks_look(hooks_drivers[i]) == (enum hook_state)state) {
                strcat(strcat(list, " "), hooks_drivers[i]);
                hooks_path(path, hooks_drivers[i]);
            }
        if (!*list)
            continue;
        finding_add(out, states[state].id, "hooks %s:%s", states[state].words, list);
        if (states[state].fixable)
            finding_fixable(out, path);
    }
    if (context->user->uid != 0 && hooks_session_unseen(context->user, file))
        finding_add_fixable(out, LIBVIRT_HOOKS_SESSION, file,
                            "hooks newer than the session's daemon, which does not call them");
}
