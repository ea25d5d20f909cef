/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "declared.h"

#include "base/array.h"
#include "base/error.h"
#include "base/mark.h"
#include "config.h"
#include "keywords.h"
#include "rootfile.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BYTES_MAX = 4 * 1024 * 1024, /* as for a policy */
    ENTRIES_MAX = 1024,          /* each is compared with all before it */
    MTU_MIN_IPV6 = 1280,
};

struct reading {
    struct bridges *out;
    struct declared_line line;
};

int declared_wrong(const struct declared_line *line, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return error_set(line->why, "%s:%lu: %s; an administrator must fix it, see virt-tap-bridges(5)",
                     line->path, line->number, text);
}

static const char *take_address(void *out, const char *value)
{
    struct bridge_spec *is = &((struct bridges_entry *)out)->is;
    struct cidr address;
    const char *expected = cidr_parse(value, &address);

    if (expected)
        return expected;
    if (is->address_count == 2 || (is->address_count == 1 && is->addresses[0].family == address.family))
        return "one address of each family";
    is->addresses[is->address_count++] = address;
    return NULL;
}

static const char *take_mac(void *arg, const char *value)
{
    struct bridges_entry *out = arg;

    out->has_mac = mac_parse(value, out->is.mac) && mac_is_unicast(out->is.mac);
    if (out->has_mac)
        return NULL;
    return "a unicast MAC, as 02:00:00:00:66:01";
}

#define FIELD(name) offsetof(struct bridges_entry, name)
enum { FORWARD_DELAY = 0 /* its index in the list */ };

static const struct keyword list[] = {
    [FORWARD_DELAY] = {"forward_delay", "a number of seconds from 0 to 30", .is_number = true,
                       .offset = FIELD(is.forward_delay), .max = 30},
    {"address", .take = take_address, .repeats = true},
    {"mtu", "a number of bytes from 68 to 65521", .is_number = true, .offset = FIELD(is.mtu), .min = 68,
     .max = 65521}, /* the limit of taps, which need the same MTU */
    {"mac", .take = take_mac},
    {"stp", "yes", .is_flag = true, .offset = FIELD(is.stp)},
    {"isolated", "yes", .is_flag = true, .offset = FIELD(isolated)},
};
static const struct keywords options = {list, sizeof(list) / sizeof(list[0]), "unknown bridge option"};

static int check_options(const struct reading *r, struct bridges_entry *entry, unsigned int seen)
{
    if (entry->is.stp && !(seen & 1U << FORWARD_DELAY))
        entry->is.forward_delay = BRIDGE_DEFAULT_DELAY;
    if (entry->is.stp && entry->is.forward_delay < 2)
        return declared_wrong(&r->line,
                              "with stp=yes, forward_delay= must be a number of seconds from 2 to 30");
    for (size_t i = 0; i < entry->is.address_count; i++)
        if (entry->is.addresses[i].family == AF_INET6 && entry->is.mtu && entry->is.mtu < MTU_MIN_IPV6)
            return declared_wrong(&r->line, "an IPv6 address requires mtu=%d or more", MTU_MIN_IPV6);
    return 0;
}

/* The kernel has no IPv6 settings for interfaces with two of these names (sysctl_dev_name_is_allowed), and
 * users may give their taps names of the last kind. */
static int check_name(const struct reading *r, const char *name)
{
    if (!ifname_valid(name) || strcmp(name, "all") == 0 || strcmp(name, "default") == 0 ||
        strncmp(name, TAP_PREFIX, strlen(TAP_PREFIX)) == 0)
        return declared_wrong(
            &r->line,
            "'%.64s' cannot be a bridge's name: 1 to %d characters, without blanks, '/', ':' and '%%', not "
            "'all' or 'default', and not a tap's name, vtap-*",
            name, IFNAMSIZ - 1);
    return 0;
}

static bool overlap(const struct bridge_spec *a, const struct bridge_spec *b)
{
    for (size_t i = 0; i < a->address_count; i++)
        if (cidr_overlap_any(&a->addresses[i], b->addresses, b->address_count))
            return true;
    return false;
}

