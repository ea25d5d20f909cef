/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "fix.h"
#include "base/cleanup.h"
#include "base/kvm.h"
#include "base/printable.h"
#include "base/quote.h"
#include "base/text.h"
#include "fix_firewall.h"
#include "libvirt_network.h"
#include "net/link.h"
#include "network.h"
#include "software.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { VALUE_SIZE = 512 };

static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.,:/=@%+-";

enum placeholder {
    USER,
    WHOM,
    SUDO,
    ACCEPT,
    BYPASS,
    GROUP,
    INTERFACE,
    NETWORK,
    MAC,
    MODULE,
    PATH,
    SESSION,
    INSTALL_QEMU,
    INSTALL_LIBVIRT,
    INSTALL_KERNEL,
    PLACEHOLDERS,
};
static const char *const placeholders[PLACEHOLDERS] = {
    "{user}",          "{whom}", "{sudo}",   "{accept}", "{bypass}",  "{group}",        "{interface}",
    "{network}",       "{mac}",  "{module}", "{path}",   "{session}", "{install-qemu}", "{install-libvirt}",
    "{install-kernel}"};

struct manager {
    const char *ids; /* from ID and ID_LIKE in os-release */
    const char *install, *qemu, *libvirt, *kernel, *nat;
};

static const struct manager managers[] = {
    {"debian", "apt-get install -y", "qemu-system", "libvirt-daemon-system libvirt-clients",
     "linux-image-amd64", "dnsmasq-base nftables"},
    {"ubuntu", "apt-get install -y", "qemu-system", "libvirt-daemon-system libvirt-clients",
     "linux-image-generic", "dnsmasq-base nftables"},
    {"fedora rhel centos", "dnf install -y", "qemu-kvm", "libvirt-daemon-kvm libvirt-client",
     "kernel-core kernel-modules", "dnsmasq nftables"},
    {"arch", "pacman -S --needed --noconfirm", "qemu-base", "libvirt dnsmasq", "linux", "dnsmasq nftables"},
    {"suse opensuse", "zypper install -y", "qemu-kvm", "libvirt-daemon-qemu libvirt-client", "kernel-default",
     "dnsmasq nftables"},
};

static void read_os_release(char *text, size_t size)
{
    if (text_read("/etc/os-release", text, size) < 0)
        text_read("/usr/lib/os-release", text, size);
}

static const struct manager *find_manager(void)
{
    char text[4096], id[128], like[128], ids[256];

    read_os_release(text, sizeof(text));
    text_value(text, "ID", id, sizeof(id));
    text_value(text, "ID_LIKE", like, sizeof(like));
    snprintf(ids, sizeof(ids), "%s %s", id, like);
    for (char *save, *word = strtok_r(ids, " ", &save); word; word = strtok_r(NULL, " ", &save))
        for (size_t i = 0; i < sizeof(managers) / sizeof(managers[0]); i++)
            if (text_has_word(managers[i].ids, word))
                return &managers[i];
    return NULL;
}

void fix_distribution(char *out, size_t size)
{
    char text[4096];

    read_os_release(text, sizeof(text));
    if (!text_value(text, "PRETTY_NAME", out, size))
        snprintf(out, size, "unknown");
}

bool fix_install_nat(char *out, size_t size)
{
    const struct manager *manager = find_manager();

    if (manager)
        snprintf(out, size, "%s %s", manager->install, manager->nat);
    return manager;
}

static bool quoted(const char *word, char out[VALUE_SIZE])
{
    quote_into(word, out, VALUE_SIZE);
    return printable_is(word) && strcmp(out, "''") != 0;
}

/* Looked up here, not taken from the probe. Nobody should join root's group. */
static bool group_value(char out[VALUE_SIZE])
{
    struct stat st;

    if (stat(KVM_PATH, &st) < 0 || st.st_gid == 0)
        return false;
    user_group_name(st.st_gid, out, VALUE_SIZE);
    return true;
}

/* A bridge without ports has no MAC and is given a random one, the same wherever it is mentioned. */
static bool mac_value(const char *about, char out[VALUE_SIZE])
{
    static char bridge[IFNAMSIZ], mac[MAC_TEXT];

    if (!ifname_valid(about))
        return false;
    if (strcmp(bridge, about) != 0) {
        strcpy(bridge, about);
        network_bridge_mac(about, mac);
    }
    strcpy(out, mac);
    return *out != '\0';
}

/* Looked up here, not taken from the probe. */
static bool network_value(const char *about, char out[VALUE_SIZE])
{
    char network[VALUE_SIZE];

    return libvirt_network_inactive(about, network, sizeof(network)) && quoted(network, out);
}

static bool module_value(const char *about, char out[VALUE_SIZE])
{
    static const char *const modules[] = {
        "kvm", "kvm_intel", "kvm_amd", "kvm_hv", "kvm_pr", "vboxnetadp vboxnetflt vboxdrv", "vmmon"};

    for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++)
        if (strcmp(modules[i], about) == 0) {
            strcpy(out, about);
            return true;
        }
    return false;
}

