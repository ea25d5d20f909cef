/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * virt-tap policy explain: the helper's own decision for one user and one bridge, with its reasons. */
#include "policy_explain.h"
#include "base/error.h"
#include "base/name.h"
#include "base/number.h"
#include "base/terminal.h"
#include "base/verb.h"
#include "base/watch.h"
#include "config.h"
#include "json.h"
#include "net/link.h"
#include "net/rtnl.h"
#include "policy.h"
#include "policy/account.h"
#include "policy/claim.h"
#include "policy/decide.h"
#include "policy/declared.h"
#include "policy/files.h"
#include "policy/policy.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int find_uid(struct names *names, const char *name, const char *user, uid_t *uid)
{
    struct error why = {0};
    unsigned long number;

    if (number_parse(user, 0, (uid_t)-2, &number)) {
        *uid = (uid_t)number;
        return 0;
    }
    const int err = account_find(&names->source, USER_BY_NAME, user, uid, &why);
    if (err == -ENOENT)
        return complain(-1, name, "there is no user '%s'; `getent passwd` lists them", user);
    if (err)
        return complain(-1, name, "the user '%s' cannot be looked up: %s; try again", user, why.text);
    return 0;
}

/* Becomes the user irrevocably, with their groups in the database: files are read and /dev/kvm is opened as
 * that user, and this process does nothing else. */
