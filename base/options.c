/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "options.h"

#include "complain.h"
#include "nearest.h"
#include "number.h"
#include "terminal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

enum { SEEN_MAX = 32, HELP_COLUMN = 30 };

/* The state of one call. */
struct parse {
    const struct option_entry *table, *seen[SEEN_MAX];
    size_t seen_count;
    char *options; /* the verb's option struct */
    const char *verb;
};

/* Prints why an option was not found, with the one that may have been meant. */
static void report_unknown(const struct parse *parse, const char *name, size_t length)
{
    const int shown = (int)MIN(length, 64);

    for (const struct option_entry *entry = parse->table; entry && entry->name; entry++)
        if (nearest_is(entry->name, name, length)) {
            complain(2, parse->verb, "there is no option '--%.*s'; did you mean --%s? see %s --help", shown,
                     name, entry->name, parse->verb);
            return;
        }
    complain(2, parse->verb, "there is no option '--%.*s'; see %s --help", shown, name, parse->verb);
}

/* Finds an option by its name or an unambiguous prefix of it. Returns NULL, having printed why. */
static const struct option_entry *find(const struct parse *parse, const char *name, size_t length)
{
    const struct option_entry *found = NULL;
    size_t count = 0;

    for (const struct option_entry *entry = parse->table; entry && entry->name; entry++) {
        if (length == 0 || strncmp(entry->name, name, length) != 0)
            continue;
        if (!entry->name[length])
            return entry;
        found = entry;
        count++;
    }
    if (count == 1)
        return found;
    if (count > 1)
        complain(2, parse->verb, "more than one option begins with '--%.*s'; see %s --help",
                 (int)MIN(length, 64), name, parse->verb);
    else
        report_unknown(parse, name, length);
    return NULL;
}

/* Likewise by its letter. `-bridge` is not -b with the value `ridge`. */
static const struct option_entry *find_letter(const struct parse *parse, const char *word)
{
    const size_t length = strcspn(word + 1, "=");

    for (const struct option_entry *entry = parse->table; length > 1 && entry && entry->name; entry++)
        if (strncmp(entry->name, word + 1, length) == 0 && !entry->name[length]) {
            complain(2, parse->verb, "'%.64s': this option begins with two dashes: --%s", word, entry->name);
            return NULL;
        }
    for (const struct option_entry *entry = parse->table; entry && entry->name; entry++)
        if (entry->letter == word[1])
            return entry;
    complain(2, parse->verb, "there is no option '%.64s'; see %s --help", word, parse->verb);
    return NULL;
}

static int check_seen(struct parse *parse, const struct option_entry *entry)
{
    for (size_t i = 0; i < parse->seen_count; i++) {
        if (parse->seen[i] == entry)
            return complain(2, parse->verb, "--%s is given twice", entry->name);
        if (parse->seen[i]->offset == entry->offset)
            return complain(2, parse->verb, "--%s and --%s exclude each other", parse->seen[i]->name,
                            entry->name);
    }
    if (entry->kind != OPTION_IS_LIST && parse->seen_count < SEEN_MAX)
        parse->seen[parse->seen_count++] = entry;
    return 0;
}

static int take_number(const struct parse *parse, const struct option_entry *entry, const char *text,
                       unsigned int *place)
{
    unsigned long number = OPTION_NO_VALUE;

    if (text && !number_parse(text, entry->min, entry->max, &number))
        return complain(2, parse->verb, "--%s requires a number from %u to %u, not '%.64s'", entry->name,
                        entry->min, entry->max, text);
    *place = (unsigned int)number;
    return 0;
}

static int take_choice(const struct parse *parse, const struct option_entry *entry, const char *text,
                       int *place)
{
    int which = 1;

    for (const char *word = entry->value; word && *word; which++) {
        const size_t length = strcspn(word, "|");
        if (strlen(text) == length && memcmp(word, text, length) == 0) {
            *place = which;
            return 0;
        }
        word += length + (word[length] == '|');
    }
    return complain(2, parse->verb, "--%s=%s: '%.64s' is not one of these", entry->name, entry->value, text);
}

/* Whether its value may be left out. */
static bool is_optional(const struct option_entry *entry)
{
    return entry->kind == OPTION_IS_OPTIONAL_NUMBER || entry->kind == OPTION_IS_OPTIONAL_STRING;
}

