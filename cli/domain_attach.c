/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * virt-tap domain attach. The new interface is written as one of type bridge, and xml/ rewrites it as it
 * would an old one. Everything is prepared before the first change. Then, in this order, each step undone if
 * a later one fails: the tap (for a running domain, whose QEMU opens it), the running domain's list of taps,
 * the definition; and last the device, which a guest without a driver would not give back. */
#include "domain_verbs.h"

#include "base/cleanup.h"
#include "base/name.h"
#include "base/options.h"
#include "base/text.h"
#include "domain_hot.h"
#include "domain_next.h"
#include "helper_call.h"
#include "job.h"
#include "xml/attach.h"
#include "xml/tap_words.h"

#include <libvirt/virterror.h>
#include <net/if.h>
#include <stdio.h>
#include <strings.h>
#include <sys/random.h>

struct attach_options {
    const char *uri;
    struct wish_options wish;
    const char *mac, *model;
    unsigned int queues, mtu, vlan;
    bool isolated, live, config;
};

const struct option_entry attach_options[] = {
    HOT_OPTIONS(struct attach_options),
    OPTION_STRING("bridge", "BRIDGE", "the bridge to attach its tap to", struct attach_options, wish.bridge),
    OPTION_STRING("mac", "MAC", "the guest's MAC; default: a new one, as libvirt's", struct attach_options,
                  mac),
    OPTION_STRING("model", "MODEL", "the guest's device; default: virtio", struct attach_options, model),
    OPTION_NUMBER("queues", "N", "of a virtio device: several queues", struct attach_options, queues, 1, 256,
                  0),
    OPTION_NUMBER("mtu", "N", "tell the guest this MTU, which its tap must have", struct attach_options, mtu,
                  68, 65521, 0),
    OPTION_NUMBER("vlan", "N", "the untagged VLAN, which the policy must grant", struct attach_options, vlan,
                  1, 4094, 0),
    OPTION_FLAG("isolated", "no traffic between this guest and other isolated ones", struct attach_options,
                isolated),
    LOCK_OPTIONS(struct attach_options,
                 "an IP address for the guest, if it is locked to them; may be repeated"),
    OPTION_END(struct attach_options),
};

/* One description of the domain with the new interface. */
struct version {
    char *was;                      /* owned, as are all; has secrets */
    char *plain;                    /* with the interface, of type bridge */
    struct product product;         /* rewritten */
    struct domain made;             /* that, as read */
    const struct interface *is_new; /* in it */
};

struct attach {
    struct known known; /* first, for taken_find() */
    struct hot hot;
    const struct attach_options *options;
    struct job job;
    char mac[MAC_TEXT], dev[NAME_SIZE]; /* dev: once it is chosen */
    struct version live, config;
    const char *wished[1]; /* the interface, for the wish */
    char *defined;         /* the definition after it was changed; has secrets */
    bool tap_made, listed;
};

static void version_free(struct version *version)
{
    domain_free(&version->made);
    if (version->product.text)
        explicit_bzero(version->product.text, version->product.size);
    product_free(&version->product);
    cleanup_secret(&version->plain);
    cleanup_secret(&version->was);
}

/* Both descriptions get the tap that was chosen for the first. That is none of the other's, of another
 * domain's, or left on this host by something interrupted. */
static bool is_taken(void *data, const struct domain *domain, const char *dev)
{
    const struct attach *attach = data;
    char target[NAME_SIZE + 2];

    if (attach->dev[0])
        return strcmp(dev, attach->dev) != 0;
    if (taken_find(data, domain, dev) || (attach->hot.live && if_nametoindex(dev) != 0))
        return true;
    snprintf(target, sizeof(target), "'%s'", dev);
    return attach->config.was && strstr(attach->config.was, target);
}

/* Whether a domain of this libvirt has that MAC. */
static bool mac_is_used(virConnectPtr connection, const char *mac)
{
    _cleanup_free_ virDomainPtr *list = NULL;
    const int count = virConnectListAllDomains(connection, &list, 0);
    bool used = false;

    for (int i = 0; i < count; i++) {
        _cleanup_free_ char *running = virDomainGetXMLDesc(list[i], 0);
        _cleanup_free_ char *defined = virDomainGetXMLDesc(list[i], VIR_DOMAIN_XML_INACTIVE);
        used = used || (running && strcasestr(running, mac)) || (defined && strcasestr(defined, mac));
        virDomainFree(list[i]);
    }
    return used;
}

/* Takes the MAC that was asked for, or makes one as libvirt does (virDomainNetGenerateMAC(); the prefix is
 * from qemu_domain.c, virQEMUDriverDomainDefParserConfig). */
