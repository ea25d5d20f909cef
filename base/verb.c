/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "verb.h"
#include "config.h"
#include "nearest.h"
#include "options.h"
#include "terminal.h"
#include "text.h"

#include <ctype.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Returns whether one of the words before a -- asks for help, even as the value of an option: nobody who
 * types `--bridge --help` means a bridge of that name. */
static bool asks_for(int argc, char *const argv[], const char *option, const char *letter)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], option) == 0 || strcmp(argv[i], letter) == 0)
            return true;
    return false;
}

static int print_version(const char *name)
{
    puts("virt-tap " VERSION);
    return finish_output(0, name);
}

/* The man page of a verb, by the first word after virt-tap. */
static const char *page_of(const char *name)
{
    static const struct {
        const char *verb, *page;
    } pages[] = {{"check", "virt-tap-check(1)"},
                 {"bridge", "virt-tap-bridge(8)"},
                 {"show", "virt-tap-bridge(8)"},
                 {"hooks", "virt-tap-hooks(7)"},
                 {"xml", "virt-tap-xml(1)"},
                 {"domain", "virt-tap-xml(1)"},
                 {"policy", "virt-tap(1) and virt-tap-policy(5)"}};
    const char *verb = strchr(name, ' ');

    for (size_t i = 0; verb && i < sizeof(pages) / sizeof(pages[0]); i++) {
        const size_t length = strlen(pages[i].verb);
        if (strncmp(verb + 1, pages[i].verb, length) == 0 && strchr(" ", verb[1 + length]))
            return pages[i].page;
    }
    return "virt-tap(1)";
}

/* Usage shows the arguments after a space, if there are any. */
static void print_arguments(const struct verb *verb)
{
    if (verb->arguments)
        printf(" %s", verb->arguments);
    putchar('\n');
}

/* On a terminal a paragraph is one line, which is divided where that terminal ends. */
static void print_notes(const char *notes)
{
    for (; *notes; notes++) {
        const bool joins = *notes == '\n' && !strchr(" \n", notes[1]) && terminal_width();
        putchar(joins ? ' ' : *notes);
    }
}

static int help_command(const struct command *command, const char *name)
{
    terminal_wrap(true);
    printf("Usage: %s VERB [ARGUMENT...]\n\n%s\n\n", name, command->about);
    for (size_t i = 0; i < command->count; i++) {
        printf("  %s", command->verbs[i].name);
        print_arguments(&command->verbs[i]);
        printf("      %s\n", command->verbs[i].summary);
    }
    printf("\n%s VERB --help shows more; see %s.\n", name, page_of(name));
    return finish_output(0, name);
}

static int help_verb(const struct verb *verb, const char *name)
{
    terminal_wrap(true);
    printf("Usage: %s", name);
    print_arguments(verb);
    printf("\n%c%s.\n", toupper((unsigned char)verb->summary[0]), verb->summary + 1);
    if (verb->options)
        putchar('\n');
    options_help(verb->options);
    if (verb->notes)
        putchar('\n');
    print_notes(text_or(verb->notes, ""));
    printf("\nSee %s.\n", page_of(name));
    return finish_output(0, name);
}

static int list_verb(const struct verb *verb, const char *name)
{
    options_list(verb->options);
    puts("--help\n--version");
    return finish_output(0, name);
}

static int list_command(const struct command *command, const char *name)
{
    for (size_t i = 0; i < command->count; i++)
        puts(command->verbs[i].name);
    puts("help\n--help\n--version");
    return finish_output(0, name);
}

/* Whether a word begins with a typographic dash, U+2010 to U+2015, which web pages make of "--". */
static bool has_typographic_dash(const char *word)
{
    return strncmp(word, "\xE2\x80", 2) == 0 && word[2] >= '\x90' && word[2] <= '\x95';
}

static int check_count(const struct verb *verb, const struct call *call)
{
    const char *arguments = text_or(verb->arguments, "");

    for (size_t i = 0; i < call->count && call->count > verb->max; i++)
        if (has_typographic_dash(call->words[i]))
            return complain(2, call->name,
                            "'%.64s' begins with a typographic dash, as web pages have it; an option begins "
                            "with two hyphens: --",
                            call->words[i]);
    if (call->count > verb->max)
        return complain(2, call->name, "unexpected argument '%.64s'; usage: %s %s", call->words[verb->max],
                        call->name, arguments);
    if (call->count < verb->min)
        return complain(2, call->name, "an argument is missing; usage: %s %s", call->name, arguments);
    return 0;
}

static int act(const struct verb *verb, char *argv[])
{
    void *options = verb->options ? options_new(verb->options) : NULL;

    if (verb->options && !options)
        return complain(1, argv[0], "no memory");
    const int count = options_parse(verb->options, options, argv);
    int status = -count;
    if (count >= 0) {
        const struct call call = {argv[0], argv + 1, (size_t)count, options};
        status = check_count(verb, &call);
        if (!status)
            status = verb->act(&call);
    }
    options_free(verb->options, options);
    return status;
}

