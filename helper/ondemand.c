/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "ondemand.h"

#include "base/error.h"
#include "base/log.h"
#include "base/quote.h"
#include "config.h"
#include "net/bridge.h"
#include "net/rtnl.h"
#include "policy/declared.h"
#include "privilege.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    TRIES = 20, /* each look shows what to do next; others may do it, or undo it, meanwhile */
    WORDS_SIZE = 160,
};

static const struct {
    unsigned int bits;
    const char *words;
} differences[] = {
    {BRIDGE_NO_ALIAS, "alias"},
    {BRIDGE_RA, "router advertisements accepted"},
    {BRIDGE_MTU, "mtu"},
    {BRIDGE_ADDRESS, "address"},
    {BRIDGE_ADDRESS << 1, "second address"},
    {BRIDGE_LEARNED, "learned addresses not limited"},
    {BRIDGE_DOWN, "down"},
    {BRIDGE_MAC, "mac"},
    {BRIDGE_STP, "stp"},
    {BRIDGE_FORWARD_DELAY, "forward_delay"},
};

static const char *describe(unsigned int differs, char out[WORDS_SIZE])
{
    size_t length = 0;

    out[0] = '\0';
    for (size_t i = 0; i < sizeof(differences) / sizeof(differences[0]); i++)
        if (differs & differences[i].bits && length < WORDS_SIZE)
            length += (size_t)snprintf(out + length, WORDS_SIZE - length, "%s%s", length ? ", " : "",
                                       differences[i].words);
    return out;
}

static int fail(const struct rtnl *nl, const struct bridges_entry *entry, const char *step, int err,
                struct error *why)
{
    return error_set(why,
                     "cannot make bridge '%s' as " BRIDGES_PATH
                     ":%lu declares it (%s): %s; `ip -d link show dev %s` "
                     "shows its state",
                     entry->is.name, entry->line, step, rtnl_problem(nl, err), quote(entry->is.name).text);
}

static int complete(struct rtnl *nl, const struct bridges_entry *entry, const struct bridge_state *state,
                    struct error *why)
{
    char words[WORDS_SIZE];

    for (unsigned int bit = 1; bit & BRIDGE_COMPLETED; bit <<= 1) {
        if (!(state->differs & bit))
            continue;
        const int err = bridge_complete(nl, &entry->is, state->link.ifindex, bit);
        if (err == -ENODEV)
            return 0; /* deleted by somebody meanwhile: look again */
        if (err)
            return fail(nl, entry, describe(bit, words), err, why);
    }
    return 0;
}

static int make(struct rtnl *nl, const struct bridges_entry *entry, bool *made, struct error *why)
{
    const int err = rtnl_talk(nl, bridge_message(&entry->is));

    if (!err)
        *made = true;
    if (err && err != -EEXIST)
        return fail(nl, entry, "new", err, why);
    return 0;
}

/* Makes the bridge, or completes an existing one. Returns 0, or -1 and why not; *made: it was made here. */
static int act(struct rtnl *nl, const struct bridges_entry *entry, const struct bridge_state *state,
               bool *made, struct error *why)
{
    int err;

    if (privilege_raise(why) < 0)
        return -1;
    if (state->link.ifindex)
        err = complete(nl, entry, state, why);
    else
        err = make(nl, entry, made, why);
    return privilege_lower(err, why);
}

static int check_kind(const struct bridges_entry *entry, const struct link *link, struct error *why)
{
    const char *name = entry->is.name;

    if (strcmp(link->name, name) != 0)
        return error_set(why,
                         "'%s' is declared in " BRIDGES_PATH ":%lu, but is an alternative name of '%s'; an "
                         "administrator must remove that name or declare another",
                         name, entry->line, link->name);
    if (!link->is_bridge)
        return error_set(why,
                         "'%s' is declared in " BRIDGES_PATH
                         ":%lu, but is a network device of another kind: %s; an "
                         "administrator must rename one of them",
                         name, entry->line, link->kind[0] ? link->kind : "hardware");
    return 0;
}

static void report(const char *rule, const struct bridges_entry *entry, bool made, unsigned int completed,
                   unsigned int differs)
{
    char words[WORDS_SIZE];

    if (made)
        audit(HELPER_NAME, "made for uid %u: bridge %s by %s, as " BRIDGES_PATH ":%lu declares it", getuid(),
              entry->is.name, rule, entry->line);
    else if (completed)
        audit(HELPER_NAME, "completed for uid %u: bridge %s by %s, as " BRIDGES_PATH ":%lu declares it: %s",
              getuid(), entry->is.name, rule, entry->line, describe(completed, words));
    if (differs)
        audit(HELPER_NAME, "bridge %s, used for uid %u as it is, differs from " BRIDGES_PATH ":%lu: %s",
              entry->is.name, getuid(), entry->line, describe(differs, words));
}

static int look_and_act(const char *rule, const struct bridges_entry *entry, struct rtnl *nl,
                        struct error *why)
{
    struct bridge_state state = {.differs = 0};
    unsigned int completed = 0;
    bool made = false;
    char words[WORDS_SIZE];

    for (int tries = 0; tries < TRIES; tries++) {
        const int err = bridge_look(nl, &entry->is, &state);
        if (err == -EAGAIN)
            continue;
        if (err)
            return error_set(why, "cannot look at bridge '%s': %s; try again", entry->is.name,
                             strerror(-err));
        if (state.link.ifindex && check_kind(entry, &state.link, why) < 0)
            return -1;
        const unsigned int missing = state.differs & BRIDGE_COMPLETED;
        if (state.link.ifindex && (!state.ours || !missing)) {
            report(rule, entry, made, completed, state.differs & ~(unsigned int)BRIDGE_NO_ALIAS);
            return 0;
        }
        completed |= missing;
        if (act(nl, entry, &state, &made, why) < 0)
            return -1;
    }
    return error_set(why,
                     "bridge '%s' keeps changing from what " BRIDGES_PATH
                     ":%lu declares: %s; does another program manage it?",
                     entry->is.name, entry->line, describe(state.differs, words));
}

/* Returns 1 and the declaration of that bridge, with its MAC; 0: not declared; or -1 and why not. */
static int find_declared(const char *bridge, struct bridges_entry *out, struct error *why)
{
    _cleanup_bridges_ struct bridges bridges;

    if (bridges_read(&bridges, why) < 0)
        return -1;
    const struct bridges_entry *found = bridges_find(&bridges, bridge);
    if (!found)
        return 0;
    *out = *found;
    if (out->has_mac)
        return 1;
    const int err = bridge_host_mac(bridge, out->is.mac);
    if (!err)
        return 1;
    return error_set(why,
                     "bridge '%s' needs a MAC, and /etc/machine-id cannot be read: %s; an administrator can "
                     "declare one in " BRIDGES_PATH ": mac=MAC",
                     bridge, strerror(-err));
}

int ondemand_bridge(struct rtnl *nl, const char *bridge, const char *rule, bool *isolate_ports,
                    struct error *why)
{
    struct bridges_entry entry;

    *isolate_ports = false;
    const int declared = find_declared(bridge, &entry, why);
    if (declared <= 0)
        return declared;
    *isolate_ports = entry.isolated;
    return look_and_act(rule, &entry, nl, why);
}
