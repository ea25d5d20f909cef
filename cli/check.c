/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "check.h"
#include "base/terminal.h"
#include "bridge/json.h"
#include "host/fix.h"
#include "host/helper_probe.h"
#include "host/kvm.h"
#include "host/network.h"
#include "host/software.h"
#include "verbs.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct area {
    const char *name;
    const struct probe *probes;
    size_t count;
};

static const struct probe kvm_probes[] = {{"kvm.device", kvm_probe, .as_caller = false}};
static const struct probe groups_probes[] = {{"groups.kvm", groups_probe, .as_caller = false}};
static const struct probe net_probes[] = {
    {"net.tun", network_devices_probe, .as_caller = false},
    {"net.bridge", network_bridges_probe, .as_caller = true, .of_bridge = true},
    {"net.limit", network_limits_probe, .as_caller = true},
    {"net.networkmanager", network_managers_probe, .as_caller = true},
    {"net.filter", network_filter_probe, .as_caller = true, .of_bridge = true},
};
static const struct probe helper_probes[] = {
    {"helper.works", check_helper_probe, .of_bridge = true},
    {"helper.broker", check_broker_probe, .of_bridge = true},
    {"helper.apparmor", helper_surroundings_probe, .as_caller = true},
    {"helper.policy", check_policy_probe, .of_bridge = true},
};
static const struct probe qemu_probes[] = {
    {"qemu.installed", qemu_probe, .as_caller = false},
    {"qemu.session", qemu_session_probe, .as_caller = false},
};
static const struct probe libvirt_probes[] = {
    {"libvirt.installed", libvirt_probe, .as_caller = false},
    {"libvirt.hooks", libvirt_hooks_probe, .as_caller = true},
    {"libvirt.network", libvirt_network_probe, .as_caller = true},
};

#define AREA(name, probes)                                                                                   \
    {                                                                                                        \
        name, probes, sizeof(probes) / sizeof((probes)[0])                                                   \
    }

static const struct area areas[] = {
    AREA("kvm", kvm_probes),       AREA("groups", groups_probes), AREA("net", net_probes),
    AREA("helper", helper_probes), AREA("qemu", qemu_probes),     AREA("libvirt", libvirt_probes),
};

enum { AREAS = sizeof(areas) / sizeof(areas[0]), PROBES_MAX = 32, BRIDGES_SECONDS = 10 };

const char check_notes[] = "AREA is one of kvm, groups, net, helper, qemu, libvirt; default: all of them.\n";

enum form { FORM_TEXT, FORM_JSON, FORM_REPORT, FORM_FIX };

struct options {
    const char *user, *bridge;
    int form; /* enum form */
    bool apply, strict;
    bool areas[AREAS];
};

const struct option_entry check_options[] = {
    OPTION_STRING("user", "NAME", "check as that user, in a process of theirs (root only)", struct options,
                  user),
    OPTION_STRING("bridge", "NAME", "check that bridge; default: the first that passes", struct options,
                  bridge),
    OPTION_SET("json", "for programs", struct options, form, FORM_JSON),
    OPTION_SET("report", "for a bug report: versions and findings, without the user's name", struct options,
               form, FORM_REPORT),
    OPTION_SET("fix", "print the commands that fix what was found, as a script to be reviewed",
               struct options, form, FORM_FIX),
    OPTION_FLAG("apply", "with --fix: run them one by one (root only), and check again", struct options,
                apply),
    OPTION_FLAG("strict", "exit with 3 if there are warnings and no failures", struct options, strict),
    OPTION_END(struct options),
};

static int choose_area(struct options *out, const char *word, const char *name)
{
    for (size_t i = 0; i < AREAS; i++)
        if (strcmp(areas[i].name, word) == 0) {
            out->areas[i] = true;
            return 0;
        }
    return complain(2, name, "there is no area '%.64s'; see %s --help", word, name);
}

/* Lists the areas that are checked, unless these are all of them. */
static const char *name_areas(const struct options *options)
{
    static char list[64];
    size_t count = 0;

    for (size_t i = 0; i < AREAS; i++) {
        if (!options->areas[i])
            continue;
        if (count++)
            strcat(list, ", ");
        strcat(list, areas[i].name);
    }
    return count < AREAS ? list : NULL;
}

/* Returns 0, or the exit status. */
static int check_words(struct options *options, const struct call *call)
{
    for (size_t i = 0; i < call->count; i++)
        if (choose_area(options, call->words[i], call->name) != 0)
            return 2;
    if (call->count == 0)
        memset(options->areas, true, sizeof(options->areas));
    if (options->apply && options->form != FORM_FIX)
        return complain(2, call->name, "--apply requires --fix");
    if (options->bridge && !ifname_valid(options->bridge))
        return complain(
            2, call->name,
            "--bridge='%.64s' is not a name for an interface: 1 to 15 characters without / : %% or space",
            options->bridge);
    if (options->apply && geteuid() != 0)
        return complain(1, call->name, "--apply: only root can fix the host; run it as root");
    return 0;
}

static void on_look_up_limit(int number)
{
    static const char text[] = "virt-tap check: the user database did not answer in 5 s; does its directory "
                               "service hang?\n";
    (void)number;
    if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
        _exit(1);
    _exit(1);
}

