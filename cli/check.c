/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "check.h"
#include "host/groups.h"
#include "host/helper_probe.h"
#include "host/kvm.h"
#include "host/network.h"
#include "host/software.h"
#include "net/link.h"
#include "verbs.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char check_options[] =
    "  AREA           kvm, groups, net, helper, qemu, libvirt; default: all of them\n"
    "  --user NAME    check as that user, in a process of theirs (root only)\n"
    "  --bridge NAME  check that bridge; default: any\n"
    "  --json         for programs\n"
    "  --report       for a bug report: versions and findings, without the user's name\n"
    "  --fix          print the commands that fix what was found, as a script to be reviewed\n"
    "  --fix --apply  run them one by one (root only), and check again\n"
    "  --strict       exit with 3 if there are warnings and no failures\n";

struct area {
    const char *name;
    const struct probe *probes;
    size_t count;
};

static const struct probe kvm_probes[] = {{"kvm.device", kvm_probe, false}};
static const struct probe groups_probes[] = {{"groups.kvm", groups_probe, false}};
static const struct probe net_probes[] = {
    {"net.tun", network_devices_probe, false},  {"net.bridge", network_bridges_probe, true},
    {"net.limit", network_limits_probe, true},  {"net.networkmanager", network_managers_probe, true},
    {"net.filter", network_filter_probe, true},
};
static const struct probe helper_probes[] = {
    {"helper.works", helper_probe, false},
    {"helper.apparmor", helper_surroundings_probe, true},
    {"helper.policy", check_policy_probe, false},
};
static const struct probe qemu_probes[] = {
    {"qemu.installed", qemu_probe, false},
    {"qemu.session", qemu_session_probe, false},
};
static const struct probe libvirt_probes[] = {
    {"libvirt.installed", libvirt_probe, false},
    {"libvirt.hooks", libvirt_hooks_probe, true},
    {"libvirt.network", libvirt_network_probe, true},
};

#define AREA(name, probes)                                                                                   \
    {                                                                                                        \
        name, probes, sizeof(probes) / sizeof((probes)[0])                                                   \
    }

static const struct area areas[] = {
    AREA("kvm", kvm_probes),       AREA("groups", groups_probes), AREA("net", net_probes),
    AREA("helper", helper_probes), AREA("qemu", qemu_probes),     AREA("libvirt", libvirt_probes),
};

enum { AREAS = sizeof(areas) / sizeof(areas[0]), PROBES_MAX = 32 };

struct options {
    const char *user;
    const char *bridge;
    bool json, report, fix, apply, strict;
    bool areas[AREAS];
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

/* Returns 0, or the exit status. */
static int parse(struct options *out, int argc, char *argv[])
{
    static const struct option words[] = {
        {"user", required_argument, NULL, 'u'}, {"bridge", required_argument, NULL, 'b'},
        {"json", no_argument, NULL, 'j'},       {"report", no_argument, NULL, 'r'},
        {"fix", no_argument, NULL, 'f'},        {"apply", no_argument, NULL, 'a'},
        {"strict", no_argument, NULL, 's'},     {NULL, 0, NULL, 0},
    };

    for (int word; (word = getopt_long(argc, argv, "", words, NULL)) >= 0;)
        switch (word) {
        case 'u':
            out->user = optarg;
            break;
        case 'b':
            out->bridge = optarg;
            break;
        case 'j':
            out->json = true;
            break;
        case 'r':
            out->report = true;
            break;
        case 'f':
            out->fix = true;
            break;
        case 'a':
            out->apply = true;
            break;
        case 's':
            out->strict = true;
            break;
        default:
            return 2; /* getopt_long has said why */
        }
    for (int i = optind; i < argc; i++)
        if (choose_area(out, argv[i], argv[0]) != 0)
            return 2;
    if (optind == argc)
        memset(out->areas, true, sizeof(out->areas));
    if (out->json + out->report + out->fix > 1)
        return complain(2, argv[0], "--json, --report and --fix exclude each other");
    if (out->apply && !out->fix)
        return complain(2, argv[0], "--apply requires --fix");
    if (out->bridge && !ifname_valid(out->bridge))
        return complain(2, argv[0], "--bridge=%.64s: not a valid interface name", out->bridge);
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

/* The user database may hang here as in any probe. */
static int find_subject(struct user *out, const struct options *options, const char *name)
{
    const struct sigaction limit = {.sa_handler = on_look_up_limit};

    if (options->user && geteuid() != 0)
        return complain(1, name, "--user: only root can become another user; run it as root");
    sigaction(SIGALRM, &limit, NULL);
    alarm(PROBE_SECONDS);
    const int err = options->user ? user_find(out, options->user) : user_self(out);
    alarm(0);
    signal(SIGALRM, SIG_DFL);
    if (err == -ENOENT)
        return complain(1, name, "--user: there is no user '%.64s'", options->user);
    return err ? complain(1, name, "cannot look up the user: %s", strerror(-err)) : 0;
}

static void look(struct check *check, const struct options *options)
{
    const struct probe *chosen[PROBES_MAX];
    size_t count = 0;

    for (size_t i = 0; i < AREAS; i++)
        for (size_t p = 0; options->areas[i] && p < areas[i].count && count < PROBES_MAX; p++)
            chosen[count++] = &areas[i].probes[p];
    const struct probe_context context = {&check->user, check->bridge};
    findings_free(&check->findings);
    probes_run(chosen, count, &context, &check->findings);
}

/* Fixes, looks again (the user may have got a group), and shows what is left. Returns 0, or the exit status.
 */
static int fix(struct check *check, const struct options *options)
{
    const unsigned int failed = check_apply(check);

    user_free(&check->user);
    const int status = find_subject(&check->user, options, check->name);
    if (status)
        return status;
    look(check, options);
    check_show(check);
    return failed ? complain(1, check->name, "%u of the commands failed", failed) : 0;
}

static int show(struct check *check, const struct options *options)
{
    int lost = 0, failed = 0;

    if (options->json)
        lost = check_show_json(check);
    else if (options->report)
        lost = check_report(check);
    else if (options->apply)
        failed = fix(check, options);
    else if (options->fix)
        check_script(check);
    else
        check_show(check);
    if (lost || check->findings.lost)
        return complain(1, check->name, "out of memory");
    if (failed || findings_count(&check->findings, FINDING_FAILURE))
        return 1;
    return options->strict && findings_count(&check->findings, FINDING_WARNING) ? 3 : 0;
}

int check_run(int argc, char *argv[])
{
    struct options options = {.user = NULL};
    const char *no_color = getenv("NO_COLOR");
    struct check check = {.name = argv[0], .color = isatty(STDOUT_FILENO) && !(no_color && *no_color)};

    int status = parse(&options, argc, argv);
    if (status)
        return status;
    if (options.apply && geteuid() != 0)
        return complain(1, argv[0], "--apply: only root can fix the host; run it as root");
    check.bridge = options.bridge;
    signal(SIGCHLD, SIG_DFL); /* a caller may have had it ignored, and no child would be ours to wait for */
    status = find_subject(&check.user, &options, argv[0]);
    if (!status) {
        look(&check, &options);
        status = finish_output(show(&check, &options), argv[0]);
    }
    findings_free(&check.findings);
    user_free(&check.user);
    return status;
}
