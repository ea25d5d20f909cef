/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * virt-tap tap: taps that stay, by virt-tap-helper, which alone has the privilege and asks the policy. */
#include "device.h"
#include "helper_call.h"
#include "verbs.h"

#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORDS_MAX = 16 };

/* The helper's command line; the words are allocated. */
struct words {
    char *argv[WORDS_MAX + 1];
    size_t count;
};

/* One option of ours, and the helper's; each may be given once, so that WORDS_MAX is enough. */
struct translation {
    struct option option;
    const char *helpers;
};

static int add(struct words *words, const char *option, const char *value)
{
    char **word = &words->argv[words->count];

    if (words->count == WORDS_MAX || asprintf(word, "%s%s", option, value ? value : "") < 0)
        return complain(1, "virt-tap", "no memory");
    words->argv[++words->count] = NULL;
    return 0;
}

static int run_helper(const char *name, const struct words *words)
{
    execv(helper_path(), words->argv);
    return complain(1, name, "cannot start %s: %s; `./dev install` in virt-tap's source puts it there",
                    helper_path(), strerror(errno));
}

/* The helper takes numbers only. */
static int add_owner(struct words *words, const char *name, const char *user)
{
    const struct passwd *account = getpwnam(user);
    char number[16];

    if (!account && (!*user || user[strspn(user, "0123456789")]))
        return complain(1, name,
                        "--owner=%.64s: there is no such user; `getent passwd` shows those that there are",
                        user);
    if (account)
        snprintf(number, sizeof(number), "%u", account->pw_uid);
    return add(words, "--owner=", account ? number : user);
}

/* What only plain devices have. */
static int refuse_plain(const char *name, const char *option, const char *value)
{
    if (value && strcmp(option, "mode") == 0 && strcmp(value, "tap") == 0)
        return 0;
    return complain(
        2, name,
        "--%s%s%.32s is for plain devices: names that begin with vt- are taps on a bridge, of one user",
        option, value ? "=" : "", value ? value : "");
}

/* Reads options and the one NAME behind or between them. Returns 0 or the exit status. */
static int translate(struct words *words, int argc, char *argv[], const struct translation *table,
                     size_t count)
{
    struct option options[WORDS_MAX] = {{NULL, 0, NULL, 0}};
    unsigned int seen = 0;
    int index, result = 0;

    for (size_t i = 0; i < count; i++)
        options[i] = table[i].option;
    while (!result && (result = getopt_long(argc, argv, "", options, &index)) != -1) {
        if (result == '?')
            return 2;
        if (seen & 1U << index)
            return complain(2, argv[0], "--%s is given twice", options[index].name);
        seen |= 1U << index;
        if (result == 'o')
            result = add_owner(words, argv[0], optarg);
        else if (result == 'm' || result == 'p')
            result = refuse_plain(argv[0], options[index].name, optarg);
        else
            result = table[index].helpers ? add(words, table[index].helpers, optarg) : 0;
    }
    if (result > 0)
        return result;
    if (optind + 1 != argc)
        return complain(2, argv[0], "takes one NAME, not %d; see %s --help", argc - optind, argv[0]);
    return add(words, "--name=", argv[optind]);
}

static int run(int argc, char *argv[], const char *verb, const struct translation *table, size_t count)
{
    struct words words = {.count = 0};
    int result = add(&words, "virt-tap-helper", NULL);

    if (!result)
        result = add(&words, verb, NULL);
    if (!result)
        result = translate(&words, argc, argv, table, count);
    if (!result)
        result = run_helper(argv[0], &words);
    for (size_t i = 0; i < words.count; i++)
        free(words.argv[i]);
    return result;
}

/* Whether the one NAME is not of virt-tap's own. What is wrong with the words is said by whoever reads them
 * then. */
static bool is_plain(int argc, char *argv[], const struct translation *table, size_t count)
{
    struct option options[WORDS_MAX] = {{NULL, 0, NULL, 0}};
    int result = 0;

    for (size_t i = 0; i < count; i++)
        options[i] = table[i].option;
    opterr = 0;
    optind = 0;
    while (result != -1 && result != '?')
        result = getopt_long(argc, argv, "", options, NULL);
    opterr = 1;
    const bool plain = result == -1 && optind + 1 == argc && strncmp(argv[optind], "vt-", 3) != 0;
    optind = 0;
    return plain;
}

static int create(int argc, char *argv[])
{
    static const struct translation table[] = {
        {{"bridge", required_argument, NULL, 1}, "--br="},
        {{"multi-queue", no_argument, NULL, 1}, "--multi-queue"},
        {{"vnet-hdr", no_argument, NULL, 1}, "--use-vnet"},
        {{"mac", required_argument, NULL, 1}, "--mac="},
        {{"domain", required_argument, NULL, 1}, "--domain="},
        {{"owner", required_argument, NULL, 'o'}, NULL},
        {{"user", required_argument, NULL, 'o'}, NULL},
        {{"up", no_argument, NULL, 1}, NULL}, /* which a tap on a bridge is in any case */
        {{"mode", required_argument, NULL, 'm'}, NULL},
        {{"group", required_argument, NULL, 'p'}, NULL},
        {{"packet-info", no_argument, NULL, 'p'}, NULL},
    };
    if (is_plain(argc, argv, table, sizeof(table) / sizeof(table[0])))
        return device_create(argc, argv);
    return run(argc, argv, "create", table, sizeof(table) / sizeof(table[0]));
}

static int delete_(int argc, char *argv[])
{
    static const struct translation table[] = {{{"force", no_argument, NULL, 1}, "--force"}};

    return is_plain(argc, argv, table, 1) ? device_delete(argc, argv) : run(argc, argv, "delete", table, 1);
}

static const struct verb verbs[] = {
    {
        .name = "create",
        .arguments = "NAME [--bridge=BRIDGE] [OPTION...]",
        .summary = "make a tap that stays, for programs that open it by its name",
        .options =
            "A NAME that begins with vt- is a tap on a bridge, for whom the policy allows it; any other a plain device,\n"
            "root only.\n\n"
            "  --bridge=BRIDGE  the bridge to plug it into\n"
            "  --multi-queue    several queues: what opens the tap must say so too (queues= of QEMU)\n"
            "  --vnet-hdr       frames carry virtio-net headers: QEMU's default, faster (vnet_hdr= of QEMU)\n"
            "  --mac=MAC        the guest's MAC\n"
            "  --domain=UUID    the libvirt domain that it is for (vt- only)\n"
            "  --user=USER      whose it is, by name or number: root only, and vt- names are judged as that user's\n"
            "  --owner=USER     the same\n"
            "Of plain devices:\n"
            "  --mode=tap|tun   Ethernet frames (tap, unless told), or IP packets\n"
            "  --group=GROUP    for the members of that group; with --user for that user if a member\n"
            "  --packet-info    packets begin with four bytes that tell the protocol (pi of ip-tuntap)\n"
            "  --up             set it up at once; on a bridge it always is\n",
        .run = create,
    },
    {
        .name = "delete",
        .arguments = "NAME [--force]",
        .summary = "remove a tap of yours; root: any tap or tun",
        .options = "  --force  also one that somebody holds\n",
        .run = delete_,
    },
};

const struct command tap_command = {"Taps that stay when nobody holds them.", verbs,
                                    sizeof(verbs) / sizeof(verbs[0])};
