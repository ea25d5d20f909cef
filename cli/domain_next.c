/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "domain_next.h"

#include "base/array.h"
#include "base/cleanup.h"
#include "base/complain.h"
#include "base/process.h"
#include "base/quote.h"
#include "config.h"
#include "domain_libvirt.h"
#include "hooks_words.h"
#include "program.h"
#include "xml/domain.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void next_report(const char *command, virDomainPtr domain, const char *name)
{
    const int snapshots = virDomainSnapshotNum(domain, 0);

    if (virDomainIsActive(domain) == 1)
        complain(0, command, "%s is running: the change takes effect at its next start", name);
    else
        complain(0, command, "%s is redefined", name);
    if (virDomainHasManagedSaveImage(domain, 0) == 1)
        complain(
            0, command,
            "%s has a saved state with the old interfaces, which its next start resumes; to start it afresh: "
            "virsh managedsave-remove %s%s",
            name, libvirt_dashes(name), quote(name).text);
    if (snapshots > 0)
        complain(0, command,
                 "%s has snapshots with the old interfaces (%d); reverting to one brings them back", name,
                 snapshots);
}

static void learn(struct next *next, const char *bridge)
{
    char name[NAME_SIZE];

    for (size_t i = 0; i < next->count; i++)
        if (strcmp(next->bridges[i], bridge) == 0)
            return;
    snprintf(name, sizeof(name), "%s", bridge);
    array_add(&next->bridges, &next->count, name, sizeof(name)); /* without memory, one warning is lost */
}

void next_learn(struct next *next, const char *text, size_t size)
{
    _cleanup_domain_ struct domain domain = {0};
    struct error ignored;

    if (domain_read(&domain, text, size, &ignored) < 0)
        return;
    for (size_t i = 0; i < domain.tap_count; i++)
        if (domain.taps[i].interface)
            learn(next, domain.taps[i].bridge);
}

void next_free(struct next *next)
{
    free(next->bridges);
}

/* Runs a verb of virt-tap that changes nothing, with our environment: it says where the session is. Returns
 * its exit status, or -errno. */
static int ask(const char *const words[])
{
    char path[PATH_MAX];
    const struct process process = {
        .path = path,
        .argv = words,
        .environment = (const char *const *)environ,
        .limit_ms = PROCESS_QUERY_MS,
    };

    program_path("virt-tap", COMMAND_PATH, path);
    return process_run(&process, NULL);
}

static void warn_of_hook(const char *command, bool system)
{
    const enum hook_state state = hooks_look("qemu");
    char fix[HOOKS_COMMAND];

    /* Only the system's daemon is reloaded. */
    if (state != HOOK_GOOD && (system || state != HOOK_UNSEEN))
        complain(0, command,
                 "the hook that makes the taps when a domain starts is %s%s%s; without it, make them before "
                 "each start (virt-tap tap create)",
                 hooks_words[state].words, hooks_sudo(), hooks_words[state].fix);
    else if (!system && hooks_session_is_old(fix))
        complain(0, command,
                 "the hook that makes the taps when a domain starts is not called yet: " HOOKS_SESSION "%s",
                 fix);
}

static void warn_of_policy(const char *command, const char *bridge, bool system)
{
    char option[sizeof("--bridge=") + NAME_SIZE];
    const char *words[] = {"virt-tap", "policy", "explain", option, system ? "--user=0" : NULL, NULL};

    snprintf(option, sizeof(option), "--bridge=%s", bridge);
    if (ask(words) == 1)
        complain(
            0, command,
            "a tap on '%s' would be refused now, and the domain would not start; why, and what to change: "
            "virt-tap policy explain %s",
            bridge, quote(option).text);
}

void next_warn(const struct next *next, const char *command, virConnectPtr connection)
{
    _cleanup_free_ char *uri = virConnectGetURI(connection);
    const bool system = uri && strcmp(uri, "qemu:///system") == 0;

    if (next->count == 0 || !uri || (!system && strcmp(uri, "qemu:///session") != 0))
        return;
    warn_of_hook(command, system);
    for (size_t i = 0; i < next->count && (!system || geteuid() == 0); i++)
        warn_of_policy(command, next->bridges[i], system);
}
