/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "dhcp_words.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "rootpath.h"

#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum value { NONE, NUMBER, TEXT, FILE_READ, FILE_WRITTEN, METRIC, INTERFACE, GIVE_UP };

/* Options that take one kind of value. Two spellings of one option are given as "-i/--interface". */
struct dhcp_options {
    enum value value;
    const char *words; /* separated by blanks; NULL: end of the list */
};

/* ISC dhclient 4.4 (client/dhclient.c, main); -i, -I, -df as passed by Debian's ifupdown. Each word is one
 * option, its value the next word. Left out: -e, except for what ifupdown sets, since it sets the script's
 * environment; and -n, which requests no lease. */
static const struct dhcp_options dhclient_options[] = {
    {NONE, "-4 -6 -1 -v -q -d -nw -w -i -I -B -nc -S -N -T -P --no-pid"},
    {NUMBER,
     "-p -timeout --timeout --dad-wait-time --prefix-len-hint --decline-wait-time --address-prefix-len"},
    {TEXT, "-s -g -H -F -V -C -D"},
    {FILE_READ, "-cf -sf"},
    {FILE_WRITTEN, "-df -lf -pf"},
    {METRIC, "-e"},
    {GIVE_UP, "-r -x"},
    {.words = NULL}};

/* busybox (networking/udhcp/dhcpc.c). */
static const struct dhcp_options udhcpc_options[] = {
    {INTERFACE, "-i/--interface"},
    {FILE_READ, "-s/--script"},
    {FILE_WRITTEN, "-p/--pidfile"},
    {NUMBER, "-t/--retries -T/--timeout -A/--tryagain -P/--client-port"},
    {TEXT, "-r/--request -V/--vendorclass -F/--fqdn -x -O/--request-option"},
    {NONE,
     "-b/--background -B/--broadcast -C/--clientid-none -f/--foreground -n/--now -o/--no-default-options "
     "-q/--quit -R/--release -S/--syslog -v"},
    {.words = NULL}};

/* dhcpcd overwrites its argv with its state, so its original arguments are lost. Its configuration
 * is in its file. */
static const struct dhcp_options dhcpcd_options[] = {
    {GIVE_UP, "-k/--release -x/--exit -n/--rebind -N/--renew -U/--dumplease"}, {.words = NULL}};

const struct dhcp_program dhcp_programs[] = {
    {"dhcpcd", NULL, dhcpcd_options, true},
    {"dhclient", NULL, dhclient_options, false},
    {"udhcpc", "busybox", udhcpc_options, true},
};
const size_t dhcp_program_count = sizeof(dhcp_programs) / sizeof(dhcp_programs[0]);

const struct dhcp_program *dhcp_program(const char *name)
{
    for (size_t i = 0; i < dhcp_program_count; i++)
        if (strcmp(dhcp_programs[i].name, name) == 0)
            return &dhcp_programs[i];
    return NULL;
}

static bool is_box(const char *name)
{
    for (size_t i = 0; i < dhcp_program_count; i++)
        if (dhcp_programs[i].box && strcmp(name, dhcp_programs[i].box) == 0)
            return true;
    return false;
}

const char **dhcp_line(const char *words[])
{
    if (words[0] && is_box(basename(words[0])))
        words++;
    if (!words[0] || !dhcp_program(basename(words[0])))
        return NULL;
    words[0] = basename(words[0]);
    return words;
}

struct making {
    const struct dhcp_program *program;
    const char *from, *to;
    struct dhcp_argv *out;
    bool names_it;
};

int dhcp_argv_add(struct dhcp_argv *argv, const char *word)
{
    const char **more = reallocarray(argv->words, argv->count + 2, sizeof(*more));

    if (!more)
        return -ENOMEM;
    argv->words = more;
    more[argv->count] = strdup(word);
    if (!more[argv->count])
        return -ENOMEM;
    more[++argv->count] = NULL;
    return 0;
}

static int add(struct making *making, const char *word)
{
    return dhcp_argv_add(making->out, word);
}

static bool is_text(const char *word)
{
    if (!*word || *word == '-')
        return false;
    for (; *word; word++)
        if (!isascii(*word) || !isprint((unsigned char)*word))
            return false;
    return true;
}

static int drop(struct making *making, const char *option, const char *value)
{
    char *text = making->out->dropped;
    const size_t used = strlen(text);

    snprintf(text + used, sizeof(making->out->dropped) - used, "%s%.32s%s%.128s", text_if(used > 0, ", "),
             option, text_if(value, " "), text_if(value, value));
    for (; *text; text++)
        if (!isascii(*text) || !isprint((unsigned char)*text))
            *text = '?';
    return 0;
}

/* Returns the word with the interface's name replaced, or NULL: out of memory. */
static char *renamed(const struct making *making, const char *word)
{
    const char *from = making->from;
    char *copy = NULL;

    for (const char *found = word; (found = strstr(found, from)) != NULL; found++) {
        const char *rest = found + strlen(from);
        const bool alone = found == word && !*rest;
        if (!alone && (found == word || !strchr(".-", found[-1]) || !strchr(".-", *rest)))
            continue;
        if (asprintf(&copy, "%.*s%s%s", (int)(found - word), word, making->to, rest) < 0)
            return NULL;
        return copy;
    }
    return strdup(word);
}

static bool is_ours(const struct making *making, const char *interface)
{
    return strcmp(interface, making->from) == 0 || strcmp(interface, making->to) == 0;
}

static bool is_roots_place(const char *path)
{
    char real[PATH_MAX];
    struct stat st;
    const int err = rootpath_file(path, real, &st);

    return err == 0 || (err == -ENOENT && *real);
}

