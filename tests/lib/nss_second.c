/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * A name service for tests: /etc/second/passwd and /etc/second/group. While there is /etc/second/down, its
 * directory is down. */
#include <errno.h>
#include <grp.h>
#include <nss.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* From how reading ended, and with what errno. */
static enum nss_status status_of(int err, int *errnop)
{
    if (err == 0)
        return NSS_STATUS_SUCCESS;
    *errnop = err;
    if (err == ERANGE)
        return NSS_STATUS_TRYAGAIN;
    return err == ENOENT ? NSS_STATUS_NOTFOUND : NSS_STATUS_UNAVAIL;
}

static FILE *open_database(const char *path, int *errnop)
{
    FILE *file = NULL;

    if (access("/etc/second/down", F_OK) == 0)
        errno = ECONNREFUSED;
    else
        file = fopen(path, "re");
    *errnop = errno;
    return file;
}

static enum nss_status find_user(const char *name, uid_t uid, struct passwd *out, char *buffer, size_t size,
                                 int *errnop)
{
    struct passwd *found = NULL;
    FILE *file = open_database("/etc/second/passwd", errnop);
    int err;

    if (!file)
        return NSS_STATUS_UNAVAIL;
    do
        err = fgetpwent_r(file, out, buffer, size, &found);
    while (err == 0 && (name ? strcmp(out->pw_name, name) != 0 : out->pw_uid != uid));
    fclose(file);
    return status_of(err, errnop);
}

static enum nss_status find_group(const char *name, gid_t gid, struct group *out, char *buffer, size_t size,
                                  int *errnop)
{
    struct group *found = NULL;
    FILE *file = open_database("/etc/second/group", errnop);
    int err;

    if (!file)
        return NSS_STATUS_UNAVAIL;
    do
        err = fgetgrent_r(file, out, buffer, size, &found);
    while (err == 0 && (name ? strcmp(out->gr_name, name) != 0 : out->gr_gid != gid));
    fclose(file);
    return status_of(err, errnop);
}

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): glibc makes these names */
enum nss_status _nss_second_getpwnam_r(const char *name, struct passwd *out, char *buffer, size_t size,
                                       int *errnop);
enum nss_status _nss_second_getpwuid_r(uid_t uid, struct passwd *out, char *buffer, size_t size, int *errnop);
enum nss_status _nss_second_getgrnam_r(const char *name, struct group *out, char *buffer, size_t size,
                                       int *errnop);
enum nss_status _nss_second_getgrgid_r(gid_t gid, struct group *out, char *buffer, size_t size, int *errnop);

enum nss_status _nss_second_getpwnam_r(const char *name, struct passwd *out, char *buffer, size_t size,
                                       int *errnop)
{
    return find_user(name, 0, out, buffer, size, errnop);
}

enum nss_status _nss_second_getpwuid_r(uid_t uid, struct passwd *out, char *buffer, size_t size, int *errnop)
{
    return find_user(NULL, uid, out, buffer, size, errnop);
}

enum nss_status _nss_second_getgrnam_r(const char *name, struct group *out, char *buffer, size_t size,
                                       int *errnop)
{
    return find_group(name, 0, out, buffer, size, errnop);
}

enum nss_status _nss_second_getgrgid_r(gid_t gid, struct group *out, char *buffer, size_t size, int *errnop)
{
    return find_group(NULL, gid, out, buffer, size, errnop);
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
