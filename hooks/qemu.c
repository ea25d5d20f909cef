/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The hook of libvirt's qemu driver: a domain gets its taps before it starts and loses them when it has
 * stopped. Its metadata names them (xml/domain.h); virt-tap-helper makes and removes them, as far as the
 * policy allows it for the user that libvirtd runs as.
 *
 *   prepare    makes all taps, or none: the start then fails, with the reason
 *   release    removes all taps of this domain; it also follows a failed prepare
 *   migrate    on the destination: returns the domain with this host's bridges and with names free here
 *   restore    likewise, for a saved domain
 *   reconnect  libvirtd starts while the domain is running: makes a declared bridge that is missing, and, as
 *              root, has taps put back on their bridges, and what protects them; otherwise tells the log of
 * them. Always succeeds: on failure libvirt would kill the running guest. */
#include "base/cleanup.h"
#include "base/kvm.h"
#include "base/quote.h"
#include "base/text.h"
#include "config.h"
#include "hook.h"
#include "host/libvirt_network.h"
#include "mapping.h"
#include "net/rtnl.h"
#include "policy/claim.h"
#include "policy/maps.h"
#include "xml/tap_words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Whether the domain may have taps of ours: for most domains nothing else is checked. A truncated document
 * may have some in the missing part. */
static bool may_have_taps(const char *text, size_t size)
{
    return size > DOCUMENT_BYTES_MAX || memmem(text, size, TAPS_NAMESPACE, strlen(TAPS_NAMESPACE));
}

static const char *name_of(const struct domain *domain)
{
    return text_or(domain->name, "(without name)");
}

/* The taps of a clone are named after the original domain, and would be removed with that. */
static int check_domain(const struct domain *domain, struct error *why)
{
    const char *name = name_of(domain);

    if (domain->foreign)
        return error_set(
            why,
            "domain '%.64s' is a clone, and its taps belong to another domain; give it its own with: "
            "virt-tap domain rewrite -- %s",
            name, quote(name).text);
    if (!domain->uuid || strlen(domain->uuid) != UUID_LENGTH)
        return error_set(why, "domain '%.64s' has no UUID as libvirt writes it, by which its taps are found",
                         name);
    if (domain->type && strcmp(domain->type, "kvm") == 0) {
        const int fd = kvm_device_open();
        if (fd < 0)
            return error_set(why,
                             "domain '%.64s' uses KVM, but " KVM_PATH " %s; `virt-tap check kvm` says how "
                             "to fix that",
                             name, kvm_device_problem(fd));
        close(fd);
    }
    return 0;
}

/* Removes all taps of the domain that nobody holds. */
static int remove_taps(const struct domain *domain, struct error *why)
{
    char option[sizeof("--domain=") + UUID_LENGTH];

    snprintf(option, sizeof(option), "--domain=%s", domain->uuid);
    return hook_call_helper((const char *[]){"delete", option, NULL}, why);
}

static int make_tap(const struct domain *domain, const struct interface *interface, struct error *why)
{
    struct words words = {.count = 0};

    if (tap_words_add(&words, domain->uuid, interface, why) < 0)
        return -1;
    return hook_call_helper(words.argv, why);
}

/* libvirt tells the guest its <mtu>, but sets it only on its own taps: a tap with a smaller MTU would
 * silently drop the guest's larger frames. A smaller <mtu> is not set on the tap either: the bridge would
 * adopt it, and with it every other guest (br_mtu_auto_adjust() in the kernel's br_if.c). */
static int check_mtu(const struct interface *interface, const struct link *made, struct error *why)
{
    const struct tap *tap = interface->tap;

    if (interface->mtu <= made->mtu)
        return 0;
    return error_set(
        why,
        "it has <mtu size='%u'/>, and a tap there gets %u, so that larger frames would be lost; raise "
        "the MTU of the bridge and of its ports (ip link set dev %s mtu %u), or add mtu=%u to the "
        "rule of the policy, or make the <mtu> smaller",
        interface->mtu, made->mtu, quote(tap->bridge).text, interface->mtu, interface->mtu);
}

/* Whether the tap that was made can be what libvirt makes of the interface. For <outbound>, libvirt adds a
 * qdisc "ingress" (virnetdevbandwidth.c, virNetDevBandwidthSet()), which no tap can have beside the "clsact"
 * of the port filter: the start would fail with tc's words. */
