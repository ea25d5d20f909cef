/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "request.h"

#include "base/error.h"
#include "base/name.h"
#include "base/number.h"
#include "base/vlans.h"
#include "policy/claim.h"
#include "policy/decide.h"
#include "policy/terms.h"

#include <ctype.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>

#define SEE_HELP "; see virt-tap-helper(8)"

enum {
    TAP = 1 << REQUEST_TAP,
    CREATE = 1 << REQUEST_CREATE,
    DELETE = 1 << REQUEST_DELETE,
    BRIDGE = 1 << REQUEST_BRIDGE
};

/* An option, valid for the verbs whose bits (1 << verb) are in `verbs`. */
struct option {
    const char *name; /* ends in '=' if it takes a value */
    unsigned int verbs;
    enum request_result (*take)(struct request *out, const char *value, struct error *why); /* or NULL */
    bool repeats;
    size_t flag;          /* offset of the bool in struct request that it sets; 0: none */
    size_t text;          /* offset of the pointer to its value; 0: none */
    size_t number;        /* offset of the int for its value, from min to max; 0: none */
    const char *expected; /* what the number must be */
    unsigned long min, max;
};

static enum request_result usage(struct error *why, const char *what, const char *word)
{
    error_set(why, "%s'%.64s'" SEE_HELP, what, word);
    return REQUEST_USAGE;
}

static enum request_result result_of(int err)
{
    return err < 0 ? REQUEST_REFUSED : REQUEST_OK;
}

static enum request_result take_bridge(struct request *out, const char *value, struct error *why)
{
    return result_of(policy_check_bridge(out->verb == REQUEST_TAP ? "--br=" : "--bridge=", value, why));
}

/* Administrators type the names of our taps in commands: no character may be special to a shell. */
static enum request_result take_name(struct request *out, const char *value, struct error *why)
{
    (void)out;
    if (!value[strspn(value, IFNAME_PLAIN)])
        return result_of(ifname_check("--name=", value, why));
    return result_of(error_set(
        why,
        "--name='%.64s': a tap's name is made of letters, digits, '.', '_' and '-'; `ip link` shows those "
        "of this host",
        value));
}

static enum request_result take_mac(struct request *out, const char *value, struct error *why)
{
    if (!mac_parse(value, out->mac))
        return usage(why, "--mac must be the guest's MAC, as in 52:54:00:12:34:56, not ", value);
    const char *problem = mac_problem(out->mac);
    if (!problem)
        return REQUEST_OK;
    return result_of(
        error_set(why, "--mac=%s: a guest cannot have %s; give it another MAC, as in 52:54:00:12:34:56",
                  value, problem));
}

static enum request_result take_ip(struct request *out, const char *value, struct error *why)
{
    return result_of(address_list_add(&out->addresses, value, why));
}

static enum request_result take_vlan(struct request *out, const char *value, struct error *why)
{
    struct vlans vlans;
    const char *problem = vlans_parse(&vlans, value, NULL);
    (void)out;

    if (!problem)
        return REQUEST_OK;
    error_set(why, "--vlan must be %s, not '%.64s'" SEE_HELP, problem, value);
    return REQUEST_USAGE;
}

static enum request_result take_lock(struct request *out, const char *value, struct error *why)
{
    out->lock_mac = true;
    out->lock_ip = strcmp(value, "ip") == 0;
    if (out->lock_ip || strcmp(value, "mac") == 0)
        return REQUEST_OK;
    return usage(why, "--lock must be mac, or ip for its IP addresses, too, not ", value);
}

static enum request_result take_serve(struct request *out, const char *value, struct error *why)
{
    if (terms_parse_serve(&out->serve, value))
        return REQUEST_OK;
    return usage(why, "--serve must be " TERMS_SERVE_EXPECTED ", not ", value);
}

static enum request_result take_domain(struct request *out, const char *value, struct error *why)
{
    static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    bool good = strlen(value) == sizeof(form) - 1;

    for (size_t i = 0; good && form[i]; i++) {
        good = form[i] == '-' ? value[i] == '-' : isxdigit((unsigned char)value[i]);
        out->domain[i] = (char)tolower((unsigned char)value[i]);
    }
    if (good)
        return REQUEST_OK;
    out->domain[0] = '\0';
    return usage(why, "--domain must be a domain's UUID, as `virsh domuuid` prints it, not ", value);
}

static enum request_result take_claim(struct request *out, const char *value, struct error *why)
{
    struct claim claim;
    (void)out;

    if (!claim_read(&claim, value))
        return usage(why, "--claim must be a claim, as `virt-tap list` shows it, not ", value);
    return REQUEST_OK;
}

#define FIELD(name) offsetof(struct request, name)

static const struct option options[] = {
    {"--br=", TAP, .take = take_bridge, .text = FIELD(bridge)},
    {"--bridge=", CREATE | BRIDGE, .take = take_bridge, .text = FIELD(bridge)},
    {"--fd=", TAP, .number = FIELD(fd), .max = INT_MAX,
     .expected = "--fd must be the number of an open socket, not "},
    {"--name=", TAP | CREATE | DELETE, .take = take_name, .text = FIELD(name)},
    {"--mac=", TAP | CREATE, .take = take_mac, .flag = FIELD(has_mac)},
    {"--ip=", TAP | CREATE, .take = take_ip, .repeats = true},
    {"--lock=", TAP | CREATE, .take = take_lock},
    {"--serve=", TAP | CREATE, .take = take_serve},
    {"--vlan=", CREATE, .take = take_vlan, .text = FIELD(vlan)},
    {"--native=", CREATE, .text = FIELD(native)},
    {"--isolated", CREATE, .flag = FIELD(isolated)},
    {"--domain=", CREATE | DELETE, .take = take_domain},
    {"--owner=", CREATE, .number = FIELD(owner), .max = (uid_t)-2, .flag = FIELD(has_owner),
     .expected = "--owner must be the number of a user (`id -u NAME`), not "},
    {"--use-vnet", TAP, .flag = FIELD(kind.vnet_hdr)},
    {"--vnet-hdr", CREATE, .flag = FIELD(kind.vnet_hdr)},
    {"--multi-queue", CREATE, .flag = FIELD(kind.multi_queue)},
    {"--ifindex=", DELETE, .number = FIELD(ifindex), .min = 1, .max = INT_MAX,
     .expected = "--ifindex must be the number of an interface, as `ip link` shows it, not "},
    {"--claim=", DELETE, .take = take_claim, .text = FIELD(claim)},
    {"--force", DELETE, .flag = FIELD(force)},
};
enum { OPTION_COUNT = sizeof(options) / sizeof(options[0]) };

