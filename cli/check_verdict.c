/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>

/* Adds ", N WORD", or " (N WORD" if it is the first, unless there are none. */
static void add_count(FILE *out, unsigned int count, const char *one, const char *many, bool *open)
{
    if (!count)
        return;
    fprintf(out, "%s%u %s", *open ? ", " : " (", count, count == 1 ? one : many);
    *open = true;
}

static void write_verdict(FILE *out, const struct check *check, enum verdict verdict)
{
    const unsigned int fixes = findings_count(&check->findings, FINDING_FAILURE);
    const char *bridge = *check->bridge ? check->bridge : "a bridge";
    bool open = false;

    if (verdict == VERDICT_CANNOT) {
        fprintf(out, "%s cannot run KVM guests on %s yet: %u %s to fix", check->user.name, bridge, fixes,
                fixes == 1 ? "thing" : "things");
        return;
    }
    if (verdict == VERDICT_PARTIAL)
        fprintf(out, "nothing to fix for %s in what was checked: %s", check->user.name, check->areas);
    else
        fprintf(out, "%s can run KVM guests on %s", check->user.name, bridge);
    add_count(out, findings_count(&check->findings, FINDING_WARNING), "warning", "warnings", &open);
    add_count(out, findings_count(&check->findings, FINDING_SKIPPED), "skipped", "skipped", &open);
    if (open)
        fputc(')', out);
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
