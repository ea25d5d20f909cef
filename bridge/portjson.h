/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Ports, taps and the addresses of guests as JSON: the one schema of `virt-tap list`, `virt-tap show` and
 * `virt-tap address` (docs/interfaces.md). Their text is made from it, so that all forms use the same words.
 */
#pragma once

#include "base/vlans.h"
#include "domainnames.h"
#include "guest.h"
#include "net/link.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct rtnl;

/* Returns the uplink's name from the bridge's alias, or NULL. */
const char *port_alias_uplink(const struct link *bridge);

/* Whether a port is of a kind that leads out of the host: hardware, or what combines or divides it. */
bool port_may_be_uplink(const struct link *port);

/* What a tap under mac=lock is bound to, according to its claims, and what became of its filter, as
 * docs/interfaces.md describes them; NULL: null. */
struct port_lock {
    json_t *bound, *filter;
};

/* portlock.c: reads those of all locked ports with a claim, without privilege. out: all zeros, one for each
 * of the links, whose JSON the caller frees in either case. A filter that cannot be read is NULL. Returns 0
 * or -errno. */
int port_locks_read(struct port_lock *out, struct rtnl *nl, const struct links *links);

/* What is read once for all ports. */
struct ports {
    const struct links *links; /* of the caller: all interfaces of the host */
    struct vlans *vlans; /* of frames with a tag, by the position in links; untagged: of those that come in
                            without one; none: none is enforced */
    struct port_lock *locks; /* likewise */
    struct domain_names names;
    json_t *users; /* those that were looked up: names, or null, by uid as text; a look-up may ask a server */
};

#define _cleanup_ports_ __attribute__((cleanup(ports_free)))
#define _cleanup_json_ __attribute__((cleanup(json_decrefp))) /* jansson's own */

/* Reads VLANs, locks and domain names. Returns 0 or -errno; the caller must ports_free() in either case. */
int ports_read(struct ports *out, struct rtnl *nl, const struct links *links);
void ports_free(struct ports *ports);

/* Whether virt-tap made this tap or tun: one of its users' taps, or a plain device of root's. */
bool port_is_ours(const struct link *tap);

/* Returns the object for one of the links; NULL: no memory. */
json_t *port_json(const struct ports *ports, const struct link *port);

json_t *mac_json(const struct link *link); /* null: it has none */
json_t *
tagged_json(const struct vlans *vlans); /* single VLANs and ranges, as virt-tap-policy(5) writes them */

/* Returns a new string: exactly this text; if it is not UTF-8, with '?' for each invalid byte. */
json_t *text_json(const char *text);
json_t *text_json_or_null(const char *text); /* "": null */

/* Returns the text at that key; "": it is null, or there is none. */
const char *json_text(const json_t *object, const char *key);
const char *json_domain(const json_t *port); /* the name of a tap's domain, else its UUID; "": none */
bool json_flag(const json_t *object, const char *key);

/* Writes the words of an array, or the keys that are true of an object, separated by commas. Returns out. */
const char *json_words(const json_t *all, char *out, size_t size);

/* Writes a port's VLANs, "100, tagged 200-210,300", of which there may be too many to write all. Returns out.
 */
enum { JSON_VLANS_SIZE = 128 };
const char *json_vlans(const json_t *port, char out[JSON_VLANS_SIZE]);

/* Writes the name of a user, or `uid N`; "": null. Returns out. */
const char *json_user(const json_t *user, char *out, size_t size);

/* Returns an array of objects, one for each address; NULL: no memory. */
json_t *guest_json(const struct guest_sight *sight, const struct guest_addresses *addresses);

/* Writes an address of that array: an IPv6 link-local one with the interface that reaches it, as ping and ssh
 * take it. Returns out. */
enum { GUEST_TEXT = CIDR_TEXT + IFNAMSIZ };
const char *guest_text(const json_t *address, char out[GUEST_TEXT]);
