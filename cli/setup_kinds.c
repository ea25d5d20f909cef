/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The kinds of lines in the record of virt-tap setup: what each says, and how it is taken back. */
#include "base/complain.h"
#include "base/printable.h"
#include "base/quote.h"
#include "check.h"
#include "config.h"
#include "host/software.h"
#include "policy.h"
#include "setup.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool no_more(const char *rest)
{
    return *rest == '\0';
}

/* GROUP USER */
static bool is_membership(const char *rest)
{
    const size_t group = strspn(rest, SETUP_NAME_LETTERS);

    return group > 0 && *rest != '-' && rest[group] == ' ' && setup_user_is_plain(rest + group + 1);
}

/* allow BRIDGE user=NAME */
static bool is_rule(const char *rest)
{
    char bridge[IFNAMSIZ], user[256];
    int end = 0;

    return sscanf(rest, "allow %15s user=%255s%n", bridge, user, &end) == 2 && rest[end] == '\0' &&
           setup_bridge_is_plain(bridge) && setup_user_is_plain(user);
}

static bool is_file(const char *rest)
{
    const char *file = setup_find_file(rest);

    return file && strcmp(file, rest) == 0;
}

static bool is_text(const char *rest)
{
    return *rest && printable_is(rest);
}

static int run(const char *command, const char *rest)
{
    char words[64];

    snprintf(words, sizeof(words), "%s%s", command, rest);
    return setup_run_own(words);
}

static int undo_persist(const char *name, const char *bridge)
{
    (void)name;
    return setup_is_persisted(bridge) ? run("virt-tap bridge unpersist ", bridge) : 0;
}

static int undo_bridge(const char *name, const char *bridge)
{
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
    if (if_nametoindex(bridge) != 0)
        status = run("virt-tap bridge delete ", bridge);
    return status ? status : undo_persist(name, bridge); /* which may be gone with the bridge */
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
    return run("virt-tap hooks disable", rest);
}

static int undo_broker(const char *name, const char *rest)
{
    (void)name;
    return run("virt-tap broker disable", rest);
}

static int keep(const char *name, const char *rest)
{
    (void)name;
    printf("stays, for others may use it by now: %s\n", rest);
    return 0;
}

static const struct record_kind kinds[] = {
    {"bridge ", setup_bridge_is_plain, undo_bridge, "the bridge goes, and its NIC has its network back"},
    {"persist ", setup_bridge_is_plain, undo_persist, "the bridge is not made again at each start"},
    {"policy-file", no_more, undo_policy_file, POLICY_PATH " goes, if no rule is left in it"},
    {"policy ", is_rule, setup_policy_remove, "this line goes from " POLICY_PATH},
    {"group ", is_membership, undo_group, "the user leaves the group"},
    {"session ", setup_user_is_plain, undo_session,
     "bridge_helper goes from the qemu.conf of this user's session"},
    {"file ", is_file, undo_file, "this file goes, with effect from the next start"},
    {"hooks", no_more, undo_hooks, "libvirt does not call the hooks"},
    {"broker", no_more, undo_broker, "the broker does not listen"},
    {"packages ", is_text, keep, "stays: what this command installed"},
    {"other ", is_text, keep, "stays: what this command did"},
};

const struct record_kind *record_kind(const char *line, const char **rest)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        *rest = line + strlen(kinds[i].word);
        if (strncmp(line, kinds[i].word, strlen(kinds[i].word)) == 0 && kinds[i].valid(*rest))
            return &kinds[i];
    }
    return NULL;
}
