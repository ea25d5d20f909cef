/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * libvirt, loaded when a verb asks for it: it brings some fifty libraries along, which no other verb should
 * wait for. */
#pragma once

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#define LIBVIRT_FUNCTIONS(X)                                                                                 \
    X(virConnectOpenAuth)                                                                                    \
    X(virConnectClose)                                                                                       \
    X(virConnectListAllDomains)                                                                              \
    X(virDomainLookupByName)                                                                                 \
    X(virDomainLookupByUUIDString)                                                                           \
    X(virDomainGetName)                                                                                      \
    X(virDomainGetXMLDesc)                                                                                   \
    X(virDomainDefineXMLFlags)                                                                               \
    X(virDomainIsActive)                                                                                     \
    X(virDomainIsPersistent)                                                                                 \
    X(virDomainFree)                                                                                         \
    X(virNetworkLookupByName)                                                                                \
    X(virNetworkGetBridgeName)                                                                               \
    X(virNetworkGetXMLDesc)                                                                                  \
    X(virNetworkFree)                                                                                        \
    X(virSetErrorFunc)                                                                                       \
    X(virGetLastErrorMessage)

struct libvirt {
/* NOLINTNEXTLINE(bugprone-macro-parentheses): it declares */
#define X(name) __typeof__(name) *name;
    LIBVIRT_FUNCTIONS(X)
#undef X
    virConnectAuthPtr *virConnectAuthPtrDefault;
};

/* Loads libvirt's client library. Returns 0, or -1 if it is not there. It stays loaded. */
int libvirt_load(struct libvirt *out);
