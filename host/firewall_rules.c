/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/process.h"
#include "config.h"
#include "firewall.h"
#include "network.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

enum { RULES_MS = 1500 /* for all programs: of the probe's 5 seconds */ };

/* Whether the word matches the port, but not the pair of taps. */
static bool word_names(const char *word, size_t length, const char *port)
{
    if (length == 0)
        return false;
    if (word[length - 1] != '+' && word[length - 1] != '*')
        return strlen(port) == length && strncmp(word, port, length) == 0;
    length--;
    return length > 0 && strncmp(word, port, length) == 0 && strncmp(word, TAP_PREFIX, length) != 0;
}

/* Returns the end of a comment on a rule, if the word begins one: nft's comment "TEXT", or --comment of
 * iptables with a text or a word; otherwise the end of the word. */
static const char *skip_comment(const char *word, size_t length)
{
    const bool nft = length == 7 && strncmp(word, "comment", length) == 0;
    const bool iptables = length == 9 && strncmp(word, "--comment", length) == 0;
    const char *text = word + length + strspn(word + length, " \t");

    if (!(nft || iptables) || (*text != '"' && nft)) /* `-m comment` */
        return word + length;
    if (*text != '"')
        return text + strcspn(text, " \t\n");
    for (text++; *text && *text != '"' && *text != '\n'; text++)
        if (*text == '\\' && text[1])
            text++;
    return text;
}

bool firewall_text_names(const char *rules, const char *port)
{
    static const char between[] = " \t\n\",{}=!";

    for (const char *word = rules; *word; word += strspn(word, between)) {
        const size_t length = strcspn(word, between);
        if (word_names(word, length, port))
            return true;
        word = skip_comment(word, length);
    }
    return false;
}

static bool any_named(const glob_t *ports, const char *rules, char port[IFNAMSIZ])
{
    for (size_t i = 0; i < ports->gl_pathc; i++) {
        const char *name = strrchr(ports->gl_pathv[i], '/') + 1;
        if (!firewall_text_names(rules, name))
            continue;
        snprintf(port, IFNAMSIZ, "%.15s", name);
        return true;
    }
    return false;
}

/* The firewall's rules as the programs list them, read once for all bridges. */
static struct {
    char *texts[8];    /* NULL: there is no such program */
    bool read, unread; /* unread: one of them did not end in time, or failed */
} rules;

static void read_rules(void)
{
    static const char *const lists[][4] = {
        {"nft", "list", "ruleset"}, {"iptables-save"},        {"ip6tables-save"}, {"iptables-legacy-save"},
        {"ip6tables-legacy-save"},  {"ebtables-legacy-save"}, {"ebtables-save"},  {"arptables-save"}};
    const int64_t end = clock_ms() + RULES_MS;
    int64_t left = RULES_MS;

    _Static_assert(sizeof(lists) / sizeof(lists[0]) == sizeof(rules.texts) / sizeof(rules.texts[0]),
                   "one each");
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]) && left > 0; i++) {
        const int status = process_capture(lists[i], false, (int)left, &rules.texts[i]);
        rules.unread = rules.unread || status == -ETIMEDOUT;
        left = end - clock_ms();
    }
    rules.unread = rules.unread || left <= 0;
    rules.read = true;
}

int firewall_names_port(const char *bridge, char port[IFNAMSIZ])
{
    _cleanup_globfree_ glob_t ports = {.gl_pathc = 0};
    char path[64];

    snprintf(path, sizeof(path), NETWORK_PATH "/%.15s/brif/*", bridge);
    if (glob(path, 0, NULL, &ports) != 0)
        return 0;
    if (!rules.read)
        read_rules();
    for (size_t i = 0; i < sizeof(rules.texts) / sizeof(rules.texts[0]); i++)
        if (rules.texts[i] && any_named(&ports, rules.texts[i], port))
            return 1;
    if (rules.unread)
        return -1;
    return 0;
}
