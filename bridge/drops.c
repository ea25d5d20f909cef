/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "drops.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "bridge.h"
#include "dropreason.h"
#include "json.h"
#include "judge.h"
#include "net/bpf.h"
#include "net/portread.h"
#include "portjson.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

enum { FRAME_MAX = 65536 + 64, KINDS_MAX = 200, QUEUE_BYTES = 32 << 20, AT_ONCE = 1000 };

struct kind {
    unsigned long count;
    char reason[DROP_REASON_SIZE];
};

struct capture {
    const char *verb, *tap;
    struct bpf program;
    struct drop_bound bound;
    unsigned long frames, dropped, missed; /* missed: there was no room for them */
    struct kind kinds[KINDS_MAX + 1];      /* the last one: all that are not told apart */
    size_t kind_count;
};

/* Takes what the claims say. Returns 0 or -ENOMEM. */
static int take_bound(struct drop_bound *out, const json_t *bound)
{
    const json_t *ip = json_object_get(bound, "ip");
    const char *text;

    mac_parse(json_text(bound, "mac"), out->mac);
    out->addresses = calloc(json_array_size(ip) + 1, sizeof(*out->addresses));
    if (!out->addresses)
        return -ENOMEM;
    for (size_t i = 0; i < json_array_size(ip); i++) {
        text = json_string_value(json_array_get(ip, i));
        out->count += cidr_parse_network(text, strlen(text), &out->addresses[out->count]);
    }
    return 0;
}

static int read_bound(struct view *view, const struct link *tap, struct drop_bound *out)
{
    _cleanup_ports_ struct ports ports = {.vlans = NULL};
    const int err = ports_read(&ports, &view->nl, &view->links);

    if (err)
        return err;
    const struct link *bridge = links_by_index(&view->links, tap->master);
    out->vlans = ports.vlans[tap - view->links.list];
    if (vlans_tagged(&out->vlans) && out->vlans.untagged) /* a tag of which may pass, too */
        vlans_add(&out->vlans, out->vlans.untagged);
    if (bridge)
        out->vlan_protocol = bridge->bridge.vlan_protocol;
    return take_bound(out, ports.locks[tap - view->links.list].bound);
}

/* Reads the tap's program and what it is bound to. Returns 0, or 1 and has printed why not. */
static int prepare(struct capture *c, struct view *view, const struct link *tap)
{
    if (!port_is_ours(tap) || !tap->is_port || !tap->port.locked)
        return complain(1, c->verb,
                        "'%s' has no port filter: only taps of virt-tap under mac=lock have; `virt-tap list` "
                        "shows which are",
                        c->tap);
    int err = portfilter_program(&view->nl, tap->ifindex, &c->program);
    if (!err)
        return complain(1, c->verb,
                        "'%s': its port filter is gone or changed; `virt-tap show` says what to do", c->tap);
    if (err > 0)
        err = read_bound(view, tap, &c->bound);
    if (err)
        return complain(1, c->verb, "cannot read what '%s' is bound to: %s", c->tap, strerror(-err));
    return 0;
}

/* Opens a socket that sees what comes in at the interface before its filter does. Returns it or -errno. */
static int open_socket(int ifindex)
{
    const struct sockaddr_ll place = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = ifindex};
    const int on = 1, room = QUEUE_BYTES;
    _cleanup_close_ int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) < 0 ||
        bind(fd, (const struct sockaddr *)&place, sizeof(place)) < 0)
        return -errno;
    return take_fd(&fd);
}

static void count_kind(struct capture *c, const struct frame *frame)
{
    char reason[DROP_REASON_SIZE];
    size_t i = 0;

    drop_reason(reason, frame, &c->bound);
    while (i < c->kind_count && strcmp(c->kinds[i].reason, reason) != 0)
        i++;
    if (i == KINDS_MAX)
        strcpy(reason, "other kinds");
    if (i == c->kind_count && i < KINDS_MAX)
        c->kind_count++;
    strcpy(c->kinds[i].reason, reason);
    c->kinds[i].count++;
    c->dropped++;
}

static void take_tag(struct frame *frame, struct msghdr *msg)
{
    struct tpacket_auxdata data;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA)
            continue;
        memcpy(&data, CMSG_DATA(c), sizeof(data));
        frame->tagged = data.tp_status & TP_STATUS_VLAN_VALID;
        frame->tag = data.tp_vlan_tci;
        frame->tag_type = data.tp_vlan_tpid;
    }
}

