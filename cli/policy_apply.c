/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * virt-tap policy apply and repair: bring live taps to what the policy in force grants. All are judged before
 * any is changed: a policy with an error changes nothing. Each tap that is not so is reported on a line of
 * standard output, or all as one object of JSON (docs/interfaces.md). */
#include "base/cleanup.h"
#include "base/log.h"
#include "base/quote.h"
#include "base/statefolder.h"
#include "base/terminal.h"
#include "base/text.h"
#include "bridge/json.h"
#include "bridge/portjson.h"
#include "config.h"
#include "live.h"
#include "net/rtnl.h"
#include "net/tap.h"
#include "policy.h"
#include "policy/declared.h"
#include "policy/protect.h"
#include "verbs.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { WAIT_MS = 60 * 1000 };

struct apply_options {
    bool dry_run;   /* only report what would be done */
    bool revoke;    /* delete taps that are not allowed any more */
    bool puts_back; /* put taps back on their bridges */
    bool json;
    const char *only; /* the name of a tap, or that of a bridge for all of its taps; NULL: all */
};

/* What becomes of a tap. */
enum result { GONE, REFUSED, DELETED, LEFT, FAILED, CHANGED, RESULTS };

struct apply {
    const struct apply_options *options;
    const char *name;
    struct rtnl nl;
    json_t *results; /* with --json; NULL: there is no memory for them */
    unsigned int taps, counts[RESULTS];
};

static bool is_meant(const struct apply *apply, const struct live_tap *tap)
{
    const char *only = apply->options->only;

    return !only || strcmp(only, tap->link.name) == 0 || strcmp(only, tap->claim.bridge) == 0;
}

static json_t *changes_json(unsigned int differs)
{
    json_t *changes = json_array();
    const char *word;

    for (unsigned int i = 0; (word = live_word(differs, i)); i++)
        json_array_append_new(changes, json_string(word));
    return changes;
}

static void add_result(struct apply *apply, const struct live_tap *tap, enum result result,
                       unsigned int differs, const char *text)
{
    static const char *const words[RESULTS] = {"gone", "refused", "deleted", "left", "failed", "changed"};
    json_t *object =
        json_pack("{s:o, s:o, s:I, s:s, s:o, s:o, s:o}", "name", text_json(tap->link.name), "bridge",
                  text_json(tap->claim.bridge), "uid", (json_int_t)tap->claim.uid, "result", words[result],
                  "rule", text_json_or_null(text_if(tap->allowed, tap->decision.rule)), "changes",
                  changes_json(differs), "text", text_json(text));

    if (json_array_append_new(apply->results, object) == 0)
        return;
    json_decref(apply->results);
    apply->results = NULL;
}

