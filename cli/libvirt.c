/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "libvirt.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>

/* libvirt prints errors itself unless told not to. */
static void say_nothing(void *ignore, virErrorPtr error)
{
    (void)ignore;
    (void)error;
}

int libvirt_load(struct libvirt *out)
{
    void *library = dlopen("libvirt.so.0", RTLD_NOW | RTLD_LOCAL);
    bool all = library != NULL;

    if (!library)
        return -1;
#define X(name) all = (*(void **)&out->name = dlsym(library, #name)) && all;
    LIBVIRT_FUNCTIONS(X)
    X(virConnectAuthPtrDefault)
#undef X
    if (!all)
        return -1;
    out->virSetErrorFunc(NULL, say_nothing);
    return 0;
}
