/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * virt-tap setup: shows the plan, asks once, carries it out, and checks the result. */
#include "setup.h"
#include "base/cleanup.h"
#include "base/name.h"
#include "base/statefolder.h"
#include "base/text.h"
#include "check.h"
#include "config.h"
#include "verbs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

const char setup_notes[] =
    "USER: who is to run guests; default: who called sudo. Shows the steps and their commands, asks once, and\n"
    "does them; steps that are done already are left alone. Requires root.\n";

struct options {
    const char *uplink, *nat, *bridge;
    bool hooks, broker, dry_run, yes, undo;
};

const struct option_entry setup_options[] = {
    OPTION_STRING("uplink", "NIC", "the bridge's NIC; default: the one of the default route", struct options,
                  uplink),
    OPTION_OPTIONAL_STRING("nat", "CIDR",
                           "no NIC on the bridge: guests reach out by the host's address; default on Wi-Fi",
                           struct options, nat),
    OPTION_STRING("bridge", "NAME",
                  "the bridge; default: the one of the default route, or else br0, or br-nat", struct options,
                  bridge),
    OPTION_FLAG("hooks", "have libvirt's domains make and remove their own taps", struct options, hooks),
    OPTION_FLAG("broker", "taps for QEMU under -sandbox on and in containers, too", struct options, broker),
    OPTION_FLAG("dry-run", "only show the steps", struct options, dry_run),
    OPTION_FLAG("yes", "do not ask, and keep the bridge once the host reaches its gateway through it",
                struct options, yes),
    OPTION_FLAG("undo", "take back what setup has done, and nothing else", struct options, undo),
    OPTION_END(struct options),
};

/* Whether it is a further command of the step before. */
static bool goes_on(const struct step *step, const struct step *before)
{
    return before && step->state == STEP_TO_DO &&
           strcmp(text_or(step->title, ""), text_or(before->title, "")) == 0;
}

static void show_step(const struct step *step, const struct step *before)
{
    static const char *const states[] = {
        [STEP_SO] = "so", [STEP_TO_DO] = "to do", [STEP_LEFT] = "left", [STEP_CANNOT] = "cannot"};

    if (!goes_on(step, before))
        printf("%-7s %s\n", states[step->state], step->title);
    if (step->words && step->theirs)
        printf("          as %s: %s\n", step->theirs->name, step->words);
    else if (step->words)
        printf("          %s\n", step->words);
}

static size_t count_steps(const struct setup *setup, enum step_state state)
{
    size_t count = 0;

    for (size_t i = 0; i < setup->count; i++)
        count += setup->steps[i].state == state;
    return count;
}

static int run_step(const struct setup *setup, const struct step *step)
{
    if (step->act)
        return step->act(setup, step);
    if (!step->theirs && strncmp(step->words, "virt-tap ", strlen("virt-tap ")) == 0)
        return setup_run_own(step->words);
    return check_run_line(step->theirs, step->theirs != NULL, step->words);
}

/* Records it, and does it. Returns whether that was done. */
static bool do_step(struct setup *setup, const struct step *step)
{
    if (setup_stopped() || (step->record && record_add(&setup->record, setup->name, step->record) != 0))
        return false;
    return !setup_stopped() && run_step(setup, step) == 0;
}

/* Does the steps in order, up to the first failure; but a user whose own files or groups cannot be changed is
 * no reason to leave the others without a bridge. *failed: counts such steps. Returns 0, or 1 after reporting
 * which step failed. */
static int carry_out(struct setup *setup, size_t *failed)
{
    size_t done = 0;
    const size_t all = count_steps(setup, STEP_TO_DO);
    const struct step *before = NULL;

    for (size_t i = 0; i < setup->count; i++) {
        const struct step *step = &setup->steps[i];
        if (step->state != STEP_TO_DO)
            continue;
        if (!goes_on(step, before))
            printf("\n%s\n", step->title);
        before = step;
        const bool good = do_step(setup, step);
        if (!good && step->alone && !setup_stopped())
            ++*failed;
        else if (!good)
            return complain(1, setup->name,
                            "%s at command %zu of %zu; those before it were done. Run this again to go on "
                            "there, or `virt-tap setup --undo` to take them back",
                            setup_stopped() ? "stopped" : "failed", done + 1, all);
        done++;
    }
    return 0;
}

