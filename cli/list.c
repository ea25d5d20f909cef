/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * virt-tap list: the taps made by virt-tap, as reported by the kernel. Needs no privileges. */
#include "base/cleanup.h"
#include "base/name.h"
#include "net/port.h"
#include "net/rtnl.h"
#include "policy/claimed.h"
#include "verbs.h"

#include <errno.h>
#include <jansson.h>
#include <linux/if_bridge.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One line of output. */
struct line {
    const struct link *tap;
    struct claimed_tap claim;
    char bridge[IFNAMSIZ]; /* "": on no bridge now */
    char owner[64];        /* name, or UID */
    unsigned int vlan;     /* of untagged frames; 0: the bridge does not filter VLANs */
    bool held;
};

struct list_options {
    bool json;
};

const struct option_entry list_options[] = {
    OPTION_FLAG("json", "an array of objects, for programs", struct list_options, json),
    OPTION_END(struct list_options),
};

const char list_notes[] =
    "HELD is what the tap's carrier says, which its holder can change. PORT and VLAN are what the\n"
    "bridge enforces; CHANGED, what the tap's holder has changed: its MAC, its owner, whether it stays.\n";

/* Returns whether the tap is one of virt-tap's. */
static bool fill(struct line *out, const struct link *tap)
{
    *out = (struct line){.tap = tap};
    if (!claim_read_tap(&out->claim, tap))
        return false;
    const struct passwd *account = getpwuid(out->claim.uid);
    if (account)
        snprintf(out->owner, sizeof(out->owner), "%s", account->pw_name);
    else
        snprintf(out->owner, sizeof(out->owner), "%u", out->claim.uid);
    if (tap->master)
        if_indextoname((unsigned int)tap->master, out->bridge);
    out->held = claim_is_held(tap);
    return true;
}

/* The words whose condition is true, separated by commas; "-": none. */
static const char *words(char out[32], const char *first, bool has_first, const char *second, bool has_second,
                         const char *third, bool has_third)
{
    snprintf(out, 32, "%s%s%s%s%s", has_first ? first : "", has_first && (has_second || has_third) ? "," : "",
             has_second ? second : "", has_second && has_third ? "," : "", has_third ? third : "");
    return *out ? out : "-";
}

static int print_table(const struct line *lines, size_t count)
{
    static const char format[] = "%-15s %-15s %-12s %-4s %-9s %-21s %-4s %-14s %-28s %s\n";
    char queues[16], port[32], vlan[16], changed[32];

    if (!count) {
        puts("No virt-tap taps.");
        return 0;
    }
    printf(format, "NAME", "BRIDGE", "OWNER", "HELD", "QUEUES", "PORT", "VLAN", "CHANGED", "CLAIM", "DOMAIN");
    for (size_t i = 0; i < count; i++) {
        const struct line *line = &lines[i];
        const struct link *tap = line->tap;
        snprintf(queues, sizeof(queues), tap->tun.kind.multi_queue ? "%u of many" : "1", tap->tun.queues);
        snprintf(vlan, sizeof(vlan), line->vlan ? "%u" : "-", line->vlan);
        printf(
            format, tap->name, line->bridge[0] ? line->bridge : "-", line->owner, line->held ? "yes" : "no",
            queues,
            words(port, "isolated", tap->port.isolated, "locked", tap->port.locked, "guard", tap->port.guard),
            vlan,
            words(changed, "mac", line->claim.mac_changed, "owner", line->claim.owner_changed, "stays",
                  line->claim.persistence_changed),
            line->claim.claimed ? tap->altname : "-", line->claim.domain[0] ? line->claim.domain : "-");
    }
    return 0;
}

static json_t *text_or_null(const char *text)
{
    return *text ? json_string(text) : json_null();
}

static json_t *mac_text(const uint8_t mac[6])
{
    char text[MAC_TEXT];

    return json_string(mac_print(text, mac));
}

