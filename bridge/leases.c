/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "leases.h"

#include "base/array.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/name.h"
#include "base/number.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <linux/if_arp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <time.h>

enum { FILE_MAX = LEASES_FILE_MIB * 1024 * 1024, OWNERS = 3 };
enum { LINE_SIZE = 128 /* as much as matters */, MICROSECONDS = 1000000 };

/* Where servers keep their leases. */
static const struct server {
    const char *folder, *prefix, *suffix; /* prefix and suffix: around the bridge's name */
    bool of_bridge, json;
    const char *accounts[2]; /* which may own the file and its folder, beside root */
} servers[] = {
    /* dnsmasq: LEASEFILE in src/config.h, of Debian and, the second one, of Fedora */
    {"/var/lib/misc", "dnsmasq.leases", "", false, false, {"dnsmasq", NULL}},
    {"/var/lib/dnsmasq", "dnsmasq.leases", "", false, false, {"dnsmasq", NULL}},
    /* NetworkManager: src/core/dnsmasq/nm-dnsmasq-manager.c */
    {"/var/lib/NetworkManager", "dnsmasq-", ".leases", true, false, {NULL, NULL}},
    /* libvirt: src/network/leaseshelper.c */
    {"/var/lib/libvirt/dnsmasq", "", ".status", true, true, {"libvirt-dnsmasq", "dnsmasq"}},
    /* systemd: src/libsystemd-network/sd-dhcp-server-lease.c; the second one with PersistLeases=runtime */
    {"/var/lib/systemd/network/dhcp-server-lease", "", "", true, true, {"systemd-network", NULL}},
    {"/run/systemd/netif/dhcp-server-lease", "", "", true, true, {"systemd-network", NULL}},
    /* our unit's: nat_files.c */
    {"/run", "virt-tap-nat-", "/leases", true, false, {"dnsmasq", NULL}},
};

void leases_free(struct leases *leases)
{
    free(leases->list);
    free(leases->cut);
    *leases = (struct leases){.list = NULL};
}

static int compare_address(const struct cidr *a, const struct cidr *b)
{
    if (a->family != b->family)
        return a->family < b->family ? -1 : 1;
    return memcmp(a->bytes, b->bytes, cidr_size(a->family));
}

static int compare(const void *one, const void *other)
{
    const struct lease *a = one, *b = other;
    const int order = compare_address(&a->address, &b->address);

    return order ? order : memcmp(a->mac, b->mac, sizeof(a->mac));
}

void leases_sort(struct leases *leases)
{
    if (leases->count)
        qsort(leases->list, leases->count, sizeof(*leases->list), compare);
}

