/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "domain_libvirt.h"

#include "base/cleanup.h"
#include "base/complain.h"

#include <libvirt/virterror.h>

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

int libvirt_define(virDomainPtr domain, const char *command, const char *was, const char *text,
                   unsigned int flags)
{
    const char *name = virDomainGetName(domain);
    _cleanup_secret_ char *now = libvirt_definition(domain);

    if (!now || strcmp(now, was) != 0)
        return complain(1, command, "%s: its definition has changed in the meantime; try again", name);
    _cleanup_virdomain_ virDomainPtr defined =
        virDomainDefineXMLFlags(virDomainGetConnect(domain), text, flags);
    if (!defined)
        return complain(1, command, "%s: libvirt refuses the new definition: %s", name,
                        virGetLastErrorMessage());
    return 0;
}
