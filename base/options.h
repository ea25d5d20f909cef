/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * A verb's options as a table, which drives parsing and the output of --help and --list-options; completion
 * and the test of the man pages use the latter. */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

struct option_list {
    const char **words; /* owned by the option struct; each points into argv */
    size_t count;
};

enum option_kind {
    OPTION_IS_FLAG,   /* bool */
    OPTION_IS_SET,    /* int: is set to `min` */
    OPTION_IS_STRING, /* const char *: points into argv */
    OPTION_IS_NUMBER, /* unsigned int, from min to max; `initial` by default */
    /* Likewise, given as --name or --name=VALUE only: OPTION_NO_VALUE for the first; max is less than that.
     */
    OPTION_IS_OPTIONAL_NUMBER,
    OPTION_IS_OPTIONAL_STRING, /* const char *, given like that; "" for --name alone */
    OPTION_IS_CHOICE,          /* int: which of the words in `value` ("on|off"), from 1; 0: not given */
    OPTION_IS_LIST,            /* struct option_list; the only kind that may be given more than once */
    OPTION_IS_CALL,            /* whatever take() makes of it */
};

enum { OPTION_NO_VALUE = INT_MAX };

/* One option; made by the macros below. */
struct option_entry {
    const char *name;  /* without the dashes; NULL: the end of the table */
    const char *value; /* as shown in help; NULL: takes no value */
    const char *help;  /* one or more lines, without a trailing newline */
    enum option_kind kind;
    size_t offset; /* of its field, which only one option given may use; last entry: the size */
    unsigned int min, max, initial; /* initial 0: that of all fields */
    char letter;                    /* short form; 0: none */
    /* Parses text into the field. Returns 0; or, having printed the reason, an exit status. verb and option
     * are for that message. */
    int (*take)(const char *verb, const char *option, const char *text, void *field);
};

/* Arguments of each macro: the option's name, its help text, and its field in the struct. */
#define OPTION_ANY(name, value, help, kind, type, field, min, max, initial, letter, take)                    \
    {                                                                                                        \
        name, value, help, kind, offsetof(type, field), min, max, initial, letter, take                      \
    }
#define OPTION_FLAG(name, help, type, field)                                                                 \
    OPTION_ANY(name, NULL, help, OPTION_IS_FLAG, type, field, 0, 0, 0, 0, NULL)
#define OPTION_SET(name, help, type, field, to)                                                              \
    OPTION_ANY(name, NULL, help, OPTION_IS_SET, type, field, to, 0, 0, 0, NULL)
#define OPTION_STRING(name, value, help, type, field) OPTION_LETTER(0, name, value, help, type, field)
#define OPTION_LETTER(letter, name, value, help, type, field)                                                \
    OPTION_ANY(name, value, help, OPTION_IS_STRING, type, field, 0, 0, 0, letter, NULL)
#define OPTION_NUMBER(name, value, help, type, field, min, max, initial)                                     \
    OPTION_ANY(name, value, help, OPTION_IS_NUMBER, type, field, min, max, initial, 0, NULL)
#define OPTION_OPTIONAL_NUMBER(name, value, help, type, field, min, max)                                     \
    OPTION_ANY(name, value, help, OPTION_IS_OPTIONAL_NUMBER, type, field, min, max, 0, 0, NULL)
#define OPTION_OPTIONAL_STRING(name, value, help, type, field)                                               \
    OPTION_ANY(name, value, help, OPTION_IS_OPTIONAL_STRING, type, field, 0, 0, 0, 0, NULL)
#define OPTION_CHOICE(name, words, help, type, field)                                                        \
    OPTION_ANY(name, words, help, OPTION_IS_CHOICE, type, field, 0, 0, 0, 0, NULL)
#define OPTION_LIST(name, value, help, type, field)                                                          \
    OPTION_ANY(name, value, help, OPTION_IS_LIST, type, field, 0, 0, 0, 0, NULL)
#define OPTION_CALL(name, value, help, type, field, take)                                                    \
    OPTION_ANY(name, value, help, OPTION_IS_CALL, type, field, 0, 0, 0, 0, take)
/* The last entry; gives the type of the struct. */
#define OPTION_END(type)                                                                                     \
    {                                                                                                        \
        .offset = sizeof(type)                                                                               \
    }

/* Allocates the struct for a table's options: all zeros, except for the initial values of numbers. The caller
 * must pass it to options_free(). NULL: no memory. */
void *options_new(const struct option_entry *table);
void options_free(const struct option_entry *table, void *options);

/* Parses the options in argv, which ends with NULL and whose argv[0] is the verb, into the struct from
 * options_new(). Options may be anywhere before a `--`, as --name=VALUE or --name VALUE; an unambiguous
 * prefix of a name is accepted. The words that are not options are moved to argv[1] and the following, ending
 * with NULL. Returns their number; or, having printed the reason, a negative exit status: -2 for a usage
 * error, or minus what take() returned. */
int options_parse(const struct option_entry *table, void *options, char *argv[]);

/* Prints one option per line, with its help after or below it. */
void options_help(const struct option_entry *table);

/* Prints one option per line, as "--name" or "--name=VALUE"; one that may have a value as the first. */
void options_list(const struct option_entry *table);
