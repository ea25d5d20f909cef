/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Command lines of DHCP clients, as /proc shows them, of any bytes: the input, cut at each '\0', is argv.
 * What root starts again from them must be options that we know, with values as they take them. */
#include "bridge/dhcp_words.h"
#include "bridge/rootpath.h"
#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 32 };

static bool same(const struct dhcp_argv *a, const struct dhcp_argv *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->words[i], b->words[i]) != 0)
            return false;
    return true;
}

static bool is_one_of(const char *word, const char *list)
{
    const char *found = strstr(list, word);

    return *word && found && found[strlen(word)] == ' ' && (found == list || found[-1] == ' ');
}

/* Files are in places of root's alone; nothing but ifupdown's metric is in the environment of a script; a
 * client is never told to give its lease up. */
static void hold_value(const struct dhcp_program *program, const char *option, const char *value)
{
    const bool isc = strcmp(program->name, "dhclient") == 0;
    char real[PATH_MAX];
    struct stat st;

    if (is_one_of(option, isc ? "-cf -df -lf -pf -sf " : "-s -p ")) {
        const int err = rootpath_file(value, real, &st);
        hold(err == 0 || err == -ENOENT);
    }
    if (isc && strcmp(option, "-e") == 0)
        hold(strncmp(value, "IF_METRIC=", 10) == 0 && value[10 + strspn(value + 10, "0123456789")] == '\0');
}

static void hold_sound(const struct dhcp_program *program, const struct dhcp_argv *argv)
{
    bool named = false;

    hold(argv->count >= 2 && strcmp(argv->words[0], program->name) == 0 && !argv->words[argv->count]);
    for (size_t i = 1; i < argv->count; i++) {
        const char *word = argv->words[i];
        hold(*word);
        for (const char *c = word; *c; c++)
            hold(*c >= ' ' && *c < 0x7f);
        named = named || strcmp(word, "br0") == 0;
        if (argv->words[i - 1][0] == '-' && word[0] != '-')
            hold_value(program, argv->words[i - 1], word);
    }
    hold(named);
}

static void check(const struct dhcp_program *program, const char *const words[])
{
    struct dhcp_argv first, again;
    const int err = dhcp_words(program, words, "eth0", "br0", &first);

    hold(err == 0 || err == -ENOENT);
    hold(memchr(first.dropped, '\0', sizeof(first.dropped)));
    for (const char *c = first.dropped; *c; c++)
        hold(*c >= ' ' && *c < 0x7f);
    if (err == 0) {
        hold_sound(program, &first);
        /* What was made is taken whole, and as it is. */
        hold(dhcp_words(program, first.words, "br0", "br0", &again) == 0);
        hold(same(&first, &again) && !*again.dropped);
        dhcp_argv_free(&again);
    }
    dhcp_argv_free(&first);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *words[WORDS_MAX + 1] = {NULL};
    char *texts[WORDS_MAX];
    size_t count = 0;

    for (const uint8_t *at = data, *end = data + size; at < end && count < WORDS_MAX; count++) {
        const size_t length = strnlen((const char *)at, (size_t)(end - at));
        words[count] = texts[count] = strndup((const char *)at, length);
        hold(words[count] != NULL);
        at += length + 1;
    }
    const char **line = dhcp_line(words);
    if (line) {
        const struct dhcp_program *program = dhcp_program(line[0]);
        hold(program != NULL);
        check(program, line);
    }
    for (size_t i = 0; i < count; i++)
        free(texts[i]);
    return 0;
}
