/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "newtap.h"

#include "config.h"
#include "link.h"
#include "rtnl.h"
#include "taps.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

/* As long as a name can be, so that nobody can guess it in time. */
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

/* A question about the tap of that name. It is made before the tap is, and sent and answered by bare calls:
 * the less time there is between these steps, the less there is for others. Its sequence number stays 0,
 * outside of those that libnl counts. */
static struct nl_msg *link_question(const char *name)
{
    const struct ifinfomsg any = {.ifi_family = AF_UNSPEC};
    struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETLINK, NLM_F_REQUEST);

    if (msg && (nlmsg_append(msg, (void *)(uintptr_t)&any, sizeof(any), NLMSG_ALIGNTO) < 0 ||
                nla_put_string(msg, IFLA_IFNAME, name) < 0)) {
        nlmsg_free(msg);
        return NULL;
    }
    return msg;
}

static int ask_link(struct rtnl *nl, struct nl_msg *question, struct tap_state *out)
{
    _Alignas(struct nlmsghdr) char buffer[16384];
    const int fd = nl_socket_get_fd(nl->sock);
    struct nlmsghdr *answer = (struct nlmsghdr *)buffer;

    if (write(fd, nlmsg_hdr(question), nlmsg_hdr(question)->nlmsg_len) < 0)
        return -errno;
    const ssize_t got = recv(fd, buffer, sizeof(buffer), 0);
    if (got < 0)
        return -errno;
    if (!nlmsg_ok(answer, (int)got) || answer->nlmsg_type != RTM_NEWLINK)
        return -EIO;
    return taps_read(answer, out);
}

/* Whether nobody but us is attached, and nobody can be from now on: one look at all of it at the same moment.
 * Returns 0; -EAGAIN: somebody else has had a hand on it; or -EPERM: and took it for himself after it was
 * given away, which is no accident and not tried again. */
static int check_alone(const struct tap_state *tap, const gid_t *group)
{
    const uint32_t owner = group ? UINT32_MAX : 0, of_group = group ? *group : UINT32_MAX;

    if (tap->owner != owner)
        return -EPERM;
    return tap->queues == 1 && tap->group == of_group && !tap->persist ? 0 : -EAGAIN;
}

static int create_alone(struct rtnl *nl, int fd, const char *name, struct nl_msg *question,
                        struct tap_kind kind, const gid_t *group)
{
    struct tap_state tap = {.ifindex = 0};
    int err = tap_create(fd, name, kind);

    if (err == -EBUSY) /* the random name is taken, which says nothing about the one asked for */
        return -EAGAIN;
    if (err)
        return err;
    err = group ? tap_set_group(fd, *group) : tap_set_owner(fd, 0);
    if (!err)
        err = ask_link(nl, question, &tap);
    if (!err)
        err = check_alone(&tap, group);
    if (!err)
        return tap.ifindex;
    const int ifindex = tap.ifindex ? tap.ifindex : link_index(nl, name);
    if (ifindex > 0)
        link_delete(nl, ifindex); /* closing alone would leave it to others who hold it */
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
    tap_forget_settings(*fd, kind); /* of whoever was attached and left before it had an owner */
    const int err = link_rename(nl, ifindex, name);
    if (err)
        link_delete(nl, ifindex);
    return err ? err : ifindex;
}

int newtap_create(struct rtnl *nl, int *fd, const char *name, struct tap_kind kind, const gid_t *group)
{
    if (kind.multi_queue)
        return create_multi_queue(nl, fd, name, kind, group);
    const int err = tap_create(*fd, name, kind);
    return err ? err : link_index(nl, name);
}
