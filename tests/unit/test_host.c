/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What host/ decides by its arguments alone: why there is no KVM on hosts that are not here, and how words
 * are quoted and read. */
#include "base/kvm.h"
#include "base/quote.h"
#include "base/text.h"
#include "host/fix.h"
#include "host/kvm_absence.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void explains(struct kvm_facts facts, enum finding_id id, const char *words)
{
    struct findings found = {.items = NULL};

    kvm_explain(&facts, &found);
    assert_int_equal(found.count, 1);
    assert_string_equal(catalogue[found.items[0].id].name, catalogue[id].name);
    assert_non_null(strstr(found.items[0].seen, words));
    findings_free(&found);
}

#define X86 .machine = "x86_64", .x86 = true, .cpuinfo = true

static void absence_on_x86(void **state)
{
    (void)state;
    explains((struct kvm_facts){X86}, KVM_CPU_NONE, "neither vmx");
    explains((struct kvm_facts){X86, .guest = true}, KVM_CPU_NESTED, "virtual machine");
    /* the kernel hides the flag that the processor has: only CPUID tells, so no file can stand for it */
    explains((struct kvm_facts){X86, .cpuid = true, .module = "kvm_intel"}, KVM_CPU_FIRMWARE, "VT-x");
    explains((struct kvm_facts){X86, .cpuid = true, .module = "kvm_amd"}, KVM_CPU_FIRMWARE, "AMD-V");
    explains((struct kvm_facts){X86, .cpuid = true, .guest = true, .module = "kvm_amd"}, KVM_CPU_FIRMWARE,
             "");
    explains((struct kvm_facts){X86, .extension = true, .module = "kvm_intel", .has_module = true},
             KVM_MODULE_MISSING, "kvm_intel");
    explains((struct kvm_facts){X86, .extension = true, .firmware_off = true, .module = "kvm_intel",
                                .has_module = true},
             KVM_CPU_FIRMWARE, "VT-x");
    explains((struct kvm_facts){X86, .registered = true}, KVM_DEVICE_MISSING, "container");
    explains((struct kvm_facts){.machine = "x86_64", .x86 = true}, KVM_CPU_UNKNOWN, "/proc/cpuinfo");
}

static void absence_elsewhere(void **state)
{
    (void)state;
    explains((struct kvm_facts){.machine = "aarch64", .cpuinfo = true}, KVM_CPU_NONE, "EL2");
    explains((struct kvm_facts){.machine = "s390x", .cpuinfo = true}, KVM_CPU_NONE, "sie");
    explains(
        (struct kvm_facts){
            .machine = "s390x", .cpuinfo = true, .extension = true, .module = "kvm", .has_module = true},
        KVM_MODULE_MISSING, "kvm");
    explains((struct kvm_facts){.machine = "ppc64le", .cpuinfo = true}, KVM_CPU_NONE, "PowerNV");
    explains(
        (struct kvm_facts){
            .machine = "ppc64le", .cpuinfo = true, .extension = true, .module = "kvm_hv", .modules = true},
        KVM_MODULE_ABSENT, "no KVM module");
    explains((struct kvm_facts){.machine = "riscv64", .cpuinfo = true}, KVM_CPU_NONE, "extension h");
    explains((struct kvm_facts){.machine = "armv7l", .cpuinfo = true}, KVM_CPU_NONE, "64-bit");
}

static void quoted(const char *word, const char *expected)
{
    char out[16];

    quote_into(word, out, sizeof(out));
    assert_string_equal(out, expected);
}

static void words_are_quoted(void **state)
{
    (void)state;
    quoted("alice", "alice");
    quoted("", "''");
    quoted("a b", "'a b'");
    quoted("$(x)", "'$(x)'");
    quoted("it's", "'it'\\''s'");
    quoted("fifteen-letters", "fifteen-letters");
    quoted("sixteen--letters", "''"); /* refused, never cut */
    quoted("a'''''''''", "''");
}

static void texts_are_read(void **state)
{
    char value[8];
    (void)state;
    assert_true(text_value("ID=\"debian\"\n", "ID", value, sizeof(value)));
    assert_string_equal(value, "debian");
    assert_true(text_value("x\n vendor : Intel \n", "vendor", value, sizeof(value)));
    assert_string_equal(value, "Intel");
    assert_false(text_value("ID_LIKE=debian\n", "ID", value, sizeof(value)));
    assert_false(text_value("ID=too-long\n", "ID", value, sizeof(value)));
    assert_true(text_value("ID='\n", "ID", value, sizeof(value)));
    assert_string_equal(value, "'");
    assert_true(text_has_word("fpu vmx\tlm\n", "vmx"));
    assert_false(text_has_word("fpu vmx_x xvmx\n", "vmx"));
    assert_int_equal(text_number("/proc/sys/kernel/ngroups_max", -1), 65536);
    assert_int_equal(text_number("/proc/version", -1), -1);
    assert_int_equal(text_number("/nowhere", -1), -1);
}

/* The caller need not ask before it looks. */
static void a_missing_value_is_empty(void **state)
{
    static const char *const without[] = {"", "key\n", "keys=x\n", "key=much-too-long\n"};
    char value[8];
    (void)state;

    for (size_t i = 0; i < sizeof(without) / sizeof(without[0]); i++) {
        memset(value, 'x', sizeof(value));
        assert_false(text_value(without[i], "key", value, sizeof(value)));
        assert_string_equal(value, "");
    }
}

static void findings_are_clean(void **state)
{
    struct findings found = {.items = NULL};
    (void)state;

    finding_fixable(&found, "nothing to add it to");
    finding_add(&found, NET_BRIDGE, "a\nb\033%s", "\x7f");
    assert_string_equal(found.items[0].seen, "a?b??");
    /* NOLINTBEGIN(misc-misleading-bidirectional): escapes, on purpose */
    finding_add(
        &found, NET_BRIDGE, "%s",
        "\u00e9\u20ac\U0001f600 \xc2\x85\xe2\x80\xae\xe2\x81\xa6\u200b\u00ad|\xff|\xc0\xaf|\xed\xa0\x80|\xf0");
    /* NOLINTEND(misc-misleading-bidirectional) */
    assert_string_equal(found.items[1].seen, "\u00e9\u20ac\U0001f600 ?????????????|?|??|???|?");
    findings_free(&found);
}

static void every_finding_is_described(void **state)
{
    (void)state;
    for (int id = 0; id < FINDING_COUNT; id++) {
        assert_non_null(catalogue[id].name);
        assert_non_null(strchr(catalogue[id].name, '.'));
        assert_true(strlen(catalogue[id].why) > 10);
    }
}

static void device_problems_have_words(void **state)
{
    (void)state;
    assert_string_equal(kvm_device_problem(-ENOENT), "is not there");
    assert_non_null(strstr(kvm_device_problem(-EACCES), "group"));
    assert_non_null(strstr(kvm_device_problem(-EPROTONOSUPPORT), "12"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(absence_on_x86),
        cmocka_unit_test(absence_elsewhere),
        cmocka_unit_test(words_are_quoted),
        cmocka_unit_test(texts_are_read),
        cmocka_unit_test(a_missing_value_is_empty),
        cmocka_unit_test(findings_are_clean),
        cmocka_unit_test(every_finding_is_described),
        cmocka_unit_test(device_problems_have_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
