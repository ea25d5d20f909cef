/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "domain_libvirt.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/complain.h"
#include "base/text.h"

#include <fcntl.h>
#include <libvirt/virterror.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

/* By default libvirt prints errors itself. */
static void print_nothing(void *data, virErrorPtr error)
{
    (void)data, (void)error;
}

virConnectPtr libvirt_open(const char *command, const char *uri)
{
    virSetErrorFunc(NULL, print_nothing);
    virConnectPtr connection = virConnectOpenAuth(uri, virConnectAuthPtrDefault, 0);
    if (!connection && uri)
        complain(1, command, "no connection to libvirt at %s: %s", uri, virGetLastErrorMessage());
    else if (!connection)
        complain(1, command, "no connection to libvirt: %s", virGetLastErrorMessage());
    return connection;
}

virDomainPtr libvirt_find(virConnectPtr connection, const char *command, const char *name)
{
    virDomainPtr domain = virDomainLookupByName(connection, name);

    if (!domain && virGetLastErrorCode() != VIR_ERR_NO_DOMAIN) {
        complain(1, command, "cannot look up '%.60s': %s", name, virGetLastErrorMessage());
        return NULL;
    }
    if (!domain)
        domain = virDomainLookupByUUIDString(connection, name);
    if (!domain)
        complain(1, command, "there is no domain '%.60s'", name);
    return domain;
}

const char *libvirt_dashes(const char *name)
{
    return text_if(*name == '-', "-- ");
}

int libvirt_learn(virConnectPtr connection, const char *command, struct taken *taken, unsigned int flags)
{
    _cleanup_free_ virDomainPtr *list = NULL;
    const int count = virConnectListAllDomains(connection, &list, 0);
    int err = 0;

    for (int i = 0; i < count; i++) {
        _cleanup_free_ char *text = virDomainGetXMLDesc(list[i], flags);
        if (text && !err)
            err = taken_add_document(taken, text, strlen(text));
        virDomainFree(list[i]);
    }
    if (count < 0 || err)
        return complain(1, command, "cannot collect the tap names of all domains: %s",
                        virGetLastErrorMessage());
    return 0;
}

bool libvirt_is_session(virConnectPtr connection)
{
    static const char path[] = "/session";
    _cleanup_free_ char *uri = virConnectGetURI(connection);
    const char *host = uri ? strstr(uri, "://") : NULL;
    const char *at = host ? strchr(host + strlen("://"), '/') : NULL;

    return at && strncmp(at, path, sizeof(path) - 1) == 0 && strchr("?", at[sizeof(path) - 1]);
}

char *libvirt_definition(virDomainPtr domain)
{
    return virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_SECURE | VIR_DOMAIN_XML_INACTIVE);
}

/* A domain is one byte of the file, chosen by its UUID; only the user can open that. */
int libvirt_lock(virDomainPtr domain, const char *command, int *lock)
{
    static const char name[] = "virt-tap-domain.lock";
    const char *folder = geteuid() == 0 ? "/run" : getenv("XDG_RUNTIME_DIR");
    unsigned char uuid[VIR_UUID_BUFLEN];
    struct flock byte = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
    const int64_t end = clock_ms() + LIBVIRT_LOCK_MS;
    char path[PATH_MAX];

    *lock = -1;
    if (!folder || virDomainGetUUID(domain, uuid) < 0 ||
        snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
        return 0;
    for (size_t i = 0; i < sizeof(uint32_t); i++)
        byte.l_start = byte.l_start << CHAR_BIT | uuid[i];
    *lock = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    while (*lock >= 0 && fcntl(*lock, F_OFD_SETLK, &byte) < 0) {
        if (clock_ms() > end)
            return complain(1, command,
                            "%s: another virt-tap command changes it, and has not ended within %d s; see "
                            "which: fuser -v %s",
                            virDomainGetName(domain), LIBVIRT_LOCK_MS / 1000, path);
        poll(NULL, 0, 10);
    }
    return 0;
}

/* Returns whether libvirt has just refused a document only because its schema does not accept it, although it
 * keeps one that the schema does not accept either (<rom file=''/>). */
static bool is_no_worse(virConnectPtr connection, const char *was)
{
    if (virGetLastErrorCode() != VIR_ERR_XML_INVALID_SCHEMA)
        return false;
    _cleanup_virdomain_ virDomainPtr same =
        virDomainDefineXMLFlags(connection, was, VIR_DOMAIN_DEFINE_VALIDATE);
    return !same && virGetLastErrorCode() == VIR_ERR_XML_INVALID_SCHEMA;
}

int libvirt_define(virDomainPtr domain, const char *command, const char *was, const char *text,
                   unsigned int flags)
{
    virConnectPtr connection = virDomainGetConnect(domain);
    const char *name = virDomainGetName(domain);
    _cleanup_secret_ char *now = libvirt_definition(domain);
    _cleanup_free_ char *refused = NULL;

    if (!now || strcmp(now, was) != 0)
        return complain(1, command, "%s: its definition has changed in the meantime; try again", name);
    virDomainPtr defined = virDomainDefineXMLFlags(connection, text, flags);
    if (!defined)
        refused = strdup(virGetLastErrorMessage());
    if (!defined && is_no_worse(connection, was)) {
        complain(0, command,
                 "%s: libvirt's schema does not accept this definition, and did not before: it is not "
                 "asked",
                 name);
        defined = virDomainDefineXMLFlags(connection, text, 0);
        free(refused);
        refused = defined ? NULL : strdup(virGetLastErrorMessage());
    }
    if (!defined)
        return complain(1, command, "%s: libvirt refuses the new definition: %s", name,
                        text_or(refused, "no memory"));
    virDomainFree(defined);
    return 0;
}