static int check_made(const struct interface *interface, struct error *why)
{
    _cleanup_rtnl_ struct rtnl nl = {.buffer = NULL};
    struct link made;

    if (!interface->mtu && !interface->outbound)
        return 0;
    int err = rtnl_open(&nl);
    if (!err)
        err = link_find_tap(&nl, interface->tap->dev, &made);
    if (err)
        return error_set(why, "its settings cannot be read: %s", strerror(-err));
    if (interface->outbound && made.is_port && made.port.locked)
        return error_set(why,
                         "it is locked (mac=lock), and libvirt cannot limit what a locked guest sends: take "
                         "<outbound> out of the interface's <bandwidth>");
    return check_mtu(interface, &made, why);
}

/* Whether an interface that is not in the metadata opens this tap: somebody made it for this start. */
static bool is_awaited(const struct domain *domain, const char *dev)
{
    for (size_t i = 0; i < domain->interface_count; i++)
        if (!domain->interfaces[i].tap && domain->interfaces[i].dev &&
            strcmp(domain->interfaces[i].dev, dev) == 0)
            return true;
    return false;
}

/* Removes what an interrupted start or stop left behind: not only the taps that the domain is to have again,
 * also one that was attached to it while it ran, which would stay until this run has ended, too. */
static void remove_leftovers(const struct domain *domain)
{
    _cleanup_links_ struct links taps = {.list = NULL};
    _cleanup_rtnl_ struct rtnl nl = {.buffer = NULL};
    struct error ignored = {0}; /* if it cannot be removed, making the tap fails with the reason */
    char option[sizeof("--name=") + IFNAMSIZ];

    if (domain->tap_count == 0 || rtnl_open(&nl) < 0 || links_read(&nl, "tun", &taps) < 0)
        return;
    for (size_t i = 0; i < taps.count; i++) {
        const struct link *tap = &taps.list[i];
        if (!mapping_is_own(tap, domain) || is_awaited(domain, tap->name))
            continue;
        snprintf(option, sizeof(option), "--name=%s", tap->name);
        hook_call_helper((const char *[]){"delete", option, NULL}, &ignored);
    }
}

/* The helper trusts no file of libvirt's, so it advises to make the bridge; libvirt could then not start its
 * network. */
static void explain_missing(const char *bridge, struct error *reason)
{
    char network[256];

    if (if_nametoindex(bridge) != 0 || !libvirt_network_inactive(bridge, network, sizeof(network)))
        return;
    error_set(reason,
              "libvirt's network '%s' is not started, so its bridge does not exist; start it with: "
              "virsh net-start %s",
              network, quote(network).text);
}

/* Makes the taps that an interface refers to. */
static int make_taps(const struct domain *domain, struct error *why)
{
    struct error reason = {0};

    remove_leftovers(domain);
    for (size_t i = 0; i < domain->interface_count; i++) {
        const struct interface *interface = &domain->interfaces[i];
        if (!interface->tap ||
            (make_tap(domain, interface, &reason) == 0 && check_made(interface, &reason) == 0))
            continue;
        explain_missing(interface->tap->bridge, &reason);
        error_set(why, "interface %zu (%.17s) of domain '%.64s' gets no tap '%s' on bridge '%s': %s", i + 1,
                  text_or(interface->mac, "no MAC"), name_of(domain), interface->tap->dev,
                  interface->tap->bridge, reason.text);
        remove_taps(domain, &reason);
        return -1;
    }
    return 0;
}

static int prepare(const char *text, size_t size, struct error *why)
{
    _cleanup_domain_ struct domain domain = {0};

    if (!may_have_taps(text, size))
        return 0;
    if (domain_read(&domain, text, size, why) < 0 || (domain.tap_count > 0 && check_domain(&domain, why) < 0))
        return -1;
    return make_taps(&domain, why);
}

/* Whether there is a tap of this user's for the domain of which libvirt tells, though nothing in it says so:
 * of an attach that was killed before it had listed the tap. */
