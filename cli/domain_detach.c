/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * virt-tap domain detach: the device first, for QEMU holds the tap until the guest has released it; then the
 * tap, and its entry in the metadata. */
#include "base/cleanup.h"
#include "base/options.h"
#include "base/quote.h"
#include "domain_hot.h"
#include "domain_verbs.h"
#include "xml/attach.h"

#include <libvirt/virterror.h>
#include <strings.h>
#include <time.h>

/* libvirt itself waits for 5 s (qemu_hotplug.c, qemuDomainRemoveDeviceWaitTime) and then succeeds all the
 * same. */
enum { RELEASE_MS = 10 * 1000, STEP_MS = 100 };

struct detach_options {
    const char *uri;
    bool live, config;
};

const struct option_entry detach_options[] = {HOT_OPTIONS(struct detach_options),
                                              OPTION_END(struct detach_options)};

/* An interface that was found in one of the domain's descriptions. */
struct found {
    char *text; /* owned; has secrets */
    struct domain domain;
    const struct tap *tap; /* its interface is NULL if only the tap is left */
};

static void found_free(struct found *found)
{
    domain_free(&found->domain);
    cleanup_secret(&found->text);
}

static bool is_meant(const struct interface *interface, const char *word)
{
    return (interface->mac && strcasecmp(interface->mac, word) == 0) ||
           (interface->dev && strcmp(interface->dev, word) == 0);
}

/* Finds the interface in found->text, by MAC or tap. where: for messages. */
static int find(const struct hot *hot, const char *word, const char *where, struct found *found)
{
    const struct interface *meant = NULL;

    if (hot_read(hot, found->text, &found->domain) != 0)
        return 1;
    for (size_t i = 0; i < found->domain.interface_count; i++) {
        if (!is_meant(&found->domain.interfaces[i], word))
            continue;
        if (meant)
            return complain(1, hot->command, "%s of %s has several interfaces '%.40s'; name the tap instead",
                            where, hot->name, word);
        meant = &found->domain.interfaces[i];
    }
    if (meant && !meant->tap)
        return complain(1, hot->command,
                        "interface '%.40s' of %s has no tap of virt-tap; remove it with virsh "
                        "detach-interface",
                        word, hot->name);
    if (meant)
        found->tap = meant->tap;
    for (size_t i = 0; i < found->domain.tap_count && !meant; i++)
        if (!found->domain.taps[i].interface && strcmp(found->domain.taps[i].dev, word) == 0)
            found->tap = &found->domain.taps[i];
    if (found->tap)
        return 0;
    return complain(1, hot->command, "%s of %s has no interface '%.40s'; virsh domiflist %s%s%s lists them",
                    where, hot->name, word, hot->config ? "--inactive " : "", libvirt_dashes(hot->name),
                    quote(hot->name).text);
}

/* Whether the running domain has an interface on that tap. An unreadable domain may have ended, and is not
 * one. */
static bool has_interface(const struct hot *hot, const char *dev)
{
    _cleanup_free_ char *text = virDomainGetXMLDesc(hot->domain, 0);
    _cleanup_domain_ struct domain domain = {0};
    struct error ignored;

    if (!text || domain_read(&domain, text, strlen(text), &ignored) < 0)
        return text != NULL;
    for (size_t i = 0; i < domain.interface_count; i++)
        if (domain.interfaces[i].dev && strcmp(domain.interfaces[i].dev, dev) == 0)
            return true;
    return false;
}

/* Removes the device, and waits until libvirt has heard that the guest has released it. */
static int unplug(const struct hot *hot, const struct found *found)
{
    static const struct timespec step = {.tv_nsec = STEP_MS * 1000000L};
    const struct node *node = found->tap->interface->node;
    _cleanup_free_ char *text = strndup(found->text + node->open, node->end - node->open);

    if (!text)
        return complain(1, hot->command, "no memory");
    if (virDomainDetachDeviceFlags(hot->domain, text, VIR_DOMAIN_AFFECT_LIVE) < 0)
        return complain(1, hot->command, "%s: libvirt does not remove the interface on '%s': %s", hot->name,
                        found->tap->dev, virGetLastErrorMessage());
    for (int waited = 0; has_interface(hot, found->tap->dev); waited += STEP_MS) {
        if (waited >= RELEASE_MS)
            return complain(
                1, hot->command,
                "%s: the guest has not released the interface on '%s'; does it run an operating system with "
                "PCI hot-plug? When it has, remove the tap with: virt-tap domain detach %s%s %s; otherwise "
                "the hook does when the domain ends",
                hot->name, found->tap->dev, libvirt_dashes(hot->name), quote(hot->name).text,
                found->tap->dev);
        nanosleep(&step, NULL);
    }
    return 0;
}

static int detach_live(const struct hot *hot, const struct found *found)
{
    if (found->tap->interface && unplug(hot, found) != 0)
        return 1;
    if (hot_forget(hot, found->tap->dev) != 0)
        return 1;
    return hot_delete_tap(hot, found->tap->dev);
}

static int detach_config(const struct hot *hot, const struct found *found)
{
    _cleanup_edits_ struct edits edits = {0};
    size_t size;
    _cleanup_secret_ char *text = NULL;

    if (attach_remove(&edits, &found->domain, found->tap) == 0)
        text = edits_apply(&edits, found->text, strlen(found->text), &size);
    if (!text)
        return complain(1, hot->command, "no memory");
    return libvirt_define(hot->domain, hot->command, found->text, text, 0);
}

/* Both are found before either is changed. */
static int detach(const struct hot *hot, const char *word)
{
    __attribute__((cleanup(found_free))) struct found live = {.text = NULL}, config = {.text = NULL};
    const char *dev = word;

    if (hot->live) {
        live.text = virDomainGetXMLDesc(hot->domain, 0);
        if (find(hot, word, "the running domain", &live) != 0 || !live.tap)
            return 1;
        dev = live.tap->dev;
    }
    if (hot->config) {
        config.text = libvirt_definition(hot->domain);
        if (find(hot, word, "the definition", &config) != 0 || !config.tap)
            return 1;
        dev = config.tap->dev;
    }
    if (hot->live && detach_live(hot, &live) != 0)
        return 1;
    if (hot->config && detach_config(hot, &config) != 0)
        return 1;
    return complain(0, hot->command, "%s: '%s' is removed from %s", hot->name, dev, hot_places(hot));
}

int detach_run(const struct call *call)
{
    const struct detach_options *options = call->options;
    struct hot hot = {.command = call->name, .live = options->live, .config = options->config};
    int status = hot_open(&hot, options->uri, call->words[0]);

    if (status == 0)
        status = detach(&hot, call->words[1]);
    hot_close(&hot);
    return status;
}
