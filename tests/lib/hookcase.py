# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""What the tests of libvirt's hooks share: the hooks installed, and domains as libvirt 9.0 gives them on standard input."""
import os

import hookhost
import netcase
import sandbox

UUID, FOREIGN = "8d0f1b2c-3e4f-4a5b-9c6d-7e8f90a1b2c3", "0c0f1b2c-3e4f-4a5b-9c6d-7e8f90a1b2c4"
BRIDGES = "/etc/virt-tap/bridges.conf"
TAP = "<vt:tap dev='{0}' bridge='{1}'{2}>&lt;interface type='bridge'/&gt;</vt:tap>"
NIC = """<interface type='ethernet'>
      <mac address='52:54:00:00:00:0{1}'/>
      <target dev='{0}' managed='no'/>
      <model type='{2}'/>{3}
      <address type='pci' domain='0x0000' bus='0x00' slot='0x0{1}' function='0x0'/>
    </interface>"""
SECRET = "hunter2-of-the-screen"


def domain(*taps, uuid=UUID, owner=None, kind="qemu", more="", nics=None, name="web"):
    """What libvirt gives a hook: taps are (dev, bridge) and, if need be, the tap's other attributes, model, and other elements."""
    taps = [(*tap, *("", "virtio", "")[len(tap) - 2:]) for tap in taps]
    listed = "".join(TAP.format(*tap[:3]) for tap in taps)
    if nics is None:
        nics = "".join(NIC.format(tap[0], number + 1, *tap[3:]) for number, tap in enumerate(taps))
    metadata = f"<vt:taps xmlns:vt=\"urn:virt-tap\" version=\"1\" uuid=\"{owner or uuid}\">{listed}</vt:taps>" if taps else ""
    return f"""<domain type='{kind}' id='3'>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <metadata>
    {metadata}
  </metadata>
  <memory unit='KiB'>131072</memory>
  <devices>
    {nics}
    <graphics type='vnc' port='-1' autoport='yes' passwd='{SECRET}'/>
    {more}
  </devices>
</domain>
"""


def recorded(name):
    with open(f"{os.environ['VIRT_TAP_SOURCE']}/tests/data/hooks/{name}.xml", encoding="utf-8") as file:
        return file.read()


class HookCase(netcase.NetCase):
    driver = "qemu"

    @classmethod
    def setUpClass(cls):
        cls.installed, cls.hooks = hookhost.install()
        cls.addClassCleanup(cls.uninstall)

    @classmethod
    def uninstall(cls):
        sandbox.run("umount", os.path.dirname(os.path.dirname(cls.installed)))
        sandbox.run("umount", "/mnt")

    def tearDown(self):
        if os.path.exists(BRIDGES):
            os.unlink(BRIDGES)
        super().tearDown()

    def hook(self, operation, text, sub="begin", name="web", **more):
        status, out, said = hookhost.call(f"{self.hooks}/{self.driver}", [name, operation, sub, "-"], text, **more)
        self.assertNotIn(SECRET, said)
        if operation not in ("migrate", "restore"):
            self.assertEqual(out, "")
        return status, out, said

    def done(self, operation, text, **more):
        """It must succeed, and say nothing. Returns its standard output."""
        status, out, said = self.hook(operation, text, **more)
        self.assertEqual((status, said), (0, ""))
        return out

    def fails(self, operation, text, *says, **more):
        """It must fail with one line, and leave what there was."""
        before = netcase.state()
        status, out, said = self.hook(operation, text, **more)
        self.assertEqual((status, out), (1, ""), said)
        self.assertRegex(said, r"\Avirt-tap: [^\n]+\n\Z")
        for words in says:
            self.assertIn(words, said)
        self.assertEqual(netcase.state(), before)

    @staticmethod
    def unlink(*names):
        for name in names:
            sandbox.run("ip", "link", "delete", name)

    def taps(self):
        return sandbox.links() - self.before


def heard(log):
    """All that was written to it until now."""
    text = b""
    try:
        while part := log.recv(65536):
            text += part + b"\n"
    except BlockingIOError:
        return text
