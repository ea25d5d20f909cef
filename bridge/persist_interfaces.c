/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "persist_interfaces.h"

#include "base/cleanup.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <fnmatch.h>
#include <string.h>

#define BLANKS " \t\v\f\r\n"

enum { WORDS = 6 };

/* NONE: behind a line that became a comment, which must not make options of the stanza before. */
enum stanza { OTHERS, NIC_STATIC, NIC_DHCP, NIC_INET6, ALIAS, NONE };

struct editor {
    FILE *out;
    struct persist_taken *taken;
    enum stanza where;
    bool told; /* this stanza says something of router advertisements */
    bool changed;
};

/* A line as ifupdown joins it: physical lines that end with a backslash go on in the next one; but not
 * comments. */
struct line {
    char *raw;   /* all of it, owned */
    char *words; /* a copy without newlines and the backslashes before them, owned */
};

static bool is_comment(const char *text)
{
    text += strspn(text, BLANKS);
    return *text == '#' || *text == '\0';
}

static void line_free(struct line *line)
{
    free(line->raw);
    free(line->words);
}

/* Reads a line. Returns whether there is one; -1: no memory, or it contains a NUL. */
static int next_line(FILE *in, struct line *line)
{
    _cleanup_free_ char *part = NULL;
    size_t part_size = 0, size, words_size;
    bool goes_on = true, is_first = true;

    line_free(line);
    FILE *raw = persist_begin_text(&line->raw, &size), *words = persist_begin_text(&line->words, &words_size);
    for (ssize_t length; goes_on && (length = getline(&part, &part_size, in)) > 0; is_first = false) {
        fwrite(part, 1, (size_t)length, raw);
        goes_on = length >= 2 && strcmp(part + length - 2, "\\\n") == 0 && !(is_first && is_comment(part));
        fprintf(words, "%.*s  ", (int)strcspn(part, "\n") - goes_on, part);
    }
    persist_end_text(raw);
    persist_end_text(words);
    for (size_t end = words_size; end > 0 && strchr(BLANKS, line->words[end - 1]); end--)
        line->words[end - 1] = '\0';
    if (size == 0 && feof(in))
        return 0;
    if (size == 0 || strlen(line->raw) != size)
        return -1;
    return 1;
}

#define _cleanup_line_ __attribute__((cleanup(line_free)))

static bool begins_stanza(const char *word)
{
    return text_has_word("iface mapping auto rename source source-directory template no-scripts", word) ||
           strncmp(word, "allow-", 6) == 0 || strncmp(word, "no-auto", 7) == 0;
}

static bool is_alias(const char *name, const char *nic)
{
    const size_t length = strlen(nic);

    return length && strncmp(name, nic, length) == 0 && name[length] == ':';
}

/* Writes the line's physical lines as comments. */
static void comment(struct editor *e, const char *raw)
{
    while (*raw) {
        const int length = (int)strcspn(raw, "\n");
        fprintf(e->out, "#virt-tap# %.*s\n", length, raw);
        raw += length + (raw[length] == '\n');
    }
    e->changed = true;
}

/* The value behind a line's first word. */
static const char *value_of(const char *words)
{
    words += strspn(words, BLANKS);
    words += strcspn(words, BLANKS);
    return words + strspn(words, BLANKS);
}

static void cannot(struct editor *e, const char *what, const char *value)
{
    persist_cannot(e->taken, what, value);
}

/* Whether a word NAME=STANZA or /PATTERN=STANZA gives the NIC a stanza that is not called as it is. */
static bool is_renamed(const char *word, const char *nic)
{
    const char *stanza = strchr(word, '=');
    char name[64];

    if (!stanza || strcmp(stanza + 1, nic) == 0)
        return false;
    snprintf(name, sizeof(name), "%.*s", (int)(stanza - word), word);
    return *name == '/' || strcmp(name, nic) == 0;
}

