/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The files that `virt-tap bridge persist` writes, to the byte. Each NAME.plan in the folder (argv[1]) says a
 * plan, a line a fact, and NAME.networkd and so on are the files of each format as --print shows them; of
 * ifupdown the bridge's own, for the others depend on this host's /etc. Each NAME.interfaces becomes
 * NAME.interfaces.out when eth0 becomes an uplink. With GOLDEN=write in the environment, what is expected is
 * written anew: look at the difference before you commit it. */
#include "bridge/persist.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ADDRESSES_MAX = 8, ROUTES_MAX = 8 };

static const char *folder;

static char *read_text(const char *path)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = fopen(path, "re");

    if (!file)
        return NULL;
    if (getdelim(&text, &size, EOF, file) < 0 && text)
        *text = '\0';
    fclose(file);
    return text;
}

static void compare(const char *path, const char *text)
{
    char *expected = read_text(path);

    if (getenv("GOLDEN")) {
        FILE *file = fopen(path, "we");
        assert_non_null(file);
        assert_true(fputs(text, file) >= 0);
        assert_int_equal(fclose(file), 0);
    } else if (!expected || strcmp(expected, text) != 0) {
        fail_msg("%s is not what was written:\n%s", path, text);
    }
    free(expected);
}

/* One "word value" of a plan; addresses and routes are as `ip` has them. */
static void plan_fact(struct persist_plan *plan, const char *word, const char *value)
{
    if (strcmp(word, "bridge") == 0)
        snprintf(plan->bridge, sizeof(plan->bridge), "%s", value);
    else if (strcmp(word, "uplink") == 0)
        snprintf(plan->uplink, sizeof(plan->uplink), "%s", value);
    else if (strcmp(word, "mac") == 0)
        snprintf(plan->mac, sizeof(plan->mac), "%s", value);
    else if (strcmp(word, "mtu") == 0)
        plan->mtu = (unsigned int)strtoul(value, NULL, 10);
    else if (strcmp(word, "stp") == 0)
        plan->stp = true;
    else if (strcmp(word, "vlan-filtering") == 0)
        plan->vlan_filtering = true;
    else if (strcmp(word, "dhcp") == 0)
        plan->dhcp = true;
    else if (strcmp(word, "address") == 0)
        assert_null(cidr_parse(value, &plan->addresses[plan->address_count++]));
    else
        fail_msg("a plan has no '%s'", word);
}

static void plan_route(struct persist_plan *plan, const char *line)
{
    struct persist_route *route = &plan->routes[plan->route_count++];
    char metric[16] = "0";

    assert_true(sscanf(line, "route %63s via %63s metric %15s", route->to, route->via, metric) >= 2);
    route->metric = (uint32_t)strtoul(metric, NULL, 10);
    route->family = strchr(route->via, ':') ? AF_INET6 : AF_INET;
}

static void plan_read(struct persist_plan *plan, const char *path)
{
    char line[160], word[32];
    FILE *file = fopen(path, "re");

    assert_non_null(file);
    while (fgets(line, sizeof(line), file)) {
        char value[64] = "";
        assert_true(plan->address_count < ADDRESSES_MAX && plan->route_count < ROUTES_MAX);
        if (strncmp(line, "route ", 6) == 0)
            plan_route(plan, line);
        else if (sscanf(line, "%31s %63s", word, value) > 0)
            plan_fact(plan, word, value);
    }
    fclose(file);
}

static void compare_format(const struct persist_format *format, const struct persist_plan *plan,
                           const char *stem)
{
    struct persist_files files = {.count = 0};
    char *path, *text = NULL;
    size_t size;

    assert_int_equal(format->write(plan, &files), 0);
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    const size_t count = strcmp(format->name, "ifupdown") == 0 ? 1 : files.count;
    for (size_t i = 0; i < count; i++)
        fprintf(out, "%s# %s %o\n%s", i ? "\n" : "", files.list[i].path, (unsigned int)files.list[i].mode,
                files.list[i].text);
    assert_int_equal(fclose(out), 0);
    assert_true(asprintf(&path, "%s.%s", stem, format->name) > 0);
    compare(path, text);
    free(path);
    free(text);
    persist_free(&files);
}

static void each_of(const char *pattern, void (*try)(const char *path))
{
    char *path;
    glob_t found;

    assert_true(asprintf(&path, "%s/%s", folder, pattern) > 0);
    assert_int_equal(glob(path, 0, NULL, &found), 0);
    free(path);
    for (size_t i = 0; i < found.gl_pathc; i++)
        try(found.gl_pathv[i]);
    globfree(&found);
}

static void try_plan(const char *path)
{
    static const char *const names[] = {"networkd", "networkmanager", "netplan", "ifupdown"};
    struct cidr addresses[ADDRESSES_MAX];
    struct persist_route routes[ROUTES_MAX] = {{.metric = 0}};
    struct persist_plan plan = {.addresses = addresses, .routes = routes};
    char *stem = strndup(path, strlen(path) - strlen(".plan"));

    assert_non_null(stem);
    plan_read(&plan, path);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        compare_format(persist_find_format(names[i]), &plan, stem);
    free(stem);
}

static void try_interfaces(const char *path)
{
    char *expected, *text = NULL;
    size_t size;
    FILE *in = fopen(path, "re"), *out = open_memstream(&text, &size);

    assert_true(in && out);
    const bool changed = persist_comment_out(in, out, "eth0");
    fclose(in);
    assert_int_equal(fclose(out), 0);
    assert_true(asprintf(&expected, "%s.out", path) > 0);
    compare(expected, text);
    free(expected);
    char *original = read_text(path);
    assert_non_null(original);
    assert_int_equal(changed, strcmp(original, text) != 0);
    free(original);
    free(text);
}

static void test_plans(void **state)
{
    (void)state;
    each_of("*.plan", try_plan);
}

static void test_interfaces(void **state)
{
    (void)state;
    each_of("*.interfaces", try_interfaces);
}

int main(int argc, char *argv[])
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plans),
        cmocka_unit_test(test_interfaces),
    };

    if (argc != 2)
        return 2;
    folder = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
