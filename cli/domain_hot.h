/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Shared by `virt-tap domain attach` and `detach`: the domain, which of its two descriptions change, and what
 * belongs to a tap of the running one. All functions report errors themselves. */
#pragma once

#include "domain_libvirt.h"

struct hot {
    const char *command; /* for messages */
    virConnectPtr connection;
    virDomainPtr domain;
    const char *name;  /* belongs to the domain */
    bool live, config; /* change the running domain, its definition */
    int lock;          /* libvirt_lock()'s, until hot_close() */
};

#define HOT_OPTIONS(type)                                                                                    \
    OPTION_LETTER('c', "connect", "URI", "the libvirt to connect to; default: as virsh", type, uri),         \
        OPTION_FLAG("live", "the running domain; its tap is made and deleted now, by virt-tap-helper", type, \
                    live),                                                                                   \
        OPTION_FLAG("config",                                                                                \
                    "its definition, for the next start, whose hook makes the tap\n"                         \
                    "neither: the running domain if it runs, otherwise its definition",                      \
                    type, config)

/* Connects, and finds the domain. hot has the command, and what was asked for; with neither, the domain's
 * state decides, as for virsh attach-device. What runs can be changed only where its taps are made, and by
 * the user who owns them. Nobody else of this user's changes the domain by virt-tap until hot_close().
 * Returns 0, or 1. The caller must hot_close() in either case. */
int hot_open(struct hot *hot, const char *uri, const char *domain);
void hot_close(struct hot *hot);

/* Returns what changes, in words. */
const char *hot_places(const struct hot *hot);

/* Parses one of its descriptions, which must outlive `out`; NULL: libvirt did not give it. Returns 0; or 1,
 * also for a clone. The caller must domain_free(out) in either case. */
int hot_read(const struct hot *hot, const char *text, struct domain *out);

/* Adds a tap, which may be of another description, to the running domain's list, if it is not there. Returns
 * 0, or 1. */
int hot_remember(const struct hot *hot, const struct tap *tap);

/* Removes a tap from the running domain's list, if it is there. Returns 0, or 1. */
int hot_forget(const struct hot *hot, const char *dev);

/* Has virt-tap-helper delete a tap. Returns 0, or 1. */
int hot_delete_tap(const struct hot *hot, const char *dev);
