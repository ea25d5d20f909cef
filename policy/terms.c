/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "terms.h"

#include "base/error.h"
#include "base/number.h"
#include "identity.h"

#include <net/if.h>
#include <stdio.h>
#include <string.h>

struct key {
    const char *name;
    bool selects; /* whom the rule is about: may stand in a deny too */
    /* Takes the value; returns what it must be, or NULL if it is that. */
    const char *(*take)(struct terms *out, const char *value);
};

static const char *take_user(struct terms *out, const char *value)
{
    out->user = value;
    return *value ? NULL : "the name or number of a user";
}

static const char *take_group(struct terms *out, const char *value)
{
    out->group = value;
    return *value ? NULL : "the name or number of a group";
}

/* One number, or FIRST-LAST. */
static const char *take_uid(struct terms *out, const char *value)
{
    const char *dash = strchr(value, '-');
    const size_t length = dash ? (size_t)(dash - value) : strlen(value);
    char first[16];
    unsigned long low = 0, high = 0;

    snprintf(first, sizeof(first), "%.*s", (int)(length < sizeof(first) ? length : sizeof(first)), value);
    if (length >= sizeof(first) || !number_parse(first, 0, (uid_t)-2, &low) ||
        !number_parse(dash ? dash + 1 : first, low, (uid_t)-2, &high))
        return "a uid, or a range of them as in 100000-165535";
    out->uids = (struct uid_range){true, (uid_t)low, (uid_t)high};
    return NULL;
}

static const char *take_quota(struct terms *out, const char *value)
{
    unsigned long number = 0;
    const bool good = number_parse(value, 1, TERMS_QUOTA_MAX, &number);

    out->quota = (unsigned int)number;
    return good ? NULL : "a number of taps from 1 to 1023";
}

static const char *take_mtu(struct terms *out, const char *value)
{
    unsigned long number = 0;
    const bool good = number_parse(value, 68, 65521, &number); /* drivers/net/tun.c: tap's own limits */

    out->mtu = (unsigned int)number;
    return good ? NULL : "a number of bytes from 68 to 65521";
}

/* How many characters a name has at least that the pattern matches, as far as is plain. */
static size_t least_length(const char *pattern)
{
    size_t length = 0;

    for (; *pattern && !strchr("[\\", *pattern); pattern++)
        length += *pattern != '*';
    return length;
}

static const char wildcards[] = "*?[\\";

/* %u stands behind plain characters, and before one or nothing: else the names of one user are another's too.
 */
static const char *take_names(struct terms *out, const char *value)
{
    bool plain = true;

    out->names = value;
    for (const char *c = value; *c; c++) {
        plain = plain && !strchr(wildcards, *c);
        if (*c != '%' || *++c == '%')
            continue;
        if (*c != 'u' || out->names_by_user || !plain || (c[1] && strchr(wildcards, c[1])))
            return "%u (the user's name) at most once, between plain characters, and %% for a percent sign";
        out->names_by_user = true;
    }
    /* A user's name has one character at least. */
    return strncmp(value, TAP_PREFIX, strlen(TAP_PREFIX)) == 0 &&
                   least_length(value) - out->names_by_user < IFNAMSIZ
               ? NULL
               : "a pattern that begins with " TAP_PREFIX
                 " and that names of at most 15 characters can match";
}

/* Writes the pattern with the user's name for %u; returns the character behind it, '\0': none. */
static char expand(char out[TERMS_NAMES_SIZE], const char *names, const char *user)
{
    size_t length = 0;
    char behind = '\0';

    for (const char *c = names; *c && length < TERMS_NAMES_SIZE - IDENTITY_NAME_SIZE; c++) {
        if (*c != '%' || *++c == '%') {
            out[length++] = *c;
            continue;
        }
        length += (size_t)sprintf(out + length, "%s", user);
        behind = c[1];
    }
    out[length] = '\0';
    return behind;
}

int terms_names(char out[TERMS_NAMES_SIZE], const struct terms *terms, const char *user, struct error *why)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    const char *names = terms->names ? terms->names : TERMS_DEFAULT_NAMES;
    const char behind = expand(out, names, user);

    if (!terms->names_by_user)
        return 0;
    if (!*user)
        return error_set(why, "name=%.64s needs the caller's user name, and there is no account", names);
    if (user[strspn(user, plain)] || (behind && strchr(user, behind)))
        return error_set(
            why,
            "name=%.64s cannot be used with the user name '%.64s': %%u takes letters, digits, '.', '_' and '-' "
            "only, but not the character that follows it; an administrator can write a rule with user=%.64s",
            names, user, user);
    if (least_length(out) >= IFNAMSIZ)
        return error_set(
            why,
            "name=%.64s cannot be used with the user name '%.64s': no name of at most 15 characters matches; an "
            "administrator can write a rule with user=%.64s and a shorter pattern",
            names, user, user);
    return 0;
}

