/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Feeds a fuzz target with each file of the folders named, instead of libFuzzer: what was once found stays
 * tested where there is no clang. A file is named before it is tried, for a target ends by abort(). */
#include "fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Returns 0, or -1 when the file could not be read. */
static int feed(int folder, const char *name)
{
    struct stat status;
    const int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
    int result = -1;

    if (fd >= 0 && fstat(fd, &status) == 0) {
        /* Of exactly that size, so that a sanitizer sees what is read beyond it. */
        const size_t size = (size_t)status.st_size;
        uint8_t *data = malloc(size ? size : 1);
        if (data && read(fd, data, size) == status.st_size)
            result = LLVMFuzzerTestOneInput(data, size);
        free(data);
    }
    if (fd >= 0)
        close(fd);
    return result;
}

/* Returns how many files there were, or -1 and prints why. */
static int replay(const char *folder)
{
    DIR *dir = opendir(folder);
    int count = 0;

    if (!dir) {
        perror(folder);
        return -1;
    }
    for (const struct dirent *entry; count >= 0 && (entry = readdir(dir));) {
        if (entry->d_name[0] == '.')
            continue;
        printf("%s/%s\n", folder, entry->d_name);
        fflush(stdout);
        count++;
        if (feed(dirfd(dir), entry->d_name) < 0) {
            perror(entry->d_name);
            count = -1;
        }
    }
    closedir(dir);
    return count;
}

int main(int argc, char *argv[])
{
    for (int i = 1; i < argc; i++) {
        const int count = replay(argv[i]);
        if (count < 0)
            return 1;
        if (count == 0) {
            fprintf(stderr, "%s: no files\n", argv[i]);
            return 1;
        }
    }
    return argc < 2;
}
