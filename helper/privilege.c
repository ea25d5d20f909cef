/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "privilege.h"

#include "base/error.h"
#include "base/quote.h"
#include "config.h"
#include "policy/identity.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

static const char self[] = "/proc/self/exe";

/* Reports why we have no CAP_NET_ADMIN, and what to do (capabilities(7), execve(2)). */
static void explain_missing(struct error *why)
{
    static const char setcap[] = "an administrator can type: setcap cap_net_admin=p ";
    const char *cause = "it has a different file capability, or a debugger traces it", *advice = setcap;
    char path[256] = HELPER_NAME, attribute[64];
    struct statvfs mount;
    const ssize_t length = readlink(self, path, sizeof(path) - 1);

    if (length > 0)
        path[length] = '\0';
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) {
        cause = "no_new_privs is set, under which file capabilities are void";
        advice = "start QEMU without -sandbox on, and its systemd unit with NoNewPrivileges=no";
    } else if (getxattr(self, "security.capability", attribute, sizeof(attribute)) < 0) {
        cause = "the file capability is missing";
    } else if (statvfs(self, &mount) == 0 && mount.f_flag & ST_NOSUID) {
        cause = "it is on a file system mounted nosuid, where file capabilities are void";
        advice = "install it elsewhere, or mount that with suid";
    } else if (prctl(PR_CAPBSET_READ, CAP_NET_ADMIN, 0, 0, 0) == 0) {
        cause = "it is not in the bounding set of whoever started this (a container, or systemd's "
                "CapabilityBoundingSet=)";
        advice = "add it there";
    }
    error_set(why, "%s has no CAP_NET_ADMIN: %s; %s%s", path, cause, advice,
              advice == setcap ? quote(path).text : "");
}

enum { NET_ADMIN = CAP_TO_MASK(CAP_NET_ADMIN), SET_IDS = CAP_TO_MASK(CAP_SETUID) | CAP_TO_MASK(CAP_SETGID) };
enum { BROKERS = NET_ADMIN | SET_IDS | CAP_TO_MASK(CAP_KILL) };

/* Sets exactly these capabilities, none of them inheritable. Uses capset(2) directly: libcap-ng would read
 * /proc before main() to learn of capabilities that we do not keep (30 us of each start). */
static int apply(uint32_t permitted, uint32_t effective)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {
        {.permitted = permitted, .effective = effective}};

    return (int)syscall(SYS_capset, &header, sets);
}

int privilege_confine(struct error *why)
{
    if (geteuid() != getuid() || getegid() != getgid())
        return error_set(
            why,
            "this program must not be setuid or setgid, nor be started by one that is and has not become its "
            "caller; against the first, an administrator can type: chmod ug-s " HELPER_PATH
            "; setcap cap_net_admin=p " HELPER_PATH);
    /* The kernel refuses to permit a capability that was not permitted, which tells whether we have it. */
    if ((getuid() != 0 || apply(BROKERS, 0) < 0) && (getuid() != 0 || apply(NET_ADMIN | SET_IDS, 0) < 0) &&
        apply(NET_ADMIN, 0) < 0) {
        explain_missing(why);
        apply(0, 0);
        return 1;
    }
    /* Already cleared if a file capability was granted; but root runs this too. */
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return error_set(why, "could not give up privileges: %s", strerror(errno));
    return 0;
}

int privilege_raise(struct error *why)
{
    if (apply(NET_ADMIN, NET_ADMIN) < 0)
        return error_set(why, "CAP_NET_ADMIN could not be made effective: %s", strerror(errno));
    return 0;
}

int privilege_lower(int err, struct error *why)
{
    if (apply(NET_ADMIN, 0) < 0)
        return error_set(why, "CAP_NET_ADMIN could not be dropped: %s", strerror(errno));
    return err;
}

/* Becomes that user, with the groups that the caller has just set while CAP_SETGID is effective. */
static int change(uid_t uid, gid_t gid, struct error *why)
{
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || setresgid(gid, gid, gid) < 0 ||
        setresuid(uid, uid, uid) < 0 || prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
        return error_set(why, "cannot become uid %u: %s", uid, strerror(errno));
    return privilege_lower(0, why);
}

int privilege_become(uid_t uid, struct error *why)
{
    struct account user = {.kind = USER_BY_UID, .id = uid};
    _cleanup_names_ struct names names = {.first = NULL};
    struct error cause;

    if (getuid() != 0)
        return error_set(why, "--owner=%u: only root may act for another user, and this is uid %u; omit it",
                         uid, getuid());
    names_begin(&names);
    const int err = names.source.look_up(&names, &user, &cause);
    if (err)
        return error_set(why, "--owner=%u: %.900s; `getent passwd %u` must show that user", uid,
                         err == -ENOENT ? "there is no such user" : cause.text, uid);
    if (apply(NET_ADMIN | SET_IDS, SET_IDS) < 0 || initgroups(user.name, user.gid) < 0)
        return error_set(why, "--owner=%u: cannot become that user: %s", uid, strerror(errno));
    return change(uid, user.gid, why);
}

int privilege_broker(struct error *why)
{
    if (getuid() == 0 && apply(BROKERS, CAP_TO_MASK(CAP_KILL)) == 0)
        return 0;
    return error_set(why, "broker: needs root, CAP_NET_ADMIN, CAP_SETUID, CAP_SETGID and CAP_KILL");
}

int privilege_become_peer(int connection, struct error *why)
{
    static gid_t groups[NGROUPS_MAX];
    struct ucred peer;
    socklen_t size = sizeof(peer), groups_size = sizeof(groups);

    if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 ||
        getsockopt(connection, SOL_SOCKET, SO_PEERGROUPS, groups, &groups_size) < 0 ||
        apply(NET_ADMIN | SET_IDS, SET_IDS) < 0 || setgroups(groups_size / sizeof(gid_t), groups) < 0)
        return error_set(why, "the broker cannot become the user who asks: %s", strerror(errno));
    return change(peer.uid, peer.gid, why);
}
