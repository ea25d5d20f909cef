/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Runs a port's program in the kernel on frames from standard input, as fast as a socket's filter goes; or
 * attaches it to an interface. For tests/lib/portjudge.py, which has the protocol:
 *
 *   B mac[6] ip_lock serve NETWORKS size (u16) egress... HOST VLANS   a binding: answers with the number of
 * its program's instructions (u32), 0: too many. NETWORKS: count (u16), and of each family prefix
 * address[16]; egress: as in a rule, "": none; HOST: NETWORKS, this host's addresses, none: those that it has
 * are read when it is attached; VLANS: untagged (u16), 0: none, protocol (u16), count (u16), and each of them
 * (u16) T                        from here on frames go through a tap, in a network namespace of its own:
 * only there does the kernel take a frame's outermost tag out of it, before the program sees it F size (u16)
 * frame...    answers 1 if it passes, else 0; fails if `show --drops` judges otherwise D tagged tag type size
 * (u16 each) frame...   what `show --drops` says of it, with that tag in its metadata: 1 if it passes, else
 * 0, and a reason, a line A ifindex (u32)          attaches: answers with 1 and nothing, or 0 and the reason,
 * a line R ifindex (u32)          reads what is attached: attached, bound, dropped (u32), as a line E lets
 * all answers out */
#include "base/error.h"
#include "bridge/dropreason.h"
#include "bridge/judge.h"
#include "net/binding.h"
#include "net/bpf.h"
#include "net/portfilter.h"
#include "net/portprogram.h"
#include "net/portread.h"
#include "net/rtnl.h"
#include "policy/egress.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static struct cidr addresses[65536];
static struct binding binding = {.addresses = addresses};
static struct egress_list egress;
static struct egress_host host;
static int ends[2];
static struct bpf program;
static bool usable;      /* the socket has the program */
static bool through_tap; /* which has taken a frame's outermost tag out of it */

static void take(void *to, size_t size)
{
    if (size && fread(to, size, 1, stdin) != 1)
        errx(1, "unexpected end of input");
}

static uint32_t take_u32(void)
{
    uint32_t value;

    take(&value, sizeof(value));
    return value;
}

static uint16_t take_u16(void)
{
    uint16_t value;

    take(&value, sizeof(value));
    return value;
}

static void go_through_a_tap(void)
{
    const int on = 1;
    struct ifreq tap = {.ifr_name = "judge0", .ifr_flags = IFF_TAP | IFF_NO_PI};

    ends[0] = unshare(CLONE_NEWNET) < 0 ? -1 : open("/dev/net/tun", O_RDWR);
    ends[1] = socket(AF_PACKET, SOCK_RAW, 0);
    if (ends[0] < 0 || ends[1] < 0 || ioctl(ends[0], TUNSETIFF, &tap) < 0)
        err(1, "cannot make a tap");
    tap.ifr_flags = IFF_UP;
    const struct sockaddr_ll place = {.sll_family = AF_PACKET,
                                      .sll_protocol = htons(ETH_P_ALL),
                                      .sll_ifindex = (int)if_nametoindex(tap.ifr_name)};
    if (ioctl(ends[1], SIOCSIFFLAGS, &tap) < 0 ||
        setsockopt(ends[1], SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) < 0 ||
        bind(ends[1], (const struct sockaddr *)&place, sizeof(place)) < 0)
        err(1, "cannot listen at a tap");
    through_tap = true;
}

static size_t take_networks(struct cidr *list, size_t max)
{
    const uint16_t count = take_u16();

    if (count > max)
        errx(1, "%u networks are too many", count);
    for (uint16_t i = 0; i < count; i++) {
        list[i].family = getchar() == 4 ? AF_INET : AF_INET6;
        list[i].prefix = (uint8_t)getchar();
        take(list[i].bytes, sizeof(list[i].bytes));
    }
    return count;
}

static void take_egress(void)
{
    static char text[65536];
    const uint16_t size = take_u16();

    take(text, size);
    text[size] = '\0';
    egress.count = 0;
    if (size && !egress_parse(text, &egress))
        errx(1, "egress=%s: item %zu is wrong", text, egress.count + 1);
    host.count = take_networks(host.list, EGRESS_HOST_MAX);
    binding.egress = egress.list;
    binding.egress_count = egress.count;
    binding.host = host.count ? &host : NULL;
}

static void take_vlans(void)
{
    binding.vlans = (struct vlans){.untagged = take_u16()};
    binding.vlan_protocol = take_u16();
    for (unsigned int left = take_u16(); left > 0; left--)
        vlans_add(&binding.vlans, take_u16());
}