static bool is_word(int argc, char *const argv[], const char *word)
{
    return argc > 1 && strcmp(argv[1], word) == 0;
}

int verb_run(const struct verb *verb, int argc, char *argv[])
{
    if (verb->verbs)
        return command_run(verb->verbs, argc, argv);
    if (verb->program)
        return verb->start(verb, argc, argv);
    if (is_word(argc, argv, "--list-options"))
        return list_verb(verb, argv[0]);
    if (asks_for(argc, argv, "--help", "-h") || (argc == 2 && is_word(argc, argv, "help")))
        return help_verb(verb, argv[0]);
    if (asks_for(argc, argv, "--version", "--version"))
        return print_version(argv[0]);
    return act(verb, argv);
}

static const struct verb *find_verb(const struct command *command, const char *name)
{
    for (size_t i = 0; i < command->count; i++)
        if (strcmp(command->verbs[i].name, name) == 0)
            return &command->verbs[i];
    return NULL;
}

/* Says that there is no such verb, with the one that may have been meant, or all. Returns the exit status. */
static int refuse_word(const struct command *command, const char *name, const char *word)
{
    char all[256] = "";
    size_t size = 0;

    if (*word == '-')
        return complain(2, name,
                        "'%.64s': options come after the verb, except --help and --version; see %s --help",
                        word, name);
    for (size_t i = 0; i < command->count && size < sizeof(all); i++) {
        const char *verb = command->verbs[i].name;
        if (nearest_is(verb, word, strlen(word)))
            return complain(2, name, "there is no verb '%.64s'; did you mean '%s'? see %s --help", word, verb,
                            name);
        size += (size_t)snprintf(all + size, sizeof(all) - size, "%s%s", text_if(i > 0, ", "), verb);
    }
    return complain(2, name, "there is no verb '%.64s'; the verbs are %s; see %s --help", word, all, name);
}

int command_run(const struct command *command, int argc, char *argv[])
{
    char name[128], list[] = "--list-options", help[] = "--help";

    if (argc < 2)
        return complain(2, argv[0], "no verb is given; see %s --help", argv[0]);
    if (is_word(argc, argv, "--list-options")) {
        if (argc > 2 && strcmp(argv[2], "help") == 0) { /* what may follow it is the same */
            memmove(argv + 2, argv + 3, ((size_t)argc - 2) * sizeof(*argv));
            argc--;
        }
        if (argc == 2)
            return list_command(command, argv[0]);
        argv[1] = argv[2]; /* pass the option on to the verb */
        argv[2] = list;
    }
    if (strcmp(argv[1], "help") == 0 && argc > 2 && argv[2][0] != '-') {
        if (!find_verb(command, argv[2]))
            return refuse_word(command, argv[0], argv[2]);
        memmove(argv + 1, argv + 2, ((size_t)argc - 2) * sizeof(*argv)); /* help VERB: VERB --help */
        argv[argc - 1] = help;
    }
    if (strcmp(argv[1], "help") == 0 || (argv[1][0] == '-' && asks_for(argc, argv, "--help", "-h")))
        return help_command(command, argv[0]);
    if (argv[1][0] == '-' && asks_for(argc, argv, "--version", "--version"))
        return print_version(argv[0]);
    const struct verb *verb = find_verb(command, argv[1]);
    if (verb) {
        snprintf(name, sizeof(name), "%s %s", argv[0], verb->name);
        argv[1] = name;
        return verb_run(verb, argc - 1, argv + 1);
    }
    return refuse_word(command, argv[0], argv[1]);
}

/* A file that is opened later must not become standard output. */
static void open_standard_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            open("/dev/null",
                 fd ? O_RDONLY : O_WRONLY); /* uses the lowest free descriptor; its use still fails */
}

int command_main(const struct command *command, int argc, char *argv[])
{
    char name[] = "virt-tap", *no_words[] = {name, NULL};

    open_standard_descriptors();
    signal(SIGCHLD, SIG_DFL); /* while it is ignored, the exit status of a child is lost */
    const int err = terminal_filter();
    if (err < 0)
        return complain(1, name, "cannot filter what is printed: %s", strerror(-err));
    if (argc < 1) /* an execve with an empty argv */
        return command_run(command, 1, no_words);
    argv[0] = name;
    return command_run(command, argc, argv);
}

int command_main_of(const char *name, const struct command *command, int argc, char *argv[])
{
    const struct verb only = {.name = name, .arguments = "VERB", .summary = command->about, .verbs = command};

    return command_main(&(struct command){command->about, &only, 1}, argc, argv);
}
