/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "request.h"

#include "answer.h"
#include "base/closing.h"
#include "base/error.h"
#include "base/log.h"
#include "base/quote.h"
#include "config.h"
#include "grant.h"
#include "net/rtnl.h"
#include "net/tap.h"
#include "ondemand.h"
#include "policy/claim.h"
#include "policy/decide.h"
#include "policy/identity.h"
#include "policy/protect.h"
#include "privilege.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The caller is read once, here; lookups of users and groups live as long. */
static int ask_policy(struct decision *out, const struct request *request, struct error *why)
{
    const struct question question = {
        .bridge = request->bridge,
        .tap = request->verb != REQUEST_BRIDGE,
        .name = request->name,
        .mac = request->has_mac ? request->mac : NULL,
        .vlan = request->vlan,
        .native = request->native,
        .isolated = request->isolated,
        .lock_mac = request->lock_mac,
        .lock_ip = request->lock_ip,
        .serve = request->serve,
        .vnet_hdr = request->verb == REQUEST_CREATE && request->kind.vnet_hdr,
        .addresses = &request->addresses,
    };
    _cleanup_policy_ struct policy policy = {.rules = NULL};
    _cleanup_names_ struct names names;
    struct caller caller;

    names_begin(&names);
    if (caller_self(&caller, &names.source, why) < 0)
        return -1;
    if (policy_load(&policy, request->bridge, why) < 0 && !policy.absent)
        return -1;
    return policy_decide(out, &policy, &question, &caller, why);
}

/* One socket does for looking and, with the capability effective again, for changing: see rtnl_open(). */
static int open_rtnl(struct rtnl *nl, struct error *why)
{
    if (privilege_raise(why) < 0)
        return -1;
    const int err = rtnl_open(nl);
    if (privilege_lower(0, why) < 0)
        return -1;
    if (err)
        return error_set(why, "cannot open an rtnetlink socket: %s", strerror(-err));
    return 0;
}

/* The last step: until here, our death at any point removes the tap. */
static int hand_over(const struct request *request, const struct grant *tap, struct error *why)
{
    if (request->verb == REQUEST_TAP)
        return answer_send(request->fd, tap->fd, why);
    const int err = tap_set(tap->fd, TUNSETPERSIST, 1);
    if (!err)
        return 0;
    return error_set(why, "the tap '%s' was made, but cannot be made persistent: %s; it is removed again",
                     tap->name, strerror(-err));
}

/* Asks the policy and finds the bridge, making it if it is declared and missing. */
static int prepare(const struct request *request, struct decision *decision, struct rtnl *nl,
                   struct link *bridge, struct error *why)
{
    bool isolate_ports;

    if (ask_policy(decision, request, why) < 0 || open_rtnl(nl, why) < 0)
        return -1;
    if (ondemand_bridge(nl, request->bridge, decision->rule, &isolate_ports, why) < 0)
        return -1;
    if (isolate_ports)
        decision->protection.isolated = true;
    return policy_find_bridge(nl, bridge, request->bridge, why);
}

static int serve_tap(const struct request *request, struct rtnl *nl, struct error *why)
{
    struct decision decision = {.quota = 0};
    struct link bridge;

    if (request->verb == REQUEST_TAP && answer_check(request->fd, why) < 0)
        return -1;
    if (prepare(request, &decision, nl, &bridge, why) < 0)
        return -1;
    const struct binding binding = protect_binding(&decision, &bridge, request->mac);
    struct grant tap = {.request = request, .bridge = &bridge, .terms = &decision, .binding = &binding};
    /* The capability is never effective when a refusal is printed. */
    if (privilege_raise(why) < 0 || privilege_lower(grant_tap(nl, &tap, why), why) < 0)
        return -1;
    audit(HELPER_NAME, "granted to uid %u: tap %s on bridge %s by %s%s", getuid(), tap.name, bridge.name,
          decision.rule, request->verb == REQUEST_CREATE ? ", to stay" : "");
    const int err = hand_over(request, &tap, why);
    close(tap.fd); /* if it was not handed over, this removes the tap */
    return err;
}

static bool is_callers(const struct link *tap, const struct request *what)
{
    struct claim claim;

    return claim_read(&claim, tap->altname) && (claim.uid == getuid() || (getuid() == 0 && !what->domain[0]));
}

static bool is_domains(const struct link *tap, const struct request *what)
{
    struct claim_alias alias;

    return !what->domain[0] ||
           (claim_read_alias(&alias, tap->alias) && strcmp(alias.domain, what->domain) == 0);
}

