/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mend.h"

#include "base/quote.h"
#include "text.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct manager {
    const char *ids; /* of os-release's ID and ID_LIKE */
    const char *install;
    const char *packages[3]; /* by enum package */
};

static const struct manager managers[] = {
    {"debian ubuntu",
     "apt-get install -y",
     {"qemu-system", "libvirt-daemon-system libvirt-clients", "linux-image-amd64"}},
    {"fedora rhel centos",
     "dnf install -y",
     {"qemu-kvm", "libvirt-daemon-kvm libvirt-client", "kernel-core kernel-modules"}},
    {"arch", "pacman -S --needed --noconfirm", {"qemu-base", "libvirt dnsmasq", "linux"}},
    {"suse opensuse",
     "zypper install -y",
     {"qemu-kvm", "libvirt-daemon-qemu libvirt-client", "kernel-default"}},
};

static void read_os_release(char *text, size_t size)
{
    if (text_read("/etc/os-release", text, size) < 0)
        text_read("/usr/lib/os-release", text, size);
}

static const struct manager *find_manager(void)
{
    char text[4096], ids[256], like[128];

    read_os_release(text, sizeof(text));
    if (!text_value(text, "ID", ids, 128))
        ids[0] = '\0';
    if (text_value(text, "ID_LIKE", like, sizeof(like))) {
        strcat(ids, " ");
        strcat(ids, like);
    }
    for (char *save, *id = strtok_r(ids, " ", &save); id; id = strtok_r(NULL, " ", &save))
        for (size_t i = 0; i < sizeof(managers) / sizeof(managers[0]); i++)
            if (text_has_word(managers[i].ids, id))
                return &managers[i];
    return NULL;
}

void mend_install(enum package package, char *out, size_t size)
{
    const struct manager *manager = find_manager();

    if (manager)
        snprintf(out, size, "%s %s", manager->install, manager->packages[package]);
    else
        snprintf(out, size, "# install by this system's package manager: %s", managers[0].packages[package]);
}

void mend_quote(const char *word, char *out, size_t size)
{
    quote_into(word, out, size);
}

void mend_distribution(char *out, size_t size)
{
    char text[4096];

    read_os_release(text, sizeof(text));
    if (!text_value(text, "PRETTY_NAME", out, size))
        snprintf(out, size, "unknown");
}
