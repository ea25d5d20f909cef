/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The files that `virt-tap bridge persist` writes, to the byte. Each NAME.plan in the folder (argv[1]) says a
 * plan, a line a fact, and NAME.networkd, .netplan and .ifupdown are the files of each format as --print
 * shows them; of ifupdown the bridge's own stanzas. NAME.network is the NIC's file for networkd, if it has
 * one. Each NAME.interfaces becomes NAME.interfaces.out when eth0 becomes an uplink. With GOLDEN=write in the
 * environment, what is expected is written anew: look at the difference before you commit it. */
#include "bridge/nat.h"
#include "bridge/persist.h"
#include "bridge/persist_interfaces.h"

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

/* route TO via GATEWAY [onlink] [metric N], or: route TO link */
static void plan_route(struct persist_plan *plan, const char *line)
{
    struct persist_route *route = &plan->routes[plan->route_count++];
    const char *metric = strstr(line, " metric ");

    assert_true(sscanf(line, "route %63s via %63s", route->to, route->via) == 2 || strstr(line, " link"));
    route->onlink = strstr(line, " onlink") != NULL;
    if (metric)
        route->metric = (uint32_t)strtoul(metric + strlen(" metric "), NULL, 10);
    route->family = strchr(route->to, ':') || strchr(route->via, ':') ? AF_INET6 : AF_INET;
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
    struct error why = {0};
    char *path, *text = NULL;
    size_t size;

    assert_true(asprintf(&path, "%s.network", stem) > 0);
    char *own = read_text(path);
    free(path);
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    if (strcmp(format->name, "ifupdown") == 0)
        persist_ifupdown_print(out, plan, "    dns-nameservers 192.0.2.53\n", "");
    else if (strcmp(format->name, "netplan") == 0)
        persist_netplan_print(persist_open(&files, plan, 0600, "-"), plan, "ethernets", plan->uplink, NULL);
    else
        assert_int_equal(persist_networkd_from(plan, own ? own : "", &files, &why), 0);
    persist_end(&files);
    for (size_t i = 0; i < files.count; i++) {
        if (*files.list[i].path == '/')
            fprintf(out, "%s# %s %o\n", i ? "\n" : "", files.list[i].path, (unsigned int)files.list[i].mode);
        fputs(files.list[i].text, out);
    }
    assert_int_equal(fclose(out), 0);
    assert_true(asprintf(&path, "%s.%s", stem, format->name) > 0);
    compare(path, text);
    free(path);
    free(own);
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
    static const char *const names[] = {"networkd", "netplan", "ifupdown"};
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

/* What is written for a NAT bridge, by networkd and by the unit with dnsmasq. */
static void try_nat(const char *name, const char *cidr, bool v6)
{
    static const char *const formats[] = {"networkd", "dnsmasq"};
    struct persist_plan plan = {.bridge = "nat0", .mac = "02:00:5e:00:53:01"};
    struct error why = {0};

    assert_null(cidr_parse(cidr, &plan.nat));
    if (v6)
        assert_null(cidr_parse("fd00:1:2:3::1/64", &plan.nat6));
    for (size_t i = 0; i < 2; i++) {
        struct persist_files files = {.count = 0};
        char *path, *text = NULL;
        size_t size;
        plan.format = persist_find_format(formats[i]);
        assert_int_equal(plan.format->write(&plan, &files, &why), 0);
        persist_end(&files);
        FILE *out = open_memstream(&text, &size);
        assert_non_null(out);
        for (size_t k = 0; k < files.count; k++)
            fprintf(out, "%s# %s %o\n%s", k ? "\n" : "", files.list[k].path, (unsigned int)files.list[k].mode,
                    files.list[k].text);
        assert_int_equal(fclose(out), 0);
        assert_true(asprintf(&path, "%s/%s.nat-%s", folder, name, formats[i]) > 0);
        compare(path, text);
        free(path);
        free(text);
        persist_free(&files);
    }
}

static void test_nat(void **state)
{
    (void)state;
    try_nat("both", "192.168.76.1/24", true);
    try_nat("small", "10.20.0.9/29", false);
}

/* Networks in texts of any form. */
static void test_nat_overlaps(void **state)
{
    static const struct {
        const char *text, *found; /* NULL: none */
    } all[] = {
        {"", NULL},
        {"default via 192.168.75.1 dev x", NULL},
        {"0.0.0.0/0 dev x", NULL},
        {"192.168.0.0/16 dev x", "192.168.0.0/16"},
        {"a=192.168.76.200", "192.168.76.200/32"},
        {"192.168.76.200.", "192.168.76.200/32"},
        {"x192.168.76.1 2192.168.76.1 1.192.168.76.1 192.168.76.1.1 ::192.168.76.1", NULL},
        {"192.168.76.1/33 192.168.76.1/ 192.168.76.1/x 192.168.76.256", NULL},
        {"<ip address='192.168.64.1' netmask='255.255.240.0'>", "192.168.64.1/20"},
        {"<ip address=\"192.168.64.1\" prefix=\"20\">", "192.168.64.1/20"},
        {"<ip address='192.168.64.1'><ip netmask='255.255.0.0'>", NULL},
        {"999999999999999999999999999999999999999999/8 192.168.76.0/25", "192.168.76.0/25"},
    };
    struct cidr network, hit, wanted;
    char text[CIDR_TEXT];
    (void)state;

    assert_true(cidr_parse_network("192.168.76.0/24", strlen("192.168.76.0/24"), &network));
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        const bool found = nat_text_overlaps(all[i].text, &network, 0, &hit);
        if (found != (all[i].found != NULL))
            fail_msg("%s", all[i].text);
        if (!found)
            continue;
        cidr_print(&hit, text);
        assert_string_equal(text, all[i].found);
    }
    assert_false(nat_text_overlaps("192.168.0.0/16", &network, 17, &wanted));
}

