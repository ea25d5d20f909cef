/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * virt-tap tap: persistent taps. Those on a bridge are made by virt-tap-helper, which alone has the privilege
 * and checks the policy; plain devices by root (device.c). */
#include "base/process.h"
#include "base/watch.h"
#include "base/words.h"
#include "config.h"
#include "device.h"
#include "helper_call.h"
#include "verbs.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Executes the helper. Returns the exit status if it cannot be started. */
static int run_helper(const char *verb, const struct words *words)
{
    if (words->full)
        return complain(2, verb, "an argument is too long, or there are too many");
    execv(helper_path(), (char *const *)(uintptr_t)words->argv);
    if (errno != ENOENT)
        return complain(1, verb, "cannot start %s: %s; `virt-tap check helper` tries it", helper_path(),
                        strerror(errno));
    return complain(1, verb, "cannot start %s: %s; " PROCESS_INSTALL("virt-tap"), helper_path(),
                    strerror(errno));
}

/* Whether virt-tap-helper makes and deletes taps of that name. */
static bool is_own(const char *name)
{
    return strncmp(name, TAP_PREFIX, strlen(TAP_PREFIX)) == 0;
}

static int refuse_plain(const char *verb, const char *option)
{
    return complain(
        2, verb, "%s is for plain devices: a name that begins with vtap- is that of a user's tap on a bridge",
        option);
}

static int create_own(const char *verb, const char *name, const struct tap_options *options)
{
    struct words words = {.count = 0};
    char owner[16];
    uid_t user = 0;

    if (options->mode == MODE_TUN)
        return refuse_plain(verb, "--mode=tun");
    if (options->group)
        return refuse_plain(verb, "--group");
    if (options->packet_info)
        return refuse_plain(verb, "--packet-info");
    if (!options->bridge)
        return complain(
            2, verb,
            "a tap whose name begins with vtap- is on a bridge: add --bridge=BRIDGE; `virt-tap show` "
            "lists them");
    if (options->user && tap_find_user(verb, options->user, &user))
        return 1;
    snprintf(owner, sizeof(owner), "%u", user);
    words_add(&words, "virt-tap-helper");
    words_add(&words, "create");
    words_option(&words, "name", name);
    words_option(&words, "bridge", options->bridge);
    words_option(&words, "mac", options->mac);
    words_option(&words, "vlan", options->vlan);
    words_option(&words, "native", options->native);
    words_option(&words, "domain", options->domain);
    words_option(&words, "owner", options->user ? owner : NULL); /* the helper only takes numbers */
    if (options->multi_queue)
        words_add(&words, "--multi-queue");
    if (options->vnet_hdr)
        words_add(&words, "--vnet-hdr");
    for (size_t i = 0; i < options->ips.count; i++)
        words_option(&words, "ip", options->ips.words[i]);
    words_option(&words, "lock", options->lock);
    words_option(&words, "serve", options->serve);
    if (options->user && geteuid() == 0) /* the helper becomes the owner */
        watch_begin(verb);
    return run_helper(verb, &words);
}

static int create(const struct call *call)
{
    const char *name = call->words[0];

    if (is_own(name))
        return create_own(call->name, name, call->options);
    return device_create(call->name, name, call->options);
}

struct delete_options {
    bool force;
};

static int delete (const struct call *call)
{
    const struct delete_options *options = call->options;
    struct words words = {.count = 0};

    if (!is_own(call->words[0]))
        return device_delete(call->name, call->words[0], options->force);
    words_add(&words, "virt-tap-helper");
    words_add(&words, "delete");
    words_option(&words, "name", call->words[0]);
    if (options->force)
        words_add(&words, "--force");
    return run_helper(call->name, &words);
}

static const struct option_entry create_options[] = {
    OPTION_STRING("bridge", "BRIDGE", "the bridge to attach it to", struct tap_options, bridge),
    OPTION_FLAG("multi-queue",
                "several queues: the program that opens the tap must also ask for them (queues= of QEMU)",
                struct tap_options, multi_queue),
    OPTION_FLAG("vnet-hdr", "frames carry virtio-net headers: QEMU's default, faster (vnet_hdr= of QEMU)",
                struct tap_options, vnet_hdr),
    OPTION_STRING("mac", "MAC", "the guest's MAC", struct tap_options, mac),
    OPTION_LIST(
        "ip", "ADDRESS",
        "one of the guest's IP addresses, if the policy locks it to them; may be repeated (vtap- only)",
        struct tap_options, ips),
    OPTION_STRING(
        "lock", "mac|ip",
        "lock the guest to its MAC, or to its IP addresses, too, even if the policy does not (vtap- "
        "only)",
        struct tap_options, lock),
    OPTION_STRING("serve", "LIST",
                  "of what a locked guest may serve, only this: dhcp, dhcpv6, ra, separated by commas (vtap- "
                  "only)",
                  struct tap_options, serve),
    OPTION_STRING("vlan", "LIST",
                  "an untagged VLAN, or several for tagged frames, as in 100,200-210, if the policy grants\n"
                  "them; the default: all that it grants (vtap- only)",
                  struct tap_options, vlan),
    OPTION_STRING(
        "native", "N",
        "which of these VLANs is untagged besides; none, the default for several: none is (vtap- only)",
        struct tap_options, native),
    OPTION_STRING("domain", "UUID", "the libvirt domain that it is for (vtap- only)", struct tap_options,
                  domain),
    OPTION_STRING("user", "USER",
                  "its owner, by name or number: root only; the policy for vtap- names is that user's",
                  struct tap_options, user),
    OPTION_STRING("owner", "USER", "the same", struct tap_options, user),
    OPTION_CHOICE("mode", "tap|tun", "plain devices: Ethernet frames (tap, the default) or IP packets",
                  struct tap_options, mode),
    OPTION_STRING(
        "group", "GROUP",
        "plain devices: only members of that group may open it; with --user, only that user, as a member",
        struct tap_options, group),
    OPTION_FLAG("packet-info",
                "plain devices: four bytes before each packet name its protocol (pi of ip-tuntap)",
                struct tap_options, packet_info),
    OPTION_FLAG("up", "plain devices: set it up even if it is on no bridge", struct tap_options, up),
    OPTION_END(struct tap_options),
};

static const struct option_entry delete_options[] = {
    OPTION_FLAG("force", "even if somebody holds it", struct delete_options, force),
    OPTION_END(struct delete_options),
};

static const struct verb verbs[] = {
    {.name = "create",
     .arguments = "NAME [--bridge=BRIDGE] [OPTION...]",
     .summary = "make a persistent tap, for programs that open it by name",
     .notes = "A NAME that begins with vtap- is a tap on a bridge, which the policy must allow; any other\n"
              "is a plain device, for root only.\n",
     .options = create_options,
     .min = 1,
     .max = 1,
     .act = create},
    {.name = "delete",
     .arguments = "NAME [--force]",
     .summary = "remove one of your taps; root: any tap or tun",
     .options = delete_options,
     .min = 1,
     .max = 1,
     .act = delete},
};

const struct command tap_command = {"Taps that stay when nobody holds them.", verbs,
                                    sizeof(verbs) / sizeof(verbs[0])};