static int find_by_name(struct rtnl *nl, const struct request *what, struct link *tap, struct error *why)
{
    struct claim claim;
    const int err = link_find_tap(nl, what->name, tap);

    if (err == -ENODEV)
        return error_set(why, "there is no tap '%s'; `virt-tap list` shows the taps", what->name);
    if (err && err != -EMEDIUMTYPE)
        return error_set(why, "cannot look at '%s': %s; try again", what->name, strerror(-err));
    if (err || !claim_read(&claim, tap->altname))
        return error_set(
            why,
            "'%s' is not a tap made by virt-tap, so it is not deleted; `ip -d link show dev %s` shows what it is",
            what->name, quote(what->name).text);
    if (!is_callers(tap, what) && getuid() == 0)
        return error_set(
            why,
            "tap '%s' belongs to uid %u; --domain selects only uid 0's own taps, because another user's "
            "domain can have the same UUID; omit --domain to delete it",
            what->name, claim.uid);
    if (!is_callers(tap, what))
        return error_set(
            why, "tap '%s' belongs to uid %u, and this is uid %u; only its owner and root may delete it",
            what->name, claim.uid, getuid());
    if (claim_alias_is_later(tap->alias))
        return error_set(why,
                         "tap '%s' was made by a later virt-tap, so it is not deleted; use that one, or, as "
                         "root: ip link delete dev %s",
                         what->name, quote(what->name).text);
    if ((what->ifindex && tap->ifindex != what->ifindex) ||
        (what->claim && strcmp(tap->altname, what->claim) != 0))
        return error_set(
            why,
            "tap '%s' is now interface %d with claim %s, not the one requested, so it is not deleted; "
            "`virt-tap list` shows it",
            tap->name, tap->ifindex, tap->altname);
    if (!is_domains(tap, what))
        return error_set(why, "tap '%s' was not made for domain %s; its alias is: %s", what->name,
                         what->domain, tap->alias[0] ? tap->alias : "none");
    return 0;
}

static int find_all(struct rtnl *nl, const struct request *what, struct links *taps, struct error *why)
{
    const int err = links_read(nl, "tun", taps);
    size_t found = 0;

    if (err)
        return error_set(why, "cannot list the taps of this host: %s; try again", strerror(-err));
    for (size_t i = 0; i < taps->count; i++)
        if (is_callers(&taps->list[i], what) && is_domains(&taps->list[i], what))
            taps->list[found++] = taps->list[i];
    taps->count = found;
    return 0;
}

/* Finds the taps to delete. Asks neither the policy nor the bridge: otherwise removing a rule would leave its
 * taps behind for ever. By name, the tap must exist and be the caller's; by domain alone, finds all of the
 * caller's, which may be none. Root may delete anybody's taps, but not by domain: anybody may give their
 * domain the UUID of another, so a UUID only selects the caller's own. */
static int find_taps(struct rtnl *nl, const struct request *what, struct links *taps, struct error *why)
{
    if (!what->name)
        return find_all(nl, what, taps, why);
    taps->list = malloc(sizeof(*taps->list));
    if (!taps->list)
        return error_set(why, "no memory");
    taps->count = 1;
    return find_by_name(nl, what, taps->list, why);
}

/* Deletes one tap by its ifindex, if it is still the one found and, without force, nobody holds it. */
static int delete_tap(struct rtnl *nl, const struct link *tap, bool force, struct error *why)
{
    _cleanup_close_ int fd = -1;

    if (!force && (fd = grant_open_device(why)) < 0)
        return -1;
    const int err = tap_delete(nl, fd, tap);
    if (!err || err == -ENODEV) /* somebody else deleted it */
        return 0;
    if (err == -EBUSY)
        return error_set(why, "tap '%s' is in use: somebody holds it; end the guest first, or use --force",
                         tap->name);
    if (err == -ESTALE)
        return error_set(why, "tap '%s' has just been replaced or changed, so it is not deleted; try again",
                         tap->name);
    return error_set(why, "cannot delete tap '%s': %s; it may have changed meanwhile: try again", tap->name,
                     rtnl_problem(nl, err));
}

/* Continues after one that cannot be deleted. */
static int delete_each(struct rtnl *nl, const struct request *request, const struct links *taps,
                       struct error *why)
{
    int err = 0;

    for (size_t i = 0; i < taps->count; i++)
        if (delete_tap(nl, &taps->list[i], request->force, why) < 0)
            err = -1;
        else
            audit(HELPER_NAME, "deleted for uid %u: tap %s", getuid(), taps->list[i].name);
    return err;
}

static int serve_delete(const struct request *request, struct rtnl *nl, struct error *why)
{
    _cleanup_links_ struct links taps = {.list = NULL};

    if (open_rtnl(nl, why) < 0 || find_taps(nl, request, &taps, why) < 0)
        return -1;
    if (!taps.count)
        return 0;
    if (privilege_raise(why) < 0)
        return -1;
    return privilege_lower(delete_each(nl, request, &taps, why), why);
}

int serve(const struct request *request, struct error *why)
{
    /* Closed after the reply, because that takes the kernel longer than the whole policy. */
    _cleanup_rtnl_ struct rtnl nl = {.buffer = NULL};

    switch (request->verb) {
    case REQUEST_DELETE:
        return serve_delete(request, &nl, why);
    case REQUEST_BRIDGE:
        return prepare(request, &(struct decision){.quota = 0}, &nl, &(struct link){.ifindex = 0}, why);
    default:
        return serve_tap(request, &nl, why);
    }
}
