/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "device.h"

#include "base/cleanup.h"
#include "base/number.h"
#include "base/quote.h"
#include "base/verb.h"
#include "host/network.h"
#include "net/batch.h"
#include "net/link.h"
#include "net/tap.h"
#include "policy/claimed.h"

#include <errno.h>
#include <grp.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <pwd.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <unistd.h>

/* The request, with its names resolved. */
struct device {
    const char *verb, *name;
    struct tap_kind kind;
    bool has_user, has_group, has_mac, up;
    uid_t user; /* root by default */
    gid_t group;
    uint8_t mac[6];
    const char *bridge; /* NULL: none */
    int bridge_index;
    uint8_t bridge_mac[6];
};

/* Takes the id of the account with that name, which was found or not, or the name as a number. */
static int take_id(const char *verb, const char *kind, const char *database, const char *text,
                   const id_t *found, id_t *out)
{
    unsigned long number;

    if (found)
        *out = *found;
    else if (number_parse(text, 0, (id_t)-2, &number))
        *out = (id_t)number;
    else
        return complain(1, verb, "--%s=%.64s: there is no such %s; `getent %s` lists them", kind, text, kind,
                        database);
    return 0;
}

int tap_find_user(const char *verb, const char *text, uid_t *out)
{
    const struct passwd *account = getpwnam(text);

    return take_id(verb, "user", "passwd", text, account ? &account->pw_uid : NULL, out);
}

static int find_group(const char *verb, const char *text, gid_t *out)
{
    const struct group *account = getgrnam(text);

    return take_id(verb, "group", "group", text, account ? &account->gr_gid : NULL, out);
}

static int read_mac(struct device *device, const char *text)
{
    device->has_mac = mac_parse(text, device->mac) && mac_is_unicast(device->mac);
    if (device->has_mac)
        return 0;
    return complain(2, device->verb,
                    "--mac=%.32s is not a MAC that a device may have, as in 52:54:00:12:34:56", text);
}

static int look_up(struct device *device, const struct tap_options *options)
{
    const struct {
        const char *option;
        bool given;
    } others[] = {{"domain", options->domain}, {"ip", options->ips.count}, {"vlan", options->vlan},
                  {"native", options->native}, {"lock", options->lock},    {"serve", options->serve}};

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (others[i].given)
            return complain(2, device->verb,
                            "--%s is only for taps on a bridge, whose names begin with vtap-",
                            others[i].option);
    device->has_user = options->user;
    device->has_group = options->group;
    if (options->user && tap_find_user(device->verb, options->user, &device->user))
        return 1;
    if (options->group && find_group(device->verb, options->group, &device->group))
        return 1;
    if (options->mac)
        return read_mac(device, options->mac);
    return 0;
}

static const char *bridge_problem(int err)
{
    if (err == -ENODEV)
        return "there is no such interface";
    if (err == -EMEDIUMTYPE)
        return "it is not a bridge";
    return strerror(-err);
}

/* Looks up the bridge, and checks that the options are consistent. */
static int check(struct device *device)
{
    _cleanup_rtnl_ struct rtnl nl = {.buffer = NULL};
    struct link bridge;

    if (!ifname_valid(device->name))
        return complain(2, device->verb,
                        "'%.64s' is not a name for an interface: 1 to 15 characters without / : %% or space",
                        device->name);
    if (geteuid() != 0)
        return complain(
            1, device->verb,
            "'%s' would be a plain device, which requires root; for a tap on a bridge that the policy "
            "allows you, use a name that begins with vtap-: virt-tap tap create vtap-NAME --bridge=BRIDGE",
            device->name);
    if (device->kind.tun && (device->bridge || device->has_mac))
        return complain(2, device->verb,
                        "a tun carries IP packets, has no MAC and cannot be on a bridge: "
                        "use --mode=tap");
    if (!device->bridge)
        return 0;
    int err = rtnl_open(&nl);
    if (!err)
        err = link_find(&nl, device->bridge, &bridge);
    if (!err && !bridge.is_bridge)
        err = -EMEDIUMTYPE;
    if (err)
        return complain(1, device->verb, "--bridge=%.64s: %s; `virt-tap bridge show` lists the bridges",
                        device->bridge, bridge_problem(err));
    device->bridge_index = bridge.ifindex;
    memcpy(device->bridge_mac, bridge.mac, sizeof(device->bridge_mac));
    if (device->has_mac && memcmp(device->mac, bridge.mac, sizeof(bridge.mac)) < 0 &&
        network_bridge_mac_varies(bridge.name))
        return complain(
            1, device->verb,
            "--mac: the bridge '%s' would take it as its own, since its present one is higher and not fixed; "
            "leave --mac out, or fix the bridge's MAC first: `virt-tap check net` says how",
            bridge.name);
    return 0;
}

/* Without an owner, the kernel lets anybody attach to it (drivers/net/tun.c, tun_not_capable). */
static int set_owner(int fd, const struct device *device)
{
    int err = 0;

    if (device->has_user || !device->has_group)
        err = tap_set(fd, TUNSETOWNER, device->user);
    if (!err && device->has_group)
        return tap_set(fd, TUNSETGROUP, device->group);
    return err;
}

