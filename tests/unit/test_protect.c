/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Ports of a kernel that passes over what it does not know, without a word. Such kernels are too old to be
 * had, so the calls of net/port.h are this file's own; what they say of a real kernel is in
 * tests/netns/test_protect.py. */
#include "base/error.h"
#include "net/bridge.h"
#include "net/port.h"
#include "net/portfilter.h"
#include "net/rtnl.h"
#include "policy/decide.h"
#include "policy/protect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct port_options set, ignored; /* true in ignored: the kernel does not know it */
static bool sticky_ignored, vlan_snooping, knows_groups;
static bool no_filters, lock_asked;
static struct binding bound;
static unsigned int addresses, bridge_groups;
static char denied[64];               /* VLANs in which it is no router */
static const char *vlan_list = "100"; /* as granted */
static unsigned int default_vlan;
static struct vlans is_in;

int port_set(struct rtnl *nl, int ifindex, const struct port_options *options)
{
    (void)nl;
    (void)ifindex;
    set = *options;
    return 0;
}

int port_deny_vlan_router(struct rtnl *nl, int ifindex, const struct vlan_range *vlans)
{
    const size_t length = strlen(denied);
    (void)nl;
    (void)ifindex;
    snprintf(denied + length, sizeof(denied) - length, "%u-%u ", vlans->first, vlans->last);
    return 0;
}

int bridge_set_option(struct rtnl *nl, int ifindex, int type, uint32_t value)
{
    (void)nl;
    (void)ifindex;
    (void)type;
    bridge_groups = value;
    return 0;
}

int port_add_address(struct rtnl *nl, int ifindex, const uint8_t mac[6], bool moves)
{
    (void)nl;
    (void)ifindex;
    (void)mac;
    (void)moves;
    addresses++;
    return 0;
}

int port_find_address(struct rtnl *nl, int bridge, const uint8_t mac[6], unsigned int vlan,
                      struct port_address *out)
{
    (void)nl;
    (void)bridge;
    (void)mac;
    (void)vlan;
    *out = (struct port_address){.ifindex = 1, .static_ = true, .sticky = !sticky_ignored};
    return 0;
}

int port_leave_vlans(struct rtnl *nl, int ifindex, const struct vlan_range *range)
{
    (void)nl;
    (void)ifindex;
    if (range->first == 1 && range->last == VLAN_MAX)
        is_in = (struct vlans){.untagged = 0};
    return 0;
}

int port_enter_vlans(struct rtnl *nl, int ifindex, const struct vlans *vlans)
{
    struct vlan_range range = {0};
    (void)nl;
    (void)ifindex;
    while (vlans_next(vlans, &range))
        for (unsigned int vlan = range.first; vlan <= range.last; vlan++)
            vlans_add(&is_in, vlan);
    is_in.untagged = vlans->untagged;
    return 0;
}

int link_get(struct rtnl *nl, int ifindex, struct link *out)
{
    (void)nl;
    (void)ifindex;
    *out = (struct link){.bridge = {.max_groups = bridge_groups},
                         .port = {
                             .isolated = set.isolated && !ignored.isolated,
                             .locked = set.locked && !ignored.locked,
                             .learning = set.learning || ignored.learning,
                             .flood = set.flood || ignored.flood,
                             .guard = set.guard && !ignored.guard,
                             .router = set.router || ignored.router,
                             .max_groups = knows_groups && !ignored.max_groups ? set.max_groups : 0,
                             .knows_groups = knows_groups,
                         }};
    return 0;
}

int portfilter_attach(struct rtnl *nl, int ifindex, const struct binding *binding, struct error *why)
{
    (void)nl;
    (void)ifindex;
    if (no_filters)
        return error_set(why, "this kernel has no filters");
    bound = *binding;
    return 0;
}

/* Asks for all protection. */
static int protect(struct error *why)
{
    struct decision terms = {.rule = "policy.conf:1",
                             .lock_asked = lock_asked,
                             .protection = {.isolated = true, .mac_lock = true, .guard = true}};
    const struct link bridge = {.name = "br0",
                                .bridge = {.kernel_stp = true,
                                           .vlan_filtering = true,
                                           .vlan_snooping = vlan_snooping,
                                           .default_vlan = default_vlan,
                                           .vlan_protocol = 0x88A8,
                                           .max_groups = 4096}};
    struct rtnl nl = {.buffer = NULL};

    vlans_parse(&terms.vlans, vlan_list, NULL);
    const struct binding binding =
        protect_binding(&terms, &bridge, (const uint8_t[]){0x52, 0x54, 0, 0, 0, 1});
    const struct port_grant what = {.bridge = &bridge, .terms = &terms, .binding = &binding};

    addresses = 0;
    denied[0] = '\0';
    bridge_groups = 4096;
    return protect_port(&nl, 1, "vtap-0", &what, why);
}