static int choose_mac(struct attach *attach)
{
    uint8_t mac[6] = {0x52, 0x54, 0x00};

    if (attach->options->mac) {
        mac_parse(attach->options->mac, mac);
        mac_print(attach->mac, mac);
        return 0;
    }
    do {
        if (getrandom(mac + 3, 3, 0) != 3)
            return complain(1, attach->hot.command, "cannot make a MAC; choose one with --mac");
        mac_print(attach->mac, mac);
    } while (mac_is_used(attach->hot.connection, attach->mac));
    return 0;
}

/* The interface as libvirt would write it. To be freed; NULL: out of memory. */
static char *interface_text(const struct attach *attach)
{
    const struct attach_options *options = attach->options;
    _cleanup_free_ char *bridge = escape_attribute(options->wish.bridge);
    _cleanup_free_ char *model = escape_attribute(text_or(options->model, "virtio"));
    _cleanup_free_ char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);

    if (!file)
        return NULL;
    fprintf(file, "<interface type='bridge'>\n      <mac address='%s'/>\n      <source bridge='%s'/>",
            attach->mac, text_or(bridge, ""));
    if (options->vlan)
        fprintf(file, "\n      <vlan>\n        <tag id='%u'/>\n      </vlan>", options->vlan);
    fprintf(file, "\n      <model type='%s'/>", text_or(model, ""));
    if (options->queues)
        fprintf(file, "\n      <driver queues='%u'/>", options->queues);
    if (options->isolated)
        fputs("\n      <port isolated='yes'/>", file);
    if (options->mtu)
        fprintf(file, "\n      <mtu size='%u'/>", options->mtu);
    fputs("\n    </interface>", file);
    if (fclose(file) != 0 || !bridge || !model)
        return NULL;
    return take_text(&text);
}

static const struct interface *find_mac(const struct domain *domain, const char *mac)
{
    for (size_t i = 0; i < domain->interface_count; i++)
        if (domain->interfaces[i].mac && strcasecmp(domain->interfaces[i].mac, mac) == 0)
            return &domain->interfaces[i];
    return NULL;
}

/* Adds the interface to a description, as one of type bridge. */
static int insert(const struct attach *attach, struct version *version, size_t *size)
{
    const struct hot *hot = &attach->hot;
    _cleanup_domain_ struct domain domain = {0};
    struct error why = {0};

    if (hot_read(hot, version->was, &domain) != 0)
        return 1;
    if (find_mac(&domain, attach->mac))
        return complain(1, hot->command, "%s has an interface with the MAC %s already", hot->name,
                        attach->mac);
    _cleanup_free_ char *interface = interface_text(attach);
    if (!interface)
        return complain(1, hot->command, "no memory");
    version->plain = attach_insert(&domain, interface, size, &why);
    if (!version->plain)
        return complain(1, hot->command, "%s: %s", hot->name, why.text);
    return 0;
}

/* Prepares what a description becomes. */
static int prepare(struct attach *attach, struct version *version)
{
    struct product *product = &version->product;
    size_t size = 0;

    if (insert(attach, version, &size) != 0)
        return 1;
    if (job_run(&attach->job, attach->hot.name, version->plain, size, product) != 0 || product->left > 0)
        return 1;
    if (hot_read(&attach->hot, product->text, &version->made) != 0)
        return 1;
    version->is_new = find_mac(&version->made, attach->mac);
    if (!version->is_new || !version->is_new->tap)
        return complain(1, attach->hot.command, "%s: the new interface got no tap", attach->hot.name);
    if (attach->options->queues > 1 && !interface_multi_queue(version->is_new))
        return complain(2, attach->hot.command, "--queues: only a virtio device has several queues");
    snprintf(attach->dev, sizeof(attach->dev), "%s", version->is_new->tap->dev);
    return 0;
}

static int prepare_both(struct attach *attach)
{
    const struct hot *hot = &attach->hot;

    if (hot->config)
        attach->config.was = libvirt_definition(hot->domain);
    if (hot->live) {
        attach->live.was = virDomainGetXMLDesc(hot->domain, 0);
        const int status = prepare(attach, &attach->live);
        if (status != 0)
            return status;
    }
    return hot->config ? prepare(attach, &attach->config) : 0;
}

/* Makes the tap, as the hook would. The helper itself says why it does not. */
static int make_tap(struct attach *attach)
{
    const struct version *live = &attach->live;
    char uuid[VIR_UUID_STRING_BUFLEN], path[64];
    struct words words = {.count = 0};
    struct error why = {0};

    if (virDomainGetUUIDString(attach->hot.domain, uuid) < 0)
        return complain(1, attach->hot.command, "%s: %s", attach->hot.name, virGetLastErrorMessage());
    words_add(&words, "virt-tap-helper");
    if (tap_words_add(&words, uuid, live->is_new, &why) < 0)
        return complain(1, attach->hot.command, "%s: %s", attach->hot.name, why.text);
    if (helper_call(attach->hot.command, words.argv) != 0)
        return 1;
    attach->tap_made = true;
    snprintf(path, sizeof(path), "/sys/class/net/%s/mtu", attach->dev);
    const long mtu = text_number(path, 0);
    if (mtu >= (long)live->is_new->mtu)
        return 0;
    return complain(
        1, attach->hot.command,
        "--mtu=%u: a tap there gets %ld, so that larger frames would be lost; raise the MTU of the "
        "bridge and of its ports, or add mtu=%u to the rule of the policy",
        live->is_new->mtu, mtu, live->is_new->mtu);
}