static int set_mac(int fd, const struct device *device)
{
    struct ifreq request = {.ifr_hwaddr.sa_family = ARPHRD_ETHER};
    uint8_t mac[6];

    memcpy(mac, device->mac, sizeof(mac));
    if (!device->has_mac && !device->bridge)
        return 0;
    if (!device->has_mac) {
        if (getrandom(mac, sizeof(mac), 0) < 0)
            return -errno;
        mac[0] = 0xFE; /* so that the bridge does not adopt it as the lowest MAC */
        if (memcmp(mac, device->bridge_mac, sizeof(mac)) < 0)
            memcpy(mac, device->bridge_mac, sizeof(mac)); /* for taps only: see helper/grant.c */
    }
    memcpy(request.ifr_hwaddr.sa_data, mac, sizeof(mac));
    return ioctl(fd, SIOCSIFHWADDR, &request) < 0 ? -errno : 0;
}

/* Configures a new device as requested. Returns 0 or -errno. */
static int set_up(struct rtnl *nl, int fd, int ifindex, const struct device *device)
{
    struct batch batch = {.error = 0};
    int err = set_mac(fd, device);

    if (err)
        return err;
    if (device->bridge) {
        batch_take(&batch, link_addr_gen_mode_message(ifindex, IN6_ADDR_GEN_MODE_NONE), 0);
        batch_take(&batch, link_master_message(ifindex, device->bridge_index), 0);
    }
    batch_take(&batch, link_alias_message(ifindex, CLAIM_PLAIN_ALIAS), 0);
    if (device->bridge || device->up)
        batch_take(&batch, link_up_message(ifindex), 0);
    err = batch_send(nl, &batch, NULL);
    batch_free(&batch);
    if (!err)
        err = set_owner(fd, device); /* last, so that nobody can attach to a half-configured device */
    if (err)
        return err;
    return tap_set(fd, TUNSETPERSIST, 1);
}

static int explain(const struct device *device, int err)
{
    if (err == -EBUSY || err == -EEXIST || err == -EINVAL)
        return complain(1, device->verb, "the name '%s' is taken; `ip -d link show dev %s` shows by what",
                        device->name, quote(device->name).text);
    if (err == -EAGAIN || err == -EPERM)
        return complain(1, device->verb,
                        "another user took '%s' while it was being made, so it was deleted; try again",
                        device->name);
    return complain(1, device->verb, "cannot make '%s': %s", device->name, strerror(-err));
}

static int make(const struct device *device)
{
    _cleanup_rtnl_ struct rtnl nl = {.buffer = NULL};
    _cleanup_close_ int fd = tap_open();
    const gid_t *group = device->has_group && !device->has_user ? &device->group : NULL;

    if (fd < 0)
        return complain(1, device->verb,
                        "cannot open " TAP_DEVICE ": %s; `virt-tap check net` says what to do",
                        strerror(-fd));
    int err = rtnl_open(&nl);
    if (err)
        return explain(device, err);
    const int ifindex = newtap_create(&nl, &fd, device->name, device->kind, group);
    if (ifindex < 0)
        return explain(device, ifindex);
    err = set_up(&nl, fd, ifindex, device);
    if (!err)
        return 0;
    complain(1, device->verb, "'%s' cannot be set up, and was removed again: %s%s%s", device->name,
             strerror(-err), *nl.reason ? ": " : "", nl.reason);
    rtnl_talk(&nl, link_delete_message(ifindex));
    return 1;
}

int device_create(const char *verb, const char *name, const struct tap_options *options)
{
    struct device device = {.verb = verb,
                            .name = name,
                            .kind = {.tun = options->mode == MODE_TUN,
                                     .multi_queue = options->multi_queue,
                                     .vnet_hdr = options->vnet_hdr,
                                     .packet_info = options->packet_info},
                            .up = options->up,
                            .bridge = options->bridge};
    int status = look_up(&device, options);

    if (!status)
        status = check(&device);
    if (status)
        return status;
    return make(&device);
}

/* fd: used to attach to it first; -1 with --force. */
static int remove_device(struct rtnl *nl, int fd, const char *verb, const char *name)
{
    struct link tap;
    int err = strlen(name) < IFNAMSIZ ? link_find_tap(nl, name, &tap) : -ENODEV;

    if (err == -ENODEV)
        return complain(1, verb, "'%.64s' does not exist; `ip tuntap show` lists all taps and tuns", name);
    if (err == -EMEDIUMTYPE)
        return complain(1, verb,
                        "'%.64s' is neither a tap nor a tun; `ip tuntap show` lists all taps and tuns", name);
    if (!err)
        err = tap_delete(nl, fd, &tap);
    if (err == -EBUSY)
        return complain(1, verb, "'%s' is in use: end the program that holds it, or use --force", name);
    if (err == -ESTALE)
        return complain(1, verb,
                        "'%s' was replaced by another device in the meantime, and is left alone; try again",
                        name);
    if (err)
        return complain(1, verb, "cannot remove '%s': %s", name, strerror(-err));
    return 0;
}

int device_delete(const char *verb, const char *name, bool force)
{
    _cleanup_rtnl_ struct rtnl nl = {.buffer = NULL};
    _cleanup_close_ int fd = -1;

    if (geteuid() != 0)
        return complain(1, verb, "removing '%.64s' requires root, because its name does not begin with vtap-",
                        name);
    if (!force && (fd = tap_open()) < 0)
        return complain(1, verb,
                        "cannot open " TAP_DEVICE
                        ": %s; use --force to remove it without checking whether it is "
                        "in use",
                        strerror(-fd));
    const int err = rtnl_open(&nl);
    if (err)
        return complain(1, verb, "cannot list the interfaces of this host: %s", strerror(-err));
    return remove_device(&nl, fd, verb, name);
}
