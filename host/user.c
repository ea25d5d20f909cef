/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "user.h"
#include "base/printable.h"
#include "base/quote.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { GROUPS_MAX = 1024 };

static int take_passwd(struct user *out, const struct passwd *entry)
{
    if (entry && printable_is(entry->pw_name)) {
        out->name = strdup(entry->pw_name);
        out->home = strdup(entry->pw_dir);
        out->in_passwd = true;
    } else if (asprintf(&out->name, "%u", out->uid) < 0) {
        out->name = NULL;
    }
    if (!out->home)
        out->home = strdup("");
    if (out->name && out->home)
        return 0;
    return -ENOMEM;
}

int user_self(struct user *out)
{
    *out = (struct user){.uid = getuid(), .gid = getgid()};
    const int count = getgroups(0, NULL);

    out->groups = count < 0 ? NULL : calloc((size_t)count + 1, sizeof(gid_t));
    if (!out->groups || getgroups(count, out->groups) != count)
        return -ENOMEM;
    out->group_count = (size_t)count;
    return take_passwd(out, getpwuid(out->uid));
}

int user_find(struct user *out, const char *name)
{
    int count = 64;

    *out = (struct user){.other = true};
    errno = 0;
    const struct passwd *entry = getpwnam(name);
    if (!entry)
        return errno && errno != ESRCH && errno != EPERM ? -errno : -ENOENT;
    out->uid = entry->pw_uid;
    out->gid = entry->pw_gid;
    const int err = take_passwd(out, entry);
    if (err)
        return err;
    for (int enough = -1; enough < 0;) {
        gid_t *groups = reallocarray(out->groups, (size_t)count, sizeof(gid_t));
        if (!groups)
            return -ENOMEM;
        out->groups = groups;
        enough = getgrouplist(out->name, out->gid, out->groups, &count); /* sets count to the required size */
    }
    out->group_count = (size_t)count;
    return 0;
}

void user_free(struct user *user)
{
    free(user->groups);
    free(user->name);
    free(user->home);
    *user = (struct user){.groups = NULL};
}

/* The session keyring is inherited, and the user's processes could read its keys. The new one is created as
 * root, whose quota no user can exhaust. */
static bool leave_keyring(void)
{
    return syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) >= 0 || errno == ENOSYS || errno == EPERM;
}

/* The UID change has already done this, unless securebits prevent it (capabilities(7)). */
static bool drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{.permitted = 0}};

    return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == 0 &&
           syscall(SYS_capset, &header, none) == 0;
}

int user_become(const struct user *user)
{
    if (!user->other)
        return 0;
    if (!leave_keyring() || setgroups(user->group_count, user->groups) < 0 ||
        setresgid(user->gid, user->gid, user->gid) < 0 || setresuid(user->uid, user->uid, user->uid) < 0 ||
        (user->uid != 0 && !drop_capabilities()) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return -errno;
    return 0;
}

bool user_has_group(const struct user *user, gid_t gid)
{
    for (size_t i = 0; i < user->group_count; i++)
        if (user->groups[i] == gid)
            return true;
    return user->gid == gid;
}

enum membership user_membership(const struct user *user, gid_t gid)
{
    gid_t groups[GROUPS_MAX];
    int count = GROUPS_MAX;

    if (user_has_group(user, gid))
        return MEMBERSHIP_YES;
    if (!user->in_passwd || getgrouplist(user->name, user->gid, groups, &count) < 0)
        return MEMBERSHIP_NO;
    for (int i = 0; i < count; i++)
        if (groups[i] == gid)
            return MEMBERSHIP_RELOGIN;
    return MEMBERSHIP_NO;
}

void user_group_name(gid_t gid, char *out, size_t size)
{
    const struct group *entry = getgrgid(gid);

    if (entry)
        quote_into(entry->gr_name, out, size);
    if (!entry || strcmp(out, entry->gr_name) != 0)
        snprintf(out, size, "%u", gid);
}
