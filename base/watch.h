/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What root has done as another user, whose signals can stop it: nobody else would ever know, or end it. */
#pragma once

/* To be called before the process becomes that user; name is the verb's full command. Forks, and returns in
 * the child. The parent keeps its privilege and does not return: it exits with the child's status, or with 1
 * after it has killed a child that was stopped, and has reported that. What the child leaves unfinished is up
 * to it. The terminal's stop (Ctrl-Z) reaches both, and so does what continues them. */
void watch_begin(const char *name);
