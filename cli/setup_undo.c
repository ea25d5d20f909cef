/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * virt-tap setup --undo: takes back what the record says, the last first, and nothing else. */
#include "base/cleanup.h"
#include "base/name.h"
#include "base/printable.h"
#include "base/quote.h"
#include "base/text.h"
#include "base/verb.h"
#include "check.h"
#include "config.h"
#include "host/software.h"
#include "policy.h"
#include "setup.h"

#include <errno.h>
#include <grp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One kind of line: what it says, and how it is taken back. */
struct kind {
    const char *word; /* with the blank behind it, if something follows */
    /* Takes it back. Returns 0, or 1 after reporting why not. */
    int (*undo)(const char *name, const char *rest);
    const char *means; /* for people, before the rest */
};

static int run(const char *words)
{
    const struct setup none = {.name = ""};
    const struct step step = {.words = (char *)(uintptr_t)words};

    return setup_run_own(&none, &step);
}

static int undo_bridge(const char *name, const char *bridge)
{
    char words[64];
    int status = 0;

    const int taps = setup_count_taps(bridge);
    if (!setup_is_persisted(bridge)) { /* what setup makes is */
        if (if_nametoindex(bridge) != 0)
            printf("bridge %s stays, for it is not made again at each start any more; to delete it: virt-tap "
                   "bridge delete %s\n",
                   bridge, bridge);
        return 0;
    }
    if (taps > 0)
        return complain(1, name,
                        "bridge %s stays: %d taps are on it, whose guests would lose their network; shut "
                        "these down (virt-tap list), then run this again",
                        bridge, taps);
    if (if_nametoindex(bridge) != 0) {
        snprintf(words, sizeof(words), "virt-tap bridge delete %s", bridge);
        status = run(words);
    }
    if (status == 0 && setup_is_persisted(bridge)) { /* it may be gone with the bridge */
        snprintf(words, sizeof(words), "virt-tap bridge unpersist %s", bridge);
        status = run(words);
    }
    return status;
}

static int undo_persist(const char *name, const char *bridge)
{
    char words[64];

    (void)name;
    if (!setup_is_persisted(bridge))
        return 0;
    snprintf(words, sizeof(words), "virt-tap bridge unpersist %s", bridge);
    return run(words);
}

/* By the file that gpasswd changes. */
static bool is_in_group(const char *who, const char *group)
{
    FILE *file = fopen("/etc/group", "re");
    bool found = false;

    for (const struct group *entry; file && !found && (entry = fgetgrent(file));)
        for (char **member = entry->gr_mem; strcmp(entry->gr_name, group) == 0 && *member; member++)
            found |= strcmp(*member, who) == 0;
    if (file)
        fclose(file);
    return found;
}

static int undo_group(const char *name, const char *rest)
{
    char line[512], group[256];
    struct user user = {.name = NULL};
    const int length = (int)strcspn(rest, " ");
    const char *who = rest + length + 1;

    (void)name;
    snprintf(group, sizeof(group), "%.*s", length, rest);
    if (!is_in_group(who, group)) {
        printf("%s is not in group %s any more\n", who, group);
        return 0;
    }
    snprintf(line, sizeof(line), "gpasswd -d %s %.*s", who, length, rest);
    return check_run_line(&user, false, line);
}

/* As the user: what they can write is theirs. */
static int undo_session(const char *name, const char *who)
{
    __attribute__((cleanup(user_free))) struct user user = {.name = NULL};
    char folder[512], line[4096];

    if (user_find(&user, who) == -ENOENT) /* and so is the file, or nobody's */
        return 0;
    if (!user.in_passwd)
        return complain(1, name, "cannot look up the user %s", who);
    if (!qemu_session_folder(&user, folder, sizeof(folder)))
        return complain(1, name, "%s has no home folder any more", who);
    struct quoted quoted = quote(folder);
    struct quoted home = quote(user.home);
    const int length = snprintf(
        line, sizeof(line),
        "cd %s && if [ -f %s/qemu.conf ]; then cd %s && rm -f .qemu.conf.virt-tap && "
        "if sed -n 1p qemu.conf | grep -q '^bridge_helper = \"[^\"]*\" # the first one applies$'; then "
        "sed -i --follow-symlinks 1d qemu.conf; fi && "
        "if [ ! -s qemu.conf ] && [ ! -s qemu.conf.before ]; then rm -f qemu.conf.before; [ -L qemu.conf ] || rm -f qemu.conf; "
        "elif cmp -s qemu.conf qemu.conf.before; then rm -f qemu.conf.before; fi; fi",
        home.text, quoted.text, quoted.text);
    if (length >= (int)sizeof(line))
        return complain(1, name, "the home folder of %s has too long a name", who);
    return check_run_line(&user, true, line);
}