static int become(struct names *names, const char *name, const char *user)
{
    struct account account = {.kind = USER_BY_UID};
    struct error why;
    uid_t uid;

    if (find_uid(names, name, user, &uid) < 0)
        return -1;
    if (uid == getuid())
        return 0;
    if (geteuid() != 0)
        return complain(
            -1, name,
            "--user=%s: only root can ask about another user; without this option you ask about yourself",
            user);
    account.id = uid;
    const int err = names->source.look_up(names, &account, &why);
    if (err)
        return complain(-1, name,
                        "the groups of user %u cannot be found: %s; `getent passwd %u` must show that user",
                        uid, err == -ENOENT ? "there is no such user" : why.text, uid);
    const gid_t gid = account.gid;
    watch_begin(name);
    if (initgroups(account.name, gid) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
        return complain(-1, name, "cannot become user '%s': %s", user, strerror(errno));
    return 0;
}

static void print_caller(const struct caller *caller, const char *user)
{
    printf("user: %s, uid %u, gid %u, groups", user, caller->uid, caller->gid);
    for (size_t i = 0; i < caller->group_count; i++)
        printf(" %u", caller->groups[i]);
    puts(caller->group_count ? "" : " none");
}

/* Prints FILE:LINE: and that line. */
static void print_rule(const char *path, enum policy_dialect dialect, unsigned long line)
{
    struct rootfile rootfile;
    struct policy_text text = {.bytes = NULL};
    struct error why = {0}, shown = {0};
    size_t length = 0;

    rootfile_begin(&rootfile, ROOTFILE_ROOTS_LINKS);
    if (rootfile_read(&rootfile, path, SIZE_MAX, &text, &why) == 0 && text.bytes) {
        const char *found = policy_files_line(&text, dialect, line, &length);
        if (found)
            error_set(&shown, "%.*s", (int)length, found);
    }
    free(text.bytes);
    printf("rule: %s:%lu: %s\n", path, line, shown.text);
}

/* Prints the line that would allow it, and where to add it. */
static void print_remedy(const struct policy *policy, const struct policy_rule *rule, const char *bridge,
                         const char *selector)
{
    const char *path = policy->file_count ? policy->files[0].path : POLICY_PATH;

    if (rule && rule->deny)
        printf("to allow it: remove that line, or narrow it to other users; a deny overrides every allow\n");
    else if (rule)
        printf("to allow it: change that line; no later one is tried\n");
    else if (strcmp(path, QEMU_ACL_PATH) == 0)
        policy_print_addition(path, ", which applies to every user", bridge, "");
    else
        policy_print_addition(path, "", bridge, selector);
}

static void look_at_bridge(struct bridge_facts *out, const char *bridge)
{
    _cleanup_rtnl_ struct rtnl nl = {.buffer = NULL};
    _cleanup_bridges_ struct bridges bridges;
    *out = (struct bridge_facts){.usable = false};
    int err = bridges_read(&bridges, &out->why);
    if (!err && rtnl_open(&nl) < 0)
        err = error_set(&out->why, "cannot open an rtnetlink socket");
    const struct bridges_entry *entry = err ? NULL : bridges_find(&bridges, bridge);
    if (entry && link_find(&nl, bridge, &out->link) == -ENODEV)
        out->declared = entry->line;
    out->usable = out->declared || (!err && policy_find_bridge(&nl, &out->link, bridge, &out->why) == 0);
    out->other = !err && !out->usable && if_nametoindex(bridge);
    out->isolated = entry && entry->isolated;
}

/* Adds one if the claim exists. */
static void count_claim(struct used *used, struct rtnl *nl, const char *claim, unsigned int *count)
{
    struct link found;
    const int err = link_find(nl, claim, &found);

    *count += err == 0;
    if (err && err != -ENODEV)
        used->err = err;
}

static struct used count_used(const struct terms *terms, const char *bridge, uid_t uid)
{
    _cleanup_rtnl_ struct rtnl nl = {.buffer = NULL};
    struct claim claim = {.uid = uid};
    struct used used = {.quota = terms->quota};
    char text[CLAIM_SIZE];

    snprintf(claim.bridge, sizeof(claim.bridge), "%s", bridge);
    used.err = rtnl_open(&nl);
    for (; used.err == 0 && claim.slot < terms->quota; claim.slot++) {
        claim_write(text, &claim);
        count_claim(&used, &nl, text, &used.of_user);
        claim_write_range(text, bridge, terms->uids.first, terms->uids.last, claim.slot);
        if (terms->uids.set)
            count_claim(&used, &nl, text, &used.of_range);
    }
    return used;
}

static void print_quota(const struct terms *terms, const struct used *used)
{
    if (used->err)
        printf("quota: %u taps; how many are in use cannot be read: %s\n", used->quota, strerror(-used->err));
    else if (used->quota)
        printf("quota: %u of %u taps in use\n", used->of_user, used->quota);
    else
        puts("quota: none");
    if (terms->uids.set && !used->err)
        printf("quota: shared by uids %u to %u, %u of %u taps in use\n", terms->uids.first, terms->uids.last,
               used->of_range, used->quota);
    if (explain_is_full(used))
        puts("because: the quota is used up\n"
             "to allow it: end a guest or delete a tap, see virt-tap list; or raise quota= in that line");
}

/* The first line. A bridge that does not exist is named first, since nothing else matters then. */
static void print_verdict(bool allowed, const char *user, const char *bridge,
                          const struct bridge_facts *state)
{
    if (allowed)
        printf("yes: %s may use bridge '%s'", user, bridge);
    else
        printf("no: %s may not use bridge '%s'", user, bridge);
    if (!state->usable)
        printf(": %s", state->why.text);
    putchar('\n');
}

static void print_bridge(const struct bridge_facts *state)
{
    if (state->declared)
        printf("bridge: does not exist yet; created on request, as declared in %s:%lu\n", BRIDGES_PATH,
               state->declared);
    if (state->isolated)
        puts("isolated: every tap on that bridge, as declared");
}

static void decide(struct answer *answer, const struct caller *caller)
{
    const char *bridge = answer->question->bridge;

    answer->loaded = policy_load(&answer->policy, bridge, &answer->why) == 0;
    answer->allowed = answer->loaded && policy_decide(&answer->decision, &answer->policy, answer->question,
                                                      caller, &answer->why) == 0;
    const struct policy_rule *rule = answer->decision.match.rule;
    if (answer->allowed && rule)
        answer->used = count_used(&rule->terms, bridge, caller->uid);
}

/* Looks for what else prevents it; the reason goes to answer->why. */
static void look_for_others(struct answer *answer, const struct bridge_facts *state)
{
    if (answer->allowed && state->link.ifindex)
        answer->taken =
            policy_taken(&state->link, answer->question->mac, &answer->decision, &answer->why) < 0;
}

/* Whether errors in the policy, rather than its rules, prevent an answer. */
static bool is_broken(const struct answer *answer)
{
    if (answer->loaded)
        return answer->decision.unknown;
    return !answer->policy.absent;
}

static void print_reasons(const struct answer *answer, const struct bridge_facts *state,
                          const struct caller *caller)
{
    const struct policy *policy = &answer->policy;
    const struct policy_rule *rule = answer->decision.match.rule;

    if (rule)
        print_rule(policy->files[rule->file].path, policy->dialect, rule->line);
    if (answer->allowed && rule) {
        print_quota(&rule->terms, &answer->used);
        policy_print_terms(&answer->decision, answer->question->bridge);
        if (answer->taken)
            printf("because: %s\n", answer->why.text);
        return;
    }
    printf("because: %s\n", answer->why.text);
    if (is_broken(answer))
        puts("to fix it: run virt-tap policy check, which lists every error");
    if (is_broken(answer) || state->other)
        return;
    if (!rule)
        policy_print_groups(policy, answer->question->bridge, caller, strchr(answer->selector, '=') + 1);
    print_remedy(policy, rule, answer->question->bridge, answer->selector);
}

static int explain(const char *name, const struct question *question, const struct caller *caller, bool json)
{
    const char *bridge = question->bridge;
    char selector[CALLER_SELECTOR_SIZE];
    struct answer answer = {.selector = selector, .question = question};
    struct bridge_facts state;
    int status;

    caller_selector(caller, selector);
    const char *user = strchr(selector, '=') + 1;
    look_at_bridge(&state, bridge);
    decide(&answer, caller);
    look_for_others(&answer, &state);
    const bool yes = answer.allowed && state.usable && !explain_is_full(&answer.used) && !answer.taken;
    if (json) {
        status = json_finish(explain_json(&answer, &state, caller, yes), !yes, name);
    } else {
        terminal_wrap(true);
        print_verdict(yes, user, bridge, &state);
        print_caller(caller, user);
        print_reasons(&answer, &state, caller);
        print_bridge(&state);
        status = finish_output(!yes, name);
    }
    policy_free(&answer.policy);
    return status;
}

static int ask(struct names *names, const char *name, const struct question *question, bool json)
{
    struct caller caller;
    struct error why = {0};

    if (policy_check_bridge("--bridge=", question->bridge, &why) < 0 ||
        caller_self(&caller, &names->source, &why) < 0)
        return complain(1, name, "%s", why.text);
    return explain(name, question, &caller, json);
}

enum { LOCK_IP = 2 }; /* the second word of --lock */

struct explain_options {
    const char *user, *bridge, *mac, *serve, *vlan, *native;
    int lock;
    struct option_list ips;
    bool json;
};

/* As the helper does (helper/request.c). Returns 0, or an exit status after reporting why not. */
static int read_addresses(const struct call *call, const struct option_list *ips, struct address_list *out)
{
    out->count = 0;
    for (size_t i = 0; i < ips->count; i++) {
        struct error why = {0};
        if (address_list_add(out, ips->words[i], &why) < 0)
            return complain(1, call->name, "%s", why.text);
    }
    return 0;
}

/* Likewise. */
static int check_vlans(const struct call *call, const struct explain_options *options)
{
    struct vlans vlans;
    const char *problem = vlans_parse(&vlans, options->vlan, NULL);

    if (problem)
        return complain(2, call->name, "--vlan must be %s, not '%.64s'", problem, options->vlan);
    if (options->native && !options->vlan)
        return complain(2, call->name, "--native is about VLANs that are asked for; add --vlan=LIST");
    if (options->native && vlans_parse(&vlans, options->vlan, options->native))
        return complain(2, call->name, "--native must be none, or one of the VLANs in --vlan, not '%.64s'",
                        options->native);
    return 0;
}

const struct option_entry explain_options[] = {
    OPTION_LETTER('u', "user", "USER", "another user than yourself, by name or number; requires root",
                  struct explain_options, user),
    OPTION_LETTER('b', "bridge", "BRIDGE", "the bridge", struct explain_options, bridge),
    OPTION_STRING("mac", "MAC", "the MAC that the guest would have", struct explain_options, mac),
    OPTION_LIST("ip", "ADDRESS", "an IP address that the guest would have; may be repeated",
                struct explain_options, ips),
    OPTION_CHOICE("lock", "mac|ip", "as if the guest asked to be locked to its MAC, or to its addresses, too",
                  struct explain_options, lock),
    OPTION_STRING("serve", "LIST", "as if it asked to serve only this: dhcp, dhcpv6, ra, separated by commas",
                  struct explain_options, serve),
    OPTION_STRING("vlan", "LIST", "the VLAN, or VLANs, that would be asked for", struct explain_options,
                  vlan),
    OPTION_STRING("native", "N", "the native one of these", struct explain_options, native),
    OPTION_JSON(struct explain_options, json),
    OPTION_END(struct explain_options),
};

int policy_explain(const struct call *call)
{
    const struct explain_options *options = call->options;
    struct address_list addresses;
    struct question question = {.bridge = options->bridge,
                                .addresses = &addresses,
                                .vlan = options->vlan,
                                .native = options->native,
                                .lock_mac = options->lock,
                                .lock_ip = options->lock == LOCK_IP};
    struct names names;
    uint8_t mac[6];
    int status = 1;

    if (!options->bridge)
        return complain(2, call->name, "no --bridge is given; see %s --help", call->name);
    if (options->serve && !terms_parse_serve(&question.serve, options->serve))
        return complain(2, call->name, "--serve must be " TERMS_SERVE_EXPECTED ", not '%.64s'",
                        options->serve);
    if (check_vlans(call, options))
        return 2;
    if (options->mac && (!mac_parse(options->mac, mac) || mac_problem(mac)))
        return complain(2, call->name,
                        "--mac=%.32s is not a MAC that a guest may have, as in 52:54:00:12:34:56",
                        options->mac);
    question.mac = options->mac ? mac : NULL;
    if (read_addresses(call, &options->ips, &addresses))
        return 1;
    names_begin(&names);
    if (!options->user || become(&names, call->name, options->user) == 0)
        status = ask(&names, call->name, &question, options->json);
    names_end(&names);
    return status;
}