static void refused(const char *says)
{
    struct error why = {0};

    assert_int_equal(protect(&why), -1);
    assert_non_null(strstr(why.text, says));
    assert_non_null(strstr(why.text, "nothing is granted without it"));
}

static void test_a_kernel_that_knows_all(void **state)
{
    struct error why = {0};
    (void)state;

    vlans_add(&is_in, 1); /* as a new port */
    assert_int_equal(protect(&why), 0);
    assert_int_equal(addresses, 1);
    assert_false(set.router);
    assert_true(is_in.untagged == 100 && vlans_has(&is_in, 100) && !vlans_has(&is_in, 1));
}

/* Without the limit of groups the grant stands, and the bridge is left as it is. */
static void test_limit_of_groups(void **state)
{
    struct error why = {0};
    (void)state;

    assert_int_equal(protect(&why), 0);
    assert_int_equal(bridge_groups, 4096);
    knows_groups = true;
    assert_int_equal(protect(&why), 0);
    assert_int_equal(set.max_groups, 64);
    assert_int_equal(bridge_groups, 65536);
    ignored = (struct port_options){.max_groups = 1};
    refused("the protection of policy.conf:1");
    ignored = (struct port_options){.max_groups = 0};
    knows_groups = false;
}

static void test_multicast_router_of_a_vlan(void **state)
{
    struct error why = {0};
    (void)state;

    assert_int_equal(protect(&why), 0);
    assert_string_equal(denied, "");
    vlan_snooping = true;
    assert_int_equal(protect(&why), 0);
    assert_string_equal(denied, "100-100 ");
    vlan_list = "100,200-210";
    assert_int_equal(protect(&why), 0);
    assert_string_equal(denied, "100-100 200-210 ");
    vlan_list = NULL;
    assert_int_equal(protect(&why), 0);
    assert_string_equal(denied, "");
    default_vlan = 1;
    assert_int_equal(protect(&why), 0);
    assert_string_equal(denied, "1-1 ");
    vlan_snooping = false;
    vlan_list = "100";
    default_vlan = 0;
}

static void test_port_filter(void **state)
{
    const uint8_t mac[6] = {0x52, 0x54, 0, 0, 0, 1};
    (void)state;

    memset(&bound, 0, sizeof(bound));
    assert_int_equal(protect(&(struct error){0}), 0);
    assert_memory_equal(bound.mac, mac, sizeof(mac));
    assert_int_equal(bound.serve, SERVE_STP); /* of guard=yes */
    assert_false(bound.ip_lock || bound.address_count);
    assert_int_equal(bound.vlan_protocol, 0x88A8);
    assert_int_equal(bound.vlans.untagged, 100);
    no_filters = true;
    refused("cannot filter what tap vtap-0 sends, for mac=lock of policy.conf:1: this kernel has no filters");
    no_filters = false;
}

static void test_a_kernel_that_does_not(void **state)
{
    (void)state;
    ignored = (struct port_options){.isolated = true};
    refused("isolated=yes of policy.conf:1 is not possible on bridge 'br0': it requires Linux 4.18");
    ignored = (struct port_options){.locked = true};
    refused("mac=lock of policy.conf:1 is not possible on bridge 'br0': it requires Linux 5.18");
    ignored = (struct port_options){.guard = true};
    refused("the protection of policy.conf:1");
    ignored = (struct port_options){.learning = true};
    refused("the protection of policy.conf:1");
    ignored = (struct port_options){.flood = true};
    refused("the protection of policy.conf:1");
    ignored = (struct port_options){.router = true};
    refused("the protection of policy.conf:1");
    ignored = (struct port_options){.flood = false};
    assert_int_equal(addresses, 0);
    sticky_ignored = true;
    refused("cannot apply mac=lock of policy.conf:1");
    sticky_ignored = false;
}

/* A lock that the guest asked for, under a rule without. */
static void test_whose_lock_it_is(void **state)
{
    (void)state;
    lock_asked = true;
    ignored = (struct port_options){.locked = true};
    refused("mac=lock of the request (--lock) is not possible on bridge 'br0': it requires Linux 5.18");
    ignored = (struct port_options){.locked = false};
    no_filters = true;
    refused("sends, for mac=lock of the request (--lock): this kernel has no filters");
    no_filters = lock_asked = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_kernel_that_knows_all),    cmocka_unit_test(test_port_filter),
        cmocka_unit_test(test_a_kernel_that_does_not),     cmocka_unit_test(test_limit_of_groups),
        cmocka_unit_test(test_multicast_router_of_a_vlan), cmocka_unit_test(test_whose_lock_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