static enum request_result take_option(struct request *out, const struct option *option, const char *value,
                                       struct error *why)
{
    enum request_result result = REQUEST_OK;
    unsigned long number = 0;

    if (option->take)
        result = option->take(out, value, why);
    if (option->number && !number_parse(value, option->min, option->max, &number))
        return usage(why, option->expected, value);
    if (option->number)
        memcpy((char *)out + option->number, &(unsigned int){(unsigned int)number}, sizeof(unsigned int));
    if (option->text && result == REQUEST_OK)
        memcpy((char *)out + option->text, &value, sizeof(value));
    if (option->flag && result == REQUEST_OK)
        *(bool *)((char *)out + option->flag) = true;
    return result;
}

/* Returns whether word is that option, and where its value begins. */
static bool is_option(const struct option *option, const char *word, const char **value)
{
    const size_t length = strlen(option->name);

    *value = word + length;
    return strncmp(word, option->name, length) == 0 && (option->name[length - 1] == '=' || !**value);
}

static enum request_result parse_word(struct request *out, const char *word, unsigned int *seen,
                                      struct error *why)
{
    const char *value;

    for (unsigned int i = 0; i < OPTION_COUNT; i++) {
        if (!is_option(&options[i], word, &value))
            continue;
        if (!(options[i].verbs & 1U << out->verb))
            return usage(why, "this form does not take the option ", word);
        if (*seen & 1U << i && value[-1] == '=' && !options[i].repeats)
            return usage(why, "option given twice, the second time as ", word);
        *seen |= 1U << i;
        return take_option(out, &options[i], value, why);
    }
    return usage(why, "no such option: ", word);
}

static enum request_result check_delete(const struct request *request, struct error *why)
{
    if (!request->name && !request->domain[0])
        return usage(why, "delete requires an option that selects taps: ", "--name=NAME or --domain=UUID");
    if (!request->name && (request->ifindex || request->claim))
        return usage(why, "--ifindex and --claim are about one tap; missing option: ", "--name=NAME");
    return REQUEST_OK;
}

/* Checks that everything the verb requires is there. */
static enum request_result check_whole(const struct request *request, struct error *why)
{
    const bool tap = request->verb == REQUEST_TAP;
    struct vlans vlans;

    if (request->verb == REQUEST_DELETE)
        return check_delete(request, why);
    if (request->verb == REQUEST_BROKER)
        return REQUEST_OK;
    if (request->native && !request->vlan)
        return usage(why, "--native is about VLANs that are asked for; missing option: ", "--vlan=LIST");
    if (request->native && vlans_parse(&vlans, request->vlan, request->native))
        return usage(why, "--native must be none, or one of the VLANs in --vlan, not ", request->native);
    if (!request->bridge)
        return usage(why, "no bridge is named; missing option: ", tap ? "--br=BRIDGE" : "--bridge=BRIDGE");
    if (request->verb == REQUEST_CREATE && !request->name)
        return usage(why, "create needs a name; missing option: ", "--name=NAME");
    if (tap && request->fd < 0)
        return usage(why, "no socket to send the tap over; missing option: ", "--fd=FD");
    return REQUEST_OK;
}

static enum request_verb verb_of(const char *word)
{
    static const char *const words[] = {"", "create", "delete", "bridge", "broker"};

    for (enum request_verb verb = REQUEST_CREATE; verb <= REQUEST_BROKER; verb++)
        if (strcmp(word, words[verb]) == 0)
            return verb;
    return REQUEST_TAP;
}

/* Returns whether any word on the command line asks for help or the version. */
static bool asks_about_us(struct request *out, char *const argv[])
{
    for (int i = 1; argv[i]; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0 ||
            strcmp(argv[i], "--version") == 0 || (i == 1 && strcmp(argv[i], "help") == 0)) {
            out->verb = argv[i][2] == 'v' ? REQUEST_VERSION : REQUEST_HELP;
            return true;
        }
    return false;
}

enum request_result request_parse(struct request *out, char *const argv[], struct error *why)
{
    unsigned int seen = 0;

    *out = (struct request){.verb = REQUEST_TAP, .fd = -1};
    if (!argv[0]) /* an execve with an empty argv */
        return usage(why, "a command line without a first word", "");
    if (asks_about_us(out, argv))
        return REQUEST_OK;
    if (argv[1])
        out->verb = verb_of(argv[1]);
    if (out->verb == REQUEST_BROKER && argv[2] && strcmp(argv[2], "--listen") == 0 && argv[3] && !argv[4]) {
        out->listen = argv[3];
        return REQUEST_OK;
    }
    for (int i = out->verb == REQUEST_TAP ? 1 : 2; argv[i]; i++) {
        const enum request_result result = parse_word(out, argv[i], &seen, why);
        if (result != REQUEST_OK)
            return result;
    }
    return check_whole(out, why);
}
