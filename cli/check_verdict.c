/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "base/cleanup.h"
#include "check.h"

#include <net/if.h>
#include <stdio.h>
#include <string.h>

/* The bridge asked about, or the host's only one; NULL: there is none, or there are several. */
static const char *which_bridge(const struct check *check)
{
    _cleanup_globfree_ glob_t bridges = {.gl_pathc = 0};
    static char only[IFNAMSIZ];

    if (check->bridge)
        return check->bridge;
    if (glob("/sys/class/net/*/bridge", 0, NULL, &bridges) != 0 || bridges.gl_pathc != 1)
        return NULL;
    char *path = bridges.gl_pathv[0];
    *strrchr(path, '/') = '\0';
    snprintf(only, sizeof(only), "%.15s", strrchr(path, '/') + 1);
    return only;
}

static bool has_finding(const struct check *check, enum finding_id id)
{
    for (size_t i = 0; i < check->findings.count; i++)
        if (check->findings.items[i].id == id)
            return true;
    return false;
}

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
    const char *bridge = which_bridge(check);
    bool open = false;

    if (verdict == VERDICT_CANNOT) {
        fprintf(out, "%s cannot run KVM guests on %s yet: %u %s to fix", check->user.name,
                bridge ? bridge : "a bridge", fixes, fixes == 1 ? "thing" : "things");
        return;
    }
    if (verdict == VERDICT_PARTIAL)
        fprintf(out, "nothing to fix for %s in what was checked: %s", check->user.name, check->areas);
    else if (has_finding(check, NET_BRIDGE_NONE))
        fprintf(out, "%s can run KVM guests, but there is no bridge to put them on", check->user.name);
    else
        fprintf(out, "%s can run KVM guests on %s", check->user.name, bridge ? bridge : "a bridge");
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
