/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "declared.h"

#include "base/error.h"
#include "base/number.h"
#include "config.h"
#include "net/link.h"
#include "rootfile.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BYTES_MAX = 4 * 1024 * 1024, /* as of a policy */
    ENTRIES_MAX = 1024,          /* and so many maps: each is compared with all before it */
    MTU_MIN_IPV6 = 1280,
    DELAY_UNLESS_TOLD = 15, /* seconds, with STP: the standard's and the kernel's */
};

static const char blanks[] = " \t";

struct reading {
    struct bridges *out;
    const char *path;
    unsigned long line;
    struct error *why;
};

static int bad(const struct reading *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int bad(const struct reading *r, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return error_set(r->why, "%s:%lu: %s; an administrator must mend it, see virt-tap-bridges(5)", r->path,
                     r->line, text);
}

/* Each takes a value; returns what it must be, or NULL if it is that. */
typedef const char *take_function(struct bridges_entry *out, const char *value);

/* Of a network: its first `prefix` bits are the same. */
static bool same_network(const uint8_t *a, const uint8_t *b, unsigned int prefix)
{
    const unsigned int whole = prefix / 8, rest = prefix % 8;

    return memcmp(a, b, whole) == 0 && (rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0);
}

/* Whether all bits behind the prefix are like that: as of the network itself, or of its broadcast address. */
static bool host_part_is(const struct newbridge_address *address, bool ones)
{
    const unsigned int bits = address->family == AF_INET ? 32 : 128;

    for (unsigned int bit = address->prefix; bit < bits; bit++)
        if ((address->bytes[bit / 8] >> (7 - bit % 8) & 1) != ones)
            return false;
    return true;
}

/* Whether an interface can have it, and a host be reached by it. */
static bool is_hosts(const struct newbridge_address *address)
{
    const uint8_t *bytes = address->bytes;
    static const uint8_t nothing[15];

    if (address->family == AF_INET)
        return bytes[0] != 0 && bytes[0] != 127 && bytes[0] < 224 &&
               (address->prefix > 30 || (!host_part_is(address, false) && !host_part_is(address, true)));
    return bytes[0] != 0xff && memcmp(bytes, nothing, sizeof(nothing)) != 0 &&
           !(bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80) &&
           (address->prefix > 126 || !host_part_is(address, false));
}

static const char *take_address(struct bridges_entry *out, const char *value)
{
    static const char expected[] = "an address with its prefix, as 10.66.0.1/24 or fd00::1/64";
    struct newbridge_address address = {.family = strchr(value, ':') ? AF_INET6 : AF_INET};
    char text[INET6_ADDRSTRLEN];
    const char *slash = strchr(value, '/');
    unsigned long prefix;

    if (!slash || (size_t)(slash - value) >= sizeof(text) ||
        !number_parse(slash + 1, 1, address.family == AF_INET ? 32 : 128, &prefix))
        return expected;
    memcpy(text, value, (size_t)(slash - value));
    text[slash - value] = '\0';
    if (inet_pton(address.family, text, address.bytes) != 1)
        return expected;
    address.prefix = (uint8_t)prefix;
    if (!is_hosts(&address))
        return "the address of a host, neither its network's nor broadcast, multicast, loopback or link-local";
    struct newbridge_address *first = &out->is.addresses[0], *second = &out->is.addresses[1];
    if (first->family == address.family || second->family)
        return "one address of each family";
    *(first->family ? second : first) = address;
    return NULL;
}

static const char *take_mtu(struct bridges_entry *out, const char *value)
{
    unsigned long number = 0;
    const bool good = number_parse(value, 68, 65521, &number); /* which its taps must have, too */

    out->is.mtu = (unsigned int)number;
    return good ? NULL : "a number of bytes from 68 to 65521";
}

static const char *take_mac(struct bridges_entry *out, const char *value)
{
    out->has_mac = mac_parse(value, out->is.mac) && mac_is_unicast(out->is.mac);
    return out->has_mac ? NULL : "a unicast MAC, as 02:00:00:00:66:01";
}

static const char *take_forward_delay(struct bridges_entry *out, const char *value)
{
    unsigned long number = 0;
    const bool good = number_parse(value, 0, 30, &number);

    out->is.forward_delay = (unsigned int)number;
    return good ? NULL : "a number of seconds from 0 to 30";
}

static const char *take_stp(struct bridges_entry *out, const char *value)
{
    out->is.stp = strcmp(value, "yes") == 0;
    return out->is.stp ? NULL : "yes";
}

static const char *take_isolated(struct bridges_entry *out, const char *value)
{
    out->isolated = strcmp(value, "yes") == 0;
    return out->isolated ? NULL : "yes";
}

enum { ADDRESS, FORWARD_DELAY }; /* places in the table that the code below knows */

static const struct {
    const char *name;
    take_function *take;
} options[] = {
    [ADDRESS] = {"address", take_address},
    [FORWARD_DELAY] = {"forward_delay", take_forward_delay},
    {"mtu", take_mtu},
    {"mac", take_mac},
    {"stp", take_stp},
    {"isolated", take_isolated},
};
enum { OPTION_COUNT = sizeof(options) / sizeof(options[0]) };

/* word is KEY=VALUE; seen has a bit for each key met before. */
static int parse_option(const struct reading *r, struct bridges_entry *out, char *word, unsigned int *seen)
{
    char *value = strchr(word, '=');

    if (!value)
        return bad(r, "'%.64s' is not KEY=VALUE", word);
    *value++ = '\0';
    for (unsigned int i = 0; i < OPTION_COUNT; i++) {
        if (strcmp(word, options[i].name) != 0)
            continue;
        if (*seen & 1U << i && i != ADDRESS)
            return bad(r, "%s= stands twice", word);
        *seen |= 1U << i;
        const char *expected = options[i].take(out, value);
        return expected ? bad(r, "%s= takes %s, not '%.64s'", word, expected, value) : 0;
    }
    return bad(r, "a bridge has no option '%.64s='", word);
}

/* What the options say together. */
static int check_options(const struct reading *r, struct bridges_entry *entry, unsigned int seen)
{
    if (entry->is.stp && !(seen & 1U << FORWARD_DELAY))
        entry->is.forward_delay = DELAY_UNLESS_TOLD;
    if (entry->is.stp && entry->is.forward_delay < 2)
        return bad(r, "with stp=yes, forward_delay= takes a number of seconds from 2 to 30");
    for (int i = 0; i < 2; i++)
        if (entry->is.addresses[i].family == AF_INET6 && entry->is.mtu && entry->is.mtu < MTU_MIN_IPV6)
            return bad(r, "an IPv6 address takes mtu=%d or more", MTU_MIN_IPV6);
    return 0;
}

/* The kernel has no IPv6 settings for interfaces of two of these names (sysctl_dev_name_is_allowed), and
 * users may give their taps names of the last kind. */
static int check_name(const struct reading *r, const char *name)
{
    if (!ifname_valid(name) || strcmp(name, "all") == 0 || strcmp(name, "default") == 0 ||
        strncmp(name, TAP_PREFIX, strlen(TAP_PREFIX)) == 0)
        return bad(
            r,
            "'%.64s' cannot be a bridge's name: 1 to %d characters, without blanks, '/', ':' and '%%', not "
            "'all' or 'default', and not as taps are named, vtap-*",
            name, IFNAMSIZ - 1);
    return 0;
}

static bool overlap(const struct newbridge *a, const struct newbridge *b)
{
    for (int i = 0; i < 4; i++) {
        const struct newbridge_address *of_a = &a->addresses[i / 2], *of_b = &b->addresses[i % 2];
        if (of_a->family && of_a->family == of_b->family &&
            same_network(of_a->bytes, of_b->bytes, of_a->prefix < of_b->prefix ? of_a->prefix : of_b->prefix))
            return true;
    }
    return false;
}

static int check_clashes(const struct reading *r, const struct bridges_entry *entry)
{
    for (size_t i = 0; i < r->out->count; i++) {
        const struct bridges_entry *other = &r->out->entries[i];
        if (strcmp(other->is.name, entry->is.name) == 0)
            return bad(r, "bridge '%s' is declared twice, first in line %lu", entry->is.name, other->line);
        if (entry->has_mac && other->has_mac && memcmp(entry->is.mac, other->is.mac, 6) == 0)
            return bad(r, "bridge '%s' has the MAC of '%s' (line %lu)", entry->is.name, other->is.name,
                       other->line);
        if (overlap(&entry->is, &other->is))
            return bad(
                r, "the address of bridge '%s' clashes with that of '%s' (line %lu): their networks overlap",
                entry->is.name, other->is.name, other->line);
    }
    return 0;
}

/* Grows an array by one element when its count is zero or a power of two. Returns the array, or NULL. */
static void *grow(void *array, size_t count, size_t element)
{
    if (count & (count - 1))
        return array;
    return reallocarray(array, count ? 2 * count : 1, element);
}

static int add_bridge(const struct reading *r, char **rest)
{
    const char *name = strtok_r(NULL, blanks, rest);
    struct bridges_entry entry = {.line = r->line};
    unsigned int seen = 0;

    if (!name)
        return bad(r, "nothing follows 'bridge'");
    if (check_name(r, name) < 0)
        return -1;
    strcpy(entry.is.name, name);
    for (char *word; (word = strtok_r(NULL, blanks, rest));)
        if (parse_option(r, &entry, word, &seen) < 0)
            return -1;
    if (check_options(r, &entry, seen) < 0 || check_clashes(r, &entry) < 0)
        return -1;
    struct bridges_entry *entries =
        r->out->count < ENTRIES_MAX ? grow(r->out->entries, r->out->count, sizeof(*entries)) : NULL;
    if (!entries)
        return bad(r, "no memory, or more than %d bridges", ENTRIES_MAX);
    r->out->entries = entries;
    entries[r->out->count++] = entry;
    return 0;
}

static int add_map(const struct reading *r, char **rest)
{
    const char *what = strtok_r(NULL, blanks, rest);
    const char *theirs = what ? strtok_r(NULL, blanks, rest) : NULL;
    const char *ours = theirs ? strtok_r(NULL, blanks, rest) : NULL;
    const bool network = what && strcmp(what, "network") == 0;

    if (!ours || strtok_r(NULL, blanks, rest) || (!network && strcmp(what, "bridge") != 0))
        return bad(r, "a map is: map bridge|network THEIRS OURS");
    if (network ? strlen(theirs) >= BRIDGES_NAME_SIZE : !ifname_valid(theirs))
        return bad(r, "no %s can have the name '%.64s'", what, theirs);
    if (!ifname_valid(ours))
        return bad(r, "no bridge can have the name '%.64s'", ours);
    if (bridges_map(r->out, network, theirs))
        return bad(r, "%s '%.64s' is mapped twice", what, theirs);
    struct bridges_map *maps =
        r->out->map_count < ENTRIES_MAX ? grow(r->out->maps, r->out->map_count, sizeof(*maps)) : NULL;
    if (!maps)
        return bad(r, "no memory, or more than %d maps", ENTRIES_MAX);
    r->out->maps = maps;
    struct bridges_map *map = &maps[r->out->map_count++];
    map->network = network;
    strcpy(map->theirs, theirs);
    strcpy(map->ours, ours);
    return 0;
}

static int parse_line(const struct reading *r, char *line)
{
    char *rest = NULL;
    const char *word = strtok_r(line, blanks, &rest);

    if (!word || *word == '#')
        return 0;
    if (strcmp(word, "bridge") == 0)
        return add_bridge(r, &rest);
    if (strcmp(word, "map") == 0)
        return add_map(r, &rest);
    return bad(r, "a line begins with bridge, map or '#', not '%.64s'", word);
}

int bridges_parse(struct bridges *out, const char *path, const char *text, size_t size, struct error *why)
{
    *out = (struct bridges){.count = 0};
    struct reading r = {out, path, 0, why};
    char *copy = strndup(text, size), *rest = copy;
    int err = 0;

    if (!copy)
        return error_set(why, "%s cannot be read: no memory", path);
    const bool whole = strlen(copy) == size;
    while (!err && rest) {
        char *line = strsep(&rest, "\n");
        r.line++;
        err = !rest && !whole ? bad(&r, "a byte of value 0 stands here") : parse_line(&r, line);
    }
    free(copy);
    return err;
}

int bridges_read(struct bridges *out, struct error *why)
{
    struct rootfile rootfile;
    struct policy_text text;

    rootfile_begin(&rootfile, ROOTFILE_NO_LINKS);
    *out = (struct bridges){.count = 0};
    int err = rootfile_read(&rootfile, BRIDGES_PATH, BYTES_MAX, &text, why);
    if (err)
        return err == -ENOENT ? 0 : -1;
    err = text.bytes ? bridges_parse(out, BRIDGES_PATH, text.bytes, text.size, why)
                     : error_set(why, BRIDGES_PATH " is a folder; write the declarations into a file");
    free(text.bytes);
    return err;
}

void bridges_free(struct bridges *bridges)
{
    free(bridges->maps);
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

const char *bridges_map(const struct bridges *bridges, bool network, const char *theirs)
{
    for (size_t i = 0; i < bridges->map_count; i++)
        if (bridges->maps[i].network == network && strcmp(bridges->maps[i].theirs, theirs) == 0)
            return bridges->maps[i].ours;
    return NULL;
}
