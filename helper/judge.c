/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge.h"

#include "config.h"
#include "host/kvm_device.h"
#include "policy.h"
#include "refusal.h"
#include "request.h"
#include "trusted.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ROUNDS = 10 };

/* Reads what is there now. *changed: policy.conf, which was not there before, is there by now. */
static int read_now(struct policy *out, const char *bridge, bool *changed, struct refusal *why)
{
    struct trusted trusted;
    const struct policy_source source = {&trusted, trusted_read, trusted_list};

    *changed = false;
    trusted_begin(&trusted, TRUSTED_NO_LINKS);
    int err = policy_read(out, POLICY_PATH, POLICY_STRICT, bridge, &source, why);
    if (!out->absent)
        return err;
    policy_free(out);
    trusted_begin(&trusted, TRUSTED_ROOTS_LINKS);
    err = policy_read(out, QEMU_ACL_PATH, POLICY_QEMU, bridge, &source, why);
    *changed = access(POLICY_PATH, F_OK) == 0 || errno != ENOENT;
    if (out->absent)
        return refuse(why,
                      "there is no policy, so nothing is allowed; an administrator can make " POLICY_PATH
                      " with the line: allow %s",
                      bridge);
    return err;
}

int judge_read_policy(struct policy *out, const char *bridge, struct refusal *why)
{
    for (int round = 0; round < ROUNDS; round++) {
        bool changed;
        const int err = read_now(out, bridge, &changed, why);
        if (!changed)
            return err;
        policy_free(out);
    }
    return refuse(why, POLICY_PATH " comes and goes; try again");
}

static int open_kvm(const char *rule, struct refusal *why)
{
    const int fd = kvm_device_open();

    if (fd < 0)
        return refuse(why,
                      "%s allows the bridge only to those who can use KVM (require=kvm), and " KVM_PATH
                      " %s; `virt-tap "
                      "check kvm` says how to mend that",
                      rule, kvm_device_problem(fd));
    close(fd);
    return 0;
}

static int check_mac(const char *rule, const char *macs, const struct request *request, struct refusal *why)
{
    const uint8_t *mac = request->mac;
    char text[18];

    if (!request->has_mac)
        return refuse(why, "%s allows only guests whose MAC begins with %s; say which it has by --mac=MAC",
                      rule, macs);
    snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
             mac[5]);
    if (strncasecmp(text, macs, strlen(macs)) != 0)
        return refuse(why, "--mac=%s: %s allows only MACs that begin with %s; give the guest one of those",
                      text, rule, macs);
    return 0;
}

/* The terms of the rule that allows it. */
static int apply_terms(struct judgement *out, const struct policy_verdict *verdict,
                       const struct request *request, struct refusal *why)
{
    const struct terms *terms = &verdict->rule->terms;
    char names[TERMS_NAMES_SIZE];
    struct refusal cause = {""};

    if (request->name && terms_names(names, terms, verdict->user, &cause) < 0)
        return refuse(why, "--name=%s: %s: %.900s", request->name, out->rule, cause.text);
    if (request->name && fnmatch(names, request->name, 0) != 0)
        return refuse(why, "--name=%s: %s allows only names like %.256s; choose one of those", request->name,
                      out->rule, names);
    if (terms->protection.mac_lock && !request->has_mac && request->verb != REQUEST_BRIDGE)
        return refuse(why, "%s locks the guest to its MAC (mac=lock), and must be told it; say --mac=MAC",
                      out->rule);
    if (terms->macs && request->verb != REQUEST_BRIDGE && check_mac(out->rule, terms->macs, request, why) < 0)
        return -1;
    if (request->vlan && request->vlan != terms->protection.vlan)
        return refuse(why, "--vlan=%u: %s does not grant that VLAN; ask for %s%.0u", request->vlan, out->rule,
                      terms->protection.vlan ? "--vlan=" : "none", terms->protection.vlan);
    out->protection = terms->protection;
    out->protection.isolated =
        out->protection.isolated || request->isolated; /* which takes nothing from anybody */
    out->quota = terms->quota;
    out->uids = terms->uids;
    out->mtu = terms->mtu;
    return terms->require_kvm ? open_kvm(out->rule, why) : 0;
}

static int decide(struct judgement *out, const struct policy *policy, const struct request *request,
                  const struct caller *caller, struct refusal *why)
{
    struct policy_verdict verdict;

    if (policy_decide(&verdict, policy, request->bridge, caller, why) < 0)
        return -1;
    if (!verdict.rule)
        return refuse(
            why,
            "no rule in %s or its includes allows bridge '%s' to uid %u; an administrator can add the line: "
            "allow %s",
            policy->files[0].path, request->bridge, caller->uid, request->bridge);
    const char *file = policy->files[verdict.rule->file].path;
    if (!verdict.allowed)
        return refuse(why,
                      "%s:%lu denies bridge '%s': deny %s; an administrator would have to remove that line",
                      file, verdict.rule->line, request->bridge, verdict.rule->name);
    snprintf(out->rule, sizeof(out->rule), "%.230s:%lu", file, verdict.rule->line);
    return apply_terms(out, &verdict, request, why);
}

int judge(struct judgement *out, const struct request *request, const struct caller *caller,
          struct refusal *why)
{
    struct policy policy = {.rules = NULL};

    *out = (struct judgement){.quota = 0};
    int err = judge_read_policy(&policy, request->bridge, why);
    if (!err)
        err = decide(out, &policy, request, caller, why);
    policy_free(&policy);
    return err;
}