int check_find_user(struct user *out, const char *user, const char *name)
{
    const struct sigaction limit = {.sa_handler = on_look_up_limit};

    sigaction(SIGALRM, &limit, NULL);
    alarm(PROBE_SECONDS);
    const int err = user ? user_find(out, user) : user_self(out);
    alarm(0);
    signal(SIGALRM, SIG_DFL);
    if (err == -ENOENT)
        return complain(1, name, "there is no user '%.64s': check the spelling, or add the user first", user);
    if (err)
        return complain(1, name, "cannot look up the user: %s", strerror(-err));
    return 0;
}

static int find_subject(struct user *out, const struct options *options, const char *name)
{
    if (options->user && geteuid() != 0)
        return complain(1, name,
                        "--user=%.64s: only root can check for another user; type: sudo virt-tap check "
                        "--user=USER",
                        options->user);
    return check_find_user(out, options->user, name);
}

/* Runs the probes that look at the bridge, or all others. Returns the findings. */
static struct findings run(const struct options *options, bool of_bridge, const struct probe_context *context)
{
    struct findings found = {.items = NULL};
    const struct probe *chosen[PROBES_MAX];
    size_t count = 0;

    for (size_t i = 0; i < AREAS; i++)
        for (size_t p = 0; options->areas[i] && p < areas[i].count && count < PROBES_MAX; p++)
            if (areas[i].probes[p].of_bridge == of_bridge)
                chosen[count++] = &areas[i].probes[p];
    probes_run(chosen, count, context, &found);
    return found;
}

/* How far the user is from running guests on that bridge. One that the policy does not allow is always
 * farther than one that it does. */
static unsigned int distance(const struct findings *found)
{
    const unsigned int failures = findings_count(found, FINDING_FAILURE);

    if (failures && !findings_has(found, HELPER_POLICY))
        return failures + 100;
    return failures;
}

/* The verdict is about the first bridge that passes, or else about the one that is closest to passing. */
static struct findings look_at_bridges(struct check *check, const struct options *options)
{
    const time_t end = time(NULL) + BRIDGES_SECONDS;
    struct findings best = {.items = NULL};
    struct check_bridges list;
    size_t chosen = 0;

    check_list_bridges(&list, options->bridge);
    if (list.count == 0)
        return run(options, true, &(struct probe_context){&check->user, NULL, false});
    for (size_t i = 0; i == 0 || (i < list.count && distance(&best) > 0 && time(NULL) < end); i++) {
        const struct probe_context context = {&check->user, list.names[i], list.declared[i]};
        struct findings found = run(options, true, &context);
        const struct findings other = best;
        if (i == 0 || distance(&found) < distance(&best)) {
            best = found;
            found = other;
            chosen = i;
        }
        findings_free(&found);
    }
    strcpy(check->bridge, list.names[chosen]);
    check_report_others(&list, chosen, &best);
    return best;
}

static void look(struct check *check, const struct options *options)
{
    struct findings of_bridge;

    findings_free(&check->findings);
    check->findings = run(options, false, &(struct probe_context){&check->user, NULL, false});
    of_bridge = look_at_bridges(check, options);
    findings_move(&check->findings, &of_bridge);
    findings_merge(&check->findings);
    fix_findings(&check->findings, &check->user);
}

void check_look(struct check *check, const char *const areas_wanted[], const char *bridge)
{
    struct options options = {.bridge = bridge};

    for (size_t i = 0; areas_wanted[i]; i++)
        choose_area(&options, areas_wanted[i], check->name);
    look(check, &options);
}

/* Applies the fixes, checks again (the user may have been added to a group), and shows what is left. Returns
 * 0, or the exit status. */
static int fix(struct check *check, const struct options *options)
{
    const unsigned int failed = check_apply(check);

    user_free(&check->user);
    const int status = find_subject(&check->user, options, check->name);
    if (status)
        return status;
    look(check, options);
    check_show(check);
    if (failed)
        return complain(1, check->name, "%u of the commands failed", failed);
    return 0;
}

static int status_of(const struct check *check, const struct options *options)
{
    if (findings_count(&check->findings, FINDING_FAILURE))
        return 1;
    return options->strict && findings_count(&check->findings, FINDING_WARNING) ? 3 : 0;
}

static int show(struct check *check, const struct options *options)
{
    int lost = 0, failed = 0;

    if (options->form == FORM_JSON)
        return json_finish(check->findings.lost ? NULL : check_json(check), status_of(check, options),
                           check->name);
    switch (options->form) {
    case FORM_REPORT:
        lost = check_report(check);
        break;
    case FORM_FIX:
        if (options->apply)
            failed = fix(check, options);
        else
            check_script(check);
        break;
    default:
        check_show(check);
    }
    if (lost || check->findings.lost)
        return complain(1, check->name, "no memory");
    return finish_output(failed ? 1 : status_of(check, options), check->name);
}

int check_run(const struct call *call)
{
    struct options *options = call->options;
    struct check check = {.name = call->name, .color = terminal_has_color()};

    int status = check_words(options, call);
    if (status)
        return status;
    check.areas = name_areas(options);
    status = find_subject(&check.user, options, call->name);
    if (!status) {
        look(&check, options);
        status = show(&check, options);
    }
    findings_free(&check.findings);
    user_free(&check.user);
    return status;
}