/* What netplan has no word for is not lost silently. */
static void test_netplan_without_vlans(void **state)
{
    struct persist_plan plan = {.bridge = "br0"};
    struct error why = {0};
    (void)state;

    assert_int_equal(persist_find_format("netplan")->inspect(&plan, &why), 0);
    assert_string_equal(plan.lost, "");
    plan.vlan_filtering = true;
    assert_int_equal(persist_find_format("netplan")->inspect(&plan, &why), 0);
    assert_string_equal(plan.lost, "VLAN filtering of a bridge by netplan");
}

/* The file as edited for a bridge br0, and what was taken from it. */
static void try_interfaces(const char *path)
{
    struct cidr addresses[2];
    struct persist_plan plan = {
        .bridge = "br0", .uplink = "eth0", .addresses = addresses, .address_count = 2};
    struct persist_taken taken = {.plan = &plan};
    char *expected, *text = NULL, *options = NULL, *inet6 = NULL, *network = NULL,
                    *original = read_text(path);
    size_t size, options_size, inet6_size, network_size;
    FILE *in = fopen(path, "re"), *out = open_memstream(&text, &size);

    assert_null(cidr_parse("192.0.2.10/24", &addresses[0]));
    assert_null(cidr_parse("2001:db8::10/64", &addresses[1]));
    taken.options = open_memstream(&options, &options_size);
    taken.inet6 = open_memstream(&inet6, &inet6_size);
    taken.network = open_memstream(&network, &network_size);
    assert_true(original && in && out && taken.options && taken.inet6 && taken.network);
    const bool changed = persist_edit_interfaces(in, out, &taken);
    fclose(in);
    assert_int_equal(fclose(taken.options) | fclose(taken.inet6) | fclose(taken.network), 0);
    fflush(out);
    assert_int_equal(changed, strcmp(original, text) != 0);
    if (*options || *inet6 || taken.why.text[0])
        fprintf(out, "---- taken\n%s%s%s\n", options, inet6, taken.why.text);
    assert_int_equal(fclose(out), 0);
    assert_true(asprintf(&expected, "%s.out", path) > 0);
    compare(expected, text);
    free(expected);
    free(original);
    free(options);
    free(inet6);
    free(network);
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

static const struct link *find_uplink(const char *alias, const char *const kinds[], size_t count,
                                      bool *several)
{
    struct link links[8] = {{.ifindex = 1, .name = "br0", .kind = "bridge"}};
    const struct view view = {.links = {.list = links, .count = count + 1}};
    static struct link found;
    const struct link *uplink;

    strcpy(links[0].alias, alias);
    for (size_t i = 0; i < count; i++) {
        links[i + 1] = (struct link){.ifindex = (int)i + 2, .master = 1};
        snprintf(links[i + 1].name, IFNAMSIZ, "port%zu", i);
        strcpy(links[i + 1].kind, kinds[i]);
    }
    *several = persist_find_uplink(&view, "test", &links[0], &uplink) != 0;
    if (!uplink)
        return NULL;
    found = *uplink;
    return &found;
}

/* The alias tells; without one, as after a boot, what leads out tells if it is the only one. */
static void test_uplink(void **state)
{
    static const char *const mixed[] = {"tun", "", "veth", "bond"}, *const guests[] = {"tun", "veth"};
    bool several;

    (void)state;
    assert_string_equal(find_uplink("", mixed, 3, &several)->name, "port1");
    assert_false(several);
    assert_string_equal(find_uplink("", mixed + 2, 2, &several)->name, "port1");
    find_uplink("", mixed, 4, &several);
    assert_true(several);
    assert_string_equal(find_uplink("virt-tap uplink=port2", mixed, 4, &several)->name, "port2");
    assert_false(several);
    assert_null(find_uplink("", guests, 2, &several));
    assert_false(several);
}

int main(int argc, char *argv[])
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_uplink),     cmocka_unit_test(test_plans),
        cmocka_unit_test(test_interfaces), cmocka_unit_test(test_netplan_without_vlans),
        cmocka_unit_test(test_nat),        cmocka_unit_test(test_nat_overlaps),
    };

    if (argc != 2)
        return 2;
    folder = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
