#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
# units.sh: after an installation, has systemd read the units, and a broker that is running be the new program. Packagers do the same on
# the user's machine. It turns nothing on: `virt-tap broker enable` does.
set -eu
[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload
systemctl try-restart virt-tap-broker.service
