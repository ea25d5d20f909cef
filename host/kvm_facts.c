/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "base/cleanup.h"
#include "base/text.h"
#include "kvm_absence.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#ifdef __x86_64__
#include <cpuid.h>
#endif

enum { LOG_RECORDS = 20000 };

/* If the firmware has locked the extension, the kernel clears the flag in /proc/cpuinfo; CPUID keeps it. */
static bool cpuid_has_extension(void)
{
#ifdef __x86_64__
    unsigned int a, b, c, d;

    if (__get_cpuid(1, &a, &b, &c, &d) && c & 1U << 5) /* VMX */
        return true;
    return __get_cpuid(0x80000001, &a, &b, &c, &d) && c & 1U << 2; /* SVM */
#else
    return false;
#endif
}

/* The first processor's flags: on large hosts the whole file takes long to generate. */
static void read_cpuinfo(struct kvm_facts *out)
{
    char text[8192], vendor[32];

    out->cpuinfo = text_read("/proc/cpuinfo", text, sizeof(text)) > 0;
    if (out->x86) {
        const bool vmx = text_has_word(text, "vmx"), svm = text_has_word(text, "svm");
        const bool amd =
            svm || (!vmx && text_value(text, "vendor_id", vendor, sizeof(vendor)) &&
                    (strcmp(vendor, "AuthenticAMD") == 0 || strcmp(vendor, "HygonGenuine") == 0));
        out->extension = vmx || svm;
        out->guest = text_has_word(text, "hypervisor");
        strcpy(out->module, amd ? "kvm_amd" : "kvm_intel");
    } else if (strcmp(out->machine, "s390x") == 0) {
        out->extension = text_has_word(text, "sie");
        strcpy(out->module, "kvm");
    } else if (strncmp(out->machine, "ppc64", 5) == 0) {
        const bool bare = strstr(text, "PowerNV") != NULL;
        out->extension = bare || strstr(text, "pSeries") != NULL;
        strcpy(out->module, bare ? "kvm_hv" : "kvm_pr");
    }
}

/* "x86/cpu: VMX (outside TXT) disabled by BIOS", "kvm_amd: SVM disabled (by BIOS) in MSR_VM_CR on CPU 0",
 * "kvm: disabled by bios". The kernel also logs names that users choose: the message about a crashed program
 * begins with its name and [PID]; names of files and others come later. */
static bool reports_firmware_off(const char *record)
{
    static const char *const speakers[] = {"x86/cpu: ", "kvm: ", "kvm_intel: ", "kvm_amd: "};
    const char *line = strchr(record, ';');
    bool known = false;

    for (size_t i = 0; line && i < sizeof(speakers) / sizeof(speakers[0]); i++)
        known = known || strncmp(line + 1, speakers[i], strlen(speakers[i])) == 0;
    return known && !strchr(line, '[') && strcasestr(line, "BIOS") &&
           (strstr(line, "disabled") || strstr(line, "not enabled"));
}

/* Each read returns one message. Without permission to read, nothing is known. */
static bool log_reports_firmware_off(void)
{
    _cleanup_close_ const int fd = open("/dev/kmsg", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char line[8193];

    for (int i = 0; i < LOG_RECORDS; i++) {
        const ssize_t length = read(fd, line, sizeof(line) - 1);
        if (length < 0 && errno == EPIPE) /* the message was overwritten in the meantime */
            continue;
        if (length <= 0)
            return false;
        line[length] = '\0';
        if (reports_firmware_off(line))
            return true;
    }
    return false;
}

/* Module names are written with either - or _. */
static bool same_module(const char *a, const char *b, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (a[i] != b[i] && !((a[i] == '-' && b[i] == '_') || (a[i] == '_' && b[i] == '-')))
            return false;
    return b[length] == '\0';
}

static bool is_module(const char *word, size_t length, const struct kvm_facts *facts)
{
    return length && (same_module(word, facts->module, length) || same_module(word, "kvm", length));
}

struct block_search {
    struct kvm_facts *facts;
    const char *path;
};

static bool block_line(void *arg, const char *line, unsigned int number)
{
    struct block_search *search = arg;
    const bool install = strncmp(line, "install", 7) == 0;
    const char *at = line + strlen("install");

    if (!install && strncmp(line, "blacklist", 9) != 0)
        return true;
    if (!install)
        at = line + strlen("blacklist");
    if (!*at || !strchr(" \t", *at))
        return true;
    at += strspn(at, " \t");
    const size_t length = strcspn(at, " \t");
    if (!is_module(at, length, search->facts) ||
        (install && !strstr(at + length, "/false") && !strstr(at + length, "/true")))
        return true;
    snprintf(search->facts->blocked, sizeof(search->facts->blocked), "%.200s:%u", search->path, number);
    return false;
}

static void find_block(struct kvm_facts *facts)
{
    static const char *const keys[] = {"module_blacklist=", "modprobe.blacklist="};
    static const char pattern[] = "{/etc,/run,/usr/lib,/lib}/modprobe.d/*.conf";
    _cleanup_globfree_ glob_t files = {.gl_pathc = 0};
    char text[4096];

    text_read("/proc/cmdline", text, sizeof(text));
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        const char *at = strstr(text, keys[i]);
        if (!at)
            continue;
        for (at += strlen(keys[i]); *at && !strchr(" \n", *at);) {
            const size_t length = strcspn(at, ", \n");
            if (is_module(at, length, facts))
                strcpy(facts->blocked, "the kernel's command line (/proc/cmdline)");
            at += length + (at[length] == ',');
        }
    }
    if (glob(pattern, GLOB_BRACE, NULL, &files) != 0)
        return;
    for (size_t i = 0; i < files.gl_pathc && !facts->blocked[0]; i++)
        text_lines(files.gl_pathv[i], block_line, &(struct block_search){facts, files.gl_pathv[i]});
}

/* A distribution's modules.dep has about 500 kB. */
static void find_module(struct kvm_facts *facts)
{
    _cleanup_free_ char *line = NULL;
    char path[128];
    size_t size = 0;

    snprintf(path, sizeof(path), "/lib/modules/%s/modules.dep", facts->release);
    _cleanup_fclose_ FILE *file = fopen(path, "re");
    while (file && !facts->has_module && getline(&line, &size, file) > 0) {
        const size_t end = strcspn(line, ":");
        line[end] = '\0';
        const char *name = basename(line), *dot = strstr(name, ".ko");
        facts->modules = true;
        facts->has_module = dot && dot > name && same_module(name, facts->module, (size_t)(dot - name));
    }
}

static bool is_registered(void)
{
    char text[4096];

    return text_read("/proc/misc", text, sizeof(text)) > 0 && text_has_word(text, "kvm");
}

void kvm_facts_gather(struct kvm_facts *out)
{
    struct utsname name;

    *out = (struct kvm_facts){.registered = is_registered()};
    if (uname(&name) == 0) {
        snprintf(out->machine, sizeof(out->machine), "%.64s", name.machine);
        snprintf(out->release, sizeof(out->release), "%.64s", name.release);
    }
    out->x86 = strcmp(out->machine, "x86_64") == 0 || strcmp(out->machine, "i686") == 0;
    read_cpuinfo(out);
    if (out->registered)
        return;
    out->cpuid = out->x86 && cpuid_has_extension();
    out->firmware_off = log_reports_firmware_off();
    find_block(out);
    if (out->module[0])
        find_module(out);
}