static bool has_unlisted_tap(const char *text, size_t size)
{
    _cleanup_links_ struct links taps = {.list = NULL};
    _cleanup_rtnl_ struct rtnl nl = {.buffer = NULL};

    if (rtnl_open(&nl) < 0 || links_read(&nl, "tun", &taps) < 0)
        return false;
    for (size_t i = 0; i < taps.count; i++) {
        struct claim_alias alias;
        if (claim_read_alias(&alias, taps.list[i].alias) && alias.uid == getuid() && alias.domain[0] &&
            memmem(text, size, alias.domain, strlen(alias.domain)))
            return true;
    }
    return false;
}

/* The metadata may be damaged, gone, or name another domain's taps by now, so only the UUID is used. */
static int release(const char *text, size_t size, struct error *why)
{
    _cleanup_domain_ struct domain domain = {0};

    if (!may_have_taps(text, size) && !memmem(text, size, "'" TAP_PREFIX, strlen("'" TAP_PREFIX)) &&
        !has_unlisted_tap(text, size))
        return 0;
    domain_read(&domain, text, size, why);
    if (!domain.uuid || strlen(domain.uuid) != UUID_LENGTH)
        return 0;
    return remove_taps(&domain, why);
}

static int map(const struct domain *domain, struct maps *maps, struct error *why)
{
    const struct wish wish = mapping_wish(maps);
    _cleanup_change_ struct change change = {0};
    size_t size = 0;

    if (domain_map(&change, domain, &wish, why) < 0) {
        const struct error reason = *why;
        return error_set(why, "domain '%.64s' cannot be mapped to this host: %s", name_of(domain),
                         reason.text);
    }
    if (change.edits.count == 0)
        return 0;
    _cleanup_free_ char *out = edits_apply(&change.edits, domain->doc.text, domain->doc.size, &size);
    if (!out)
        return error_set(why, "no memory");
    return hook_write(out, size, why);
}

/* No output means unchanged. */
static int filter(const char *text, size_t size, struct error *why)
{
    _cleanup_domain_ struct domain domain = {0};
    _cleanup_maps_ struct maps maps;

    if (maps_read(&maps, why) < 0)
        return -1;
    if (maps.count == 0 && !may_have_taps(text, size))
        return 0;
    if (domain_read(&domain, text, size, why) < 0)
        return -1;
    return map(&domain, &maps, why);
}

/* Has a tap of this domain that is not on its bridge put back, as after its bridge was deleted, or its port
 * filter; with it, all that belong on that bridge, so that the next domain's hook finds nothing to do. */
static int put_back(const struct domain *domain, const struct tap *tap, struct error *why)
{
    _cleanup_rtnl_ struct rtnl nl = {.buffer = NULL};
    struct link state;
    struct claim claim;

    if (rtnl_open(&nl) < 0 || link_find_tap(&nl, tap->dev, &state) < 0)
        return 0; /* a tap that is gone cannot be made again under its guest */
    const char *loss = mapping_is_own(&state, domain) ? hook_loss(&nl, &state, &claim) : NULL;
    if (!loss)
        return 0;
    if (getuid() == 0)
        return hook_repair(claim.bridge, why);
    hook_report_loss(tap->dev, loss, 0);
    return 0;
}

static int make_bridge(const char *name, struct error *why)
{
    char option[sizeof("--bridge=") + NAME_SIZE];

    if (if_nametoindex(name) != 0)
        return 0;
    snprintf(option, sizeof(option), "--bridge=%s", name);
    return hook_call_helper((const char *[]){"bridge", option, NULL}, why);
}

/* Goes on after a failure, whose first reason it returns. */
static int reconnect(const char *text, size_t size, struct error *why)
{
    _cleanup_domain_ struct domain domain = {0};
    int err = 0;

    if (!may_have_taps(text, size))
        return 0;
    if (domain_read(&domain, text, size, why) < 0)
        return -1;
    for (size_t i = 0; i < domain.tap_count; i++) {
        const struct tap *tap = &domain.taps[i];
        struct error failed = {0};
        if (!tap->interface ||
            (make_bridge(tap->bridge, &failed) == 0 && put_back(&domain, tap, &failed) == 0))
            continue;
        if (!err)
            *why = failed;
        err = -1;
    }
    return err;
}

int main(int argc, char *argv[])
{
    static const struct hook_event events[] = {
        {"prepare", prepare, true}, {"release", release, false},     {"migrate", filter, true},
        {"restore", filter, true},  {"reconnect", reconnect, false},
    };

    return hook_run(events, sizeof(events) / sizeof(events[0]), argc, argv);
}
