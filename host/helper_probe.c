/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "helper_probe.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "broker.h"
#include "config.h"
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/nsfs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Whether the file capability, as stored by the kernel (capabilities(7)), permits CAP_NET_ADMIN. */
static bool has_capability(void)
{
    struct vfs_ns_cap_data data = {.magic_etc = 0};
    const ssize_t size = getxattr(HELPER_PATH, "security.capability", &data, sizeof(data));

    return size >= (ssize_t)XATTR_CAPS_SZ_2 && data.data[0].permitted & 1U << CAP_NET_ADMIN;
}

/* The network namespace is owned by a user namespace above ours, which the kernel does not even
 * let us inspect. */
static bool network_is_foreign(void)
{
    _cleanup_close_ const int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    _cleanup_close_ const int owner = ioctl(fd, NS_GET_USERNS);

    return owner < 0 && errno == EPERM;
}

/* The file: what an administrator fixes once. Returns whether it runs at all, with its capability or not. */
static bool report_file(struct findings *out)
{
    struct stat st;
    struct statvfs mount;

    if (stat(HELPER_PATH, &st) < 0) {
        if (errno == ENOENT)
            finding_add_fixable(out, HELPER_MISSING, "", HELPER_PATH ": %s", strerror(errno));
        else
            finding_add(out, HELPER_EXEC, HELPER_PATH ": %s", strerror(errno));
        return false;
    }
    if (st.st_mode & (S_ISUID | S_ISGID))
        finding_add_fixable(out, HELPER_SETUID, "", HELPER_PATH " is set%s (mode %04o)",
                            st.st_mode & S_ISUID ? "uid" : "gid", st.st_mode & 07777);
    if (!has_capability())
        finding_add_fixable(out, HELPER_CAPABILITY, "",
                            HELPER_PATH " lacks the file capability cap_net_admin=p");
    if (statvfs(HELPER_PATH, &mount) == 0 && mount.f_flag & ST_NOSUID)
        finding_add_fixable(out, HELPER_NOSUID, "", HELPER_PATH " is on a file system mounted nosuid");
    return !(st.st_mode & (S_ISUID | S_ISGID));
}

/* This process: what depends on how it was started. Root's own capabilities do not come from the file. */
static void report_process(struct findings *out)
{
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
        finding_add_fixable(out, HELPER_NONEWPRIVS, "", "no_new_privs is set for this process");
    if (prctl(PR_CAPBSET_READ, CAP_NET_ADMIN, 0, 0, 0) == 0)
        finding_add_fixable(out, HELPER_BOUNDING, "", "CAP_NET_ADMIN is not in this process's bounding set");
    if (network_is_foreign())
        finding_add_fixable(out, HELPER_USERNS, "",
                            "this process is in a user namespace, and the network belongs to an outer one");
}

static void report_failure(const struct user *user, int status, char *words, struct findings *out)
{
    if (status == -ENOMSG) {
        finding_add(out, HELPER_REFUSED, "it exited with status 0, but sent no tap");
    } else if (status < 0) {
        finding_add(out, HELPER_EXEC, HELPER_PATH " cannot be run by %s: %s", user->name, strerror(-status));
        if (status == -EACCES)
            finding_fixable(out, "");
    } else {
        finding_add(out, HELPER_REFUSED, "it exited with status %d: %s", status, program_first_line(words));
    }
}

static void try_it(const struct user *user, const struct helper_trial *trial, struct findings *out)
{
    const char *const argv[] = {HELPER_PATH, "delete", "--domain=" NO_DOMAIN, NULL};
    char words[1024];

    int status = program_run(argv, user, words, sizeof(words));
    if (status == 0 && trial->bridge)
        status = helper_take_tap(trial, false, words, sizeof(words));
    if (status != 0)
        report_failure(user, status, words, out);
    else if (trial->bridge)
        finding_add(out, HELPER_WORKS, HELPER_PATH " made a tap on %s for %s, and removed it", trial->bridge,
                    user->name);
    else
        finding_add(out, HELPER_UNTRIED, HELPER_PATH " gets its capability; no tap was made: %s",
                    trial->obstacle);
}

static void report_broken_broker(const struct user *user, int status, char *words, struct findings *out)
{
    const char *reason = program_first_line(words);

    if (status == -ENOMSG)
        reason = "it sent no tap";
    else if (status == -ETIMEDOUT)
        reason = "it did not answer in time";
    else if (status < 0)
        reason = strerror(-status);
    finding_add_fixable(out, HELPER_BROKER_REFUSED, "", "the broker does not work for %s: %s", user->name,
                        reason);
}