/* auto, allow-hotplug and the like: an alias's name goes. */
static void edit_names(struct editor *e, const struct line *line)
{
    const char *nic = e->taken->plan->uplink;
    _cleanup_free_ char *copy = strdup(line->words), *left = calloc(1, strlen(line->words) + 1);
    char *rest = copy;
    bool any = false;
    size_t count = 0;

    for (const char *word; copy && left && (word = strsep(&rest, BLANKS));) {
        if (is_renamed(word, nic))
            cannot(e, "a stanza of another name", word);
        any |= is_alias(word, nic);
        if (!*word || is_alias(word, nic))
            continue;
        strcat(strcat(left, text_if(count > 0, " ")), word);
        count++;
    }
    if (!any) {
        fputs(line->raw, e->out);
        return;
    }
    if (left && strchr(left, '\\')) /* before a carriage return, it would continue the line that is written */
        cannot(e, "a name with a backslash", line->words);
    comment(e, line->raw);
    if (count > 1)
        fprintf(e->out, "%s\n", left);
    else
        e->where = NONE;
}

static void edit_mapping(struct editor *e, const struct line *line)
{
    _cleanup_free_ char *copy = strdup(line->words);
    char *rest = copy;

    for (const char *word; copy && (word = strsep(&rest, BLANKS));)
        if (*word && *e->taken->plan->uplink && fnmatch(word, e->taken->plan->uplink, 0) == 0)
            cannot(e, "a mapping", line->words);
    fputs(line->raw, e->out);
}

/* An IPv6 setting of the bridge's, by the name that a stanza gives it. */
static void add_setting(struct editor *e, const char *name, const char *value)
{
    fprintf(e->taken->options, "    pre-up echo %s >/proc/sys/net/ipv6/conf/%s/%s\n", value,
            e->taken->plan->bridge, name[0] == 'p' ? "use_tempaddr" : name);
}

static void edit_iface(struct editor *e, const struct line *line, char words[WORDS][64], int count)
{
    const struct persist_plan *plan = e->taken->plan;
    const char *method = words[3];
    const bool inet6 = strcmp(words[2], "inet6") == 0;

    e->where = OTHERS;
    e->told = false;
    for (int i = 4; i < count; i++)
        if (strcmp(words[i - 1], "inherits") == 0 && strcmp(words[i], plan->uplink) == 0)
            cannot(e, "a stanza that others inherit", line->words);
    if (is_alias(words[1], plan->uplink)) {
        e->where = ALIAS;
        comment(e, line->raw);
        return;
    }
    if (strcmp(words[1], plan->uplink) != 0) {
        fputs(line->raw, e->out);
        return;
    }
    for (int i = 2; i < count; i++)
        if (strcmp(words[i], "inherits") == 0)
            cannot(e, "a stanza that inherits", line->words);
    e->where = NIC_STATIC;
    if (strcmp(method, "dhcp") == 0)
        e->where = NIC_DHCP;
    e->taken->dhcp |= e->where == NIC_DHCP && !inet6;
    if (strcmp(method, "manual") == 0) {
        fputs(line->raw, e->out);
        return;
    }
    if (inet6 && (strcmp(method, "auto") == 0 || strcmp(method, "dhcp") == 0)) {
        e->where = NIC_INET6;
        fprintf(e->taken->inet6, "\niface %s inet6 %s\n", plan->bridge, method);
        if (*method == 'd')
            persist_ifupdown_lease(e->taken->inet6, plan, "6");
    } else if (strcmp(method, "static") != 0 && strcmp(method, "dhcp") != 0) {
        cannot(e, "a method other than static, dhcp, auto and manual", line->words);
    }
    if (inet6 && strcmp(method, "static") == 0) /* what ifupdown does without being told, in inet6.defn */
        add_setting(e, "autoconf", "0");
    comment(e, line->raw);
    fprintf(e->out, "iface %s %s manual\n", plan->uplink, inet6 ? "inet6" : "inet");
}

