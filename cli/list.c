/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * virt-tap list: the taps that virt-tap made, from the kernel, without privilege. */
#include "helper/claim.h"
#include "net/rtnl.h"
#include "net/taps.h"
#include "verbs.h"

#include <getopt.h>
#include <jansson.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One line of the list. */
struct line {
    const struct tap_state *tap;
    char bridge[IFNAMSIZ]; /* "": of none now */
    char owner[64];        /* name, or number */
    uid_t uid;
    bool claimed;
    char queues[16];
    bool held;
};

const char list_options[] = "  --json  an array of objects, for programs\n"
                            "\n"
                            "'held' is what the tap's carrier says, which its holder can change.\n";

/* The claim says whose a tap is; on kernels without alternative names, and half made, it has only the alias.
 */
static bool is_ours(const struct tap_state *tap, struct claim *claim)
{
    if (claim_read(claim, tap->altname))
        return true;
    return sscanf(tap->alias, CLAIM_ALIAS "%u", &claim->uid) == 1; /* NOLINT(cert-err34-c): written by us */
}

static bool fill(struct line *out, const struct tap_state *tap)
{
    struct claim claim = {.slot = 0};

    if (!is_ours(tap, &claim))
        return false;
    const struct passwd *account = getpwuid(claim.uid);
    *out = (struct line){.tap = tap, .uid = claim.uid, .claimed = tap->altname[0]};
    if (account)
        snprintf(out->owner, sizeof(out->owner), "%s", account->pw_name);
    else
        snprintf(out->owner, sizeof(out->owner), "%u", claim.uid);
    if (tap->master)
        if_indextoname((unsigned int)tap->master, out->bridge);
    out->held = tap->kind.multi_queue ? tap->queues > 0 : tap->carrier;
    snprintf(out->queues, sizeof(out->queues), tap->kind.multi_queue ? "%u of many" : "1", tap->queues);
    return true;
}

static int print_table(const struct line *lines, size_t count)
{
    if (!count) {
        puts("There are no taps of virt-tap's.");
        return 0;
    }
    printf("%-15s %-15s %-12s %-4s %-9s %-28s %s\n", "NAME", "BRIDGE", "OWNER", "HELD", "QUEUES", "CLAIM",
           "DOMAIN");
    for (size_t i = 0; i < count; i++) {
        const struct line *line = &lines[i];
        const char *domain = claim_domain(line->tap->alias);
        printf("%-15s %-15s %-12s %-4s %-9s %-28s %s\n", line->tap->name,
               line->bridge[0] ? line->bridge : "-", line->owner, line->held ? "yes" : "no", line->queues,
               line->claimed ? line->tap->altname : "-", *domain ? domain : "-");
    }
    return 0;
}

static json_t *text_or_null(const char *text)
{
    return *text ? json_string(text) : json_null();
}

static json_t *as_json(const struct line *line)
{
    const struct tap_state *tap = line->tap;
    const uint8_t *mac = tap->mac;

    return json_pack(
        "{s:s, s:i, s:o, s:s, s:I, s:o, s:o, s:b, s:b, s:i, s:b, s:b, s:i, s:o}", "name", tap->name,
        "ifindex", tap->ifindex, "bridge", text_or_null(line->bridge), "owner", line->owner, "uid",
        (json_int_t)line->uid, "domain", text_or_null(claim_domain(tap->alias)), "claim",
        text_or_null(line->claimed ? tap->altname : ""), "held", line->held, "multi_queue",
        tap->kind.multi_queue, "queues", tap->kind.multi_queue ? (int)tap->queues : (int)line->held,
        "vnet_hdr", tap->kind.vnet_hdr, "persistent", tap->persist, "mtu", (int)tap->mtu, "mac",
        json_sprintf("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]));
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

static int by_name(const void *a, const void *b)
{
    return strverscmp(((const struct line *)a)->tap->name, ((const struct line *)b)->tap->name);
}

static int print(const struct tap_state *taps, size_t count, bool json, const char *name)
{
    struct line *lines = calloc(count ? count : 1, sizeof(*lines));
    size_t ours = 0;

    if (!lines)
        return complain(1, name, "no memory");
    for (size_t i = 0; i < count; i++)
        ours += fill(&lines[ours], &taps[i]);
    qsort(lines, ours, sizeof(*lines), by_name);
    const int status = json ? print_json(lines, ours, name) : print_table(lines, ours);
    free(lines);
    return finish_output(status, name);
}

int list_run(int argc, char *argv[])
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
    struct tap_state *taps = NULL;
    struct rtnl nl;
    size_t count = 0;
    bool json = false;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == '?')
            return 2;
        json = true;
    }
    if (optind < argc)
        return complain(2, argv[0], "takes no argument '%.64s'; see %s --help", argv[optind], argv[0]);
    int err = rtnl_open(&nl);
    if (!err)
        err = taps_list(&nl, CLAIM_PREFIX, &taps, &count);
    rtnl_close(&nl);
    if (err)
        return complain(1, argv[0], "cannot list the interfaces of this host: %s", strerror(-err));
    const int status = print(taps, count, json, argv[0]);
    free(taps);
    return status;
}