static void make_binding(void)
{
    take(binding.mac, sizeof(binding.mac));
    binding.ip_lock = getchar() == 1;
    binding.serve = (unsigned int)getchar();
    binding.address_count = take_networks(addresses, sizeof(addresses) / sizeof(addresses[0]));
    take_egress();
    take_vlans();
    uint32_t length = 0;
    if (portprogram_make(&binding, &program) == 0) {
        const struct sock_fprog filter = {(unsigned short)program.count, program.code};
        length = (uint32_t)program.count;
        usable = setsockopt(ends[1], SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) == 0;
        if (!usable && errno != ENOMEM) /* longer than a socket's filter may be, but not an interface's */
            err(1, "the kernel refuses the program");
    }
    fwrite(&length, sizeof(length), 1, stdout);
}

/* Takes the outermost tag out, as the kernel does (skb_vlan_untag()); a frame that ends in it is nobody's. */
static struct frame untag(uint8_t *bytes, size_t size)
{
    enum { TAG_SIZE = 4, TAG_PLACE = 12, LEAST = TAG_PLACE + TAG_SIZE + 4 };
    struct frame frame = {.bytes = bytes, .size = size};
    uint16_t words[2];

    if (!through_tap || size < ETH_HLEN)
        return frame;
    memcpy(words, bytes + TAG_PLACE, sizeof(words));
    if (words[0] != htons(ETH_P_8021Q) && words[0] != htons(ETH_P_8021AD))
        return frame;
    if (size < LEAST)
        return (struct frame){.bytes = bytes};
    memmove(bytes + TAG_PLACE, bytes + TAG_PLACE + TAG_SIZE, size - TAG_PLACE - TAG_SIZE);
    return (struct frame){bytes, size - TAG_SIZE, true, ntohs(words[1]), ntohs(words[0])};
}

static void judge_next(void)
{
    static uint8_t frame[65536], copy[65536];
    const uint16_t size = take_u16();

    take(frame, size);
    memcpy(copy, frame, size);
    const struct frame seen = untag(copy, size);
    if (!usable)
        errx(1, "there is no program to judge by");
    if (write(ends[0], frame, size) != size && errno != EINVAL) /* less than a header */
        err(1, "cannot send");
    const ssize_t got = recv(ends[1], frame, sizeof(frame), MSG_DONTWAIT);
    if (got < 0 && errno != EAGAIN)
        err(1, "cannot receive");
    if ((got >= 0) != (judge_frame(&program, &seen) > 0))
        errx(1, "the kernel judges a frame of %d bytes otherwise than show --drops", size);
    if (got >= 0)
        putchar(1);
    else
        putchar(0);
}

static void describe(void)
{
    static uint8_t bytes[65536];
    struct frame frame = {.bytes = bytes};
    struct drop_bound own = {.addresses = addresses, .count = binding.ip_lock ? binding.address_count : 0};
    char reason[DROP_REASON_SIZE];

    frame.tagged = take_u16();
    frame.tag = take_u16();
    frame.tag_type = take_u16();
    frame.size = take_u16();
    take(bytes, frame.size);
    memcpy(own.mac, binding.mac, sizeof(own.mac));
    own.vlans = binding.vlans;
    own.vlan_protocol = binding.vlan_protocol;
    drop_reason(reason, &frame, &own);
    printf("%d %s\n", judge_frame(&program, &frame) > 0, reason);
}

static void attach(struct rtnl *nl)
{
    struct error why = {.text = ""};
    const int ifindex = (int)take_u32();

    printf("%d %s\n", portfilter_attach(nl, ifindex, &binding, &why) == 0, why.text);
}

static void read_back(struct rtnl *nl)
{
    struct portfilter_state state;
    const int ifindex = (int)take_u32();
    const int failed = portfilter_read(nl, ifindex, &binding, &state);

    if (failed)
        errx(1, "cannot read: %s", rtnl_problem(nl, failed));
    printf("%d %d %u\n", state.attached, state.bound, state.dropped);
}

int main(void)
{
    struct rtnl nl;
    int verb;

    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) < 0 || rtnl_open(&nl) < 0)
        err(1, "cannot open a socket");
    while ((verb = getchar()) != EOF) {
        switch (verb) {
        case 'B':
            make_binding();
            break;
        case 'T':
            go_through_a_tap();
            break;
        case 'F':
            judge_next();
            break;
        case 'D':
            describe();
            break;
        case 'A':
            attach(&nl);
            break;
        case 'R':
            read_back(&nl);
            break;
        default:
            fflush(stdout);
        }
    }
    rtnl_close(&nl);
    return 0;
}
