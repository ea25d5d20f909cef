/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "domain_hot.h"

#include "base/cleanup.h"
#include "base/complain.h"
#include "base/quote.h"
#include "helper_call.h"
#include "xml/attach.h"

#include <libvirt/virterror.h>
#include <stdio.h>
#include <unistd.h>

/* The tap of a running domain is made and deleted on this host, and has the owner that the hook would give
 * it: who runs libvirtd. */
static int check_here(const struct hot *hot)
{
    _cleanup_free_ char *uri = virConnectGetURI(hot->connection);
    const bool system = uri && strcmp(uri, "qemu:///system") == 0;

    if (!system && (!uri || strcmp(uri, "qemu:///session") != 0))
        return complain(1, hot->command,
                        "%s: a running domain's tap is made and deleted on its host, and %.200s may be "
                        "another; run virt-tap there, with qemu:///system or qemu:///session, or use "
                        "--config",
                        hot->name, uri ? uri : "this libvirt");
    if (system && geteuid() != 0)
        return complain(
            1, hot->command,
            "%s: the taps of qemu:///system are root's; use sudo, or --config, for the next start",
            hot->name);
    return 0;
}

/* Decides what changes. */
static int choose(struct hot *hot)
{
    const bool active = virDomainIsActive(hot->domain) == 1;

    if (!hot->live && !hot->config) {
        hot->live = active;
        hot->config = !active;
    }
    if (hot->live && !active)
        return complain(1, hot->command, "%s is not running; its definition can be changed, with --config",
                        hot->name);
    if (hot->config && virDomainIsPersistent(hot->domain) != 1)
        return complain(1, hot->command, "%s is transient: it has no definition to change; use --live",
                        hot->name);
    return hot->live ? check_here(hot) : 0;
}

int hot_open(struct hot *hot, const char *uri, const char *domain)
{
    hot->lock = -1;
    hot->connection = libvirt_open(hot->command, uri);
    if (!hot->connection)
        return 1;
    hot->domain = libvirt_find(hot->connection, hot->command, domain);
    if (!hot->domain)
        return 1;
    hot->name = virDomainGetName(hot->domain);
    if (libvirt_lock(hot->domain, hot->command, &hot->lock) != 0)
        return 1;
    return choose(hot);
}

void hot_close(struct hot *hot)
{
    if (hot->lock >= 0)
        close(hot->lock);
    if (hot->domain)
        virDomainFree(hot->domain);
    if (hot->connection)
        virConnectClose(hot->connection);
}

const char *hot_places(const struct hot *hot)
{
    if (hot->live && hot->config)
        return "the running domain and its definition";
    return hot->live ? "the running domain" : "its definition";
}

int hot_read(const struct hot *hot, const char *text, struct domain *out)
{
    struct error why;

    if (!text)
        return complain(1, hot->command, "cannot read %s: %s", hot->name, virGetLastErrorMessage());
    if (domain_read(out, text, strlen(text), &why) < 0)
        return complain(1, hot->command, "%s: %s", hot->name, why.text);
    if (out->foreign)
        return complain(
            1, hot->command,
            "%s is a clone, and its taps belong to another domain; give it its own first: virt-tap "
            "domain rewrite %s%s",
            hot->name, libvirt_dashes(hot->name), quote(hot->name).text);
    return 0;
}

/* Sets the running domain's list of taps, as attach_list() returns it. */
static int set_list(const struct hot *hot, const char *list)
{
    if (!list)
        return complain(1, hot->command, "no memory");
    if (virDomainSetMetadata(hot->domain, VIR_DOMAIN_METADATA_ELEMENT, *list ? list : NULL, "vt",
                             TAPS_NAMESPACE, VIR_DOMAIN_AFFECT_LIVE) == 0)
        return 0;
    return complain(1, hot->command, "%s: cannot change the list of taps of the running domain: %s",
                    hot->name, virGetLastErrorMessage());
}

/* Adds `extra` to the list of the running domain, or (NULL) removes the tap dev. */
static int change_list(const struct hot *hot, const char *dev, const struct tap *extra)
{
    _cleanup_domain_ struct domain domain = {0};
    _cleanup_free_ char *text = virDomainGetXMLDesc(hot->domain, 0), *list = NULL;
    const struct tap *found = NULL;

    if (hot_read(hot, text, &domain) != 0)
        return 1;
    for (size_t i = 0; i < domain.tap_count; i++)
        if (strcmp(domain.taps[i].dev, dev) == 0)
            found = &domain.taps[i];
    if ((found != NULL) == (extra != NULL))
        return 0;
    list = attach_list(&domain, found, extra);
    return set_list(hot, list);
}

int hot_remember(const struct hot *hot, const struct tap *tap)
{
    return change_list(hot, tap->dev, tap);
}

int hot_forget(const struct hot *hot, const char *dev)
{
    return change_list(hot, dev, NULL);
}

int hot_delete_tap(const struct hot *hot, const char *dev)
{
    char option[sizeof("--name=") + NAME_SIZE];

    snprintf(option, sizeof(option), "--name=%s", dev);
    return helper_call(hot->command, (const char *[]){"virt-tap-helper", "delete", option, NULL}) != 0;
}