static int undo_policy_file(const char *name, const char *rest)
{
    (void)rest;
    return policy_remove_initial(name);
}

static int undo_file(const char *name, const char *path)
{
    printf("+ rm -f %s\n", path);
    if (unlink(path) == 0 || errno == ENOENT)
        return 0;
    return complain(1, name, "cannot remove %s: %s", path, strerror(errno));
}

static int undo_hooks(const char *name, const char *rest)
{
    (void)name;
    (void)rest;
    return run("virt-tap hooks disable");
}

static int undo_broker(const char *name, const char *rest)
{
    (void)name;
    (void)rest;
    return run("virt-tap broker disable");
}

static int keep(const char *name, const char *rest)
{
    (void)name;
    printf("stays, for others may use it by now: %s\n", rest);
    return 0;
}

static const struct kind kinds[] = {
    {"bridge ", undo_bridge, "the bridge goes, and its NIC has its network back"},
    {"persist ", undo_persist, "the bridge is not made again at each start"},
    {"policy-file", undo_policy_file, POLICY_PATH " goes, if no rule is left in it"},
    {"policy ", setup_policy_remove, "this line goes from " POLICY_PATH},
    {"group ", undo_group, "the user leaves the group"},
    {"session ", undo_session, "bridge_helper goes from the qemu.conf of this user's session"},
    {"file ", undo_file, "this file goes, with effect from the next start"},
    {"hooks", undo_hooks, "libvirt does not call the hooks"},
    {"broker", undo_broker, "the broker does not listen"},
    {"packages ", keep, "stays: what this command installed"},
    {"other ", keep, "stays: what this command did"},
};

/* Returns what follows the kind's word. */
static const struct kind *find_kind(const char *line, const char **rest)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const size_t length = strlen(kinds[i].word);
        if (strncmp(line, kinds[i].word, length) == 0) {
            *rest = line + length;
            return &kinds[i];
        }
    }
    return NULL;
}

static void show(const struct record *record)
{
    const char *rest = "";

    puts("what setup did, and is taken back now, from the last to the first:");
    for (size_t i = record->count; i-- > 0;) {
        const struct kind *kind = find_kind(record->lines[i], &rest);
        printf("%3zu. %s%s%s\n", record->count - i, kind->means, text_if(*rest, ": "), rest);
    }
}

/* Goes on after a failure: the steps do not depend on each other. */
static int take_back(const char *name, struct record *record)
{
    size_t failed = 0;

    for (size_t i = record->count; i-- > 0 && !setup_stopped();) {
        const char *rest = "";
        const struct kind *kind = find_kind(record->lines[i], &rest);
        if (kind->undo(name, rest) != 0)
            failed++;
        else
            record_remove(record, i);
    }
    if (record_save(record, name) != 0 && record->count == 0)
        return 1;
    if (record->count == 0) {
        puts("everything that setup did is taken back");
        return 0;
    }
    if (setup_stopped())
        return complain(1, name, "stopped: %zu steps are not taken back yet; run this again to go on",
                        record->count);
    return complain(1, name, "%zu steps could not be taken back, for the reasons above; run this again then",
                    failed);
}

int setup_undo(const struct call *call, bool yes, bool dry_run)
{
    __attribute__((cleanup(record_free))) struct record record;

    if (record_read(&record, call->name) != 0)
        return 1;
    if (record.count == 0) {
        puts("there is nothing to take back: setup has changed nothing on this host");
        return finish_output(0, call->name);
    }
    show(&record);
    if (dry_run)
        return finish_output(0, call->name);
    if (setup_ask(call->name, "Take this back?", yes) != 0)
        return 1;
    return finish_output(take_back(call->name, &record), call->name);
}
