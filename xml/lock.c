/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "lock.h"

#include "base/text.h"

#include <string.h>

bool lock_valid(const char *text)
{
    return strcmp(text, "mac") == 0 || strcmp(text, "ip") == 0;
}

bool serve_valid(const char *list)
{
    static const char *const words[] = {"dhcp", "dhcpv6", "ra"};
    unsigned int seen = 0;

    for (;; list++) {
        const size_t length = strcspn(list, ",");
        unsigned int nth = 0;
        while (nth < 3 && (strlen(words[nth]) != length || strncmp(words[nth], list, length) != 0))
            nth++;
        if (nth == 3 || seen & 1U << nth)
            return false;
        seen |= 1U << nth;
        list += length;
        if (!*list)
            return true;
    }
}

/* The filters that ask for no more than a lock (src/nwfilter/xml of libvirt 9.0). */
static const struct {
    const char *name, *lock;
} filters[] = {
    {"clean-traffic", "ip"},      {"no-ip-spoofing", "ip"},   {"no-arp-spoofing", "ip"},
    {"no-arp-ip-spoofing", "ip"}, {"no-mac-spoofing", "mac"}, {"no-arp-mac-spoofing", "mac"},
};

/* Those that one might expect among them. */
static const struct {
    const char *name, *reason;
} others[] = {
    {"clean-traffic-gateway", "limits the guest to its gateway, which the tap's port filter cannot"},
    {"allow-dhcp-server",
     "is about which DHCP server the guest hears, and the tap's port filter about what the guest sends"},
};

static const char *find_lock(const char *name, char reason[REASON_SIZE])
{
    for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++)
        if (strcmp(filters[i].name, name) == 0)
            return filters[i].lock;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (strcmp(others[i].name, name) == 0) {
            reason_set(reason, "its packet filter %s %s", name, others[i].reason);
            return NULL;
        }
    reason_set(reason, "its packet filter '%.40s' is not one that the tap's port filter can enforce", name);
    return NULL;
}

/* libvirt gives each filter the guest's MAC itself. */
static int take_parameter(const struct node *parameter, struct lock_plan *out, char reason[REASON_SIZE])
{
    const char *name = node_attribute(parameter, "name"), *value = node_attribute(parameter, "value");

    if (!node_is(parameter, "parameter") || !name || !value)
        return reason_set(reason, "its <filterref> is not just a filter and its parameters");
    if (strcmp(name, "IP") != 0)
        return reason_set(reason, "the parameter '%.40s' of its packet filter means nothing to virt-tap",
                          name);
    if (!ip_valid(value))
        return reason_set(reason, "the parameter IP='%.45s' of its packet filter is not one address", value);
    if (out->ip_count == IPS_MAX)
        return reason_set(reason, "its packet filter has more than %d addresses", IPS_MAX);
    out->ips[out->ip_count++] = value;
    return 0;
}

int lock_plan_filter(const struct node *filter, bool has_ips, struct lock_plan *out, char reason[REASON_SIZE])
{
    *out = (struct lock_plan){.filter = filter ? text_or(node_attribute(filter, "filter"), "") : NULL};
    if (!filter)
        return 0;
    out->lock = find_lock(out->filter, reason);
    if (!out->lock)
        return -1;
    for (const struct node *node = filter->children; node; node = node->next)
        if (take_parameter(node, out, reason) < 0)
            return -1;
    if (strcmp(out->lock, "mac") == 0)
        out->ip_count = 0;
    else if (out->ip_count == 0 && !has_ips)
        return reason_set(reason,
                          "its packet filter %s learns the guest's addresses, which the tap's port filter "
                          "cannot: give them with --ip=ADDRESS",
                          out->filter);
    return 0;
}
