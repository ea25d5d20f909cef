/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The options of a verb, as a table: it drives parsing, the text of --help and --list-options, and so
 * completion and the test of the man pages. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct option_list {
    const char **words; /* owned by the struct of options; each points into argv */
    size_t count;
};

enum option_kind {
    OPTION_IS_FLAG,   /* bool */
    OPTION_IS_SET,    /* int: becomes `min` */
    OPTION_IS_STRING, /* const char *: points into argv */
    OPTION_IS_NUMBER, /* unsigned int, from min to max; `initial` if not given */
    OPTION_IS_CHOICE, /* int: from 1, which of the words of `value` ("on|off"); 0: not given */
    OPTION_IS_LIST,   /* struct option_list; the only kind that may be given more than once */
    OPTION_IS_CALL,   /* whatever take() makes of it */
};

/* One option; made by the macros below. */
struct option_entry {
    const char *name;  /* without the dashes; NULL: the end of the table */
    const char *value; /* as help calls it; NULL: it takes none */
    const char *help;  /* one line or several, without a line feed at the end */
    enum option_kind kind;
    size_t
        offset; /* of its field; of two options with one field only one may be given. At the end: the size */
    unsigned int min, max, initial;
    char letter; /* a short form; 0: none */
    /* Reads text to the field. Returns 0, or an exit status, having said why; verb and option are for that.
     */
    int (*take)(const char *verb, const char *option, const char *text, void *field);
};

/* For each: the option's name, what help says of it, and the field of a struct that it goes to. */
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
#define OPTION_CHOICE(name, words, help, type, field)                                                        \
    OPTION_ANY(name, words, help, OPTION_IS_CHOICE, type, field, 0, 0, 0, 0, NULL)
#define OPTION_LIST(name, value, help, type, field)                                                          \
    OPTION_ANY(name, value, help, OPTION_IS_LIST, type, field, 0, 0, 0, 0, NULL)
#define OPTION_CALL(name, value, help, type, field, take)                                                    \
    OPTION_ANY(name, value, help, OPTION_IS_CALL, type, field, 0, 0, 0, 0, take)
/* The last entry: the struct is of this type. */
#define OPTION_END(type)                                                                                     \
    {                                                                                                        \
        .offset = sizeof(type)                                                                               \
    }

/* Makes the struct of a table's options, all zeros, but for the numbers' initial values. The caller owns it
 * and gives it to options_free(). NULL: no memory. */
void *options_new(const struct option_entry *table);
void options_free(const struct option_entry *table, void *options);

/* Reads the options among argv's words, which ends with NULL and whose argv[0] is the verb, into the struct
 * of options_new(). Up to a `--` they may be anywhere, as --name=VALUE or --name VALUE; a beginning of a name
 * will do if it is of no other option. The words that are not options are moved to argv[1] and on, with NULL
 * behind them. Returns how many these are; or, having said why, an exit status below zero: -2 for wrong
 * words, or minus what take() returned. */
int options_parse(const struct option_entry *table, void *options, char *argv[]);

/* Prints an option a line, and its help behind it or below. */
void options_help(const struct option_entry *table);

/* Prints an option a line, as "--name" or "--name=VALUE". */
void options_list(const struct option_entry *table);
