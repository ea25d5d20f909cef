/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * virt-tap broker: whether programs whose file capabilities have no effect get taps through the broker, which
 * systemd starts. */
#include "host/broker.h"
#include "base/cleanup.h"
#include "base/process.h"
#include "base/terminal.h"
#include "bridge/json.h"
#include "config.h"
#include "verbs.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* sd_booted(3) */
static bool has_systemd(void)
{
    return access("/run/systemd/system", F_OK) == 0;
}

static int check(const char *verb)
{
    if (complain_unless_root(verb, "what the host runs"))
        return 1;
    if (!has_systemd())
        return complain(1, verb,
                        "this host does not run systemd, so its init must run this as root: " HELPER_PATH
                        " broker --listen " BROKER_PATH);
    return 0;
}

/* Returns 0, or 1 after reporting why. */
static int systemctl(const char *verb, const char *what)
{
    _cleanup_free_ char *output = NULL;
    const char *const argv[] = {"systemctl", "--quiet", what, "--now", BROKER_SOCKET, NULL};
    const int status = process_capture(argv, true, PROCESS_MANAGER_MS, &output);

    if (status < 0)
        return complain(1, verb, "cannot run systemctl: %s", strerror(-status));
    if (status > 0)
        return complain(1, verb,
                        "systemctl %s " BROKER_SOCKET " failed: %.300s; `systemctl status " BROKER_SOCKET
                        "` shows more",
                        what, process_reason(output));
    return 0;
}

static bool is_enabled(void)
{
    return process_query(NULL, "systemctl", "--quiet", "is-enabled", BROKER_SOCKET) == 0;
}

static int enable(const struct call *call)
{
    pid_t pid;

    if (check(call->name) || systemctl(call->name, "enable"))
        return 1;
    /* It may be there already, made under root's umask. */
    if (chmod(STATE_FOLDER, 0755) < 0)
        return complain(1, call->name, "cannot let others into " STATE_FOLDER ": %s", strerror(errno));
    const int err = broker_look(&pid);
    if (err && err != -EAGAIN)
        return complain(1, call->name,
                        "systemd holds no socket " BROKER_PATH ": %s; `systemctl status " BROKER_SOCKET
                        "` shows more",
                        strerror(-err));
    puts(
        "enabled: where file capabilities have no effect (QEMU under -sandbox on, containers, Flatpak), virt-tap-helper\n"
        "works through " BROKER_PATH ", as the policy says");
    return finish_output(0, call->name);
}

static int disable(const struct call *call)
{
    pid_t pid;

    if (check(call->name))
        return 1;
    const bool was_on = is_enabled() || broker_look(&pid) == 0;
    if (was_on && systemctl(call->name, "disable"))
        return 1;
    if (was_on && broker_look(&pid) == 0)
        return complain(1, call->name,
                        "the unit is disabled, but process %d still listens on " BROKER_PATH "; end it", pid);
    puts(was_on ? "disabled: the taps that it made stay" : "the broker was not enabled");
    return finish_output(0, call->name);
}

static void report_nobody(const char *sudo)
{
    char command[64];

    snprintf(command, sizeof(command), "%svirt-tap broker enable", sudo);
    printf("nobody listens: ");
    terminal_whole(command);
    putchar('\n');
}

struct status_options {
    bool json;
};

static const struct option_entry status_options[] = {
    OPTION_JSON(struct status_options, json),
    OPTION_END(struct status_options),
};

static int show_json(const char *name, int err, pid_t pid)
{
    const bool listens = err == 0 || err == -EAGAIN;
    const bool nobody = err == -ENOENT || err == -ECONNREFUSED;

    json_t *object = json_pack("{s:s, s:b, s:o, s:o, s:o}", "socket", BROKER_PATH, "listens", listens, "pid",
                               err ? json_null() : json_integer(pid), "enabled",
                               has_systemd() ? json_boolean(is_enabled()) : json_null(), "error",
                               listens || nobody ? json_null() : json_string(strerror(-err)));
    return json_finish(object, !listens, name);
}

static int show_status(const struct call *call)
{
    const struct status_options *options = call->options;
    const char *sudo = geteuid() == 0 ? "" : "sudo ";
    pid_t pid = 0;
    const int err = broker_look(&pid);
    const bool listens = err == 0 || err == -EAGAIN;

    if (options->json)
        return show_json(call->name, err, pid);
    terminal_wrap(true);
    printf("socket   " BROKER_PATH "  ");
    if (pid == 1)
        puts("listens: systemd, which starts the broker");
    else if (err == 0)
        printf("listens: process %d\n", pid);
    else if (listens)
        puts("listens, and more callers wait than it has room for");
    else if (err == -ENOENT || err == -ECONNREFUSED)
        report_nobody(sudo);
    else
        printf("cannot be reached: %s\n", strerror(-err));
    if (has_systemd())
        printf("unit     " BROKER_SOCKET "  %s\n",
               is_enabled() ? "enabled"
                            : "not enabled: it does not listen after the next start of this host");
    return finish_output(!listens, call->name);
}

static const struct verb verbs[] = {
    {.name = "enable",
     .summary = "listen from now on, also after the next start of this host",
     .act = enable},
    {.name = "disable", .summary = "stop that", .act = disable},
    {.name = "status",
     .arguments = "[--json]",
     .summary = "show whether it listens; exit status 1 if not",
     .options = status_options,
     .act = show_status},
};

const struct command broker_command = {
    "The broker: taps for programs whose file capabilities have no effect.", verbs,
    sizeof(verbs) / sizeof(verbs[0])};
