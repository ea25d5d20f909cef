/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What becomes of the commands in a NIC's stanzas once it is a bridge's port. */
#include "persist_interfaces.h"

#include "base/cleanup.h"
#include "base/text.h"

#include <ctype.h>
#include <string.h>

#define BLANKS " \t\v\f\r\n"

enum { WORDS = 32, SEEN_MAX = 64 };

/* What one of the commands that a line consists of does; several: bits. */
enum act {
    NETWORK = 1, /* sets addresses or routes of the NIC */
    FOLLOWS = 2, /* sets what the bridge needs, too */
    MOVES = 4,   /* is for whoever has the addresses */
    OTHER = 8
};

struct part {
    char *text;          /* owned */
    const char *program; /* without its folder */
    const char *words[WORDS];
    size_t count;
};

static void part_free(struct part *part)
{
    free(part->text);
}

static void split(struct part *part, const char *text)
{
    part->text = strdup(text);
    char *rest = part->text;
    for (const char *word; part->count < WORDS && (word = strsep(&rest, BLANKS));)
        if (*word)
            part->words[part->count++] = word;
    if (part->count > 0)
        part->program = basename(part->words[0]);
}

/* The word behind that one, or "". */
static const char *word_after(const struct part *part, const char *word)
{
    for (size_t i = 0; i + 1 < part->count; i++)
        if (strcmp(part->words[i], word) == 0)
            return part->words[i + 1];
    return "";
}

static bool has(const struct part *part, const char *words)
{
    for (size_t i = 1; i < part->count; i++)
        if (text_has_word(words, part->words[i]))
            return true;
    return false;
}

/* What `ip` is about, such as `route`: the first word behind its options. "": nothing. */
static const char *object_of(const struct part *part)
{
    for (size_t i = 1; i < part->count; i++) {
        if (*part->words[i] != '-')
            return part->words[i];
        if (text_has_word("-f -family -n -netns -rc -rcvbuf -l -loops", part->words[i]))
            i++;
    }
    return "";
}

static bool abbreviates(const char *word, const char *object)
{
    return *word && strncmp(object, word, strlen(word)) == 0;
}

static bool is_nic(const char *word, const char *nic)
{
    const size_t length = strlen(nic);

    word += strspn(word, "\"'");
    if (strncmp(word, "$IFACE", 6) == 0 || strncmp(word, "${IFACE}", 8) == 0)
        return true;
    return strncmp(word, nic, length) == 0 && strchr("\"':", word[length]);
}

/* Whether it sets addresses or routes. */
static bool is_network(const struct part *part)
{
    const char *object = object_of(part);

    if (strcmp(part->program, "ifconfig") == 0) /* or something of the device's own */
        return !has(part, "hw mtu promisc -promisc allmulti -allmulti txqueuelen");
    if (strcmp(part->program, "route") == 0)
        return true;
    return strcmp(part->program, "ip") == 0 &&
           (abbreviates(object, "address") || abbreviates(object, "route"));
}

/* Whether those are another interface's, or nobody's, so that the bridge does not have them from the kernel.
 */
static bool is_others(const struct part *part, const char *nic)
{
    const char *device = word_after(part, "dev");

    if (strcmp(part->program, "ifconfig") == 0)
        device = object_of(part);
    return (*device && !is_nic(device, nic)) || has(part, "blackhole unreachable prohibit throw reject");
}

/* The next place where the text names the NIC as a word of its own, or in the name of a setting in
 * /proc/sys/net; NULL: none. setting: only the latter. */
static const char *find_name(const char *start, const char *text, const char *nic, bool setting)
{
    const size_t length = strlen(nic);

    for (const char *at = text; length && (at = strstr(at, nic)); at++) {
        const char before = at[at == start ? 0 : -1], after = at[length];
        const bool conf = at - start > 5 && strncmp(at - 5, "conf", 4) == 0 && strchr("/.", before);
        if (conf && (after == '/' || after == '.'))
            return at;
        if (!setting && (at == start || isspace((unsigned char)before) || strchr("\"'=", before)) &&
            (isspace((unsigned char)after) || strchr("\"';|&<>", after)))
            return at;
    }
    return NULL;
}

/* Whether it writes a setting of the NIC's in /proc/sys/net. */
static bool is_setting(const char *text, const char *nic)
{
    return find_name(text, text, nic, true) || strstr(text, "conf/$IFACE") || strstr(text, "conf.$IFACE") ||
           strstr(text, "conf/${IFACE") || strstr(text, "conf.${IFACE");
}

/* Notes a command that remains with the NIC, unless it is known to set no addresses. */
static void note_command(struct persist_taken *taken, const struct part *part)
{
    static const char known[] = "iptables iptables-restore nft ethtool sysctl echo tc ip6tables "
                                "ip6tables-restore ifenslave ip route ifconfig";

    if (!text_has_word(known, part->program))
        snprintf(taken->command, sizeof(taken->command), "%s", part->words[0]);
}

