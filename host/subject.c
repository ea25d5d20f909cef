/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "subject.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int take_passwd(struct subject *out, const struct passwd *entry)
{
    if (entry) {
        out->name = strdup(entry->pw_name);
        out->home = strdup(entry->pw_dir);
        out->in_passwd = true;
    } else if (asprintf(&out->name, "%u", out->uid) < 0) {
        out->name = NULL;
    }
    if (!out->home)
        out->home = strdup("");
    return out->name && out->home ? 0 : -ENOMEM;
}

int subject_self(struct subject *out)
{
    *out = (struct subject){.uid = getuid(), .gid = getgid()};
    const int count = getgroups(0, NULL);

    out->groups = count < 0 ? NULL : calloc((size_t)count + 1, sizeof(gid_t));
    if (!out->groups || getgroups(count, out->groups) != count)
        return -ENOMEM;
    out->group_count = (size_t)count;
    return take_passwd(out, getpwuid(out->uid));
}

int subject_find(struct subject *out, const char *name)
{
    int count = 64;

    *out = (struct subject){.other = true};
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
        enough = getgrouplist(out->name, out->gid, out->groups, &count); /* sets count to what it takes */
    }
    out->group_count = (size_t)count;
    return 0;
}

void subject_free(struct subject *subject)
{
    free(subject->groups);
    free(subject->name);
    free(subject->home);
    *subject = (struct subject){.groups = NULL};
}

int subject_become(const struct subject *subject)
{
    if (!subject->other)
        return 0;
    if (setgroups(subject->group_count, subject->groups) < 0 ||
        setresgid(subject->gid, subject->gid, subject->gid) < 0 ||
        setresuid(subject->uid, subject->uid, subject->uid) < 0)
        return -errno;
    return 0;
}

bool subject_has_group(const struct subject *subject, gid_t gid)
{
    for (size_t i = 0; i < subject->group_count; i++)
        if (subject->groups[i] == gid)
            return true;
    return subject->gid == gid;
}
