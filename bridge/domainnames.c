/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "domainnames.h"

#include "base/array.h"
#include "base/cleanup.h"
#include "base/printable.h"
#include "base/text.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { UUID_LENGTH = 36, FILES_MAX = 4096, BEGINNING = 64 * 1024 };

struct domain_name {
    char uuid[UUID_LENGTH + 1], name[NAME_MAX + 1];
};

/* libvirt names the file after the domain (src/conf/virdomainobjlist.c, virDomainObjListLoadConfig), and the
 * first <uuid> in it is the domain's. */
static void read_file(const char *folder, const char *file, struct domain_name *out)
{
    _cleanup_free_ char *text = malloc(BEGINNING);
    char path[PATH_MAX];

    out->uuid[0] = '\0';
    if (!text || snprintf(path, sizeof(path), "%s/%s", folder, file) >= (int)sizeof(path) ||
        text_read(path, text, BEGINNING) <= 0)
        return;
    const char *uuid = strstr(text, "<uuid>");
    if (!uuid)
        return;
    snprintf(out->uuid, sizeof(out->uuid), "%s", uuid + strlen("<uuid>"));
    snprintf(out->name, sizeof(out->name), "%.*s", (int)(strlen(file) - strlen(".xml")), file);
    printable_mask(out->name);
}

static int read_folder(struct domain_names *names, const char *folder)
{
    _cleanup_closedir_ DIR *dir = opendir(folder);
    const struct dirent *entry;

    while (dir && (entry = readdir(dir)) && names->count < FILES_MAX) {
        const size_t length = strlen(entry->d_name);
        if (length < 5 || entry->d_name[0] == '.' || strcmp(entry->d_name + length - 4, ".xml") != 0)
            continue;
        struct domain_name *more = array_grow(names->list, names->count, sizeof(*more));
        if (!more)
            return -ENOMEM;
        names->list = more;
        read_file(folder, entry->d_name, &more[names->count]);
        names->count += more[names->count].uuid[0] != '\0';
    }
    return 0;
}

/* A folder below a directory from the environment, or below another one if that is not set. */
static int read_session(struct domain_names *names, const char *variable, const char *fallback,
                        const char *below)
{
    const char *base = getenv(variable), *rest = "";
    char path[PATH_MAX];

    if (!base || *base != '/') {
        base = getenv("HOME");
        rest = fallback;
    }
    if (!base || *base != '/' || snprintf(path, sizeof(path), "%s%s%s", base, rest, below) >= PATH_MAX)
        return 0;
    return read_folder(names, path);
}

int domain_names_read(struct domain_names *out)
{
    *out = (struct domain_names){NULL, 0};
    if (geteuid() == 0)
        return read_folder(out, "/etc/libvirt/qemu") < 0 ? -ENOMEM : read_folder(out, "/run/libvirt/qemu");
    const int err = read_session(out, "XDG_CONFIG_HOME", "/.config", "/libvirt/qemu");
    /* Without XDG_RUNTIME_DIR, libvirt uses the cache (glib's g_get_user_runtime_dir()). */
    if (err)
        return err;
    return read_session(out, "XDG_RUNTIME_DIR", "/.cache", "/libvirt/qemu/run");
}

void domain_names_free(struct domain_names *names)
{
    free(names->list);
}

const char *domain_names_find(const struct domain_names *names, uid_t user, const char *uuid)
{
    if (user != getuid() || !*uuid)
        return "";
    for (size_t i = 0; i < names->count; i++)
        if (strcasecmp(names->list[i].uuid, uuid) == 0)
            return names->list[i].name;
    return "";
}
