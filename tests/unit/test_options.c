/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The table of options: what is read, what is refused, what help and --list-options print. */
#include "base/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { WORDS_MAX = 16, PLAIN = 0, FANCY, FORMAL };

struct example {
    bool all;
    int form, mode;
    const char *user;
    unsigned int wait;
    struct option_list names;
    size_t length;
    unsigned int until;
    const char *net;
};

static int take_length(const char *verb, const char *option, const char *text, void *field)
{
    assert_string_equal(verb, "virt-tap x");
    assert_string_equal(option, "length");
    *(size_t *)field = strlen(text);
    return strcmp(text, "bad") == 0 ? 1 : 0;
}

static const struct option_entry table[] = {
    OPTION_FLAG("all", "everything", struct example, all),
    OPTION_SET("fancy", "for Graphviz,\nor so", struct example, form, FANCY),
    OPTION_SET("formal", "for programs", struct example, form, FORMAL),
    OPTION_CHOICE("mode", "tap|tun", "what it carries", struct example, mode),
    OPTION_LETTER('u', "user", "NAME", "whose", struct example, user),
    OPTION_NUMBER("wait", "SECONDS", "how long", struct example, wait, 5, 60, 10),
    OPTION_LIST("name", "NAME", "may be repeated", struct example, names),
    OPTION_OPTIONAL_NUMBER("until", "SECONDS", "at most", struct example, until, 1, 9),
    OPTION_OPTIONAL_STRING("net", "CIDR", "a network", struct example, net),
    OPTION_CALL("length", "A-TEXT-WITH-A-LONG-NAME", "below", struct example, length, take_length),
    OPTION_END(struct example),
};

/* What was printed to stream since capture() began. */
static char printed[2048];

static FILE *capture(FILE **stream)
{
    FILE *const was = *stream;

    memset(printed, 0, sizeof(printed));
    *stream = fmemopen(printed, sizeof(printed) - 1, "w");
    assert_non_null(*stream);
    return was;
}

static void restore(FILE **stream, FILE *was)
{
    fclose(*stream);
    *stream = was;
}

/* Reads the words of a line between blanks; '_' is an empty one. argv[1] and on is what is left of them. */
static int parse(struct example *out, char *argv[WORDS_MAX], char *line)
{
    static char verb[] = "virt-tap x";
    int count = 1;

    argv[0] = verb;
    for (char *word = strtok(line, " "); word; word = strtok(NULL, " "))
        argv[count++] = strcmp(word, "_") == 0 ? word + 1 : word;
    argv[count] = NULL;
    FILE *const was = capture(&stderr);
    const int result = options_parse(table, out, argv);
    restore(&stderr, was);
    return result;
}

static void reads(const char *text, const struct example *wanted, const char *words)
{
    char line[256], left[256] = "", *argv[WORDS_MAX];
    struct example *found = options_new(table);

    snprintf(line, sizeof(line), "%s", text);
    assert_non_null(found);
    const int count = parse(found, argv, line);
    assert_string_equal(printed, "");
    for (int i = 0; i < count; i++)
        snprintf(left + strlen(left), sizeof(left) - strlen(left), "%s%s", i ? " " : "", argv[i + 1]);
    assert_null(argv[count + 1]);
    assert_string_equal(left, words);
    assert_int_equal(found->all, wanted->all);
    assert_int_equal(found->form, wanted->form);
    assert_int_equal(found->mode, wanted->mode);
    assert_int_equal(found->wait, wanted->wait);
    assert_int_equal(found->length, wanted->length);
    assert_int_equal(found->until, wanted->until);
    assert_int_equal(found->names.count, wanted->names.count);
    const struct option_list *list = &found->names, *listed = &wanted->names;
    assert_string_equal(found->net ? found->net : "-", wanted->net ? wanted->net : "-");
    assert_string_equal(found->user ? found->user : "-", wanted->user ? wanted->user : "-");
    for (size_t i = 0; list->words && listed->words && i < listed->count; i++)
        assert_string_equal(list->words[i], listed->words[i]);
    options_free(table, found);
}