static int check_clashes(const struct reading *r, const struct bridges_entry *entry)
{
    for (size_t i = 0; i < r->out->count; i++) {
        const struct bridges_entry *other = &r->out->entries[i];
        if (strcmp(other->is.name, entry->is.name) == 0)
            return declared_wrong(&r->line, "bridge '%s' is declared twice, first in line %lu",
                                  entry->is.name, other->line);
        if (entry->has_mac && other->has_mac && memcmp(entry->is.mac, other->is.mac, 6) == 0)
            return declared_wrong(&r->line, "bridge '%s' has the MAC of '%s' (line %lu)", entry->is.name,
                                  other->is.name, other->line);
        if (overlap(&entry->is, &other->is))
            return declared_wrong(
                &r->line,
                "the address of bridge '%s' clashes with that of '%s' (line %lu): their networks overlap",
                entry->is.name, other->is.name, other->line);
    }
    return 0;
}

static int add_bridge(const struct reading *r, char **rest)
{
    const char *name = strtok_r(NULL, DECLARED_BLANKS, rest);
    struct bridges_entry entry = {.line = r->line.number};
    struct error wrong;
    unsigned int seen = 0;

    if (!name)
        return declared_wrong(&r->line, "nothing follows 'bridge'");
    if (check_name(r, name) < 0)
        return -1;
    strcpy(entry.is.name, name);
    for (char *word; (word = strtok_r(NULL, DECLARED_BLANKS, rest));)
        if (keywords_take(&options, &entry, word, &seen, &wrong) < 0)
            return declared_wrong(&r->line, "%.480s", wrong.text);
    if (check_options(r, &entry, seen) < 0 || check_clashes(r, &entry) < 0)
        return -1;
    if (r->out->count == ENTRIES_MAX ||
        array_add(&r->out->entries, &r->out->count, &entry, sizeof(entry)) < 0)
        return declared_wrong(&r->line, "no memory, or more than %d bridges", ENTRIES_MAX);
    return 0;
}

static int parse_line(const struct reading *r, char *line)
{
    char *rest = NULL;

    if (text_after_mark(line))
        return declared_wrong(&r->line, "an editor put a byte order mark (BOM) before '%.64s'",
                              text_after_mark(line));
    const char *word = strtok_r(line, DECLARED_BLANKS, &rest);
    if (!word || *word == '#')
        return 0;
    if (strstr(rest, " #") || strstr(rest, "\t#") || *rest == '#')
        return declared_wrong(&r->line, "a comment must be on a line of its own, not after a declaration");
    if (strcmp(word, "bridge") == 0)
        return add_bridge(r, &rest);
    if (strcmp(word, "map") == 0) /* of maps.h */
        return 0;
    return declared_wrong(&r->line, "a line begins with bridge, map or '#', not '%.64s'", word);
}

int bridges_parse(struct bridges *out, const char *path, const char *text, size_t size, struct error *why)
{
    *out = (struct bridges){.count = 0};
    struct reading r = {out, {path, 0, why}};
    char *copy = strndup(text, size), *rest = copy;
    int err = 0;

    if (!copy)
        return error_set(why, "%s cannot be read: no memory", path);
    const bool whole = strlen(copy) == size;
    while (!err && rest) {
        char *line = strsep(&rest, "\n");
        r.line.number++;
        err = !rest && !whole ? declared_wrong(&r.line, "a NUL byte") : parse_line(&r, line);
    }
    free(copy);
    return err;
}

int bridges_read_text(struct policy_text *out, struct error *why)
{
    struct rootfile rootfile;

    rootfile_begin(&rootfile, ROOTFILE_NO_LINKS);
    const int err = rootfile_read(&rootfile, BRIDGES_PATH, BYTES_MAX, out, why);
    if (err == -ENOENT)
        return 0;
    if (!err && !out->bytes)
        return error_set(why, BRIDGES_PATH " is a folder; write the declarations into a file");
    return err;
}

int bridges_read(struct bridges *out, struct error *why)
{
    struct policy_text text;

    *out = (struct bridges){.count = 0};
    int err = bridges_read_text(&text, why);
    if (!err && text.bytes)
        err = bridges_parse(out, BRIDGES_PATH, text.bytes, text.size, why);
    free(text.bytes);
    return err;
}

void bridges_free(struct bridges *bridges)
{
    free(bridges->entries);
    *bridges = (struct bridges){.count = 0};
}

const struct bridges_entry *bridges_find(const struct bridges *bridges, const char *name)
{
    for (size_t i = 0; i < bridges->count; i++)
        if (strcmp(bridges->entries[i].is.name, name) == 0)
            return &bridges->entries[i];
    return NULL;
}
