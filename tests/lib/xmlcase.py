# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""What the tests of `virt-tap xml` share: domains, and the command.

Needs VIRT_TAP_CLI (the built virt-tap) and VIRT_TAP_SOURCE.
"""
import os
import subprocess

CLI = os.environ["VIRT_TAP_CLI"]
DATA = os.path.join(os.environ["VIRT_TAP_SOURCE"], "tests/data")
SCHEMA = "/usr/share/libvirt/schemas/domain.rng"
BROKEN = {"testdriver-13.xml", "virt-xml-edit-simple-metadata-0.xml"}
NETWORKS = ("--network", "default=virbr0", "--network", "dupmac=virbr1")
DOMAIN = """<domain type='kvm'>
  <name>web</name>
  <uuid>11111111-1111-4111-8111-000000000001</uuid>
  <devices>
    {}
  </devices>
</domain>
"""
BRIDGE = """<interface type='bridge'>
      <mac address='52:54:00:00:00:01'/>
      <source bridge='br0'/>
      <model type='virtio'/>
    </interface>"""


def read(path):
    with open(path, "rb") as file:
        return file.read()


def virt_tap(*words, stdin=b"", folder=None):
    """Run `virt-tap xml ...`; returns its exit status, standard output and standard error."""
    done = subprocess.run([CLI, "xml", *words], input=stdin, capture_output=True, timeout=60, cwd=folder, check=False)
    return done.returncode, done.stdout, done.stderr.decode()


def rewrite(text, *options):
    status, out, said = virt_tap("rewrite", *options, stdin=text.encode() if isinstance(text, str) else text)
    assert status == 0, said
    return out


def restore(text, *options):
    status, out, said = virt_tap("restore", *options, stdin=text)
    assert status == 0, said
    return out
