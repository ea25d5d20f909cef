/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The plan of virt-tap setup: the list of steps, and those about QEMU, libvirt and KVM, which are the fixes
 * of virt-tap check. */
#include "base/process.h"
#include "base/text.h"
#include "check.h"
#include "config.h"
#include "host/broker.h"
#include "host/hooks.h"
#include "setup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a finding means for the plan. */
enum meaning {
    MEANS_NOTHING,
    MEANS_SO,
    MEANS_FIX,      /* its commands, which leave something behind */
    MEANS_PACKAGES, /* its commands, which install packages */
    MEANS_PASSING,  /* its commands, which change nothing that lasts: modules, daemons */
    MEANS_LEFT,
};

static const unsigned char meanings[FINDING_COUNT] = {
    [KVM_DEVICE] = MEANS_SO,
    [KVM_DEVICE_MISSING] = MEANS_FIX,
    [KVM_DEVICE_WRONG] = MEANS_FIX,
    [KVM_DEVICE_MODE] = MEANS_FIX,
    [KVM_DEVICE_PERMISSION] = MEANS_FIX,
    [GROUPS_KVM] = MEANS_SO,
    [GROUPS_KVM_UNNEEDED] = MEANS_SO,
    [GROUPS_KVM_MISSING] = MEANS_FIX,
    [GROUPS_LIBVIRT_MISSING] = MEANS_LEFT,
    [QEMU_INSTALLED] = MEANS_SO,
    [QEMU_MISSING] = MEANS_PACKAGES,
    [QEMU_SESSION] = MEANS_SO,
    [QEMU_SESSION_UNSET] = MEANS_FIX,
    [QEMU_SESSION_OTHER] = MEANS_FIX,
    [QEMU_SESSION_STALE] = MEANS_PASSING,
    [LIBVIRT_INSTALLED] = MEANS_SO,
    [LIBVIRT_MISSING] = MEANS_PACKAGES,
    [NET_TUN] = MEANS_SO,
    [NET_TUN_MISSING] = MEANS_PASSING,
    [NET_NETWORKMANAGER] = MEANS_SO,
    [NET_NETWORKMANAGER_CLAIMS] = MEANS_FIX,
    [NET_NETWORKMANAGER_FORGETS] = MEANS_FIX,
    [NET_NETWORKD] = MEANS_SO,
    [NET_NETWORKD_CLAIMS] = MEANS_FIX,
    [NET_NETWORKD_FORGETS] = MEANS_FIX,
    [NET_IFUPDOWN] = MEANS_SO,
    [NET_IFUPDOWN_FORGETS] = MEANS_FIX,
};

/* Several users may need the same command. */
static bool has_command(const struct setup *setup, const char *line, const struct user *theirs)
{
    for (size_t i = 0; i < setup->count; i++) {
        const struct step *step = &setup->steps[i];
        if (step->state == STEP_TO_DO && step->theirs == theirs &&
            strcmp(text_or(step->words, ""), line) == 0)
            return true;
    }
    return false;
}

static bool has_title(const struct setup *setup, const char *title)
{
    for (size_t i = 0; i < setup->count; i++)
        if (strcmp(text_or(setup->steps[i].title, ""), title) == 0)
            return true;
    return false;
}

/* What must be recorded of a command, so that it can be taken back. */
static void record_command(struct setup *setup, struct step *step, enum meaning meaning)
{
    const char *written = step && step->words ? setup_find_file(step->words) : NULL;
    char group[64], user[256];

    if (!step || !step->words || meaning == MEANS_PASSING)
        return;
    if (step->theirs) {
        if (strstr(step->words, "bridge_helper"))
            step_record(setup, step, "session %s", step->theirs->name);
    } else if (sscanf(step->words, "gpasswd -a %255s %63s", user, group) == 2) {
        step_record(setup, step, "group %s %s", group, user);
        step->alone = true;
    } else if (written) {
        if (access(written, F_OK) < 0)
            step_record(setup, step, "file %s", written);
    } else if (strncmp(step->words, "mkdir ", strlen("mkdir ")) != 0) {
        step_record(setup, step, "other %s", step->words);
    }
}

/* The check of every user finds the same packages missing. */
static void add_packages(struct setup *setup, const struct finding *finding)
{
    if (!has_title(setup, finding->seen))
        setup_add_packages(setup, finding->seen, text_or(finding->fix, "# install it"),
                           catalogue[finding->id].level == FINDING_FAILURE);
}

static void add_commands(struct setup *setup, const struct user *user, const struct finding *finding,
                         enum meaning meaning)
{
    const struct user *theirs = check_is_theirs(user, finding) ? user : NULL;
    char *copy = strdup(text_or(finding->fix, "")), *rest = copy;

    for (char *line; rest && (line = strsep(&rest, "\n"));) {
        if (!*line || *line == '#' || has_command(setup, line, theirs))
            continue;
        struct step *step = setup_add(setup, STEP_TO_DO, finding->seen, "%s", line);
        if (step) {
            step->theirs = theirs;
            step->alone = theirs != NULL;
        }
        record_command(setup, step, meaning);
    }
    free(copy);
}