static json_t *as_json(const struct line *line)
{
    const struct link *tap = line->tap;
    json_t *port =
        json_pack("{s:b, s:b, s:b, s:o}", "isolated", tap->port.isolated, "mac_lock", tap->port.locked,
                  "guard", tap->port.guard, "vlan", line->vlan ? json_integer(line->vlan) : json_null());
    json_t *changed = json_pack("{s:b, s:b, s:b}", "mac", line->claim.mac_changed, "owner",
                                line->claim.owner_changed, "persistence", line->claim.persistence_changed);

    return json_pack("{s:s, s:i, s:o, s:s, s:I, s:o, s:o, s:b, s:b, s:i, s:b, s:b, s:i, s:o, s:o, s:o}",
                     "name", tap->name, "ifindex", tap->ifindex, "bridge", text_or_null(line->bridge),
                     "owner", line->owner, "uid", (json_int_t)line->claim.uid, "domain",
                     text_or_null(line->claim.domain), "claim",
                     text_or_null(line->claim.claimed ? tap->altname : ""), "held", line->held, "multi_queue",
                     tap->tun.kind.multi_queue, "queues",
                     tap->tun.kind.multi_queue ? (int)tap->tun.queues : (int)line->held, "vnet_hdr",
                     tap->tun.kind.vnet_hdr, "persistent", tap->tun.persist, "mtu", (int)tap->mtu, "mac",
                     mac_text(tap->mac), "port", port, "changed", changed);
}

static int print_json(const struct line *lines, size_t count, const char *name)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++)
        if (json_array_append_new(list, as_json(&lines[i])) < 0) {
            json_decref(list);
            return complain(1, name, "no memory, or a name that is not UTF-8");
        }
    const int failed = json_dumpf(list, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    json_decref(list);
    putchar('\n');
    return failed ? complain(1, name, "cannot write the list") : 0;
}

struct lines {
    struct line *of;
    size_t count;
};

static void see_vlan(void *arg, int ifindex, unsigned int vlan, unsigned int flags)
{
    const struct lines *lines = arg;

    if (!(flags & BRIDGE_VLAN_INFO_PVID))
        return;
    for (size_t i = 0; i < lines->count; i++)
        if (lines->of[i].tap->ifindex == ifindex)
            lines->of[i].vlan = vlan;
}

/* A kernel with VLAN filtering gives every port a VLAN, but only enforces it on a bridge that filters. */
static int find_vlans(struct rtnl *nl, struct lines *lines)
{
    struct link bridge = {.ifindex = 0};
    const int err = port_each_vlan(nl, see_vlan, lines);
    int asked = 0;

    for (size_t i = 0; i < lines->count && !err; i++) {
        struct line *line = &lines->of[i];
        if (line->vlan && line->tap->master != asked) {
            asked = line->tap->master;
            bridge.bridge.vlan_filtering = false;
            link_get(nl, asked, &bridge); /* a bridge that is gone enforces nothing */
        }
        if (!bridge.bridge.vlan_filtering)
            line->vlan = 0;
    }
    return err;
}

static int by_name(const void *a, const void *b)
{
    return strverscmp(((const struct line *)a)->tap->name, ((const struct line *)b)->tap->name);
}

static int print(struct rtnl *nl, const struct links *taps, bool json, const char *name)
{
    struct lines lines = {calloc(taps->count + 1, sizeof(*lines.of)), 0};
    int err = lines.of ? 0 : -ENOMEM, status;

    for (size_t i = 0; i < taps->count && !err; i++)
        lines.count += fill(&lines.of[lines.count], &taps->list[i]);
    if (!err)
        err = find_vlans(nl, &lines);
    if (err) {
        status = complain(1, name, "cannot list the taps: %s", strerror(-err));
    } else {
        qsort(lines.of, lines.count, sizeof(*lines.of), by_name);
        status = json ? print_json(lines.of, lines.count, name) : print_table(lines.of, lines.count);
    }
    free(lines.of);
    return finish_output(status, name);
}

int list_run(const struct call *call)
{
    const struct list_options *options = call->options;
    _cleanup_links_ struct links taps = {.list = NULL};
    _cleanup_rtnl_ struct rtnl nl = {.buffer = NULL};
    int err = rtnl_open(&nl);

    if (!err)
        err = links_read(&nl, "tun", &taps);
    if (err)
        return complain(1, call->name, "cannot list the interfaces of this host: %s", strerror(-err));
    return print(&nl, &taps, options->json, call->name);
}