static void test_read(void **state)
{
    (void)state;
    static const char *names[] = {"a", "", "a"};
    reads("", &(struct example){.wait = 10}, "");
    reads("one --all two", &(struct example){.wait = 10, .all = true}, "one two");
    reads("--fancy --mode tun -", &(struct example){.wait = 10, .form = FANCY, .mode = 2}, "-");
    reads("--formal --mode=tap", &(struct example){.wait = 10, .form = FORMAL, .mode = 1}, "");
    reads("--user=x=y", &(struct example){.wait = 10, .user = "x=y"}, "");
    reads("--user --all", &(struct example){.wait = 10, .user = "--all"}, "");
    reads("-u me", &(struct example){.wait = 10, .user = "me"}, "");
    reads("-ume z", &(struct example){.wait = 10, .user = "me"}, "z");
    reads("--wait=5 --user=", &(struct example){.wait = 5, .user = ""}, "");
    reads("--wait 60 --us x", &(struct example){.wait = 60, .user = "x"}, "");
    reads("--name a --name= --name=a", &(struct example){.wait = 10, .names = {names, 3}}, "");
    reads("--length four", &(struct example){.wait = 10, .length = 4}, "");
    reads("--until 4", &(struct example){.wait = 10, .until = OPTION_NO_VALUE}, "4");
    reads("--net a", &(struct example){.wait = 10, .net = ""}, "a");
    reads("--net=4 a", &(struct example){.wait = 10, .net = "4"}, "a");
    reads("a --until=4", &(struct example){.wait = 10, .until = 4}, "a");
    reads("b -- --all -u --", &(struct example){.wait = 10}, "b --all -u --");
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *line, *says;
        int status;
    } all[] = {
        {"--nosuch", "there is no option '--nosuch'; see virt-tap x --help", 2},
        {"--allx", "there is no option '--allx'", 2},
        {"-x", "there is no option '-x'", 2},
        {"--f", "more than one option begins with '--f'", 2},
        {"--w=7 --wai", "--wait requires a value", 2},
        {"--=x", "there is no option '--'", 2},
        {"--all=yes", "--all takes no value", 2},
        {"--all --all", "--all is given twice", 2},
        {"--user=a -ub", "--user is given twice", 2},
        {"--fancy --formal", "--fancy and --formal exclude each other", 2},
        {"--mode", "--mode requires a value: --mode=tap|tun", 2},
        {"--mode=t", "--mode=tap|tun: 't' is not one of these", 2},
        {"--mode=tap|tun", "is not one of these", 2},
        {"--mode _", "is not one of these", 2},
        {"-u", "--user requires a value: --user=NAME", 2},
        {"--wait=4", "--wait requires a number from 5 to 60, not '4'", 2},
        {"--wait=61", "from 5 to 60", 2},
        {"--wait=-5", "from 5 to 60", 2},
        {"--wait=5s", "from 5 to 60", 2},
        {"--wait _", "from 5 to 60", 2},
        {"--wait=4294967301", "from 5 to 60", 2},
        {"--until=", "--until requires a number from 1 to 9, not ''", 2},
        {"--until=0", "from 1 to 9", 2},
        {"--until --until=4", "--until is given twice", 2},
        {"--length=bad", "", 1},
    };
    char line[256], *argv[WORDS_MAX];

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct example *found = options_new(table);
        snprintf(line, sizeof(line), "%s", all[i].line);
        assert_int_equal(parse(found, argv, line), -all[i].status);
        if (!strstr(printed, all[i].says))
            fail_msg("%s: %s", all[i].line, printed);
        options_free(table, found);
    }
}

static void test_without_table(void **state)
{
    (void)state;
    char verb[] = "virt-tap x", word[] = "a", option[] = "--all";
    char *good[] = {verb, word, NULL}, *bad[] = {verb, option, NULL};

    FILE *const was = capture(&stderr);
    assert_int_equal(options_parse(NULL, NULL, good), 1);
    assert_int_equal(options_parse(NULL, NULL, bad), -2);
    restore(&stderr, was);
    options_free(NULL, NULL);
}

static void test_printed(void **state)
{
    (void)state;
    FILE *was = capture(&stdout);
    options_help(table);
    restore(&stdout, was);
    assert_string_equal(printed, "  --all                       everything\n"
                                 "  --fancy                     for Graphviz,\n"
                                 "                              or so\n"
                                 "  --formal                    for programs\n"
                                 "  --mode=tap|tun              what it carries\n"
                                 "  -u, --user=NAME             whose\n"
                                 "  --wait=SECONDS              how long\n"
                                 "  --name=NAME                 may be repeated\n"
                                 "  --until[=SECONDS]           at most\n"
                                 "  --net[=CIDR]                a network\n"
                                 "  --length=A-TEXT-WITH-A-LONG-NAME\n"
                                 "                              below\n");
    was = capture(&stdout);
    options_list(table);
    restore(&stdout, was);
    assert_string_equal(printed, "--all\n--fancy\n--formal\n--mode=tap|tun\n--user=NAME\n--wait=SECONDS\n"
                                 "--name=NAME\n--until\n--net\n--length=A-TEXT-WITH-A-LONG-NAME\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_without_table),
        cmocka_unit_test(test_printed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
