/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ondemand.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/quote.h"
#include "base/text.h"
#include "config.h"
#include "net/newbridge.h"
#include "net/rtnl.h"
#include "policy/declared.h"
#include "privilege.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
    TRIES = 20,          /* each look tells what is to be done next; others may do it meanwhile, or undo it */
    HOST_ID_LENGTH = 32, /* digits */
};

static const struct {
    unsigned int bit;
    const char *words;
} differences[] = {
    {NEWBRIDGE_NO_ALIAS, "alias"},
    {NEWBRIDGE_RA, "router advertisements accepted"},
    {NEWBRIDGE_MTU, "mtu"},
    {NEWBRIDGE_ADDRESS, "address"},
    {NEWBRIDGE_SECOND_ADDRESS, "second address"},
    {NEWBRIDGE_LEARNED, "learned addresses not limited"},
    {NEWBRIDGE_DOWN, "down"},
    {NEWBRIDGE_MAC, "mac"},
    {NEWBRIDGE_STP, "stp"},
    {NEWBRIDGE_FORWARD_DELAY, "forward_delay"},
};
enum {
    DIFFERENCE_COUNT = sizeof(differences) / sizeof(differences[0]),
    WORDS_SIZE = 160, /* room for all of them */
    MENDED = NEWBRIDGE_MAC - 1,
};

static const char *describe(unsigned int differs, char out[WORDS_SIZE])
{
    size_t length = 0;

    out[0] = '\0';
    for (size_t i = 0; i < DIFFERENCE_COUNT; i++)
        if (differs & differences[i].bit && length < WORDS_SIZE)
            length += (size_t)snprintf(out + length, WORDS_SIZE - length, "%s%s", length ? ", " : "",
                                       differences[i].words);
    return out;
}

/* What is this host's alone: systemd's number of the installation; or, where there is none (Alpine) or not
 * yet, that of this boot, which no bridge outlives. Returns the length, or -errno. */
static ssize_t read_host_id(char *out, size_t size)
{
    const ssize_t length = text_read_no_link("/etc/machine-id", out, size);

    if (length >= HOST_ID_LENGTH || (length < 0 && length != -ENOENT))
        return length;
    return text_read_no_link("/proc/sys/kernel/random/boot_id", out, size);
}

/* Without a MAC of its own a bridge takes the lowest of its ports', and another when that guest leaves. Made
 * from host and name, and not by chance: guests find the same neighbour when the bridge was made again, two
 * hosts do not share one, and a helper that comes upon a bridge without alias knows it. Nobody finds the
 * host's 128 secret bits in it: only 64 get past the first hash, 40 into the MAC. */
static int choose_mac(struct newbridge *is, struct error *why)
{
    char id[64] = "";
    const ssize_t length = read_host_id(id, sizeof(id));

    if (length < 0)
        return error_set(
            why,
            "bridge '%s' needs a MAC, and /etc/machine-id cannot be read: %s; an administrator can "
            "declare one in " BRIDGES_PATH ": mac=MAC",
            is->name, strerror((int)-length));
    uint64_t state = hash_bytes(HASH_START, id, (size_t)length);
    state = hash_bytes(state, is->name, strlen(is->name));
    state ^= state >> 32; /* the last bytes reach only the high bits */
    is->mac[0] = 0x02;    /* locally administered */
    for (size_t i = 1; i < sizeof(is->mac); i++)
        is->mac[i] = (uint8_t)(state >> 8 * (i - 1));
    return 0;
}

static int fail(const struct rtnl *nl, const struct bridges_entry *entry, const char *step, int err,
                struct error *why)
{
    return error_set(why,
                     "cannot make bridge '%s' as " BRIDGES_PATH
                     ":%lu declares it (%s): %s; `ip -d link show dev %s` "
                     "shows how far it got",
                     entry->is.name, entry->line, step, nl->reason[0] ? nl->reason : strerror(-err),
                     quote(entry->is.name).text);
}

static int mend(struct rtnl *nl, const struct bridges_entry *entry, const struct newbridge_state *state,
                struct error *why)
{
    char words[WORDS_SIZE];

    for (unsigned int bit = 1; bit & MENDED; bit <<= 1) {
        const int err = state->differs & bit ? newbridge_mend(nl, &entry->is, state->ifindex, bit) : 0;
        if (err == -ENODEV)
            return 0; /* somebody deleted it meanwhile: look again */
        if (err)
            return fail(nl, entry, describe(bit, words), err, why);
    }
    return 0;
}

