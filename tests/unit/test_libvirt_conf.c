/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * libvirt's configuration files, read as libvirt reads them: random texts are read by both. */
#include "host/libvirt_conf.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void reads(const char *text, enum conf_result result, const char *value)
{
    char out[64] = "";
    unsigned int line = 0;

    assert_int_equal(libvirt_conf_read(text, "a", out, sizeof(out), &line), result);
    if (result == CONF_STRING)
        assert_string_equal(out, value);
    if (result == CONF_BROKEN)
        assert_int_equal(line, strtoul(value, NULL, 10));
}

static void values(void **state)
{
    (void)state;
    reads("", CONF_NONE, NULL);
    reads("#a = 'x'\n", CONF_NONE, NULL);
    reads("a = 'x\"y' # z\n", CONF_STRING, "x\"y");
    reads("a=\"x'y\"", CONF_STRING, "x'y");
    reads("a = \"\"\"x\ny\"\"\"\n", CONF_STRING, "x\ny");
    reads("b = 1\r\na = 'x'\r\n", CONF_STRING, "x");
    reads("a = 'x'\na = 'y'\n", CONF_STRING, "x");
    reads("b = [ 'a = 1',\n 'y', ]\na = 'x'", CONF_STRING, "x");
    reads("b = \"\"\"\na = 'x'\n\"\"\"\n", CONF_NONE, NULL);
    reads("ab = 'x'\nA = 'x'\n", CONF_NONE, NULL);
    reads("a = 1\n", CONF_OTHER, NULL);
    reads("a = [ 'x' ]\n", CONF_OTHER, NULL);
    reads("a = '0123456789012345678901234567890123456789012345678901234567890123'\n", CONF_OTHER, NULL);
    reads("b = 1\na = /x\n", CONF_BROKEN, "2");
    reads("a = 'x\n", CONF_BROKEN, "1");
    reads("a = 'x'\n\nb = [ 'x' # y\n]\n", CONF_BROKEN, "3");
    reads("a = 'x' b = 'y'\n", CONF_BROKEN, "1");
    reads("a = 'x'\ninclude 'y'\n", CONF_BROKEN, "2");
    reads("[section]\na = 'x'\n", CONF_BROKEN, "1");
    reads("\xef\xbb\xbf"
          "a = 'x'\n",
          CONF_BROKEN, "1");
}

static void mistyped(const char *text, const char *name, unsigned int where, const char *words)
{
    char found[CONF_NAME_SIZE] = "";
    unsigned int line = 0;
    const char *type = libvirt_conf_mistyped(text, found, &line);

    if (!name) {
        assert_null(type);
        return;
    }
    if (!type || !strstr(type, words))
        fail_msg("'%s' must be %s, not %s", text, words, type ? type : "anything");
    assert_string_equal(found, name);
    assert_int_equal(line, where);
}

static void types(void **state)
{
    (void)state;
    mistyped("user = 0\n", "user", 1, "a string in quotes");
    mistyped("\ngroup = [ 'kvm' ]\n", "group", 2, "a string in quotes");
    mistyped("bridge_helper = -1", "bridge_helper", 1, "a string");
    mistyped("user = 'root'\nuser = 0\n", NULL, 0, NULL);
    mistyped("user = 0\nuser = 'root'\n", "user", 1, "a string");
    mistyped("vnc_tls = '1'\n", "vnc_tls", 1, "0 or 1");
    mistyped("vnc_tls = 2\n", "vnc_tls", 1, "0 or 1");
    mistyped("vnc_tls = -1\n", "vnc_tls", 1, "0 or 1");
    mistyped("vnc_tls = 10\n", "vnc_tls", 1, "0 or 1");
    mistyped("vnc_tls = 01\nmac_filter = 0\ndynamic_ownership = 1 # yes\n", NULL, 0, NULL);
    mistyped("max_files = -1\n", "max_files", 1, "without a sign");
    mistyped("keepalive_interval = -1\nmax_files = 1\n", NULL, 0, NULL);
    mistyped("keepalive_interval = 'x'\n", "keepalive_interval", 1, "a number");
    mistyped("namespaces = 'mount'\n", "namespaces", 1, "a list of strings");
    mistyped("namespaces = [ 1 ]\n", "namespaces", 1, "a list of strings");
    mistyped("namespaces = [ ]\nsecurity_driver = 'none'\nhugetlbfs_mount = [ '/a', '/b' ]\n", NULL, 0, NULL);
    mistyped("security_driver = 1\n", "security_driver", 1, "or a list");
    mistyped("max_core = 'unlimited'; max_core = [ ]\n", NULL, 0, NULL);
    mistyped("max_core = [ ]\n", "max_core", 1, "or a number");
    mistyped("users = 0\nuse = 0\nr = 0\n", NULL, 0, NULL);
    mistyped("user = 'x\ngroup = 0\n", NULL, 0, NULL);
}