static int define(struct attach *attach)
{
    if (libvirt_define(attach->hot.domain, attach->hot.command, attach->config.was,
                       attach->config.product.text, VIR_DOMAIN_DEFINE_VALIDATE) != 0)
        return 1;
    attach->defined = libvirt_definition(attach->hot.domain);
    return 0;
}

static int plug(const struct attach *attach)
{
    const struct node *node = attach->live.is_new->node;
    _cleanup_free_ char *text = strndup(attach->live.product.text + node->open, node->end - node->open);

    if (!text)
        return complain(1, attach->hot.command, "no memory");
    if (virDomainAttachDeviceFlags(attach->hot.domain, text, VIR_DOMAIN_AFFECT_LIVE) == 0)
        return 0;
    return complain(1, attach->hot.command, "%s: libvirt does not add the interface: %s", attach->hot.name,
                    virGetLastErrorMessage());
}

static int apply(struct attach *attach)
{
    const struct hot *hot = &attach->hot;

    if (hot->live && make_tap(attach) != 0)
        return 1;
    attach->listed = hot->live;
    if (hot->live && hot_remember(hot, attach->live.is_new->tap) != 0)
        return 1;
    if (hot->config && define(attach) != 0)
        return 1;
    return hot->live ? plug(attach) : 0;
}

/* Takes back what apply() did, the last first. A definition that somebody else has changed since stays. */
static void undo(const struct attach *attach)
{
    if (attach->defined)
        libvirt_define(attach->hot.domain, attach->hot.command, attach->defined, attach->config.was, 0);
    if (attach->listed)
        hot_forget(&attach->hot, attach->dev);
    if (attach->tap_made)
        hot_delete_tap(&attach->hot, attach->dev);
}

static int run(struct attach *attach)
{
    struct hot *hot = &attach->hot;
    struct next next = {.count = 0};
    const struct product *product = hot->config ? &attach->config.product : &attach->live.product;

    attach->job.wish.session = libvirt_is_session(hot->connection);
    if (libvirt_learn(hot->connection, hot->command, &attach->known.taken, VIR_DOMAIN_XML_INACTIVE) != 0 ||
        libvirt_learn(hot->connection, hot->command, &attach->known.taken, 0) != 0 || choose_mac(attach) != 0)
        return 1;
    int status = prepare_both(attach);
    if (status != 0)
        return status;
    status = apply(attach);
    if (status != 0) {
        undo(attach);
        return status;
    }
    complain(0, hot->command, "%s: '%s' on '%s', with the MAC %s, is added to %s", hot->name, attach->dev,
             attach->options->wish.bridge, attach->mac, hot_places(hot));
    next_learn(&next, product->text, product->size);
    next_warn(&next, hot->command, hot->connection);
    next_free(&next);
    return 0;
}

/* Checks the options. Returns 0, or 2. */
static int check(struct attach *attach)
{
    const struct attach_options *options = attach->options;
    const char *command = attach->hot.command;
    uint8_t mac[6];

    if (!options->wish.bridge)
        return complain(2, command, "which bridge? --bridge=BRIDGE");
    if (options->mac && (!mac_parse(options->mac, mac) || !mac_is_unicast(mac)))
        return complain(2, command, "--mac takes a MAC of a device, as in 52:54:00:12:34:56, not '%.40s'",
                        options->mac);
    if (options->model && !options->model[0])
        return complain(2, command, "--model is empty");
    return wish_set(&attach->job.wish, &attach->known, command, &options->wish);
}

int attach_run(const struct call *call)
{
    const struct attach_options *options = call->options;
    struct attach attach = {.hot = {.command = call->name, .live = options->live, .config = options->config},
                            .options = options,
                            .job = {.name = call->name,
                                    .change = domain_rewrite,
                                    .wish = {.is_taken = is_taken, .data = &attach}}};
    int status = check(&attach);

    attach.wished[0] = attach.mac;
    attach.job.wish.interfaces = attach.wished;
    attach.job.wish.interface_count = 1;
    if (status == 0)
        status = hot_open(&attach.hot, options->uri, call->words[0]);
    if (status == 0)
        status = run(&attach);
    hot_close(&attach.hot);
    taken_free(&attach.known.taken);
    version_free(&attach.live);
    version_free(&attach.config);
    cleanup_secret(&attach.defined);
    return status;
}