/* Returns the value for the other interface, to be freed by the caller, or NULL: out of memory. */
static char *value_for(const struct making *making, enum value kind, const char *value)
{
    if (kind == TEXT || kind == NUMBER || kind == METRIC)
        return strdup(value);
    char *other = renamed(making, value);
    if (kind != FILE_READ || !other || access(other, F_OK) == 0)
        return other;
    free(other); /* no such file exists for the other interface */
    return strdup(value);
}

/* Whether an option of this kind accepts the value. */
static bool may_have(enum value kind, const char *value)
{
    static const char metric[] = "IF_METRIC=";

    switch (kind) {
    case NUMBER:
        return value[strspn(value, "0123456789")] == '\0';
    case FILE_READ:
    case FILE_WRITTEN:
        return is_roots_place(value);
    case METRIC:
        return strncmp(value, metric, sizeof(metric) - 1) == 0 &&
               value[sizeof(metric) - 1 + strspn(value + sizeof(metric) - 1, "0123456789")] == '\0';
    default:
        return true;
    }
}

/* One of the client's options. */
struct option {
    char word[32]; /* its first spelling */
    enum value value;
};

/* Whether `spellings`, such as "-i/--interface", includes this option. */
static bool is_spelled(const char *spellings, size_t size, const char *word, size_t length)
{
    for (const char *end = spellings + size; spellings < end;) {
        const size_t one = strcspn(spellings, "/ ");
        if (one == length && strncmp(spellings, word, length) == 0)
            return true;
        spellings += one + 1;
    }
    return false;
}

static bool find_option(const struct dhcp_program *program, const char *word, size_t length,
                        struct option *out)
{
    for (const struct dhcp_options *options = program->options; options->words; options++)
        for (const char *at = options->words; *at; at += strspn(at, " ")) {
            const size_t size = strcspn(at, " ");
            if (is_spelled(at, size, word, length)) {
                out->value = options->value;
                snprintf(out->word, sizeof(out->word), "%.*s", (int)strcspn(at, "/ "), at);
                return true;
            }
            at += size;
        }
    return false;
}

static bool takes_value(const struct option *option)
{
    return option->value != NONE && option->value != GIVE_UP;
}

static int add_value(struct making *making, const struct option *option, const char *value)
{
    making->names_it = making->names_it || option->value == INTERFACE;
    if (add(making, option->word) < 0)
        return -ENOMEM;
    return add(making, value);
}

static int take(struct making *making, const struct option *option, const char *value)
{
    if (option->value == GIVE_UP)
        return -ENOENT;
    if (option->value == NONE)
        return add(making, option->word);
    if (!value || !is_text(value))
        return drop(making, option->word, value);
    if (option->value == INTERFACE && !is_ours(making, value))
        return -ENOENT;
    _cleanup_free_ char *copy = value_for(making, option->value, value);
    if (!copy)
        return -ENOMEM;
    if (!may_have(option->value, copy))
        return drop(making, option->word, value);
    return add_value(making, option, copy);
}

/* An interface: dhclient and dhcpcd accept any number. */
static int take_name(struct making *making, const char *word)
{
    if (making->program->box || !is_text(word))
        return drop(making, word, NULL);
    if (is_ours(making, word)) {
        making->names_it = true;
        return add(making, making->to);
    }
    if (if_nametoindex(word) != 0)
        return add(making, word);
    return drop(making, word, NULL);
}

/* "-nqieth0": joined short options, and a value if the last one takes one. *used is the number of words after
 * it consumed. */
static int take_joined(struct making *making, const char *word, const char *next, size_t *used)
{
    for (const char *letter = word + 1; *letter; letter++) {
        const char one[] = {'-', *letter, '\0'};
        struct option option;
        if (!find_option(making->program, one, 2, &option))
            return drop(making, word, NULL);
        if (takes_value(&option)) {
            *used += !letter[1] && next;
            return take(making, &option, letter[1] ? letter + 1 : next);
        }
        const int err = take(making, &option, NULL);
        if (err < 0)
            return err;
    }
    return 0;
}

/* *used is the number of words after it that belong to it. */
static int take_option(struct making *making, const char *word, const char *next, size_t *used)
{
    const size_t length = strcspn(word, "=");
    struct option option;

    if (find_option(making->program, word, strlen(word), &option)) {
        *used += takes_value(&option) && next;
        return take(making, &option, next);
    }
    if (!making->program->getopt)
        return drop(making, word, NULL);
    if (word[1] != '-')
        return take_joined(making, word, next, used);
    if (word[length] && find_option(making->program, word, length, &option))
        return take(making, &option, word + length + 1);
    return drop(making, word, NULL);
}

int dhcp_words(const struct dhcp_program *program, const char *const words[], const char *from,
               const char *to, struct dhcp_argv *out)
{
    struct making making = {.program = program, .from = from, .to = to, .out = out};

    *out = (struct dhcp_argv){.count = 0};
    int err = add(&making, program->name);
    for (size_t i = 1; err == 0 && words[0] && words[i]; i++) {
        const char *word = words[i];
        if (*word == '-' && word[1])
            err = take_option(&making, word, words[i + 1], &i);
        else
            err = take_name(&making, word);
    }
    if (err == 0 && !making.names_it)
        return -ENOENT;
    return err;
}

void dhcp_argv_free(struct dhcp_argv *argv)
{
    for (size_t i = 0; i < argv->count; i++)
        free((char *)(uintptr_t)argv->words[i]);
    free(argv->words);
    *argv = (struct dhcp_argv){.count = 0};
}
