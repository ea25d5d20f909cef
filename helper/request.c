/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "request.h"

#include "net/link.h"
#include "refusal.h"

#include <limits.h>
#include <stddef.h>
#include <string.h>

static const char plain_characters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

#define SEE_HELP "; see virt-tap-helper --help"

static enum request_result usage(struct refusal *why, const char *what, const char *word)
{
    refuse(why, "%s'%.64s'" SEE_HELP, what, word);
    return REQUEST_USAGE;
}

static enum request_result parse_name(const char **out, const char *option, const char *value,
                                      struct refusal *why)
{
    if (!ifname_valid(value)) {
        refuse(why,
               "%s'%.64s' is not a name that an interface can have: 1 to %d characters, without blanks, '/', "
               "':' "
               "and '%%', and not '.' or '..'; `ip link` shows the names of this host",
               option, value, IFNAMSIZ - 1);
        return REQUEST_REFUSED;
    }
    *out = value;
    return REQUEST_OK;
}

/* 'all' would be refused with the advice to allow all. */
static enum request_result parse_bridge(struct request *out, const char *value, struct refusal *why)
{
    if (strcmp(value, "all") != 0)
        return parse_name(&out->bridge, "--br=", value, why);
    refuse(why,
           "--br='all': in a policy this means every bridge, so it can be no bridge's name here; name one");
    return REQUEST_REFUSED;
}

/* Names of ours go into commands that administrators type: nothing in them may mean something to a shell. */
static enum request_result parse_tap_name(struct request *out, const char *value, struct refusal *why)
{
    if (value[strspn(value, plain_characters)] == '\0')
        return parse_name(&out->name, "--name=", value, why);
    refuse(why,
           "--name='%.64s': a tap's name is made of letters, digits, '.', '_' and '-'; `ip link` shows those "
           "of this host",
           value);
    return REQUEST_REFUSED;
}

static enum request_result parse_fd(int *out, const char *value, struct refusal *why)
{
    int number = 0;

    for (const char *c = value; *c; c++) {
        if (*c < '0' || *c > '9' || number > (INT_MAX - (*c - '0')) / 10)
            return usage(why, "--fd takes the number of an open socket, not ", value);
        number = number * 10 + (*c - '0');
    }
    if (!*value)
        return usage(why, "--fd takes the number of an open socket, not ", value);
    *out = number;
    return REQUEST_OK;
}

/* The value of word if it is `option` (which ends in '='), else NULL. */
static const char *value_of(const char *word, const char *option)
{
    const size_t length = strlen(option);
    return strncmp(word, option, length) == 0 ? word + length : NULL;
}

static enum request_result parse_word(struct request *out, const char *word, struct refusal *why)
{
    const char *value;

    if (strcmp(word, "--use-vnet") == 0) {
        out->vnet_hdr = true;
        return REQUEST_OK;
    }
    if ((value = value_of(word, "--br=")))
        return out->bridge ? usage(why, "the bridge is given twice, again by ", word)
                           : parse_bridge(out, value, why);
    if ((value = value_of(word, "--name=")))
        return out->name ? usage(why, "the tap's name is given twice, again by ", word)
                         : parse_tap_name(out, value, why);
    if ((value = value_of(word, "--fd=")))
        return out->fd >= 0 ? usage(why, "the socket is given twice, again by ", word)
                            : parse_fd(&out->fd, value, why);
    return usage(why, "no such option: ", word);
}

enum request_result request_parse(struct request *out, char *const argv[], struct refusal *why)
{
    *out = (struct request){.verb = REQUEST_TAP, .fd = -1};
    if (!argv[0]) /* an execve with an empty argv */
        return usage(why, "a command line without a first word", "");
    for (int i = 1; argv[i]; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "--version") == 0) {
            out->verb = argv[i][2] == 'h' ? REQUEST_HELP : REQUEST_VERSION;
            return REQUEST_OK;
        }
        const enum request_result result = parse_word(out, argv[i], why);
        if (result != REQUEST_OK)
            return result;
    }
    if (!out->bridge)
        return usage(why, "no bridge is named; missing option: ", "--br=BRIDGE");
    if (out->fd < 0)
        return usage(why, "no socket to send the tap over; missing option: ", "--fd=FD");
    return REQUEST_OK;
}