static void report(struct apply *apply, const struct live_tap *tap, enum result result, unsigned int differs,
                   const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Counts a tap, and reports it on a line, or as an object. */
static void report(struct apply *apply, const struct live_tap *tap, enum result result, unsigned int differs,
                   const char *format, ...)
{
    char text[2 * sizeof(struct error)];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    apply->counts[result]++;
    apply->taps -= result == GONE;
    if (result == FAILED)
        complain(1, apply->name, "%s", text);
    if (apply->options->json)
        add_result(apply, tap, result, differs, text);
    else if (result != FAILED)
        printf("%s: %s\n", tap->link.name, text);
}

static void pass_over(struct apply *apply, const struct live_tap *tap)
{
    report(apply, tap, GONE, 0, "passed over: it was deleted or replaced meanwhile");
}

static bool is_gone(int err)
{
    return err == -ENODEV || err == -ESTALE;
}

/* The kernel removes the tap from its guest at once; what is compared is in net/tap.h. */
static void delete_tap(struct apply *apply, const struct live_tap *tap)
{
    if (apply->options->dry_run) {
        report(apply, tap, DELETED, 0, "would be deleted: %s", tap->why.text);
        return;
    }
    const int err = tap_delete(&apply->nl, -1, &tap->link);
    if (is_gone(err)) {
        pass_over(apply, tap);
        return;
    }
    if (err) {
        report(apply, tap, FAILED, 0, "cannot delete tap '%s': %s", tap->link.name,
               rtnl_problem(&apply->nl, err));
        return;
    }
    audit("virt-tap", "deleted by policy apply: tap %s of uid %u: %s", tap->link.name, tap->claim.uid,
          tap->why.text);
    report(apply, tap, DELETED, 0, "deleted: %s", tap->why.text);
}

/* Explains why a tap has no bridge to be put on. */
static int explain_missing(struct rtnl *nl, const char *bridge, struct error *why)
{
    _cleanup_bridges_ struct bridges bridges;
    struct error cause = {0};

    if (bridges_read(&bridges, &cause) == 0 && bridges_find(&bridges, bridge) && if_nametoindex(bridge) == 0)
        return error_set(why,
                         "bridge '%s', which " BRIDGES_PATH
                         " declares, does not exist now: it comes with the "
                         "next tap on it, or with: " HELPER_PATH " bridge --bridge=%s; then run this again",
                         bridge, quote(bridge).text);
    struct link found;
    return policy_find_bridge(nl, &found, bridge, why);
}

/* Returns whether the tap is off its bridge, and stays so. */
static bool is_left_off(struct apply *apply, const struct live_tap *tap, unsigned int differs)
{
    struct error why = {0};

    if (!(differs & LIVE_PLACE))
        return false;
    if (!tap->bridge.ifindex && explain_missing(&apply->nl, tap->claim.bridge, &why) < 0) {
        report(apply, tap, FAILED, 0, "tap '%s' is not on its bridge: %s", tap->link.name, why.text);
        return true;
    }
    if (apply->options->puts_back)
        return false;
    report(apply, tap, LEFT, differs, "not on its bridge '%s'; to put it back: virt-tap repair %s",
           tap->claim.bridge, quote(tap->link.name).text);
    return true;
}

/* Brings an allowed tap to what it is granted. It is read again only if there is something to do: that takes
 * longer the more taps there are. */
static void bring(struct apply *apply, struct live_tap *tap)
{
    struct error why = {0};
    char words[LIVE_WORDS];
    unsigned int differs;
    int err = live_differs(&apply->nl, tap, &differs);

    if (!err && !differs)
        return;
    if (!err)
        err = live_refresh(tap, &apply->nl);
    if (!err)
        err = live_differs(&apply->nl, tap, &differs);
    if (is_gone(err)) {
        pass_over(apply, tap);
        return;
    }
    if (err) {
        report(apply, tap, FAILED, 0, "cannot look at tap '%s': %s; try again", tap->link.name,
               rtnl_problem(&apply->nl, err));
        return;
    }
    if (!differs || is_left_off(apply, tap, differs))
        return;
    const struct port_grant grant = {.bridge = &tap->bridge, .terms = &tap->decision};
    if (protect_check(&grant, &why) < 0) {
        report(apply, tap, FAILED, 0, "tap '%s': %s", tap->link.name, why.text);
        return;
    }
    live_describe(tap, differs, words, sizeof(words));
    const int brought = apply->options->dry_run ? live_bring_check(&apply->nl, tap, differs, &why)
                                                : live_bring(&apply->nl, tap, &differs, &why);
    if (brought < 0) {
        if (is_gone(live_refresh(tap, &apply->nl)))
            pass_over(apply, tap);
        else
            report(apply, tap, FAILED, 0, "%s", why.text);
        return;
    }
    if (!differs)
        return;
    report(apply, tap, CHANGED, differs, "%s by %s: %s",
           apply->options->dry_run ? "would be changed" : "changed", tap->decision.rule, words);
}

/* A tap that is not allowed, or not complete. */
static void refuse(struct apply *apply, const struct live_tap *tap)
{
    if (tap->later) {
        report(apply, tap, LEFT, 0,
               "left alone: it was made by a later virt-tap than this, " VERSION "; use that one");
    } else if (!tap->complete) {
        report(apply, tap, LEFT, 0, "left alone: a helper is making it, or was stopped; run this again");
    } else if (apply->options->revoke) {
        delete_tap(apply, tap);
    } else {
        report(apply, tap, REFUSED, 0, "not allowed any more: %s", tap->why.text);
    }
}

static void summarize(const struct apply *apply)
{
    const bool dry_run = apply->options->dry_run;
    const unsigned int *counts = apply->counts;

    printf("taps %u, %s %u, ", apply->taps, dry_run ? "to change" : "changed", counts[CHANGED]);
    if (apply->options->revoke)
        printf("%s %u, ", dry_run ? "to delete" : "deleted", counts[DELETED]);
    else
        printf("not allowed %u, ", counts[REFUSED]);
    printf("left alone %u, failed %u\n", counts[LEFT], counts[FAILED]);
    if (counts[REFUSED])
        puts(
            "Taps that are not allowed any more stay as they are; virt-tap policy apply --revoke deletes them.");
}

static json_t *result_json(const struct apply *apply)
{
    return json_pack("{s:b, s:i, s:i, s:i, s:i, s:i, s:i, s:O}", "dry_run", apply->options->dry_run, "taps",
                     (int)apply->taps, "changed", (int)apply->counts[CHANGED], "refused",
                     (int)apply->counts[REFUSED], "deleted", (int)apply->counts[DELETED], "left",
                     (int)apply->counts[LEFT], "failed", (int)apply->counts[FAILED], "results",
                     apply->results);
}

/* Reports a name that is neither that of a tap of ours nor that of a bridge. */
static int check_only(struct apply *apply)
{
    const char *only = apply->options->only;
    struct link found;

    if (!only || apply->taps)
        return 0;
    const int err = link_find(&apply->nl, only, &found);
    if (!err && found.is_bridge)
        return 0;
    if (err == -ENODEV)
        return complain(1, apply->name, "there is no tap or bridge '%s'; `virt-tap list` shows the taps",
                        only);
    if (err)
        return complain(1, apply->name, "cannot look at '%s': %s", only, strerror(-err));
    return complain(
        1, apply->name,
        "'%s' is not a tap made by virt-tap, so it is not changed; `ip -d link show dev %s` shows what it is",
        only, quote(only).text);
}

static int apply_all(struct apply *apply)
{
    _cleanup_live_ struct live_taps taps = {.list = NULL};
    struct error why = {0};
    const int err = live_read(&taps, &apply->nl);

    terminal_wrap(!apply->options->json);
    if (err)
        return complain(1, apply->name, "cannot list the taps: %s", strerror(-err));
    if (live_judge(&taps, &why) < 0)
        return complain(1, apply->name, "nothing was changed: %s", why.text);
    for (size_t i = 0; i < taps.count; i++)
        apply->taps += is_meant(apply, &taps.list[i]);
    for (size_t i = 0; i < taps.count; i++)
        if (is_meant(apply, &taps.list[i]) && !taps.list[i].allowed)
            refuse(apply, &taps.list[i]);
    /* Their slots in quotas, and addresses, may be free now. */
    for (size_t i = 0; i < taps.count; i++)
        if (is_meant(apply, &taps.list[i]) && taps.list[i].allowed)
            bring(apply, &taps.list[i]);
    if (check_only(apply) != 0)
        return 1;
    const int status = apply->counts[REFUSED] || apply->counts[LEFT] || apply->counts[FAILED];
    if (apply->options->json)
        return json_finish(result_json(apply), status, apply->name);
    summarize(apply);
    return finish_output(status, apply->name);
}

/* name: the verb, for messages. Returns an exit status: 1 if it failed, or a tap is not as the policy has it.
 */
static int apply_run(const char *name, const struct apply_options *options)
{
    struct apply apply = {.options = options, .name = name};

    if (getuid() != 0 || geteuid() != 0)
        return complain(1, name, "only root can change the taps of users; type: sudo %s", name);
    /* Two at once would take taps off their bridges, or set them up, under each other. */
    static const char busy[] = "another `virt-tap repair` or `policy apply` is still running";
    const _cleanup_close_ int turn = options->dry_run ? -1 : state_lock_for(name, ".apply", WAIT_MS, busy);
    if (turn < 0 && !options->dry_run)
        return 1;
    const int err = rtnl_open(&apply.nl);
    if (err)
        return complain(1, name, "cannot open an rtnetlink socket: %s", strerror(-err));
    if (options->json)
        apply.results = json_array();
    const int status = apply_all(&apply);
    json_decref(apply.results);
    rtnl_close(&apply.nl);
    return status;
}

const struct option_entry apply_options[] = {
    OPTION_FLAG("dry-run", "only print what would be done", struct apply_options, dry_run),
    OPTION_FLAG("revoke", "delete the taps that are not allowed any more, even if somebody holds them",
                struct apply_options, revoke),
    OPTION_JSON(struct apply_options, json),
    OPTION_END(struct apply_options),
};

int policy_apply(const struct call *call)
{
    return apply_run(call->name, call->options);
}

const struct option_entry repair_options[] = {
    OPTION_FLAG("dry-run", "only print what would be done", struct apply_options, dry_run),
    OPTION_JSON(struct apply_options, json),
    OPTION_END(struct apply_options),
};

const char repair_notes[] =
    "A tap that a network manager took off its bridge, whose bridge was made again, or whose port options or port\n"
    "filter were lost, gets back what the policy grants it now. With TAP only that one, with BRIDGE only the taps\n"
    "that belong on it. A tap that the policy does not allow any more is listed and left alone. Requires root.\n";

int repair_run(const struct call *call)
{
    struct apply_options options = *(const struct apply_options *)call->options;

    options.puts_back = true;
    options.only = call->words[0];
    return apply_run(call->name, &options);
}
