/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Texts in memory, and what they say of addresses and routes. */
#include "base/cleanup.h"
#include "base/text.h"
#include "persist.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void persist_give_up(const char *reason)
{
    exit(complain(1, "virt-tap bridge persist", "nothing was changed: %s", reason));
}

FILE *persist_begin_text(char **text, size_t *size)
{
    FILE *out = open_memstream(text, size);

    if (!out)
        persist_give_up(strerror(errno));
    return out;
}

void persist_end_text(FILE *out)
{
    if (fclose(out) != 0)
        persist_give_up(strerror(errno));
}

char *persist_copy(const char *text)
{
    char *copy = strdup(text);

    if (!copy)
        persist_give_up(strerror(errno));
    return copy;
}

const char *persist_destination(const struct persist_route *route)
{
    if (strcmp(route->to, "default") != 0)
        return route->to;
    if (route->family == AF_INET)
        return "0.0.0.0/0";
    return "::/0";
}

bool persist_has_address(const char *text, const char *address)
{
    static const char *const about[] = {"address", "destination", "gateway", "route"};
    static const char digits[] = "0123456789abcdefABCDEF.:/";
    _cleanup_free_ char *copy = persist_copy(text);
    struct cidr wanted, found;
    char *rest = copy;

    cidr_parse_any(address, strlen(address), &wanted);
    for (const char *line; (line = strsep(&rest, "\n"));) {
        bool counts = false;
        line += strspn(line, " \t");
        for (size_t i = 0; i < sizeof(about) / sizeof(about[0]); i++)
            counts |= strncasecmp(line, about[i], strlen(about[i])) == 0;
        while (counts && (line = strpbrk(line, digits))) {
            const size_t length = strspn(line, digits);
            const bool parsed = cidr_parse_any(line, length, &found);
            if (parsed && found.prefix == 8 * cidr_size(found.family))
                found.prefix = wanted.prefix;
            if (parsed && cidr_equal(&found, &wanted))
                return true;
            line += length;
        }
    }
    return false;
}

bool persist_has_route(const char *text, const struct persist_route *route)
{
    if (*route->via && !persist_has_address(text, route->via))
        return false;
    return strcmp(route->to, "default") == 0 || persist_has_address(text, route->to);
}

int persist_check_text(const struct persist_plan *plan, const char *text, const char *where,
                       struct error *why)
{
    const char *holder = plan->uplink;
    char address[CIDR_TEXT];

    if (!*holder)
        holder = plan->bridge;
    for (size_t i = 0; i < plan->address_count; i++) {
        cidr_print(&plan->addresses[i], address);
        if (!persist_has_address(text, address))
            return error_set(why, "'%s' has the address %s, which is not in %s: add it there, or remove it",
                             holder, address, where);
    }
    for (size_t i = 0; i < plan->route_count; i++) {
        const struct persist_route *route = &plan->routes[i];
        if (!persist_has_route(text, route))
            return error_set(why,
                             "'%s' has a route to %s%s%s, which is not in %s: add it there, or remove it",
                             holder, route->to, text_if(*route->via, " through "), route->via, where);
    }
    return 0;
}
