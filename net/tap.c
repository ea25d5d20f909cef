/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "tap.h"

#include "config.h"
#include "link.h"
#include "rtnl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if_arp.h>
#include <linux/virtio_net.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

int tap_set(int fd, unsigned long request, unsigned long value)
{
    if (ioctl(fd, request, value) < 0)
        return -errno;
    return 0;
}

int tap_open(void)
{
    const int fd = open(TAP_DEVICE, O_RDWR | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    return fd;
}

/* Attaches fd to the tap of that name; if there is none, the kernel makes one. With IFF_TUN_EXCL in flags,
 * never attaches to an existing one. Returns 0 or -errno: -EBUSY: the name is taken; or a descriptor is
 * attached already, and the tap is not multi-queue; -EINVAL: it is not of that kind. */
static int set_iff(int fd, const char *name, struct tap_kind kind, int flags)
{
    struct ifreq request = {.ifr_flags = 0};

    if (strlen(name) >= IFNAMSIZ)
        return -ENAMETOOLONG;
    strcpy(request.ifr_name, name);
    if (kind.vnet_hdr)
        flags |= IFF_VNET_HDR;
    if (kind.multi_queue)
        flags |= IFF_MULTI_QUEUE;
    if (!kind.packet_info)
        flags |= IFF_NO_PI;
    flags |= kind.tun ? IFF_TUN : IFF_TAP;
    request.ifr_flags = (short)flags;
    return tap_set(fd, TUNSETIFF, (unsigned long)&request);
}

/* With two others attaching to every new tap, on two busy processors, one attempt in eight succeeds on one
 * machine, and one in fifty on another. */
enum { NEWTAP_TRIES = 512 };

/* Uses the maximum length, so that nobody can guess the name in time. */
static int random_name(char name[IFNAMSIZ])
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
    unsigned char bytes[IFNAMSIZ - sizeof(TAP_PREFIX)];

    if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
        return -EIO;
    char *end = stpcpy(name, TAP_PREFIX);
    for (size_t i = 0; i < sizeof(bytes); i++)
        *end++ = letters[bytes[i] % 32];
    *end = '\0';
    return 0;
}

/* Checks that nobody but us is attached, and that nobody can attach any more, from a single snapshot. Returns
 * 0; -EAGAIN: somebody else has touched it; or -EPERM: somebody took ownership after it was given away, which
 * is no accident, so there is no retry. */
static int check_alone(const struct link *tap, const gid_t *group)
{
    const uint32_t owner = group ? UINT32_MAX : 0, of_group = group ? *group : UINT32_MAX;

    if (tap->tun.owner != owner)
        return -EPERM;
    if (tap->tun.queues != 1 || tap->tun.group != of_group || tap->tun.persist)
        return -EAGAIN;
    return 0;
}

static int create_alone(struct rtnl *nl, int fd, const char *name, struct nl_msg *question,
                        struct tap_kind kind, const gid_t *group)
{
    struct link tap = {.ifindex = 0};
    int err = set_iff(fd, name, kind, IFF_TUN_EXCL);

    if (err == -EBUSY) /* the random name is taken, which says nothing about the requested one */
        return -EAGAIN;
    if (err)
        return err;
    if (group)
        err = tap_set(fd, TUNSETGROUP, *group);
    else
        err = tap_set(fd, TUNSETOWNER, 0);
    if (!err)
        err = link_ask(nl, question, &tap);
    if (!err)
        err = check_alone(&tap, group);
    if (!err)
        return tap.ifindex;
    const int ifindex = tap.ifindex ? tap.ifindex : link_index(nl, name);
    /* Merely closing it would leave it to others who hold it. */
    if (ifindex > 0)
        rtnl_talk(nl, link_delete_message(ifindex));
    return err;
}

static int create_under_random_name(struct rtnl *nl, int fd, struct tap_kind kind, const gid_t *group)
{
    char name[IFNAMSIZ];
    const int err = random_name(name);

    if (err)
        return err;
    struct nl_msg *question = link_question(name);
    if (!question)
        return -ENOMEM;
    const int ifindex = create_alone(nl, fd, name, question, kind, group);
    nlmsg_free(question);
    return ifindex;
}

/* Resets what anybody who was attached to the tap, which is down, may have changed without a capability:
 * frame filters, queue steering, offloads, buffer size, link type, carrier, and the size and byte order of
 * the vnet header (drivers/net/tun.c, __tun_chr_ioctl). Settings that this kernel lacks cannot have been
 * changed. */