static void show_example(const struct setup *setup)
{
    unsigned char end[3] = {0};

    if (getrandom(end, sizeof(end), GRND_NONBLOCK) < 0)
        end[2] = 1;
    printf("\nA guest, as %s (each needs a MAC of its own):\n"
           "  qemu-system-x86_64 -m 1G -hda disk.img \\\n"
           "    -netdev tap,id=n0,br=%s,helper=" HELPER_PATH " \\\n"
           "    -device virtio-net,netdev=n0,mac=52:54:00:%02x:%02x:%02x\n",
           setup->users[0].name, setup->bridge, end[0], end[1], end[2]);
    printf(
        "or a libvirt guest that exists, with its first card on %s (virt-xml: package virtinst or virt-install):\n"
        "  virt-xml -c qemu:///session GUEST --edit --network bridge=%s\n"
        "  virsh -c qemu:///session start GUEST\n",
        setup->bridge, setup->bridge);
}

/* Checks again, as each user. Returns 0 if all can run guests. */
static int check_again(const struct setup *setup)
{
    static const char *const areas[] = {"net", "helper", "qemu", "libvirt", NULL};
    int status = 0;

    putchar('\n');
    for (size_t i = 0; i < setup->user_count; i++) {
        struct check check = {.name = setup->name, .user = setup->users[i]};
        check_look(&check, areas, setup->bridge);
        const unsigned int failures = findings_count(&check.findings, FINDING_FAILURE);
        for (size_t f = 0; f < check.findings.count; f++)
            if (catalogue[check.findings.items[f].id].level == FINDING_FAILURE)
                printf("FAILURE  %s\n", check.findings.items[f].seen);
        if (failures)
            printf("%s cannot put guests on %s yet: virt-tap check --user=%s --bridge=%s\n",
                   setup->users[i].name, setup->bridge, setup->users[i].name, setup->bridge);
        else
            printf("%s can put guests on %s\n", setup->users[i].name, setup->bridge);
        status |= failures > 0;
        findings_free(&check.findings);
    }
    return status;
}

/* Whoever was logged in before has the old groups. */
static void say_log_in(const struct setup *setup)
{
    for (size_t i = 0; i < setup->count; i++)
        if (setup->steps[i].record && strncmp(setup->steps[i].record, "group ", strlen("group ")) == 0)
            printf("groups are read at login: %s must log out and in again\n",
                   strrchr(setup->steps[i].record, ' ') + 1);
}

/* Shows the plan. Returns 0, or 1 after reporting that it cannot be carried out. */
static int show_plan(const struct setup *setup)
{
    const size_t impossible = count_steps(setup, STEP_CANNOT);

    const struct step *before = NULL;
    for (size_t i = 0; i < setup->count; before = &setup->steps[i++])
        show_step(&setup->steps[i], before);
    if (setup->lost)
        return complain(1, setup->name, "nothing was changed: no memory for the plan");
    if (impossible)
        return complain(1, setup->name, "nothing was changed: %zu of the steps cannot be done", impossible);
    return 0;
}

static int set_up(struct setup *setup, const struct options *options)
{
    size_t failed = 0;
    int rounds = 0;

    if (record_read(&setup->record, setup->name) != 0)
        return 1;
    setup_plan(setup);
    if (setup_stopped())
        return complain(1, setup->name, "stopped: nothing was changed");
    if (show_plan(setup) != 0)
        return 1;
    if (count_steps(setup, STEP_TO_DO) == 0) {
        puts("\nnothing to do: all of this is so already");
        show_example(setup);
        return 0;
    }
    if (options->dry_run)
        return 0;
    if (setup_ask(setup->name, "\nDo the steps that are to do?", options->yes) != 0)
        return 1;
    do {
        if (carry_out(setup, &failed) != 0)
            return 1;
        say_log_in(setup);
        setup_plan(setup); /* what was installed may need more */
    } while (!failed && ++rounds < 3 && count_steps(setup, STEP_TO_DO) > 0 &&
             count_steps(setup, STEP_CANNOT) == 0);
    const int status = check_again(setup);
    if (status == 0)
        show_example(setup);
    if (failed)
        return complain(
            1, setup->name,
            "%zu of the commands for single users failed, for the reasons above; all else was "
            "done. Run this again to repeat them, or `virt-tap setup --undo` to take the others back",
            failed);
    return status;
}

