/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The hook of libvirt's network driver.
 *
 *   start         of a network on a host bridge: if bridges.conf declares the bridge, creates or completes it
 *                 before libvirt uses it. Undeclared bridges are left alone.
 *   started       a network's bridge that libvirt has made is not the one that running guests were on: as
 *                 root, has their taps put back; otherwise tells the log.
 *   port-created  a guest's port on any network: refused if a deny rule matches the bridge and the user that
 *                 libvirtd runs as. The absence of rules is no reason to refuse: libvirt's own networks would
 *                 stop working. An unreadable policy is, because it may deny this bridge.
 *   plugged       port-created in libvirt before 5.2
 *
 * libvirtd runs them again when it starts; the results then do not affect running guests. */
#include "hook.h"
#include "policy/decide.h"
#include "policy/declared.h"
#include "policy/identity.h"
#include "policy/policy.h"
#include "xml/document.h"
#include "xml/name.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int read_data(struct document *out, const char *text, size_t size, struct error *why)
{
    if (document_read(out, text, size, why) < 0)
        return -1;
    if (!node_is(out->nodes, "hookData"))
        return error_set(why, "libvirt's XML is not about a network, but <%.40s>", out->nodes->name);
    return 0;
}

/* The bridge of a network with <forward mode='bridge'/>; NULL: none. */
static const char *host_bridge(const struct node *network)
{
    if (!node_attribute_is(node_child(network, "forward"), "mode", "bridge"))
        return NULL;
    return child_attribute(network, "bridge", "name");
}

static int make_bridge(const char *bridge, struct error *why)
{
    char option[sizeof("--bridge=") + NAME_SIZE];
    _cleanup_bridges_ struct bridges bridges;
    struct error reason = {0};

    if (bridges_read(&bridges, why) < 0)
        return -1;
    if (!ifname_valid(bridge) || !bridges_find(&bridges, bridge))
        return 0;
    snprintf(option, sizeof(option), "--bridge=%s", bridge);
    if (hook_call_helper((const char *[]){"bridge", option, NULL}, &reason) < 0)
        return error_set(why, "the network gets no bridge '%s': %s", bridge, reason.text);
    return 0;
}

static int start(const char *text, size_t size, struct error *why)
{
    _cleanup_document_ struct document doc = {0};

    if (read_data(&doc, text, size, why) < 0)
        return -1;
    const char *bridge = host_bridge(node_child(doc.nodes, "network"));
    return bridge ? make_bridge(bridge, why) : 0;
}

static int started(const char *text, size_t size, struct error *why)
{
    _cleanup_document_ struct document doc = {0};

    if (read_data(&doc, text, size, why) < 0)
        return -1;
    const char *bridge = child_attribute(node_child(doc.nodes, "network"), "bridge", "name");
    if (!bridge || !ifname_valid(bridge))
        return 0;
    return hook_repair(bridge, why);
}

/* Refuses only if a deny rule matches. */
static int check_port(const char *bridge, struct error *why)
{
    struct policy policy = {.rules = NULL};
    struct policy_match verdict = {.allowed = true};
    struct caller caller;
    struct names names;
    int err = policy_load(&policy, bridge, why);

    names_begin(&names);
    if (policy.absent)
        err = 0;
    else if (!err && caller_self(&caller, &names.source, why) == 0)
        err = policy_match(&verdict, &policy, bridge, &caller, why);
    else
        err = -1;
    if (!err && !verdict.allowed && verdict.rule)
        err = error_set(
            why,
            "%s:%lu denies bridge '%.64s' to uid %u: deny %s; an administrator would have to remove that "
            "line, or the guest use another network",
            policy.files[verdict.rule->file].path, verdict.rule->line, bridge, getuid(), verdict.rule->name);
    names_end(&names);
    policy_free(&policy);
    return err;
}

static int port_created(const char *text, size_t size, struct error *why)
{
    _cleanup_document_ struct document doc = {0};

    if (read_data(&doc, text, size, why) < 0)
        return -1;
    const char *bridge = child_attribute(node_child(doc.nodes, "networkport"), "plug", "bridge");
    if (!bridge)
        bridge = child_attribute(node_child(doc.nodes, "network"), "bridge", "name");
    return bridge ? check_port(bridge, why) : 0;
}

int main(int argc, char *argv[])
{
    static const struct hook_event events[] = {
        {"start", start, true},
        {"started", started, false},
        {"port-created", port_created, true},
        {"plugged", port_created, true},
    };

    return hook_run(events, sizeof(events) / sizeof(events[0]), argc, argv);
}