/* The helper does not get its capability; does the broker help? Returns whether the obstacles are none. */
static bool try_by_broker(const struct user *user, const struct helper_trial *trial,
                          const struct findings *obstacles, struct findings *out)
{
    const char *reason = obstacles->items[0].seen;
    char words[1024];
    pid_t pid;

    const int err = broker_look(&pid);
    if (err == -ENOENT || err == -ECONNREFUSED)
        return false;
    const int status = helper_take_tap(trial, true, words, sizeof(words));
    if (status != 0) {
        report_broken_broker(user, status, words, out);
        return false;
    }
    finding_add(out, HELPER_BROKER, "the broker answers %s, and is needed: %s", user->name, reason);
    if (trial->bridge)
        finding_add(out, HELPER_WORKS,
                    HELPER_PATH " made a tap on %s for %s through the broker, and removed it", trial->bridge,
                    user->name);
    else
        finding_add(out, HELPER_UNTRIED, HELPER_PATH " reaches the broker; no tap was made: %s",
                    trial->obstacle);
    return true;
}

void helper_probe(const struct user *user, const struct helper_trial *trial, struct findings *out)
{
    struct findings obstacles = {.items = NULL};

    const bool runs = report_file(&obstacles);
    report_process(&obstacles);
    if (obstacles.count == 0 && !obstacles.lost)
        try_it(user, trial, out);
    else if (runs && obstacles.count > 0 && try_by_broker(user, trial, &obstacles, out))
        findings_free(&obstacles);
    findings_move(out, &obstacles);
}

void helper_broker_probe(const struct user *user, const struct helper_trial *trial, struct findings *out)
{
    struct findings obstacles = {.items = NULL};
    char words[1024];
    pid_t pid;

    if (user->uid == 0)
        return; /* root needs no broker, which refuses it */
    report_file(&obstacles);
    report_process(&obstacles);
    const bool needed = obstacles.count > 0;
    findings_free(&obstacles);
    if (needed)
        return; /* helper_probe() has tried it */
    const int err = broker_look(&pid);
    if (err == -ENOENT || err == -ECONNREFUSED) {
        finding_add(out, HELPER_BROKER_OFF, "the broker is off, and not needed by this process");
        return;
    }
    const int status = helper_take_tap(trial, true, words, sizeof(words));
    if (status != 0)
        report_broken_broker(user, status, words, out);
    else if (trial->bridge)
        finding_add(out, HELPER_BROKER, "the broker made a tap on %s for %s, and removed it", trial->bridge,
                    user->name);
    else
        finding_add(out, HELPER_BROKER, "the broker answers %s; no tap was made: %s", user->name,
                    trial->obstacle);
}

static bool names_helper(void *arg, const char *line, unsigned int number)
{
    bool *named = arg;
    (void)number;
    *named = strstr(line, HELPER_PATH) != NULL;
    return !*named;
}

static bool profile_names_helper(const char *profile)
{
    char local[128];
    bool named = false;

    snprintf(local, sizeof(local), "/etc/apparmor.d/local/%s", strrchr(profile, '/') + 1);
    text_lines(profile, names_helper, &named);
    if (!named)
        text_lines(local, names_helper, &named);
    return named;
}

/* The profiles of the daemons that start QEMU; a host may have both. */
static void report_apparmor(struct findings *out)
{
    static const char *const profiles[] = {"/etc/apparmor.d/usr.sbin.libvirtd",
                                           "/etc/apparmor.d/usr.sbin.virtqemud"};
    char enabled[8];

    if (text_read("/sys/module/apparmor/parameters/enabled", enabled, sizeof(enabled)) <= 0 ||
        *enabled != 'Y')
        return;
    for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++)
        if (access(profiles[i], F_OK) == 0 && !profile_names_helper(profiles[i]))
            finding_add_fixable(out, HELPER_APPARMOR, strrchr(profiles[i], '/'),
                                "AppArmor is enabled, and %s does not name " HELPER_PATH, profiles[i]);
}

static void report_selinux(struct findings *out)
{
    char label[256];

    if (text_number("/sys/fs/selinux/enforce", 0) != 1)
        return;
    const ssize_t size = getxattr(HELPER_PATH, "security.selinux", label, sizeof(label) - 1);
    if (size <= 0)
        return;
    label[size] = '\0';
    if (strstr(label, ":bin_t:") || strstr(label, ":virt_bridgehelper_exec_t:"))
        return;
    finding_add_fixable(out, HELPER_SELINUX, "",
                        "SELinux is enforcing, and the label of " HELPER_PATH " is %s", label);
}

static void report_leftovers(struct findings *out)
{
    static const char *const paths[] = {"/usr/lib/qemu/qemu-bridge-helper", "/usr/libexec/qemu-bridge-helper",
                                        "/usr/lib/qemu-bridge-helper", "/usr/lib64/qemu/qemu-bridge-helper"};
    struct stat st;

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        if (stat(paths[i], &st) == 0 && st.st_mode & S_ISUID)
            finding_add_fixable(out, HELPER_LEFTOVER, paths[i], "%s is setuid", paths[i]);
}

void helper_surroundings_probe(const struct probe_context *context, struct findings *out)
{
    (void)context;
    report_apparmor(out);
    report_selinux(out);
    report_leftovers(out);
}
