/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "base/text.h"
#include "firewall.h"
#include "network.h"

#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Whether a setting is nonzero. If the file does not exist, nothing is filtering. Returns 1, 0 or -errno. */
static int is_on(const char *path)
{
    char text[32];
    const ssize_t length = text_read(path, text, sizeof(text));

    if (length < 0)
        return length == -ENOENT ? 0 : (int)length;
    return strtol(text, NULL, 10) != 0;
}

/* A bridge's frames pass through the IP firewall if the host's setting or the bridge's own says so. Returns
 * 1, 0 or -errno. */
static int is_filtered(const char *sysctl, const char *of_bridges)
{
    int filtered = is_on(sysctl);
    glob_t files;

    if (filtered || glob(of_bridges, 0, NULL, &files) != 0)
        return filtered;
    for (size_t i = 0; i < files.gl_pathc && !filtered; i++)
        filtered = is_on(files.gl_pathv[i]);
    globfree(&files);
    return filtered;
}

void network_filter_probe(const struct probe_context *context, struct findings *out)
{
    const int ip4 = is_filtered("/proc/sys/net/bridge/bridge-nf-call-iptables",
                                "/sys/class/net/*/bridge/nf_call_iptables");
    const int ip6 = is_filtered("/proc/sys/net/bridge/bridge-nf-call-ip6tables",
                                "/sys/class/net/*/bridge/nf_call_ip6tables");
    const char *problem = network_sys_problem();
    char where[192];
    (void)context;

    if (access("/proc/sys/net", F_OK) < 0) {
        finding_add(out, NET_FILTER_SKIPPED, "/proc/sys/net cannot be read: %s", strerror(errno));
        return;
    }
    if (problem) {
        finding_add(out, NET_FILTER_SKIPPED, "/sys/class/net cannot be read: %s", problem);
        return;
    }
    if (ip4 < 0 || ip6 < 0) {
        finding_add(out, NET_FILTER_SKIPPED,
                    "cannot tell whether bridges' frames go through the IP firewall: %s",
                    strerror(ip4 < 0 ? -ip4 : -ip6));
        return;
    }
    if (!ip4 && !ip6) {
        finding_add(out, NET_FILTER, "bridges' frames do not go through the IP firewall");
        return;
    }
    const int nft = firewall_nft_drops(ip4, ip6, where, sizeof(where));
    const int legacy4 = ip4 ? firewall_legacy_drops(false) : 0;
    const int legacy6 = ip6 && !legacy4 ? firewall_legacy_drops(true) : 0;
    const int legacy = legacy4 ? legacy4 : legacy6;
    if (nft > 0) {
        finding_add_fixable(out, NET_FILTER_DROP, "",
                            "bridges' frames go through nftables, and its chain '%s' drops what no "
                            "rule accepts (as Docker sets it)",
                            where);
    }
    if (legacy > 0) {
        finding_add(
            out, NET_FILTER_LEGACY,
            "bridges' frames go through %s, and its chain FORWARD drops what no rule accepts (as Docker "
            "sets it)",
            legacy4 > 0 ? "iptables-legacy" : "ip6tables-legacy");
        finding_fixable(out, "");
    }
    if (nft < 0 || legacy < 0)
        finding_add(out, NET_FILTER_SKIPPED,
                    "bridges' frames go through the IP firewall, whose policy could not be read: %s",
                    strerror(nft < 0 ? -nft : -legacy));
    else if (nft == 0 && legacy == 0)
        finding_add(out, NET_FILTER,
                    "bridges' frames go through the IP firewall, which forwards unless a rule says "
                    "otherwise");
}
