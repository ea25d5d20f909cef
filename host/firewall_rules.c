/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "base/cleanup.h"
#include "base/process.h"
#include "config.h"
#include "firewall.h"
#include "network.h"

#include <net/if.h>
#include <stdio.h>
#include <string.h>

enum { RULES_MS = 1000 };

/* Whether it stands for a port, but not for the pair of taps. */
static bool word_names(const char *word, size_t length, const char *port)
{
    if (length == 0)
        return false;
    if (word[length - 1] != '+' && word[length - 1] != '*')
        return strlen(port) == length && strncmp(word, port, length) == 0;
    length--;
    return length > 0 && strncmp(word, port, length) == 0 && strncmp(word, TAP_PREFIX, length) != 0;
}

bool firewall_text_names(const char *rules, const char *port)
{
    static const char between[] = " \t\n\",{}=!";

    for (const char *word = rules; *word; word += strspn(word, between)) {
        const size_t length = strcspn(word, between);
        if (word_names(word, length, port))
            return true;
        word += length;
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

bool firewall_names_port(const char *bridge, char port[IFNAMSIZ])
{
    static const char *const lists[][4] = {
        {"nft", "list", "ruleset"}, {"iptables-save"},        {"ip6tables-save"}, {"iptables-legacy-save"},
        {"ip6tables-legacy-save"},  {"ebtables-legacy-save"}, {"ebtables-save"},  {"arptables-save"}};
    char path[64];
    bool found = false;

    snprintf(path, sizeof(path), NETWORK_PATH "/%.15s/brif/*", bridge);
    _cleanup_globfree_ glob_t ports = {.gl_pathc = 0};
    if (glob(path, 0, NULL, &ports) != 0)
        return false;
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]) && !found; i++) {
        _cleanup_free_ char *rules = NULL;
        found = process_capture(lists[i], false, RULES_MS, &rules) == 0 && rules &&
                any_named(&ports, rules, port);
    }
    return found;
}
