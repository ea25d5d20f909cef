/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "terms.h"

#include "addresses.h"
#include "base/error.h"
#include "base/name.h"
#include "base/number.h"
#include "base/vlans.h"
#include "egress.h"
#include "identity.h"
#include "keywords.h"

#include <net/if.h>
#include <stdio.h>
#include <string.h>

/* One number, or FIRST-LAST. */
static const char *take_uid(void *arg, const char *value)
{
    struct terms *out = arg;
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

/* Returns the length of the shortest name that the pattern matches, as far as that is obvious. */
static size_t least_length(const char *pattern)
{
    const char *end = pattern + strcspn(pattern, "[\\");
    size_t length = 0;

    for (; pattern < end; pattern++)
        length += *pattern != '*';
    return length;
}

static const char wildcards[] = "*?[\\";

/* %u comes after plain characters and before one or the end: else one user's names would be another's. */
static const char *take_names(void *arg, const char *value)
{
    struct terms *out = arg;
    const char *wild = value + strcspn(value, wildcards);

    out->names = value;
    for (const char *c = value; *c; c++) {
        if (*c != '%' || *++c == '%')
            continue;
        if (*c != 'u' || out->names_by_user || c > wild || (*wild && c + 1 == wild))
            return "a pattern with %u (the user's name) at most once, between plain characters, and %% for a percent sign";
        out->names_by_user = true;
    }
    /* A user's name has at least one character. */
    if (strncmp(value, TAP_PREFIX, strlen(TAP_PREFIX)) == 0 &&
        least_length(value) - out->names_by_user < IFNAMSIZ)
        return NULL;
    return "a pattern that begins with " TAP_PREFIX " and that names of at most 15 characters can match";
}

/* Writes the pattern with %u replaced by the user's name. Returns the character after it, '\0' if none. */
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
    const char *names = terms->names ? terms->names : TERMS_DEFAULT_NAMES;
    const char behind = expand(out, names, user);

    if (!terms->names_by_user)
        return 0;
    if (!*user)
        return error_set(why, "name=%.64s needs the caller's user name, and there is no account", names);
    if (user[strspn(user, IFNAME_PLAIN)] || (behind && strchr(user, behind)))
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

static const char *take_macs(void *arg, const char *value)
{
    struct terms *out = arg;
    static const char expected[] = "the beginning of a MAC, as in 52:54:00";
    size_t digits = 0;

    for (const char *c = value; *c; c++, digits++)
        if (digits % 3 == 2 ? *c != ':' : !strchr("0123456789abcdefABCDEF", *c))
            return expected;
    out->macs = value;
    if (digits % 3 != 2 || digits > 17)
        return expected;
    /* The lowest bit of the first byte marks a multicast address, which no guest can have. */
    if (!strchr("02468aceACE", value[1]))
        return "the beginning of a unicast MAC (its second digit is even)";
    return NULL;
}

static const char *take_ips(void *arg, const char *value)
{
    struct terms *out = arg;
    struct address_list networks;

    out->ips = value;
    if (addresses_parse(value, &networks))
        return NULL;
    return "up to 64 networks of unicast addresses, as in 10.66.1.0/24,2001:db8::/64, that do not overlap and have no "
           "bits after their prefix";
}

static const char *take_vlan(void *arg, const char *value)
{
    struct terms *out = arg;
    struct vlans vlans;

    out->vlan = value;
    return vlans_parse(&vlans, value, NULL);
}

const char *const terms_serve_words[TERMS_SERVE_COUNT] = {"dhcp", "dhcpv6", "ra"};

bool terms_parse_serve(unsigned int *out, const char *value)
{
    for (const char *end, *word = value;; word = end + 1) {
        unsigned int nth = 0;
        end = strchrnul(word, ',');
        for (const size_t length = (size_t)(end - word);
             strncmp(word, terms_serve_words[nth], length) != 0 || terms_serve_words[nth][length];)
            if (++nth == TERMS_SERVE_COUNT)
                return false;
        *out |= 1U << nth;
        if (!*end)
            return true;
    }
}

void terms_print_serve(char out[TERMS_SERVE_SIZE], unsigned int serve)
{
    *out = '\0';
    for (unsigned int i = 0; i < TERMS_SERVE_COUNT; i++)
        if (serve & 1U << i)
            strcat(strcat(out, *out ? "," : ""), terms_serve_words[i]);
}

static const char *take_serve(void *arg, const char *value)
{
    struct terms *out = arg;

    if (terms_parse_serve(&out->protection.serve, value))
        return NULL;
    return TERMS_SERVE_EXPECTED;
}

static const char *take_egress(void *arg, const char *value)
{
    static char expected[192];
    struct terms *out = arg;
    struct egress_list items;

    out->egress = value;
    if (egress_parse(value, &items))
        return NULL;
    snprintf(
        expected, sizeof(expected),
        "up to %d destinations, as in +10.70.0.1:53/udp,+[2001:db8::/64]:443,-private,+all, and no multicast "
        "(number %zu is not one)",
        EGRESS_ITEMS_MAX, items.count + 1);
    return expected;
}

#define FIELD(name) offsetof(struct terms, name)

static const struct keyword list[] = {
    /* whom the rule applies to; also valid in a deny */
    {"user", "the name or number of a user", .is_text = true, .offset = FIELD(user)},
    {"group", "the name or number of a group", .is_text = true, .offset = FIELD(group)},
    {"uid", .take = take_uid},
    /* what it grants */
    {"quota", "a number of taps from 1 to 1023", .is_number = true, .offset = FIELD(quota), .min = 1,
     .max = TERMS_QUOTA_MAX},
    {"name", .take = take_names},
    {"mtu", "a number of bytes from 68 to 65521", .is_number = true, .offset = FIELD(mtu), .min = 68,
     .max = 65521}, /* tap's own limits: drivers/net/tun.c */
    {"require", "kvm", .is_flag = true, .offset = FIELD(require_kvm)},
    {"mac", "lock", .is_flag = true, .offset = FIELD(protection.mac_lock)},
    {"macs", .take = take_macs},
    {"vlan", .take = take_vlan},
    {"native", "none, or one of the VLANs in vlan=", .is_text = true, .offset = FIELD(native)},
    {"ip", "lock", .is_flag = true, .offset = FIELD(protection.ip_lock)},
    {"ips", .take = take_ips},
    {"serve", .take = take_serve},
    {"egress", .take = take_egress},
    {"vnet", "no", .is_flag = true, .offset = FIELD(protection.no_vnet)},
    {"isolated", "yes", .is_flag = true, .offset = FIELD(protection.isolated)},
    {"guard", "yes", .is_flag = true, .offset = FIELD(protection.guard)},
};
enum { SELECTING = 3 };
static const struct keywords keys = {list, sizeof(list) / sizeof(list[0]), "unknown term"};

/* Some terms mean nothing without another. */
static int check_together(const struct terms *terms, struct error *why)
{
    const struct protection *protection = &terms->protection;
    struct vlans vlans;

    if ((protection->ip_lock || protection->serve) && !protection->mac_lock)
        return error_set(why, "%s requires mac=lock in the same rule",
                         protection->ip_lock ? "ip=lock" : "serve=");
    if (terms->egress && !protection->mac_lock)
        return error_set(
            why, "egress= requires mac=lock in the same rule, since only that filters what a guest sends");
    if (terms->ips && !protection->ip_lock)
        return error_set(why, "ips= requires ip=lock in the same rule");
    if (terms->native && !terms->vlan)
        return error_set(why, "native= requires vlan= in the same rule");
    if (terms->native && vlans_parse(&vlans, terms->vlan, terms->native))
        return error_set(why, "native= must be none, or one of the VLANs in vlan=, not '%.64s'",
                         terms->native);
    return 0;
}

int terms_parse(struct terms *out, char *text, bool deny, struct error *why)
{
    unsigned int seen = 0;

    *out = (struct terms){.user = NULL};
    for (char *word; (word = strsep(&text, " \t"));) {
        if (!*word)
            continue;
        const int err = keywords_take(&keys, out, word, &seen, why); /* cuts it off behind its key */
        if (deny && seen >> SELECTING)
            return error_set(why, "%s= grants something, which a deny cannot", word);
        if (err < 0)
            return -1;
    }
    return check_together(out, why);
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
