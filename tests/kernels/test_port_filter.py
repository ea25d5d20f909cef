#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""test_port_filter.py RELEASE: all of the port filter on that Debian's kernel under TCG: a million forged frames and more at real taps, on access
and trunk ports of a bridge that filters VLANs, too; its program and the reference; what it survives, with br_netfilter as a module.

Needs VIRT_TAP_HELPER, VIRT_TAP_CLI and VIRT_TAP_PORTJUDGE (the built programs) and KERNELS_FOLDER (with a folder filled by tests/lib/guest-kernel for
each release). Takes ten minutes.
"""
import glob
import os
import shutil
import sys
import unittest

import kernelhost
import needed

RELEASE = sys.argv.pop(1)
TESTS = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
FORGED = ("test_port_filter.Kinds", "test_port_filter.Offloads", "port_filter_in_guest")
OTHERS = ("test_port_filter.Survives.test_what_others_do", "test_port_filter.Survives.test_replaced_under_a_flood", "test_port_filter.Read",
          "test_port_program", "test_show_drops.Drops")
# What iptables and nft ask of the kernel, which would load them itself if it could find them.
MODULES = ("bridge", "8021q", "tun", "veth", "sch_ingress", "cls_bpf", "br_netfilter", "nf_tables", "nft_compat", "nft_chain_nat", "nft_masq", "xt_physdev",
           "xt_MASQUERADE")
OPTMEM = "echo 131072 >/proc/sys/net/core/optmem_max"  # of newer kernels; older ones have less than a socket needs for the program


class OnADebianKernel(unittest.TestCase):
    def there(self, suites, **env):
        helper, cli, judge = (os.path.realpath(os.environ[f"VIRT_TAP_{name}"]) for name in ("HELPER", "CLI", "PORTJUDGE"))
        plugins = [path for name in ("physdev", "MASQUERADE", "standard") for path in glob.glob(f"/usr/lib/*/xtables/lib*t_{name}.so")]
        status, output = kernelhost.run(
            f"{needed.folder('KERNELS_FOLDER')}/{RELEASE}", ["sh", "-c", f"{OPTMEM}; exec python3 {TESTS}/lib/inguest.py {' '.join(suites)}"],
            programs=[helper, cli, f"{cli}-bridge", judge, "nft", "tc", *map(shutil.which, ("iptables-nft", "ip6tables-nft", "sysctl")), *plugins],
            files=[f"{TESTS}/{folder}" for folder in ("lib", "netns", "system")], modules=MODULES, memory=768, limit=1500,
            env={"VIRT_TAP_HELPER": helper, "VIRT_TAP_CLI": cli, "VIRT_TAP_PORTJUDGE": judge,
                 "PYTHONPATH": f"{TESTS}/lib:{TESTS}/netns:{TESTS}/system", **env})
        self.assertEqual(status, 0, output)
        self.assertIn("\nOK\n", output, "skipped")

    def test_a_million_forged_frames(self):
        self.there(FORGED, VIRT_TAP_THOROUGH="1")

    def test_the_rest(self):
        self.there(OTHERS, VIRT_TAP_FEW="1")


if __name__ == "__main__":
    needed.main()
