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
#include "program.h"
#include "xml/domain.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ANSWER_MAX = 64 * 1024 };

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
static int ask(const char *const words[], char **output)
{
    char path[PATH_MAX];
    const struct process process = {
        .path = path,
        .argv = words,
        .environment = (const char *const *)environ,
        .limit_ms = PROCESS_QUERY_MS,
        .output_max = ANSWER_MAX,
    };

    program_path("virt-tap", COMMAND_PATH, path);
    return process_run(&process, output);
}

/* What `hooks status` says of a line, behind its second column; NULL: there is no such line. Ends the line.
 */
static char *state_of(char *output, const char *start)
{
    char *line = strncmp(output, start, strlen(start)) == 0 ? output : strstr(output, start);

    if (!line)
        return NULL;
    line += strspn(line, "\n");
    line[strcspn(line, "\n")] = '\0';
    char *words = strchr(line, '/');
    words = words ? strstr(words, "  ") : NULL;
    return words ? words + 2 : NULL;
}

static void warn_of_hook(const char *command, bool system)
{
    _cleanup_free_ char *output = NULL;

    if (ask((const char *const[]){"virt-tap", "hooks", "status", NULL}, &output) < 0 || !output)
        return;
    const char *session = system ? NULL : state_of(output, "\nsession ");
    const char *hook = state_of(output, "qemu ");
    /* Only the system's daemon is reloaded. */
    const bool seen =
        !hook || strcmp(hook, "enabled") == 0 || (!system && strncmp(hook, "enabled, but newer", 18) == 0);
    if (!seen)
        complain(0, command,
                 "the hook that makes the taps when a domain starts is %s; without it, make them before each "
                 "start (virt-tap tap create)",
                 hook);
    else if (session)
        complain(0, command, "the hook that makes the taps when a domain starts is not called yet: %s",
                 session);
}

static void warn_of_policy(const char *command, const char *bridge, bool system)
{
    char option[sizeof("--bridge=") + NAME_SIZE];
    const char *words[] = {"virt-tap", "policy", "explain", option, system ? "--user=0" : NULL, NULL};

    snprintf(option, sizeof(option), "--bridge=%s", bridge);
    if (ask(words, NULL) == 1)
        complain(0, command,
                 "the policy does not allow a tap on '%s' yet, so the start will be refused; what to change: "
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