static int take_word(const struct parse *parse, const char *text, struct option_list *list)
{
    const char **more = reallocarray(list->words, list->count + 1, sizeof(*more));

    if (!more)
        return complain(1, parse->verb, "no memory");
    list->words = more;
    more[list->count++] = text;
    return 0;
}

static int take(struct parse *parse, const struct option_entry *entry, const char *text)
{
    void *place = parse->options + entry->offset;
    const int status = check_seen(parse, entry);

    if (status)
        return status;
    switch (entry->kind) {
    case OPTION_IS_FLAG:
        *(bool *)place = true;
        return 0;
    case OPTION_IS_SET:
        *(int *)place = (int)entry->min;
        return 0;
    case OPTION_IS_STRING:
        *(const char **)place = text;
        return 0;
    case OPTION_IS_OPTIONAL_STRING:
        *(const char **)place = text ? text : "";
        return 0;
    case OPTION_IS_NUMBER:
    case OPTION_IS_OPTIONAL_NUMBER:
        return take_number(parse, entry, text, place);
    case OPTION_IS_CHOICE:
        return take_choice(parse, entry, text, place);
    case OPTION_IS_LIST:
        return take_word(parse, text, place);
    case OPTION_IS_CALL:
        return entry->take(parse->verb, entry->name, text, place);
    }
    return 2;
}

/* Reads the option at *next and its value, and leaves *next at the last word used. */
static int read_option(struct parse *parse, char ***next)
{
    const char *word = **next, *value = NULL;
    const struct option_entry *entry;

    if (word[1] == '-') {
        const size_t length = strcspn(word + 2, "=");
        entry = find(parse, word + 2, length);
        if (word[2 + length])
            value = word + 3 + length;
    } else {
        entry = find_letter(parse, word);
        if (word[2])
            value = word + 2;
    }
    if (!entry)
        return 2;
    if (value && !entry->value)
        return complain(2, parse->verb, "--%s takes no value", entry->name);
    if (!value && entry->value && !is_optional(entry)) {
        value = *++*next;
        if (!value)
            return complain(2, parse->verb, "--%s requires a value: --%s=%s", entry->name, entry->name,
                            entry->value);
    }
    return take(parse, entry, value);
}

void *options_new(const struct option_entry *table)
{
    const struct option_entry *end = table;

    while (end->name)
        end++;
    char *options = calloc(1, end->offset);
    for (; options && table->name; table++)
        if (table->initial)
            memcpy(options + table->offset, &table->initial, sizeof(table->initial));
    return options;
}

void options_free(const struct option_entry *table, void *options)
{
    for (; options && table->name; table++) {
        if (table->kind != OPTION_IS_LIST)
            continue;
        const struct option_list *list = (void *)((char *)options + table->offset);
        free(list->words);
    }
    free(options);
}

int options_parse(const struct option_entry *table, void *options, char *argv[])
{
    struct parse parse = {.table = table, .options = options, .verb = argv[0]};
    char **kept = argv + 1, **next = argv + 1;

    for (; *next && strcmp(*next, "--") != 0; next++) {
        if ((*next)[0] != '-' || !(*next)[1]) {
            *kept++ = *next;
            continue;
        }
        const int status = read_option(&parse, &next);
        if (status)
            return -status;
    }
    if (*next)
        next++;
    while (*next)
        *kept++ = *next++;
    *kept = NULL;
    return (int)(kept - argv) - 1;
}

/* Returns its length. */
static int print_name(const struct option_entry *entry)
{
    if (is_optional(entry))
        return printf("--%s[=%s]", entry->name, entry->value);
    if (entry->value)
        return printf("--%s=%s", entry->name, entry->value);
    return printf("--%s", entry->name);
}

void options_help(const struct option_entry *table)
{
    const bool joins = terminal_width() > 0; /* lines are divided where the terminal ends */

    for (; table && table->name; table++) {
        int column = table->letter ? printf("  -%c, ", table->letter) : printf("  ");
        column += print_name(table);
        if (column >= HELP_COLUMN)
            column = printf("\n") - 1;
        for (const char *line = table->help; *line;) {
            const size_t length = strcspn(line, "\n");
            const bool more = line[length] == '\n';
            printf("%*s%.*s%s", HELP_COLUMN - column, "", (int)length, line, joins && more ? " " : "\n");
            line += length + more;
            column = joins ? HELP_COLUMN : 0;
        }
    }
}

void options_list(const struct option_entry *table)
{
    for (; table && table->name; table++) {
        if (is_optional(table))
            printf("--%s", table->name);
        else
            print_name(table);
        putchar('\n');
    }
}
