/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "finding.h"
#include "base/printable.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void finding_add_fixable(struct findings *list, enum finding_id id, const char *about, const char *format,
                         ...)
{
    struct finding *items = reallocarray(list->items, list->count + 1, sizeof(*items));
    char *seen;
    va_list args;

    va_start(args, format);
    if (vasprintf(&seen, format, args) < 0)
        seen = NULL;
    va_end(args);
    if (items)
        list->items = items;
    if (!items || !seen) {
        free(seen);
        list->lost = true;
        return;
    }
    printable_mask(seen);
    items[list->count++] = (struct finding){.id = id, .seen = seen};
    if (about)
        finding_fixable(list, about);
}

void finding_fixable(struct findings *list, const char *about)
{
    if (list->count == 0)
        return;
    struct finding *last = &list->items[list->count - 1];
    last->fixable = true;
    if (strlen(about) < sizeof(last->about))
        strcpy(last->about, about);
}

void finding_command(struct findings *list, struct finding *finding, const char *start, const char *end)
{
    char *all = NULL;
    const char *before = finding->fix ? finding->fix : "";

    if (asprintf(&all, "%s%s%s%s", before, finding->fix ? "\n" : "", start, end) < 0) {
        list->lost = true;
        return;
    }
    free(finding->fix);
    finding->fix = all;
}

static const struct {
    enum finding_id effect, cause;
} causes[] = {
    {KVM_DEVICE_PERMISSION, GROUPS_KVM_MISSING},
    {KVM_DEVICE_PERMISSION, GROUPS_KVM_RELOGIN},
    {GROUPS_KVM_OTHER, KVM_DEVICE_MODE},
    {GROUPS_KVM_MISSING, KVM_DEVICE_MODE},
    {HELPER_REFUSED, NET_TUN_MISSING},
    {HELPER_REFUSED, NET_TUN_PERMISSION},
    {HELPER_REFUSED, NET_TUN_WRONG},
    {HELPER_REFUSED, HELPER_BRIDGES_BROKEN},
    {HELPER_BROKER_REFUSED, NET_TUN_MISSING},
    {HELPER_BROKER_REFUSED, NET_TUN_PERMISSION},
    {HELPER_BROKER_REFUSED, NET_TUN_WRONG},
    {HELPER_BROKER_REFUSED, HELPER_BRIDGES_BROKEN},
    {HELPER_BROKER_REFUSED, HELPER_REFUSED},
    {HELPER_UNTRIED, NET_BRIDGE_NONE},
    {HELPER_UNTRIED, NET_BRIDGE_MISSING},
    {HELPER_UNTRIED, NET_BRIDGE_INACTIVE},
    {HELPER_UNTRIED, NET_BRIDGE_FOREIGN},
    {HELPER_UNTRIED, HELPER_POLICY_NONE},
    {HELPER_UNTRIED, HELPER_POLICY_BROKEN},
    {HELPER_UNTRIED, HELPER_POLICY_DENIED},
    {HELPER_POLICY_SKIPPED, NET_BRIDGE_NONE},
    {NET_FILTER_SKIPPED, NET_BRIDGE_NONE},
    {NET_FILTER_SKIPPED, NET_BRIDGE_MISSING},
    {NET_FILTER_SKIPPED, NET_BRIDGE_INACTIVE},
    {NET_FILTER_SKIPPED, NET_BRIDGE_FOREIGN},
    {NET_FILTER_SKIPPED, NET_BRIDGE_DOWN},
    {NET_FILTER_SKIPPED, NET_UNKNOWN},
    {LIBVIRT_NETWORK_BRIDGE, NET_BRIDGE_INACTIVE},
    {LIBVIRT_HOOKS_MISSING, LIBVIRT_MISSING},
    {LIBVIRT_NETWORK_NONE, LIBVIRT_MISSING},
    {LIBVIRT_SCHEMA_MISSING, LIBVIRT_MISSING},
};

bool findings_has(const struct findings *list, enum finding_id id)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].id == id)
            return true;
    return false;
}

static bool has_cause(const struct findings *list, enum finding_id effect)
{
    for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
        if (causes[i].effect == effect && findings_has(list, causes[i].cause))
            return true;
    return false;
}

/* In the order of the catalogue; those of the same id stay in theirs. */
static void sort(struct findings *list)
{
    for (size_t i = 1; i < list->count; i++)
        for (size_t at = i; at > 0 && list->items[at - 1].id > list->items[at].id; at--) {
            const struct finding later = list->items[at - 1];
            list->items[at - 1] = list->items[at];
            list->items[at] = later;
        }
}

void findings_move(struct findings *to, struct findings *from)
{
    struct finding *items = NULL;

    if (from->count > 0)
        items = reallocarray(to->items, to->count + from->count, sizeof(*items));
    to->lost = to->lost || from->lost || (from->count > 0 && !items);
    if (items) {
        to->items = items;
        memcpy(items + to->count, from->items, from->count * sizeof(*items));
        to->count += from->count;
        from->count = 0;
    }
    findings_free(from);
}

/* A finding that is dropped is never the only cause of another. */
void findings_merge(struct findings *list)
{
    size_t kept = 0;

    sort(list);

    for (size_t i = 0; i < list->count; i++) {
        const struct finding item = list->items[i];
        const bool drop = has_cause(list, item.id);
        if (drop) {
            free(item.seen);
            free(item.fix);
        }
        list->items[i] = list->items[kept];
        list->items[kept] = item;
        kept += !drop;
    }
    list->count = kept;
}

unsigned int findings_count(const struct findings *list, enum finding_level level)
{
    unsigned int count = 0;

    for (size_t i = 0; i < list->count; i++)
        count += catalogue[list->items[i].id].level == level;
    return count;
}

void findings_free(struct findings *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].seen);
        free(list->items[i].fix);
    }
    free(list->items);
    *list = (struct findings){.items = NULL};
}
