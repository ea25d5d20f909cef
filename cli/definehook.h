/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The verb that KubeVirt runs. */
#pragma once

int define_hook_run(int argc, char *argv[]);
#define define_hook_arguments "--vmi JSON --domain XML"
extern const char define_hook_options[];