static bool has_user(const struct setup *setup, const char *name)
{
    for (size_t i = 0; i < setup->user_count; i++)
        if (setup->users[i].name && strcmp(setup->users[i].name, name) == 0)
            return true;
    return false;
}

/* Looks up the users. Returns 0, or an exit status after reporting why not. */
static int find_users(struct setup *setup, const struct call *call)
{
    const char *sudo = getenv("SUDO_USER");
    const char *const alone[] = {sudo};
    const char *const *names = call->count ? (const char *const *)call->words : alone;
    const size_t count = call->count ? call->count : 1;

    if (!call->count && (!sudo || strcmp(sudo, "root") == 0))
        return complain(2, call->name, "name the users who are to run guests: %s USER...", call->name);
    if (count > SETUP_USERS_MAX)
        return complain(2, call->name, "at most %d users at a time", SETUP_USERS_MAX);
    for (size_t i = 0; i < count; i++) {
        if (has_user(setup, names[i]))
            continue;
        struct user *user = &setup->users[setup->user_count++];
        if (*names[i] && !names[i][strspn(names[i], "0123456789")])
            return complain(1, call->name,
                            "nothing was changed: '%.64s' is a number: name the user, as `id -un %.64s` does",
                            names[i], names[i]);
        if (!setup_user_is_plain(names[i]))
            return complain(
                1, call->name,
                "nothing was changed: '%.64s' has characters that a command needs quotes for, which "
                "setup does not do; `virt-tap check --user=NAME --fix` prints the steps",
                names[i]);
        if (check_find_user(user, names[i], call->name) != 0)
            return 1;
        if (user->uid == 0)
            return complain(1, call->name, "nothing was changed: root needs no policy; name ordinary users");
    }
    return 0;
}

static int check_call(const struct call *call, const struct options *options)
{
    if (options->undo && (call->count || options->uplink || options->nat || options->bridge ||
                          options->hooks || options->broker))
        return complain(2, call->name,
                        "--undo takes back all that setup did: use it alone, or with --dry-run "
                        "or --yes");
    if (options->uplink && options->nat)
        return complain(2, call->name,
                        "--uplink puts guests on the NIC's network, --nat behind the host's "
                        "address: use one of them");
    if (options->bridge && !setup_bridge_is_plain(options->bridge))
        return complain(2, call->name,
                        "--bridge=%.64s: a name has up to 15 letters, digits, . _ -, and is not 'all' or "
                        "'default'",
                        options->bridge);
    if (options->uplink &&
        (!ifname_valid(options->uplink) || options->uplink[strspn(options->uplink, IFNAME_PLAIN)]))
        return complain(2, call->name, "--uplink=%.64s: no NIC has such a name", options->uplink);
    return complain_unless_root(call->name, "the host");
}

int setup_run(const struct call *call)
{
    const struct options *options = call->options;
    struct setup setup = {.name = call->name,
                          .uplink = options->uplink,
                          .nat = options->nat,
                          .hooks = options->hooks,
                          .broker = options->broker};
    int status = check_call(call, options);

    if (status)
        return status;
    setvbuf(stdout, NULL, _IOLBF, 0); /* in order with what is run, and with errors */
    setup_catch_signals();
    /* Whoever reads the record, and waits for an answer, is alone. */
    _cleanup_close_ const int lock =
        options->dry_run
            ? -1
            : state_lock_for(call->name, ".setup", 0, "another setup is running; wait until it ends");
    if (lock < 0 && !options->dry_run)
        return 1;
    if (options->yes && !freopen("/dev/null", "r", stdin)) /* nothing that is run asks either */
        return complain(1, call->name, "cannot open /dev/null: %s", strerror(errno));
    if (options->undo)
        return setup_undo(call->name, options->yes, options->dry_run);
    strcpy(setup.bridge, text_or(options->bridge, ""));
    status = find_users(&setup, call);
    if (!status)
        status = set_up(&setup, options);
    setup_clear(&setup);
    record_free(&setup.record);
    for (size_t i = 0; i < setup.user_count; i++)
        user_free(&setup.users[i]);
    return finish_output(status, call->name);
}
