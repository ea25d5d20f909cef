/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The hook of libvirt's network driver.
 *
 *   start         of a network on a bridge of the host's: that bridge, if bridges.conf declares it, is there
 *                 and whole when libvirt comes to it. A bridge that nobody declares is not our affair.
 *   port-created  a guest's port on any network: refused where a deny rule is about the bridge and whom
 *                 libvirtd runs as. That no rule allows it is no reason here: libvirt's own networks would
 *                 end. A policy that cannot be read is one, for nobody can tell what it denies.
 *   plugged       port-created of libvirt before 5.2
 *
 * libvirtd calls them again when it starts; what it is told then changes nothing for running guests. */
#include "hook.h"
#include "policy/decide.h"
#include "policy/declared.h"
#include "policy/names.h"
#include "policy/policy.h"
#include "xml/document.h"
#include "xml/name.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Reads what libvirt tells, after which the caller must document_free() it in any case. */
static int read_data(struct document *out, const char *text, size_t size, struct error *why)
{
    struct xml_error error;

    if (document_read(out, text, size, &error) < 0)
        return error_set(why, "the network's XML, line %u, column %u: %s", error.line, error.column,
                         error.text);
    return node_is(out->nodes, "hookData") ? 0 : error_set(why, "libvirt tells of no network");
}

static const char *attribute_of(const struct node *parent, const char *child, const char *attribute)
{
    const struct node *node = parent ? node_child(parent, child) : NULL;

    return node ? node_attribute(node, attribute) : NULL;
}

/* The bridge of a network that has <forward mode='bridge'/>; NULL: it has none. */
static const char *host_bridge(const struct node *network)
{
    const char *mode = attribute_of(network, "forward", "mode");

    return mode && strcmp(mode, "bridge") == 0 ? attribute_of(network, "bridge", "name") : NULL;
}

static int make_bridge(const char *bridge, struct error *why)
{
    char option[sizeof("--bridge=") + NAME_SIZE];
    struct bridges bridges;
    struct error reason = {""};
    int err = bridges_read(&bridges, why);

    if (!err && ifname_valid(bridge) && bridges_find(&bridges, bridge)) {
        snprintf(option, sizeof(option), "--bridge=%s", bridge);
        err = hook_call_helper((const char *[]){"bridge", option, NULL}, &reason);
        if (err)
            error_set(why, "the network gets no bridge '%s': %s", bridge, reason.text);
    }
    bridges_free(&bridges);
    return err;
}

static int start(const char *text, size_t size, struct error *why)
{
    struct document doc = {0};
    int err = read_data(&doc, text, size, why);
    const char *bridge = err ? NULL : host_bridge(node_child(doc.nodes, "network"));

    if (bridge)
        err = make_bridge(bridge, why);
    document_free(&doc);
    return err;
}

/* Only a deny that matches. */
static int judge_port(const char *bridge, struct error *why)
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
    struct document doc = {0};
    int err = read_data(&doc, text, size, why);

    if (!err) {
        const char *bridge = attribute_of(node_child(doc.nodes, "networkport"), "plug", "bridge");
        if (!bridge)
            bridge = attribute_of(node_child(doc.nodes, "network"), "bridge", "name");
        if (bridge)
            err = judge_port(bridge, why);
    }
    document_free(&doc);
    return err;
}

int main(int argc, char *argv[])
{
    static const struct hook_event events[] = {
        {"start", start, true},
        {"port-created", port_created, true},
        {"plugged", port_created, true},
    };

    return hook_run(events, sizeof(events) / sizeof(events[0]), argc, argv);
}
