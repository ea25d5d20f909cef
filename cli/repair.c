/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * virt-tap repair: puts taps back on their bridges, with all that the policy in force grants them. */
#include "policy_apply.h"
#include "verbs.h"

const struct option_entry repair_options[] = {
    OPTION_FLAG("dry-run", "only print what would be done", struct apply_options, dry_run),
    OPTION_FLAG("json", "an object, for programs", struct apply_options, json),
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
