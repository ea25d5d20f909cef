/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Faults for sanitizers to find, so that a test can tell that they would: argv[1] says which. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* NOLINTBEGIN: they are what it is for */
int main(int argc, char *argv[])
{
    char *volatile memory = malloc(8);
    volatile int number = INT_MAX;
    const char *fault = argc > 1 ? argv[1] : "";

    if (strcmp(fault, "overflow") == 0)
        number += argc; /* undefined */
    else if (strcmp(fault, "leak") == 0)
        memory = NULL; // cppcheck-suppress memleak
    else
        free(memory);
    return strcmp(fault, "freed") == 0 ? memory[0] : 0; // cppcheck-suppress memleak
}
/* NOLINTEND */