/* A static address that the NIC does not have would be lost. */
static void check_address(struct editor *e, const char *value)
{
    const struct persist_plan *plan = e->taken->plan;
    const int family = strchr(value, ':') ? AF_INET6 : AF_INET;
    char text[INET6_ADDRSTRLEN + 1];
    uint8_t bytes[16] = {0};

    snprintf(text, sizeof(text), "%.*s", (int)strcspn(value, "/" BLANKS), value);
    const bool parsed = inet_pton(family, text, bytes) == 1;
    for (size_t i = 0; parsed && i < plan->address_count; i++)
        if (plan->addresses[i].family == family &&
            memcmp(plan->addresses[i].bytes, bytes, cidr_size(family)) == 0) {
            e->taken->seen |= UINT64_C(1) << (i & 63);
            return;
        }
    cannot(e, "an address that it does not have now", value);
}

/* An option in one of the NIC's stanzas. */
static void edit_option(struct editor *e, const struct line *line, const char *word)
{
    static const char known[] = "address netmask broadcast network gateway metric pointopoint scope "
                                "preferred-lifetime dad-attempts dad-interval";
    static const char client[] = "hostname leasehours leasetime vendor client metric";
    const char *value = value_of(line->words);
    FILE *to = NULL;
    const bool setting =
        text_has_word("accept_ra autoconf privext", word) && (e->where == NIC_STATIC || e->where == NIC_DHCP);
    bool drop = text_has_word(known, word) || setting || e->where == ALIAS;

    persist_note_routes(e->taken, value);
    if (text_has_word("up pre-up post-up down pre-down post-down", word))
        drop = persist_edit_command(e->taken, word, value, e->where == NIC_INET6, e->where == ALIAS) || drop;
    else if (e->where == NIC_INET6 && !text_has_word("hwaddress mtu", word))
        to = e->taken->inet6;
    else if (e->where != ALIAS &&
             (strncmp(word, "dns-", 4) == 0 || (e->where == NIC_DHCP && text_has_word(client, word))))
        to = e->taken->options;
    if ((e->where == NIC_STATIC || e->where == ALIAS) && strcmp(word, "address") == 0)
        check_address(e, value);
    e->told |= strcmp(word, "accept_ra") == 0;
    if (to)
        fprintf(to, "    %s %s\n", word, value);
    else if (setting)
        add_setting(e, word, value);
    else if (e->where == NIC_STATIC && strcmp(word, "gateway") == 0 && strchr(value, ':') && !e->told)
        add_setting(e, "accept_ra", "0"); /* as inet6.defn has it, too; without one, a router gives it */
    if (to || drop)
        comment(e, line->raw);
    else
        fputs(line->raw, e->out);
}

static void edit_other(struct editor *e, const struct line *line, const char *word)
{
    if (e->where == NONE && !is_comment(line->raw))
        cannot(e, "an option outside of any stanza", line->words);
    else if (text_has_word("up pre-up post-up", word) && persist_names_nic(e->taken, value_of(line->words)))
        cannot(e, "a command in another interface's stanza", value_of(line->words));
    fputs(line->raw, e->out);
}

static void edit_line(struct editor *e, const struct line *line)
{
    char words[WORDS][64] = {""};
    const int count = sscanf(line->words, "%63s %63s %63s %63s %63s %63s", words[0], words[1], words[2],
                             words[3], words[4], words[5]);
    const bool begins = !is_comment(line->raw) && begins_stanza(words[0]);

    if (begins)
        e->where = OTHERS;
    if (begins && strcmp(words[0], "iface") == 0)
        edit_iface(e, line, words, count);
    else if (begins && strcmp(words[0], "mapping") == 0)
        edit_mapping(e, line);
    else if (begins && (strcmp(words[0], "auto") == 0 || strncmp(words[0], "allow-", 6) == 0))
        edit_names(e, line);
    else if (e->where == OTHERS || e->where == NONE || is_comment(line->raw))
        edit_other(e, line, words[0]);
    else
        edit_option(e, line, words[0]);
}

bool persist_edit_interfaces(FILE *in, FILE *out, struct persist_taken *taken)
{
    _cleanup_line_ struct line line = {.raw = NULL};
    struct editor editor = {.out = out, .taken = taken};

    int more;

    while ((more = next_line(in, &line)) > 0)
        edit_line(&editor, &line);
    if (more < 0)
        error_set(&taken->why, "the configuration of '%s' has a line with a NUL, or there is no memory",
                  taken->plan->uplink);
    return editor.changed;
}
