/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "terms.h"

#include "number.h"
#include "refusal.h"

#include <errno.h>
#include <net/if.h>
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

static const char *take_names(struct terms *out, const char *value)
{
    out->names = value;
    return strncmp(value, "vt-", 3) == 0 && least_length(value) < IFNAMSIZ
               ? NULL
               : "a pattern that begins with vt- and that names of at most 15 characters can match";
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
    {"user", true, take_user},          {"group", true, take_group},  {"quota", false, take_quota},
    {"name", false, take_names},        {"mtu", false, take_mtu},     {"require", false, take_require},
    {"mac", false, take_mac},           {"macs", false, take_macs},   {"vlan", false, take_vlan},
    {"isolated", false, take_isolated}, {"guard", false, take_guard},
};
enum { KEY_COUNT = sizeof(keys) / sizeof(keys[0]) };

/* word is KEY=VALUE; seen has a bit for each key met before. */
static int parse_word(struct terms *out, char *word, bool deny, unsigned int *seen, struct refusal *why)
{
    char *value = strchr(word, '=');

    if (!value)
        return refuse(why, "'%.64s' is not KEY=VALUE", word);
    *value++ = '\0';
    for (unsigned int i = 0; i < KEY_COUNT; i++) {
        if (strcmp(word, keys[i].name) != 0)
            continue;
        if (deny && !keys[i].selects)
            return refuse(why, "%s= grants something, which a deny cannot", word);
        if (*seen & 1U << i)
            return refuse(why, "%s= stands twice", word);
        *seen |= 1U << i;
        const char *expected = keys[i].take(out, value);
        return expected ? refuse(why, "%s= takes %s, not '%.64s'", word, expected, value) : 0;
    }
    return refuse(why, "there is no term '%.64s='", word);
}

int terms_parse(struct terms *out, char *text, bool deny, struct refusal *why)
{
    unsigned int seen = 0;
    char *rest = NULL;

    *out = (struct terms){.user = NULL};
    for (char *word = strtok_r(text, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest))
        if (parse_word(out, word, deny, &seen, why) < 0)
            return -1;
    return 0;
}

/* Whether that is what the system calls the caller: 1 yes, 0 no, or -errno. */
static int is_own_name(const struct caller *caller, const char *user)
{
    struct own_name *own = caller->own;

    if (!own->asked)
        own->err = own->find(caller->names, caller->uid, own->text);
    own->asked = true;
    if (own->err)
        return own->err == -ENOENT ? 0 : own->err;
    return strcmp(own->text, user) == 0;
}

static int match_user(const char *user, const struct caller *caller)
{
    unsigned long number;
    uid_t uid = 0;

    if (number_parse(user, 0, (uid_t)-2, &number))
        return number == caller->uid;
    const int own = caller->own ? is_own_name(caller, user) : 1;
    if (own != 1)
        return own;
    const int err = caller->find_user(caller->names, user, &uid);
    return err == -ENOENT ? 0 : err ? err : uid == caller->uid;
}

static bool in_group(const struct caller *caller, gid_t gid)
{
    bool found = caller->gid == gid;

    for (size_t i = 0; i < caller->group_count && !found; i++)
        found = caller->groups[i] == gid;
    return found;
}

static int match_group(const char *group, const struct caller *caller)
{
    unsigned long number;
    gid_t gid = 0;

    if (number_parse(group, 0, (gid_t)-2, &number))
        return in_group(caller, (gid_t)number);
    const int err = caller->find_group(caller->names, group, &gid);
    return err == -ENOENT ? 0 : err ? err : in_group(caller, gid);
}

int terms_match(const struct terms *terms, const struct caller *caller)
{
    const int user = terms->user ? match_user(terms->user, caller) : 1;

    if (user != 1 || !terms->group)
        return user;
    return match_group(terms->group, caller);
}
