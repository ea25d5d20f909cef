/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* virt-tap policy explain: see struct verb. */
int policy_explain(int argc, char *argv[]);

/* virt-tap policy edit: likewise. */
int policy_edit(int argc, char *argv[]);