/* Makes what is missing, or mends what is there. Returns 0, or -1 and why not; *made: it was we. */
static int act(const struct bridges_entry *entry, const struct newbridge_state *state, bool *made,
               struct error *why)
{
    struct rtnl nl = {.sock = NULL};

    if (privilege_raise(why) < 0)
        return -1;
    int err = rtnl_open(&nl);
    if (err)
        err = fail(&nl, entry, "rtnetlink", err, why);
    else if (state->ifindex)
        err = mend(&nl, entry, state, why);
    else {
        err = newbridge_make(&nl, &entry->is);
        *made = *made || !err;
        err = err && err != -EEXIST ? fail(&nl, entry, "new", err, why) : 0;
    }
    rtnl_close(&nl);
    return privilege_lower(why) < 0 || err ? -1 : 0;
}

static int check_kind(const struct bridges_entry *entry, const struct newbridge_state *state,
                      struct error *why)
{
    const char *name = entry->is.name;

    if (strcmp(state->name, name) != 0)
        return error_set(why,
                         "'%s' is declared in " BRIDGES_PATH ":%lu, but is an alternative name of '%s'; an "
                         "administrator must take that away or declare another",
                         name, entry->line, state->name);
    if (strcmp(state->kind, "bridge") != 0)
        return error_set(why,
                         "'%s' is declared in " BRIDGES_PATH
                         ":%lu, but is a network device of another kind: %s; an "
                         "administrator must rename the one or the other",
                         name, entry->line, state->kind[0] ? state->kind : "hardware");
    return 0;
}

static void tell(const struct ondemand *asked, const struct bridges_entry *entry, bool made,
                 unsigned int mended, unsigned int differs)
{
    char words[WORDS_SIZE];

    if (made || mended)
        audit("%s for uid %u: bridge %s by %s, as " BRIDGES_PATH ":%lu declares it%s%s",
              made ? "made" : "completed", asked->uid, entry->is.name, asked->rule, entry->line,
              made ? "" : ": ", made ? "" : describe(mended, words));
    if (differs)
        audit("bridge %s, used for uid %u as it is, differs from " BRIDGES_PATH ":%lu: %s", entry->is.name,
              asked->uid, entry->line, describe(differs, words));
}

static int complete(const struct ondemand *asked, const struct bridges_entry *entry, struct rtnl *nl,
                    struct error *why)
{
    struct newbridge_state state;
    unsigned int mended = 0;
    bool made = false;
    char words[WORDS_SIZE];

    for (int tries = 0; tries < TRIES; tries++) {
        const int err = newbridge_look(nl, &entry->is, &state);
        if (err == -EAGAIN)
            continue;
        if (err)
            return error_set(why, "cannot look at bridge '%s': %s; try again", entry->is.name,
                             strerror(-err));
        if (state.ifindex && check_kind(entry, &state, why) < 0)
            return -1;
        if (state.ifindex && (!state.ours || !(state.differs & MENDED))) {
            tell(asked, entry, made, mended, state.differs & ~(unsigned int)NEWBRIDGE_NO_ALIAS);
            return 0;
        }
        mended |= state.ifindex ? state.differs & MENDED : 0;
        if (act(entry, &state, &made, why) < 0)
            return -1;
    }
    return error_set(why,
                     "bridge '%s' does not stay as " BRIDGES_PATH
                     ":%lu declares it: %s; does somebody else manage "
                     "it?",
                     entry->is.name, entry->line, describe(state.differs, words));
}

int ondemand_bridge(const struct ondemand *asked, bool *isolate_ports, struct error *why)
{
    struct bridges bridges;
    struct bridges_entry entry = {.line = 0};
    struct rtnl nl;

    *isolate_ports = false;
    int err = bridges_read(&bridges, why);
    const struct bridges_entry *found = err ? NULL : bridges_find(&bridges, asked->bridge);
    if (found)
        entry = *found;
    bridges_free(&bridges);
    if (!found)
        return err;
    if (!entry.has_mac && choose_mac(&entry.is, why) < 0)
        return -1;
    err = rtnl_open(&nl);
    if (err)
        return error_set(why, "cannot ask the kernel's network (rtnetlink): %s", strerror(-err));
    err = complete(asked, &entry, &nl, why);
    rtnl_close(&nl);
    *isolate_ports = entry.isolated;
    return err;
}