const struct lease *leases_find(const struct leases *leases, const struct cidr *address, size_t *count)
{
    size_t low = 0, high = leases->count;

    while (low < high) { /* the first that is not before it */
        const size_t middle = low + (high - low) / 2;
        if (compare_address(&leases->list[middle].address, address) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *count = 0;
    while (low + *count < leases->count && compare_address(&leases->list[low + *count].address, address) == 0)
        ++*count;
    return *count ? &leases->list[low] : NULL;
}

/* Parses an address without prefix. */
static bool parse_address(const char *text, struct cidr *out)
{
    *out = (struct cidr){.family = strchr(text, ':') ? AF_INET6 : AF_INET};
    out->prefix = (uint8_t)(8 * cidr_size(out->family));
    return inet_pton(out->family, text, out->bytes) == 1 && cidr_is_unicast(out);
}

static int add(struct leases *out, const char *bridge, const uint8_t mac[6], const struct cidr *address)
{
    struct lease lease = {.address = *address};

    if (!mac_is_unicast(mac) || out->count > LEASES_MAX)
        return 0;
    memcpy(lease.mac, mac, sizeof(lease.mac));
    if (bridge)
        snprintf(lease.bridge, sizeof(lease.bridge), "%s", bridge);
    return array_add(&out->list, &out->count, &lease, sizeof(lease));
}

/* dnsmasq, src/lease.c, lease_update_file: `EXPIRY MAC ADDRESS NAME CLIENT-ID`, where an EXPIRY of 0 is
 * never, and a MAC that is not of Ethernet begins with its type and '-'. Behind the line `duid ...` there are
 * leases of IPv6, which have a number (IAID) in place of a MAC. */
int leases_parse_lines(struct leases *out, const char *bridge, const char *text, long long now)
{
    struct cidr address;
    uint8_t mac[6];
    int err = 0;

    for (const char *line = text; *line && !err; line += *line == '\n') {
        const size_t length = strcspn(line, "\n");
        char begin[LINE_SIZE], *rest = begin;
        snprintf(begin, sizeof(begin), "%.*s", (int)MIN(length, sizeof(begin)), line);
        line += length;
        const char *expiry = strsep(&rest, " "), *mac_text = strsep(&rest, " "), *where = strsep(&rest, " ");
        unsigned long end;
        if (where && number_parse(expiry, 0, ULONG_MAX, &end) && (end == 0 || (long long)end > now) &&
            mac_parse(mac_text, mac) && parse_address(where, &address))
            err = add(out, bridge, mac, &address);
    }
    return err;
}

/* libvirt: {"ip-address": "...", "mac-address": "...", "expiry-time": SECONDS}, without a time if never. */
static int take_libvirt(struct leases *out, const char *bridge, const json_t *lease, long long now)
{
    const char *mac_text = json_string_value(json_object_get(lease, "mac-address"));
    const char *text = json_string_value(json_object_get(lease, "ip-address"));
    const json_t *expiry = json_object_get(lease, "expiry-time");
    struct cidr address;
    uint8_t mac[6];

    if (!mac_text || !mac_parse(mac_text, mac) || !text || !parse_address(text, &address) ||
        (expiry && json_integer_value(expiry) <= now))
        return 0;
    return add(out, bridge, mac, &address);
}

/* Reads an array of exactly that many bytes. */
static bool take_bytes(const json_t *array, uint8_t *bytes, size_t size)
{
    if (json_array_size(array) != size)
        return false;
    for (size_t i = 0; i < size; i++) {
        const json_int_t byte = json_integer_value(json_array_get(array, i));
        if (byte < 0 || byte > UINT8_MAX)
            return false;
        bytes[i] = (uint8_t)byte;
    }
    return true;
}

/* networkd: {"Address": [10,0,0,5], "HardwareAddress": [...], "ExpirationRealtimeUSec": N}. Systemd 257 and
 * older have no hardware address, but a client's id that is 1 and its MAC, if the client did not choose
 * another (sd-dhcp-server.c, ensure_sane_request). Returns whether a lease has a MAC. */
static bool take_networkd_mac(const json_t *lease, uint8_t mac[6])
{
    uint8_t id[7];

    if (json_object_get(lease, "HardwareAddress"))
        return take_bytes(json_object_get(lease, "HardwareAddress"), mac, 6);
    if (!take_bytes(json_object_get(lease, "ClientId"), id, sizeof(id)) || id[0] != ARPHRD_ETHER)
        return false;
    memcpy(mac, id + 1, 6);
    return true;
}

static int take_networkd(struct leases *out, const char *bridge, const json_t *lease, long long now)
{
    const json_t *expiry = json_object_get(lease, "ExpirationRealtimeUSec");
    struct cidr address = {.family = AF_INET, .prefix = 32};
    uint8_t mac[6];

    if (!take_networkd_mac(lease, mac) ||
        !take_bytes(json_object_get(lease, "Address"), address.bytes, cidr_size(AF_INET)) ||
        !cidr_is_unicast(&address) || (expiry && json_integer_value(expiry) / MICROSECONDS <= now))
        return 0;
    return add(out, bridge, mac, &address);
}

int leases_parse_json(struct leases *out, const char *bridge, const char *text, size_t size, long long now)
{
    json_t *whole = json_loadb(text, size, 0, NULL);
    const json_t *array = json_is_object(whole) ? json_object_get(whole, "Leases") : whole;
    int err = 0;

    for (size_t i = 0; i < json_array_size(array) && !err; i++) {
        const json_t *lease = json_array_get(array, i);
        if (json_object_get(lease, "ip-address"))
            err = take_libvirt(out, bridge, lease, now);
        else
            err = take_networkd(out, bridge, lease, now);
    }
    json_decref(whole);
    return err;
}

/* Who may own a file. Returns how many these are. */
static size_t find_owners(const char *const accounts[2], uid_t owners[OWNERS])
{
    size_t count = 1;

    owners[0] = 0;
    for (size_t i = 0; i < OWNERS - 1; i++) {
        const struct passwd *account = accounts[i] ? getpwnam(accounts[i]) : NULL;
        if (account)
            owners[count++] = account->pw_uid;
    }
    return count;
}

/* An ACL that lets others write shows in the mode of the group, too. */
static bool is_trusted(const struct stat *st, const uid_t owners[OWNERS], size_t count)
{
    for (size_t i = 0; i < count && !(st->st_mode & (S_IWGRP | S_IWOTH)); i++)
        if (st->st_uid == owners[i])
            return true;
    return false;
}

/* Opens the next part of a path. Returns a descriptor of it, or -1. */
static int step(int folder, const char *name, bool last, const uid_t owners[OWNERS], size_t count)
{
    const int kind = last ? O_RDONLY | O_NONBLOCK | O_NOCTTY : O_PATH | O_DIRECTORY;
    _cleanup_close_ int fd = openat(folder, name, kind | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0 || !is_trusted(&st, owners, count) || (last && !S_ISREG(st.st_mode)))
        return -1;
    return take_fd(&fd);
}

static int open_trusted(const char *path, const char *const accounts[2])
{
    uid_t owners[OWNERS];
    const size_t count = find_owners(accounts, owners);
    char rest[PATH_MAX];

    if (strlen(path) >= sizeof(rest))
        return -1;
    strcpy(rest, path);
    int fd = step(AT_FDCWD, "/", false, owners, count);
    for (char *at = rest, *name; fd >= 0 && (name = strsep(&at, "/"));) {
        if (!*name)
            continue;
        const int next = step(fd, name, !at, owners, count);
        close(fd);
        fd = next;
    }
    return fd;
}

/* Reads a whole file. It and every folder from '/' on must belong to root or to one of the accounts (NULL:
 * none), be writable by nobody else, and be no symbolic link. Never blocks. Returns the text, which ends with
 * a NUL behind its size bytes, for the caller to free; NULL: it is not there, or is not such a file, or too
 * long: *size is more than FILE_MAX. */
static char *read_trusted(const char *path, const char *const accounts[2], size_t *size)
{
    _cleanup_close_ const int fd = open_trusted(path, accounts);
    *size = 0;
    _cleanup_free_ char *text = fd < 0 ? NULL : file_read_open(fd, FILE_MAX, size);

    if (!text || *size > FILE_MAX)
        return NULL;
    text[*size] = '\0';
    return take_text(&text);
}

static int read_server(struct leases *out, const struct server *server, const char *bridge)
{
    char path[PATH_MAX];
    size_t size;
    int err = 0;

    if (snprintf(path, sizeof(path), "%s/%s%s%s", server->folder, server->prefix, bridge ? bridge : "",
                 server->suffix) >= (int)sizeof(path))
        return 0;
    _cleanup_free_ char *text = read_trusted(path, server->accounts, &size);
    if (text && server->json)
        err = leases_parse_json(out, bridge, text, size, time(NULL));
    else if (text)
        err = leases_parse_lines(out, bridge, text, time(NULL));
    if (!out->cut && (size > FILE_MAX || out->count > LEASES_MAX))
        out->cut = strdup(path);
    return err;
}

int leases_read(struct leases *out, const char *bridge)
{
    int err = 0;

    for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]) && !err; i++)
        if (servers[i].of_bridge == (bridge != NULL))
            err = read_server(out, &servers[i], bridge);
    return err;
}