static bool session_value(const struct user *user, char out[VALUE_SIZE])
{
    char folder[VALUE_SIZE];

    return qemu_session_folder(user, folder, sizeof(folder)) && quoted(folder, out);
}

static bool install_value(enum placeholder what, char out[VALUE_SIZE])
{
    const struct manager *manager = find_manager(), *names = manager ? manager : &managers[0];
    const char *packages = names->kernel;

    if (what == INSTALL_QEMU)
        packages = names->qemu;
    else if (what == INSTALL_LIBVIRT)
        packages = names->libvirt;
    snprintf(out, VALUE_SIZE, "%s %s",
             manager ? manager->install : "# install with this system's package manager:", packages);
    return true;
}

/* Whether the placeholder has a value that is safe in a command. */
static bool find_value(enum placeholder what, const struct user *user, const char *about,
                       char out[VALUE_SIZE])
{
    switch (what) {
    case USER:
        return user->uid != 0 && user->in_passwd && quoted(user->name, out);
    case WHOM:
        if (user->name[strspn(user->name, plain)] || !user->name[strspn(user->name, "0123456789")])
            snprintf(out, VALUE_SIZE, "%u", user->uid);
        else
            snprintf(out, VALUE_SIZE, "%s", user->name);
        return user->in_passwd;
    case SUDO:
        strcpy(out, geteuid() == 0 ? "" : "sudo ");
        return true;
    case GROUP:
        return group_value(out);
    case ACCEPT:
        return fix_firewall_accept(about, out, VALUE_SIZE);
    case BYPASS:
        strcpy(out, "sysctl -w net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0");
        return fix_firewall_bypasses(about);
    case INTERFACE:
        return ifname_valid(about) && quoted(about, out);
    case NETWORK:
        return network_value(about, out);
    case MAC:
        return mac_value(about, out);
    case MODULE:
        return module_value(about, out);
    case PATH:
        snprintf(out, VALUE_SIZE, "%s", about);
        return *about == '/' && about[strspn(about, plain)] == '\0' && !strstr(about, "/..");
    case SESSION:
        return session_value(user, out);
    case INSTALL_QEMU:
    case INSTALL_LIBVIRT:
    case INSTALL_KERNEL:
        return install_value(what, out);
    default:
        return false;
    }
}

/* Writes the value of the placeholder at `at`. Returns the placeholder's length; 0: there is none; -1:
 * it has no value. */
static int write_value(FILE *out, const char *at, const struct user *user, const char *about)
{
    char value[VALUE_SIZE];

    for (enum placeholder i = 0; i < PLACEHOLDERS; i++) {
        const size_t length = strlen(placeholders[i]);
        if (strncmp(at, placeholders[i], length) != 0)
            continue;
        if (!find_value(i, user, about, value))
            return -1;
        fputs(value, out);
        return (int)length;
    }
    return 0;
}

/* Expands one line of a template. Returns it, owned by the caller; NULL: left out, or out of memory. */
static char *expand(const char *line, size_t length, const struct user *user, const char *about)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    int skip = 0;

    for (size_t i = 0; out && i < length && skip >= 0; i += skip > 0 ? (size_t)skip : 1) {
        skip = line[i] == '{' ? write_value(out, line + i, user, about) : 0;
        if (skip == 0)
            fputc(line[i], out);
    }
    if (out && fclose(out) == 0 && skip >= 0)
        return text;
    free(text);
    return NULL;
}

/* Whether the command is more than one program with plain or single-quoted arguments. */
static bool needs_shell(const char *line)
{
    bool inside = false;

    for (; *line; line++)
        if (*line == '\'')
            inside = !inside;
        else if (!inside && strchr("|&;<>{[", *line))
            return true;
    return false;
}

/* For users other than root: sudo runs a single program, so a command that needs a shell is given one. */
static void add_command(struct findings *list, struct finding *finding, const char *line)
{
    char command[2048];

    if (geteuid() == 0 || catalogue[finding->id].own || *line == '#') {
        finding_command(list, finding, "", line);
    } else if (!needs_shell(line)) {
        finding_command(list, finding, "sudo ", line);
    } else {
        quote_into(line, command, sizeof(command));
        finding_command(list, finding, "sudo sh -c ", command);
    }
}

void fix_findings(struct findings *list, const struct user *user)
{
    for (size_t i = 0; i < list->count; i++) {
        struct finding *finding = &list->items[i];
        const char *lines = catalogue[finding->id].fix;
        for (size_t length; finding->fixable && lines && *lines; lines += length + (lines[length] == '\n')) {
            length = strcspn(lines, "\n");
            _cleanup_free_ char *line = expand(lines, length, user, finding->about);
            if (line)
                add_command(list, finding, line);
        }
    }
}
