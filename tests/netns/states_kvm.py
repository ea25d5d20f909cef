# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""States of KVM. What takes other hardware is told by files that stand for it (tree=True); errors that only a busy or
broken KVM gives are put in by strace between the kernel and the command."""
import os

from checkcase import State
from sandbox import USER

KVM_GROUP = 64600
# On a host with the module kvm_pvm KVM needs no help of the processor, and emulates what a guest's kernel does.
VCPU = "kvm.vcpu.emulated" if os.path.exists("/sys/module/kvm_pvm") else "kvm.vcpu.native"
OTHER_VCPU = {"kvm.vcpu.emulated": "kvm.vcpu.native", "kvm.vcpu.native": "kvm.vcpu.emulated"}[VCPU]
GROUP = f"sed -i /^kvm:/d /etc/group; echo kvm:x:{KVM_GROUP}: >>/etc/group\n"
# The driver is not there, whatever this machine has.
GONE = "over /proc/misc <<X\n 200 tun\nX\nrm -f /dev/kvm\n"


# This machine may have none.
LIB = "own $(realpath /lib); mkdir -p /lib/modules\n"


def cpu(flags, vendor="GenuineIntel"):
    return (f"over /proc/cpuinfo <<X\nprocessor\t: 0\nvendor_id\t: {vendor}\ncpu family\t: 6\n"
            f"flags\t\t: fpu vme de pse {flags} lm\nbugs\t\t:\n\nX\n")


def modules(*names):
    lines = "\n".join(f"kernel/arch/x86/kvm/{name}.ko.xz: kernel/arch/x86/kvm/kvm.ko.xz" for name in names)
    return f"{LIB}tree /lib/modules $(uname -r)\ncat >/lib/modules/$(uname -r)/modules.dep <<X\n{lines}\nX\n"


def inject(what):
    """The kernel answers otherwise. System calls are counted for each process; all of KVM's are the probe's."""
    return ("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=ioctl,openat", "-e", f"inject={what}")


def opens_but(name, what, expect, **more):
    return State(name, "kvm 0666 root:root", expect, wrap=inject(what), **more)


STATES = [
    State("everybody may", "kvm 0666 root:root", f"kvm.device kvm.vm {VCPU}", never=f"kvm.device.acl {OTHER_VCPU}"),
    State("no flag tells of it", "kvm 0666 root:root\n" + cpu("sse2"), "kvm.device kvm.cpu.flags", tree=True),
    State("the flag tells of it", "kvm 0666 root:root\n" + cpu("vmx"), "kvm.device", tree=True, never="kvm.cpu.flags"),
    State("its group may, and the user is in it", GROUP + "kvm 0660 root:kvm", "kvm.device", groups=(KVM_GROUP,),
          never="kvm.device.acl kvm.device.permission"),
    State("its group may, and the user is not in it", GROUP + "kvm 0660 root:kvm", "kvm.device.permission",
          never="kvm.device", says=("gpasswd -a vmuser kvm",)),
    State("added to the group after the login", "sed -i '/^kvm:/d' /etc/group; echo kvm:x:64600:vmuser >>/etc/group; kvm 0660 root:64600",
          "kvm.device.permission", says=("/dev/kvm is for group kvm: vmuser was added to it after this login; log in again",),
          never="kvm.device"),
    State("root's group", "kvm 0660 root:root", "kvm.device.mode", says=("chown root:kvm /dev/kvm", "udev")),
    State("its group may not", GROUP + "kvm 0600 root:kvm", "kvm.device.mode", says=("0600", "chmod 0660 /dev/kvm")),
    State("root may whatever the mode says", "kvm 0600 root:root", "kvm.device", user=0, never="kvm.device.acl"),
    State("as that user, whom root becomes", GROUP + "kvm 0660 root:kvm", "kvm.device.permission", user=0,
          options=("--user", "vmuser")),
    State("as that user, in the group by the database", GROUP + "sed -i s/^kvm:.*/\\&vmuser/ /etc/group\nkvm 0660 root:kvm",
          "kvm.device", user=0, options=("--user", "vmuser"), never="kvm.device.permission"),
    State("an ACL lets the user in", GROUP + f"kvm 0660 root:kvm; setfacl -m u:{USER}:rw /dev/kvm",
          "kvm.device kvm.device.acl"),
    State("an ACL lets somebody else in", GROUP + f"kvm 0660 root:kvm; setfacl -m u:{USER + 1}:rw /dev/kvm",
          "kvm.device.permission", says=("its ACL lets others in",)),
    State("an ACL keeps the group out", GROUP + f"kvm 0660 root:kvm; setfacl -m u:{USER + 1}:rw,g::---,m:rw /dev/kvm",
          "kvm.device.denied", groups=(KVM_GROUP,), says=("though in group kvm",)),
    State("KVM runs, its node is missing", "rm -f /dev/kvm", "kvm.device.missing", says=("mknod",)),
    State("another device", "mknod -m 0666 /dev/kvm c 1 3", "kvm.device.wrong"),
    State("a plain file", "touch /dev/kvm; chmod 0666 /dev/kvm", "kvm.device.wrong"),
    State("a folder", "mkdir /dev/kvm", "kvm.device.wrong"),
    State("a FIFO", "mkfifo -m 0666 /dev/kvm", "kvm.device.wrong"),
    State("mounted nodev", "kvm 0666 root:root; mount -o remount,bind,nodev /dev", "kvm.device.nodev"),
    State("kept away by a container's rules", "kvm 0666 root:root", "kvm.device.denied",
          wrap=(*inject("openat:error=EPERM"), "-P", "/dev/kvm")),
    opens_but("another version", "ioctl:retval=11:when=1", "kvm.api"),
    opens_but("another hypervisor has the processor", "ioctl:error=EBUSY:when=2", "kvm.device kvm.vm.busy", never="kvm.vm"),
    State("VirtualBox has the processor", "kvm 0666 root:root; tree /sys/module vboxdrv", "kvm.vm.busy",
          wrap=inject("ioctl:error=EBUSY:when=2"), says=("VirtualBox", "modprobe -r vboxnetadp")),
    opens_but("no memory for a VM", "ioctl:error=ENOMEM:when=2", "kvm.vm.failed"),
    opens_but("no processor", "ioctl:error=EINVAL:when=5", "kvm.vm kvm.vcpu.refused", says=("KVM_CREATE_VCPU",)),
    opens_but("the guest does not start", "ioctl:error=EFAULT:when=11", "kvm.vcpu.stuck", never=VCPU),
    opens_but("the guest never comes out", "ioctl:error=EINTR:when=11+", "kvm.vcpu.stuck", never=VCPU),
    opens_but("the guest computes something else", "ioctl:poke_exit=@arg3=00:when=13", "kvm.vcpu.stuck", never=VCPU, says=("registers",)),
    State("no driver behind the node", GONE + cpu("sse2") + "mknod -m 0666 /dev/kvm c 10 250", "kvm.cpu.none", tree=True,
          never="kvm.device"),
    State("neither vmx nor svm", GONE + cpu("sse2"), "kvm.cpu.none", tree=True),
    State("a virtual machine that may not nest", GONE + cpu("sse2 hypervisor"), "kvm.cpu.nested", tree=True),
    State("Intel, switched off in the firmware", GONE + cpu("vmx") + "rm -f /dev/kmsg; echo "
          "'4,512,1,-;kvm_intel: VMX not enabled (by BIOS) in MSR_IA32_FEAT_CTL on CPU 0' >/dev/kmsg",
          "kvm.cpu.firmware", user=0, tree=True, says=("VT-x",)),
    State("AMD, switched off in the firmware", GONE + cpu("svm", "AuthenticAMD") + "rm -f /dev/kmsg; echo "
          "'4,512,1,-;kvm_amd: SVM disabled (by BIOS) in MSR_VM_CR on CPU 1' >/dev/kmsg", "kvm.cpu.firmware", user=0,
          tree=True, says=("AMD-V",)),
    *(State(f"the log has a name that a user chose: {said}", GONE + cpu("vmx") + modules("kvm-intel") + f"rm -f /dev/kmsg; echo '4,512,1,-;{said}' "
            ">/dev/kmsg", "kvm.module.missing", user=0, tree=True)
      for said in ("kvm: [77]: segfault at 0 ip 0 sp 0 error 4 in kvm disabled by bios[400000+1000]",
                   "Out of memory: Killed process 77 (kvmdisabledBIOS) total-vm:1kB")),
    State("the module is not loaded", GONE + cpu("vmx") + modules("kvm-intel"), "kvm.module.missing", tree=True,
          says=("modprobe kvm_intel",)),
    State("AMD's module is not loaded", GONE + cpu("svm", "AuthenticAMD") + modules("kvm-intel", "kvm-amd"),
          "kvm.module.missing", tree=True, says=("modprobe kvm_amd",)),
    State("the kernel has no such module", GONE + cpu("vmx") + modules("kvm-amd"), "kvm.module.absent", tree=True),
    *(State(f"the kernel has no such module, on {name}", GONE + cpu("vmx") + modules("kvm-amd") + f"rm /etc/os-release; echo ID={name} >/etc/os-release",
            "kvm.module.absent", tree=True, says=(package,)) for name, package in (("debian", "linux-image-amd64"), ("ubuntu", "linux-image-generic"))),
    State("no modules of the running kernel", GONE + cpu("vmx") + LIB + "tree /lib/modules 6.0.0-other", "kvm.module.absent",
          tree=True, says=("reboot",)),
    State("blacklisted", GONE + cpu("vmx") + modules("kvm-intel") +
          "mkdir -p /etc/modprobe.d; printf '# no\\nblacklist kvm-intel\\n' >/etc/modprobe.d/no.conf", "kvm.module.blocked",
          tree=True, says=("/etc/modprobe.d/no.conf:2",)),
    State("installed as nothing", GONE + cpu("vmx") + modules("kvm-intel") +
          "mkdir -p /etc/modprobe.d; echo 'install kvm /bin/false' >/etc/modprobe.d/no.conf", "kvm.module.blocked", tree=True),
    State("blacklisted on the kernel's command line", GONE + cpu("vmx") + modules("kvm-intel") +
          "over /proc/cmdline <<X\nquiet module_blacklist=nouveau,kvm_intel ro\nX\n", "kvm.module.blocked", tree=True,
          says=("/proc/cmdline",)),
    State("/proc/cpuinfo cannot be read", GONE + "over /proc/cpuinfo </dev/null; chmod 0 $T/over/proc/cpuinfo",
          "kvm.cpu.unknown", tree=True),
]