/* Private to libvirt, and in its library all the same. */
static struct {
    void *(*read_string)(const char *text, unsigned int flags);
    int (*get_string)(void *conf, const char *name, char **value);
    int (*free)(void *conf);
} libvirt;

static void be_quiet(void *context, const void *error)
{
    (void)context;
    (void)error;
}

static int find_libvirt(void **state)
{
    void *library = dlopen("libvirt.so.0", RTLD_NOW);
    int (*initialize)(void);
    void (*set_error_func)(void *context, void (*handler)(void *, const void *));
    (void)state;

    if (!library)
        return 0;
    *(void **)&libvirt.read_string = dlsym(library, "virConfReadString");
    *(void **)&libvirt.get_string = dlsym(library, "virConfGetValueString");
    *(void **)&libvirt.free = dlsym(library, "virConfFree");
    *(void **)&initialize = dlsym(library, "virInitialize");
    *(void **)&set_error_func = dlsym(library, "virSetErrorFunc");
    if (initialize)
        initialize();
    if (set_error_func)
        set_error_func(NULL, be_quiet);
    return 0;
}

static enum conf_result ask_libvirt(const char *text, char *out, size_t size)
{
    enum conf_result result = CONF_NONE;
    char *value = NULL;
    void *conf = libvirt.read_string(text, 0);

    if (!conf)
        return CONF_BROKEN;
    const int found = libvirt.get_string(conf, "a", &value);
    if (found < 0)
        result = CONF_OTHER;
    else if (found > 0 && value)
        result = CONF_STRING;
    snprintf(out, size, "%s", value ? value : "");
    free(value);
    libvirt.free(conf);
    return result;
}

static void as_libvirt(void **state)
{
    static const char *const parts[] = {"a = 'x'\n",
                                        "a=\"y\" # z\n",
                                        "b = 1\n",
                                        "a = 2;",
                                        "\na = [ 'x',\n",
                                        "'y' ]\n",
                                        "b=\"\"\"x\n",
                                        "\"\"\"\r\n",
                                        "a = ",
                                        "b=",
                                        "\n",
                                        "\r",
                                        "\"",
                                        "'",
                                        "x",
                                        "[",
                                        "]",
                                        ",",
                                        "1",
                                        "-",
                                        "+",
                                        " ",
                                        "\t",
                                        "#",
                                        "_b",
                                        "'x'",
                                        "=",
                                        ".",
                                        "a",
                                        "\\"};
    unsigned int counts[4] = {0};
    (void)state;

    if (!libvirt.read_string || !libvirt.get_string || !libvirt.free)
        skip();
    srandom(1);
    for (int round = 0; round < 200000; round++) {
        char text[128] = "", ours[64] = "", theirs[64] = "";
        unsigned int line;
        for (long left = random() % 8; left > 0; left--)
            strcat(text, parts[(size_t)random() % (sizeof(parts) / sizeof(parts[0]))]);
        const enum conf_result result = libvirt_conf_read(text, "a", ours, sizeof(ours), &line);
        const enum conf_result right = ask_libvirt(text, theirs, sizeof(theirs));
        if (result != right || (result == CONF_STRING && strcmp(ours, theirs) != 0))
            fail_msg("'%s' is read as %d '%s', by libvirt as %d '%s'", text, result, ours, right, theirs);
        counts[result]++;
    }
    for (size_t i = 0; i < 4; i++)
        assert_true(counts[i] >= 1000 && counts[i] <= 200000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),
        cmocka_unit_test(types),
        cmocka_unit_test_setup(as_libvirt, find_libvirt),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