static const char *take_require(struct terms *out, const char *value)
{
    out->require_kvm = strcmp(value, "kvm") == 0;
    return out->require_kvm ? NULL : "kvm";
}

static const char *take_mac(struct terms *out, const char *value)
{
    out->protection.mac_lock = strcmp(value, "lock") == 0;
    return out->protection.mac_lock ? NULL : "lock";
}

static const char *take_macs(struct terms *out, const char *value)
{
    static const char expected[] = "the beginning of a MAC, as in 52:54:00";
    size_t digits = 0;

    for (const char *c = value; *c; c++, digits++)
        if (digits % 3 == 2 ? *c != ':' : !strchr("0123456789abcdefABCDEF", *c))
            return expected;
    out->macs = value;
    if (digits % 3 != 2 || digits > 17)
        return expected;
    /* The lowest bit of the first byte: a group's address, which no guest can have. */
    return strchr("02468aceACE", value[1]) ? NULL
                                           : "the beginning of a unicast MAC (its second digit is even)";
}

static const char *take_isolated(struct terms *out, const char *value)
{
    out->protection.isolated = strcmp(value, "yes") == 0;
    return out->protection.isolated ? NULL : "yes";
}

static const char *take_guard(struct terms *out, const char *value)
{
    out->protection.guard = strcmp(value, "yes") == 0;
    return out->protection.guard ? NULL : "yes";
}

static const char *take_vlan(struct terms *out, const char *value)
{
    unsigned long number = 0;
    const bool good = number_parse(value, 1, 4094, &number);

    out->protection.vlan = (unsigned int)number;
    return good ? NULL : "a VLAN from 1 to 4094";
}

static const struct key keys[] = {
    {"user", true, take_user},        {"group", true, take_group},        {"uid", true, take_uid},
    {"quota", false, take_quota},     {"name", false, take_names},        {"mtu", false, take_mtu},
    {"require", false, take_require}, {"mac", false, take_mac},           {"macs", false, take_macs},
    {"vlan", false, take_vlan},       {"isolated", false, take_isolated}, {"guard", false, take_guard},
};
enum { KEY_COUNT = sizeof(keys) / sizeof(keys[0]) };

/* word is KEY=VALUE; seen has a bit for each key met before. */
static int parse_word(struct terms *out, char *word, bool deny, unsigned int *seen, struct error *why)
{
    char *value = strchr(word, '=');

    if (!value)
        return error_set(why, "'%.64s' is not KEY=VALUE", word);
    *value++ = '\0';
    for (unsigned int i = 0; i < KEY_COUNT; i++) {
        if (strcmp(word, keys[i].name) != 0)
            continue;
        if (deny && !keys[i].selects)
            return error_set(why, "%s= grants something, which a deny cannot", word);
        if (*seen & 1U << i)
            return error_set(why, "%s= stands twice", word);
        *seen |= 1U << i;
        const char *expected = keys[i].take(out, value);
        return expected ? error_set(why, "%s= takes %s, not '%.64s'", word, expected, value) : 0;
    }
    return error_set(why, "there is no term '%.64s='", word);
}

int terms_parse(struct terms *out, char *text, bool deny, struct error *why)
{
    unsigned int seen = 0;
    char *rest = NULL;

    *out = (struct terms){.user = NULL};
    for (char *word = strtok_r(text, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest))
        if (parse_word(out, word, deny, &seen, why) < 0)
            return -1;
    return 0;
}

int terms_match(const struct terms *terms, struct identity *who, bool deny, struct error *why)
{
    const struct uid_range *uids = &terms->uids;
    int matches = 1;

    if (uids->set)
        matches = who->caller->uid >= uids->first && who->caller->uid <= uids->last;
    if (matches == 1 && terms->user)
        matches = identity_is_user(who, terms->user, deny, why);
    if (matches == 1 && terms->group)
        matches = identity_in_group(who, terms->group, deny, why);
    return matches;
}