/* Takes one frame. Returns 0 or -errno: -EAGAIN, there is none now. */
static int take_frame(struct capture *c, int fd)
{
    static uint8_t bytes[FRAME_MAX];
    union {
        struct cmsghdr aligned;
        char bytes[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
    } control;
    struct sockaddr_ll from = {.sll_pkttype = PACKET_OUTGOING};
    struct iovec place = {bytes, sizeof(bytes)};
    struct msghdr msg = {.msg_name = &from,
                         .msg_namelen = sizeof(from),
                         .msg_iov = &place,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof(control)};
    const ssize_t size = recvmsg(fd, &msg, 0);

    if (size < 0)
        return -errno;
    if (from.sll_pkttype == PACKET_OUTGOING) /* goes to the guest */
        return 0;
    struct frame frame = {.bytes = bytes, .size = (size_t)size};
    take_tag(&frame, &msg);
    c->frames++;
    const int64_t verdict = judge_frame(&c->program, &frame);
    if (verdict == 0)
        count_kind(c, &frame);
    if (verdict < 0)
        return (int)verdict;
    return 0;
}

/* Takes frames until the time is over. Returns 0 or -errno. */
static int take_frames(struct capture *c, int fd, int interrupt, int64_t until)
{
    struct pollfd ready[] = {{.fd = fd, .events = POLLIN}, {.fd = interrupt, .events = POLLIN}};
    int err = 0;

    for (int64_t now = clock_ms(); now < until && !ready[1].revents; now = clock_ms()) {
        if (poll(ready, 2, (int)(until - now)) < 0)
            return -errno;
        for (int i = 0; ready[0].revents && i < AT_ONCE && !err; i++)
            err = take_frame(c, fd);
        if (err && err != -EAGAIN && err != -ENETDOWN) /* the tap may come up again */
            return err;
        err = 0;
    }
    return 0;
}

/* Returns 0 or -errno. */
static int run(struct capture *c, int ifindex, int64_t ms)
{
    sigset_t interrupts;
    struct tpacket_stats stats = {.tp_drops = 0};
    socklen_t size = sizeof(stats);
    _cleanup_close_ int fd = open_socket(ifindex);

    if (fd < 0)
        return fd;
    sigemptyset(&interrupts);
    sigaddset(&interrupts, SIGINT);
    sigprocmask(SIG_BLOCK, &interrupts, NULL);
    _cleanup_close_ int interrupt = signalfd(-1, &interrupts, SFD_CLOEXEC);
    if (interrupt < 0)
        return -errno;
    const int err = take_frames(c, fd, interrupt, clock_ms() + ms);
    if (getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0)
        c->missed = stats.tp_drops;
    return err;
}

static int more_first(const void *a, const void *b)
{
    const struct kind *one = a, *other = b;

    if (one->count != other->count)
        return one->count < other->count ? 1 : -1;
    return strcmp(one->reason, other->reason);
}

static int print_json(const struct capture *c)
{
    json_t *kinds = json_array();

    for (size_t i = 0; i < KINDS_MAX + 1 && c->kinds[i].count; i++)
        json_array_append_new(kinds, json_pack("{s:I, s:s}", "count", (json_int_t)c->kinds[i].count, "reason",
                                               c->kinds[i].reason));
    return json_finish(json_pack("{s:s, s:I, s:I, s:I, s:o}", "tap", c->tap, "frames", (json_int_t)c->frames,
                                 "dropped", (json_int_t)c->dropped, "missed", (json_int_t)c->missed, "kinds",
                                 kinds),
                       0, c->verb);
}

static int print_text(const struct capture *c)
{
    printf("%s: %lu frames from its guest, of which its port filter drops %lu.\n", c->tap, c->frames,
           c->dropped);
    for (size_t i = 0; i < KINDS_MAX + 1 && c->kinds[i].count; i++)
        printf("%8lu  %s\n", c->kinds[i].count, c->kinds[i].reason);
    if (c->missed)
        printf("%lu more frames came too fast to be looked at.\n", c->missed);
    return finish_output(0, c->verb);
}

static int show(struct capture *c, struct view *view, unsigned int ms, bool json)
{
    const struct link *tap = view_link(view, c->verb, c->tap);

    if (!tap || prepare(c, view, tap) != 0)
        return 1;
    const int err = run(c, tap->ifindex, ms);
    if (err == -ENOTSUP)
        return complain(1, c->verb, "'%s': its port filter is not one that virt-tap makes", c->tap);
    if (err)
        return complain(1, c->verb, "cannot capture at '%s': %s", c->tap, strerror(-err));
    qsort(c->kinds, KINDS_MAX + 1, sizeof(*c->kinds), more_first);
    if (json)
        return print_json(c);
    return print_text(c);
}

int drops_show(const char *verb, const char *tap, unsigned int ms, bool json)
{
    static struct capture capture; /* large */
    _cleanup_view_ struct view view = {.links = {.count = 0}};

    if (geteuid() != 0)
        return complain(1, verb, "to capture frames requires root: use sudo");
    if (view_open(&view, verb, false) != 0)
        return 1;
    capture = (struct capture){.verb = verb, .tap = tap};
    const int status = show(&capture, &view, ms, json);
    free(capture.bound.addresses);
    return status;
}
