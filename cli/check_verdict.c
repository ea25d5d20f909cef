/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>

/* The ending of a noun after this number. */
static const char *plural(unsigned int count)
{
    return count == 1 ? "" : "s";
}

static void write_verdict(FILE *out, const struct check *check, enum verdict verdict)
{
    const unsigned int fixes = findings_count(&check->findings, FINDING_FAILURE),
                       warnings = findings_count(&check->findings, FINDING_WARNING),
                       skipped = findings_count(&check->findings, FINDING_SKIPPED);
    const char *bridge = *check->bridge ? check->bridge : "a bridge";

    if (verdict == VERDICT_CANNOT) {
        fprintf(out, "%s cannot run KVM guests on %s yet: %u thing%s to fix", check->user.name, bridge, fixes,
                plural(fixes));
        return;
    }
    if (verdict == VERDICT_PARTIAL)
        fprintf(out, "nothing to fix for %s in what was checked: %s", check->user.name, check->areas);
    else
        fprintf(out, "%s can run KVM guests on %s", check->user.name, bridge);
    if (warnings && skipped)
        fprintf(out, " (%u warning%s, %u skipped)", warnings, plural(warnings), skipped);
    else if (warnings)
        fprintf(out, " (%u warning%s)", warnings, plural(warnings));
    else if (skipped)
        fprintf(out, " (%u skipped)", skipped);
}

enum verdict check_verdict(const struct check *check)
{
    if (findings_count(&check->findings, FINDING_FAILURE))
        return VERDICT_CANNOT;
    return check->areas ? VERDICT_PARTIAL : VERDICT_CAN;
}

char *check_verdict_text(const struct check *check)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    write_verdict(out, check, check_verdict(check));
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}