/* What is wrong with a bridge that is still to be made is no news. */
static bool is_of_network(enum finding_id id)
{
    return id >= NET_TUN && id <= NET_UNKNOWN;
}

static void add_finding(struct setup *setup, const struct user *user, const struct finding *finding)
{
    const enum meaning meaning = meanings[finding->id];

    if (meaning == MEANS_SO && !has_title(setup, finding->seen))
        setup_add(setup, STEP_SO, finding->seen, NULL);
    else if (meaning == MEANS_LEFT && !has_title(setup, finding->seen))
        setup_add(setup, STEP_LEFT, finding->seen,
                  "not joined: its members can become root, and qemu:///session needs no group");
    else if (meaning == MEANS_PACKAGES)
        add_packages(setup, finding);
    else if (meaning >= MEANS_FIX && meaning < MEANS_LEFT)
        add_commands(setup, user, finding, meaning);
    else if (meaning == MEANS_NOTHING &&
             (catalogue[finding->id].level == FINDING_FAILURE || finding->id == QEMU_SESSION_BROKEN) &&
             !is_of_network(finding->id) && finding->id != GROUPS_KVM_RELOGIN &&
             !has_title(setup, finding->seen))
        setup_add(setup, STEP_LEFT, finding->seen, "%s", catalogue[finding->id].why);
}

/* The findings of these areas, for all users. */
static void plan_areas(struct setup *setup, const char *const areas[], const char *bridge)
{
    for (size_t i = 0; i < setup->user_count; i++) {
        struct check check = {.name = setup->name, .user = setup->users[i]};
        check_look(&check, areas, bridge);
        for (size_t f = 0; f < check.findings.count; f++)
            add_finding(setup, &setup->users[i], &check.findings.items[f]);
        setup->lost |= check.findings.lost;
        findings_free(&check.findings);
    }
}

/* Whether `hooks enable` would refuse. Adds a step that says why. */
static bool hooks_are_refused(struct setup *setup, const char *title)
{
    char path[HOOKS_PATH_SIZE];

    for (size_t i = 0; i < HOOKS_DRIVERS; i++) {
        hooks_path(path, hooks_drivers[i]);
        if (hooks_look(hooks_drivers[i]) != HOOK_FOREIGN)
            continue;
        setup_add(setup, STEP_CANNOT, title, "%s exists and is not virt-tap's: move it away", path);
        return true;
    }
    if (access(HOOKS_PATH, F_OK) == 0)
        return false;
    setup_add(setup, STEP_CANNOT, title, "%s", PROCESS_INSTALL("virt-tap-hooks"));
    return true;
}

static void plan_hooks(struct setup *setup)
{
    static const char title[] = "libvirt's domains make and remove their own taps";
    bool good = true, none = true;

    for (size_t i = 0; i < HOOKS_DRIVERS; i++) {
        const enum hook_state state = hooks_look(hooks_drivers[i]);
        good &= state == HOOK_GOOD;
        none &= state == HOOK_MISSING;
    }
    if (good) {
        setup_add(setup, STEP_SO, "libvirt calls virt-tap's hooks", NULL);
        return;
    }
    if (!setup->hooks) {
        setup_add(setup, STEP_LEFT, "libvirt's domains do not make and remove their own taps",
                  "not asked for: --hooks");
        return;
    }
    if (hooks_are_refused(setup, title))
        return;
    struct step *step = setup_add(setup, STEP_TO_DO, title, "virt-tap hooks enable --reload");
    if (none) /* or somebody else has enabled them, and --undo leaves that so */
        step_record(setup, step, "hooks");
}

static void plan_broker(struct setup *setup)
{
    pid_t pid;
    const int err = broker_look(&pid);

    if (err == 0 || err == -EAGAIN) {
        setup_add(setup, STEP_SO, "the broker listens, for QEMU under -sandbox on and in containers", NULL);
        return;
    }
    if (!setup->broker) {
        setup_add(setup, STEP_LEFT, "QEMU under -sandbox on and in containers gets no taps",
                  "not asked for: --broker");
        return;
    }
    struct step *step = setup_add(setup, STEP_TO_DO, "QEMU under -sandbox on and in containers gets taps",
                                  "virt-tap broker enable");
    /* If it was enabled already, and was only not running, --undo leaves it enabled. */
    if (process_query(NULL, "systemctl", "--quiet", "is-enabled", BROKER_SOCKET) != 0)
        step_record(setup, step, "broker");
}

void setup_plan(struct setup *setup)
{
    static const char *const software[] = {"qemu", "libvirt", "kvm", "groups", NULL};
    static const char *const network[] = {"net", NULL};

    setup_clear(setup);
    plan_areas(setup, software, NULL);
    setup_plan_bridge(setup);
    plan_areas(setup, network, setup->bridge);
    setup_add(setup, STEP_SO, "each guest gets its tap on the bridge when it starts, from " HELPER_PATH,
              NULL);
    setup_plan_policy(setup);
    plan_hooks(setup);
    plan_broker(setup);
}