static unsigned int judge(struct persist_taken *taken, const char *text)
{
    static const char clients[] = "dhclient dhcpcd udhcpc odhcp6c", nothing[] = "true : exit sleep";
    const char *nic = taken->plan->uplink;
    __attribute__((cleanup(part_free))) struct part part = {.count = 0};

    split(&part, text + strspn(text, BLANKS "0123456789")); /* as in 2>&1 */
    if (part.count == 0 || text_has_word(nothing, part.program))
        return 0;
    if (is_network(&part) && !is_others(&part, nic))
        return NETWORK;
    const bool ip = strcmp(part.program, "ip") == 0;
    if (text_has_word(clients, part.program) ||
        (ip && abbreviates(object_of(&part), "rule") && find_name(text, text, nic, false)))
        return MOVES;
    if (is_setting(text, nic) || (ip && abbreviates(object_of(&part), "neighbour")))
        return FOLLOWS;
    note_command(taken, &part);
    return OTHER;
}

bool persist_names_nic(const struct persist_taken *taken, const char *command)
{
    const char *nic = taken->plan->uplink;
    _cleanup_free_ char *copy = strdup(command);
    char *rest = copy;

    for (const char *text; *nic && copy && (text = strsep(&rest, ";&|"));) {
        __attribute__((cleanup(part_free))) struct part part = {.count = 0};
        split(&part, text);
        if (part.count > 0 && is_network(&part) && strcmp(word_after(&part, "dev"), nic) == 0)
            return true;
    }
    return find_name(command, command, nic, true) != NULL;
}

/* Notes which of the plan's addresses a command sets. */
static void note_addresses(struct persist_taken *taken, const char *command)
{
    char cidr[CIDR_TEXT];

    for (size_t i = 0; i < taken->plan->address_count && i < SEEN_MAX; i++) {
        cidr_print(&taken->plan->addresses[i], cidr);
        *strchr(cidr, '/') = '\0';
        if (strcasestr(command, cidr))
            taken->seen |= UINT64_C(1) << i;
    }
}

void persist_note_routes(struct persist_taken *taken, const char *value)
{
    for (size_t i = 0; i < taken->plan->route_count && i < SEEN_MAX; i++) {
        const struct persist_route *route = &taken->plan->routes[i];
        const bool is_default = strcmp(route->to, "default") == 0 && *route->via;
        const char *mark = is_default ? route->via : route->to;
        char text[CIDR_TEXT];
        snprintf(text, sizeof(text), "%.*s", (int)strcspn(mark, "/"), mark);
        if (strcasestr(value, text))
            taken->routes |= UINT64_C(1) << i;
    }
}

/* Writes a command for the bridge: with its name in place of the NIC's. */
static void give(struct persist_taken *taken, const char *word, const char *command, FILE *to)
{
    const char *nic = taken->plan->uplink, *rest = command;

    fprintf(to, "    %s ", word);
    for (const char *at; (at = find_name(command, rest, nic, false)); rest = at + strlen(nic))
        fprintf(to, "%.*s%s", (int)(at - rest), rest, taken->plan->bridge);
    fprintf(to, "%s\n", rest);
}

void persist_cannot(struct persist_taken *taken, const char *what, const char *value)
{
    if (!taken->why.text[0])
        error_set(&taken->why,
                  "the configuration of '%s' has %s (%.100s), which cannot be carried over to a bridge",
                  taken->plan->uplink, what, value);
}

bool persist_edit_command(struct persist_taken *taken, const char *word, const char *command, bool inet6,
                          bool alias)
{
    _cleanup_free_ char *copy = strdup(command);
    unsigned int acts = 0;
    char *rest = copy;

    for (const char *part; copy && (part = strsep(&rest, ";&|"));)
        acts |= judge(taken, part);
    if (acts & ~(unsigned int)NETWORK && alias)
        persist_cannot(taken, "a command in the stanza of an alias", command);
    if (acts & (acts - 1))
        persist_cannot(taken,
                       acts & NETWORK ? "a command that not only sets addresses or routes"
                                      : "a command that is partly the port's, and partly the bridge's",
                       command);
    if (acts & NETWORK)
        note_addresses(taken, command);
    /* What a client that is not told -6 gets, ifupdown asks for the bridge: its method is dhcp then. */
    const bool asked = taken->plan->dhcp && strstr(command, "dhc") && !strstr(command, "-6");
    if (acts & (FOLLOWS | MOVES) && !asked)
        give(taken, word, command, inet6 ? taken->inet6 : taken->options);
    return acts & (NETWORK | MOVES) || alias;
}
