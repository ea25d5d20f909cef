/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Sets of VLANs, as a policy and a request list them: 100, an access VLAN, or 100,200-210, a trunk. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
    VLAN_MAX = 4094,       /* 0 and 4095 are no VLANs (IEEE 802.1Q) */
    VLANS_RANGES_MAX = 64, /* single ones and ranges in a list */
    VLANS_TEXT = VLANS_RANGES_MAX * sizeof("1000-4094"),
};

/* All zeros: none. */
struct vlans {
    uint32_t bits[(VLAN_MAX + 2) / 32];
    unsigned int untagged; /* the access VLAN, or a trunk's native one; 0: none */
};

struct vlan_range {
    unsigned int first, last;
};

/* Parses a list (NULL: none) and what its native VLAN is: "none", or one of them; NULL: that of a single one
 * is itself, any other list has none. Returns NULL if valid; otherwise what it must be. */
const char *vlans_parse(struct vlans *out, const char *list, const char *native);

/* Writes the list, without what is native. Returns false if it has more ranges than a list may. */
bool vlans_print(const struct vlans *vlans, char text[VLANS_TEXT]);

static inline bool vlans_has(const struct vlans *vlans, unsigned int vlan)
{
    return vlans->bits[vlan / 32] >> vlan % 32 & 1;
}

static inline void vlans_add(struct vlans *vlans, unsigned int vlan)
{
    vlans->bits[vlan / 32] |= 1U << vlan % 32;
}

/* Steps to the next range, in ascending order; the first is behind all zeros. Returns false at the end. */
bool vlans_next(const struct vlans *vlans, struct vlan_range *range);

/* Returns whether some frames have a tag: it is not just an access VLAN. */
bool vlans_tagged(const struct vlans *vlans);

static inline bool vlans_any(const struct vlans *vlans)
{
    return vlans->untagged || vlans_tagged(vlans);
}

/* Returns whether a port with these may be given those asked for: some of them, tagged only of a trunk. */
bool vlans_include(const struct vlans *vlans, const struct vlans *asked);
