/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * virt-tap tap: taps that stay, by virt-tap-helper, which alone has the privilege and asks the policy. */
#include "config.h"
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

enum { PASS_ON = 1, OWNER, UP, MODE, PLAIN }; /* what becomes of an option */

/* The helper's command line; the words are allocated. Each option may be given once, so that WORDS_MAX is
 * enough. */
struct words {
    char *argv[WORDS_MAX + 1];
    size_t count;
};

static int add(struct words *words, char *word)
{
    if (!word || words->count == WORDS_MAX)
        return complain(1, "virt-tap", "no memory");
    words->argv[words->count++] = word;
    words->argv[words->count] = NULL;
    return 0;
}

/* The helper's own verbs take the command's options. */
static int add_option(struct words *words, const char *name, const char *value)
{
    char *word;

    return add(words,
               asprintf(&word, "--%s%s%s", name, value ? "=" : "", value ? value : "") < 0 ? NULL : word);
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
    return add_option(words, "owner", account ? number : user);
}

/* What only plain devices have. */
static int refuse_plain(const char *name, const char *option, const char *value)
{
    return complain(
        2, name,
        "--%s%s%.32s is for plain devices: names that begin with vtap- are taps on a bridge, of one user",
        option, value ? "=" : "", value ? value : "");
}

static int take_option(struct words *words, const char *verb, const struct option *option, const char *value)
{
    switch (option->val) {
    case OWNER:
        return add_owner(words, verb, value);
    case UP: /* which a tap on a bridge is in any case */
        return 0;
    case MODE:
        return strcmp(value, "tap") == 0 ? 0 : refuse_plain(verb, option->name, value);
    case PLAIN:
        return refuse_plain(verb, option->name, value);
    default:
        return add_option(words, option->name, value);
    }
}

/* Reads options and the one NAME behind or between them. Returns 0 or the exit status. */
static int take_words(struct words *words, int argc, char *argv[], const struct option *options)
{
    unsigned int seen = 0;
    int index, result = 0;

    while (!result && (result = getopt_long(argc, argv, "", options, &index)) != -1) {
        if (result == '?')
            return 2;
        if (seen & 1U << index)
            return complain(2, argv[0], "--%s is given twice", options[index].name);
        seen |= 1U << index;
        result = take_option(words, argv[0], &options[index], optarg);
    }
    if (result > 0)
        return result;
    if (optind + 1 != argc)
        return complain(2, argv[0], "takes one NAME, not %d; see %s --help", argc - optind, argv[0]);
    return add_option(words, "name", argv[optind]);
}

static int run(int argc, char *argv[], const char *verb, const struct option *options)
{
    struct words words = {.count = 0};
    int result = add(&words, strdup("virt-tap-helper"));

    if (!result)
        result = add(&words, strdup(verb));
    if (!result)
        result = take_words(&words, argc, argv, options);
    if (!result)
        result = run_helper(argv[0], &words);
    for (size_t i = 0; i < words.count; i++)
        free(words.argv[i]);
    return result;
}

/* Whether the one NAME is not of virt-tap's own. What is wrong with the words is said by whoever reads them
 * then. */
static bool is_plain(int argc, char *argv[], const struct option *options)
{
    int result = 0;

    opterr = 0;
    optind = 0;
    while (result != -1 && result != '?')
        result = getopt_long(argc, argv, "", options, NULL);
    opterr = 1;
    const bool plain =
        result == -1 && optind + 1 == argc && strncmp(argv[optind], TAP_PREFIX, strlen(TAP_PREFIX)) != 0;
    optind = 0;
    return plain;
}

static int create(int argc, char *argv[])
{
    static const struct option options[] = {
        {"bridge", required_argument, NULL, PASS_ON}, {"multi-queue", no_argument, NULL, PASS_ON},
        {"vnet-hdr", no_argument, NULL, PASS_ON},     {"mac", required_argument, NULL, PASS_ON},
        {"domain", required_argument, NULL, PASS_ON}, {"owner", required_argument, NULL, OWNER},
        {"user", required_argument, NULL, OWNER},     {"up", no_argument, NULL, UP},
        {"mode", required_argument, NULL, MODE},      {"group", required_argument, NULL, PLAIN},
        {"packet-info", no_argument, NULL, PLAIN},    {.name = NULL},
    };
    return is_plain(argc, argv, options) ? device_create(argc, argv) : run(argc, argv, "create", options);
}

static int delete_(int argc, char *argv[])
{
    static const struct option options[] = {{"force", no_argument, NULL, PASS_ON}, {.name = NULL}};

    return is_plain(argc, argv, options) ? device_delete(argc, argv) : run(argc, argv, "delete", options);
}

static const struct verb verbs[] = {
    {
        .name = "create",
        .arguments = "NAME [--bridge=BRIDGE] [OPTION...]",
        .summary = "make a tap that stays, for programs that open it by its name",
        .options =
            "A NAME that begins with vtap- is a tap on a bridge, for whom the policy allows it; any other a plain device,\n"
            "root only.\n\n"
            "  --bridge=BRIDGE  the bridge to plug it into\n"
            "  --multi-queue    several queues: what opens the tap must say so too (queues= of QEMU)\n"
            "  --vnet-hdr       frames carry virtio-net headers: QEMU's default, faster (vnet_hdr= of QEMU)\n"
            "  --mac=MAC        the guest's MAC\n"
            "  --domain=UUID    the libvirt domain that it is for (vtap- only)\n"
            "  --user=USER      whose it is, by name or number: root only, and vtap- names are judged as that user's\n"
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