static void forget_settings(int fd, struct tap_kind kind)
{
    const struct tun_filter every_frame = {.count = 0};
    const int no_program = -1, any_size = INT_MAX, header_size = sizeof(struct virtio_net_hdr), on = 1,
              off = 0;

    ioctl(fd, TUNDETACHFILTER, NULL);
    ioctl(fd, TUNSETTXFILTER, &every_frame);
    ioctl(fd, TUNSETFILTEREBPF, &no_program);
    ioctl(fd, TUNSETSTEERINGEBPF, &no_program);
    ioctl(fd, TUNSETOFFLOAD, 0UL);
    ioctl(fd, TUNSETSNDBUF, &any_size);
    ioctl(fd, TUNSETLINK, (unsigned long)(kind.tun ? ARPHRD_NONE : ARPHRD_ETHER));
    ioctl(fd, TUNSETCARRIER, &on);
    ioctl(fd, TUNSETVNETHDRSZ, &header_size);
    ioctl(fd, TUNSETVNETLE, &off);
    ioctl(fd, TUNSETVNETBE, &off);
}

/* Until a multi-queue tap has an owner, anybody may attach to it (drivers/net/tun.c, tun_not_capable), change
 * what a holder may change, and detach again. It is therefore made under a random name, given to root or to a
 * group, and inspected; if somebody else has touched it, it is deleted and another is made. Only then does it
 * get its own name. Nobody can attach to a single-queue tap while we hold it. */
static int create_multi_queue(struct rtnl *nl, int *fd, const char *name, struct tap_kind kind,
                              const gid_t *group)
{
    int ifindex = create_under_random_name(nl, *fd, kind, group);

    for (int tries = 1; ifindex == -EAGAIN && tries < NEWTAP_TRIES; tries++) {
        close(*fd); /* its device was deleted */
        *fd = tap_open();
        ifindex = *fd < 0 ? *fd : create_under_random_name(nl, *fd, kind, group);
    }
    if (ifindex < 0)
        return ifindex;
    forget_settings(*fd, kind); /* set by somebody who attached and left before it had an owner */
    const int err = rtnl_talk(nl, link_name_message(ifindex, name));
    if (!err)
        return ifindex;
    rtnl_talk(nl, link_delete_message(ifindex));
    return err;
}

int newtap_create(struct rtnl *nl, int *fd, const char *name, struct tap_kind kind, const gid_t *group)
{
    if (kind.multi_queue)
        return create_multi_queue(nl, fd, name, kind, group);
    const int err = set_iff(*fd, name, kind, IFF_TUN_EXCL);
    if (err)
        return err;
    return link_index(nl, name);
}

static int look_again(struct rtnl *nl, const struct link *seen, struct link *now)
{
    const int err = link_get(nl, seen->ifindex, now);

    if (err)
        return err;
    if (!now->is_tun || strcmp(now->name, seen->name) != 0 || strcmp(now->altname, seen->altname) != 0 ||
        strcmp(now->alias, seen->alias) != 0)
        return -ESTALE;
    return 0;
}

/* Checks whether fd is the only queue. If so, leaves the device owned by root, otherwise by its owner. */
static int keep_others_out(struct rtnl *nl, int fd, const struct link *seen)
{
    struct link now = {.ifindex = 0};
    int err = look_again(nl, seen, &now);

    if (err)
        return err;
    const uid_t owner = now.tun.owner;
    if (owner != UINT32_MAX) /* otherwise there is no way to unset it again */
        err = tap_set(fd, TUNSETOWNER, 0);
    if (!err)
        err = look_again(nl, seen, &now);
    if (!err && now.tun.queues != 1)
        err = -EBUSY;
    if (err && owner != UINT32_MAX)
        tap_set(fd, TUNSETOWNER, owner);
    return err;
}

/* Attaches by name, since the kernel offers nothing else: if the name no longer refers to the same device, fd
 * is attached to another, or to a new one, which goes away when fd is closed. */
static int attach_again(struct rtnl *nl, int fd, const struct link *seen)
{
    struct link now = {.ifindex = 0};
    const int err = look_again(nl, seen, &now);

    if (err)
        return err;
    if (now.tun.kind.multi_queue && now.tun.queues > 0) /* do not attach: our queue would be given frames */
        return -EBUSY;
    return set_iff(fd, now.name, now.tun.kind, 0);
}

/* Whether to try once more. For half a second in all, however many devices there are. */
static bool wait_a_moment(void)
{
    static unsigned int moments = 25;
    const struct timespec moment = {.tv_nsec = 20000000};

    if (moments == 0)
        return false;
    moments--;
    nanosleep(&moment, NULL);
    return true;
}

static int take(struct rtnl *nl, int fd, const struct link *seen)
{
    int err = attach_again(nl, fd, seen);

    while (err == -EBUSY && wait_a_moment())
        err = attach_again(nl, fd, seen);
    if (err || !seen->tun.kind.multi_queue)
        return err;
    return keep_others_out(nl, fd, seen);
}

int tap_delete(struct rtnl *nl, int fd, const struct link *seen)
{
    struct link now = {.ifindex = 0};
    int err = 0;

    if (fd >= 0)
        err = take(nl, fd, seen);
    if (!err)
        err = look_again(nl, seen, &now);
    if (err)
        return err;
    return rtnl_talk(nl, link_delete_message(seen->ifindex));
}
