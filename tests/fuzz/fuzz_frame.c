/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Frames of a guest, of any bytes, as `show --drops` captures and judges them: the first byte says what the
 * guest is bound to, and the next four are a tag. The judge knows every instruction, what passes has the
 * guest's own MAC, and the reason is one line. */
#include "bridge/dropreason.h"
#include "bridge/judge.h"
#include "fuzz.h"
#include "net/binding.h"
#include "net/bpf.h"
#include "net/portprogram.h"

#include <linux/if_ether.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { KINDS = 8, LOCKED = 1, TRUNK = 2, EGRESS = 4, START = 5 };

static const uint8_t mac[6] = {0x52, 0x54, 0x00, 0x00, 0x00, 0x01};
static struct cidr addresses[] = {{AF_INET, {10, 66, 1, 5}, 32},
                                  {AF_INET6, {0x20, 0x01, 0x0d, 0xb8, [15] = 5}, 128}};
static const struct egress egress[] = {{.allows = true,
                                        .to = EGRESS_NETWORK,
                                        .network = {AF_INET, {10, 70, 0, 1}, 32},
                                        .port = 53,
                                        .protocol = 17},
                                       {.allows = false, .to = EGRESS_PRIVATE},
                                       {.allows = true, .to = EGRESS_ALL}};

/* Makes the program of each kind of binding once. */
static const struct bpf *program_of(unsigned int kind)
{
    static struct bpf programs[KINDS];
    struct bpf *program = &programs[kind];
    struct binding binding = {.ip_lock = kind & LOCKED, .addresses = addresses, .vlan_protocol = ETH_P_8021Q};

    if (program->count)
        return program;
    memcpy(binding.mac, mac, sizeof(mac));
    if (kind & LOCKED)
        binding.address_count = sizeof(addresses) / sizeof(addresses[0]);
    if (kind & TRUNK)
        hold(!vlans_parse(&binding.vlans, "100,200-210", NULL));
    if (kind & EGRESS) {
        binding.egress = egress;
        binding.egress_count = sizeof(egress) / sizeof(egress[0]);
    }
    hold(portprogram_make(&binding, program) == 0);
    return program;
}

static void hold_reason(unsigned int kind, const struct frame *frame)
{
    struct drop_bound bound = {.vlan_protocol = ETH_P_8021Q};
    char reason[DROP_REASON_SIZE];

    memcpy(bound.mac, mac, sizeof(mac));
    if (kind & LOCKED) {
        bound.addresses = addresses;
        bound.count = sizeof(addresses) / sizeof(addresses[0]);
    }
    if (kind & TRUNK)
        hold(!vlans_parse(&bound.vlans, "100,200-210", NULL));
    memset(reason, '\n', sizeof(reason));
    drop_reason(reason, frame, &bound);
    hold(*reason && memchr(reason, '\0', sizeof(reason)));
    for (const char *c = reason; *c; c++)
        hold(*c >= ' ' && *c < 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < START)
        return 0;
    const unsigned int kind = data[0] % KINDS;
    uint8_t *bytes = malloc(size - START + (size == START)); /* no more, so that reads behind it are found */
    const struct frame frame = {.bytes = bytes,
                                .size = size - START,
                                .tagged = data[0] & 0x80,
                                .tag = (uint16_t)(data[1] << 8 | data[2]),
                                .tag_type = (uint16_t)(data[3] << 8 | data[4])};

    hold(bytes != NULL);
    memcpy(bytes, data + START, frame.size);
    const int64_t verdict = judge_frame(program_of(kind), &frame);
    hold(verdict == 0 || verdict == UINT32_MAX);
    hold(verdict == 0 || (frame.size >= ETH_HLEN && memcmp(bytes + 6, mac, sizeof(mac)) == 0));
    hold_reason(kind, &frame);
    free(bytes);
    return 0;
}
