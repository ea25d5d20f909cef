#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""Help is shown wherever a line asks for it, and nothing is done; wrong words get one line and exit status 2."""
import ctypes
import fcntl
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import termios
import time
import unittest

import bridgehelper
import netcase
import pseudoterminal
import sandbox
from sandbox import USER

CLI = os.path.abspath(os.environ["VIRT_TAP_CLI"])
HELP = re.compile(r"Usage: (virt-tap[^\n]*)\n\n[^\n]+\n(?s:.*)\Z")
SOURCE = os.environ["VIRT_TAP_SOURCE"]
PAGES = {"check": "virt-tap-check.1", "bridge": "virt-tap-bridge.8", "show": "virt-tap-bridge.8", "hooks": "virt-tap-hooks.7",
         "xml": "virt-tap-xml.1", "domain": "virt-tap-xml.1"}
OF_OTHERS = {"virt-tap-bridge.8": {"--offline", "--reload"},
             "virt-tap.1": {"--apply", "--help", "--version", "--list-options", "--listen", "--name", "--isolated", "--net", "--network"},
             "virt-tap-hooks.7": {"--connect", "--uplink"}}  # of other verbs and programs
COMMANDS = {"bridge", "broker", "hooks", "tap", "policy", "domain", "xml"}


def call(*words, program=CLI, **more):
    return subprocess.run([program, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=60, check=False, **more)


def listed(*words):
    """The options of a verb, or the verbs of a command."""
    done = call("--list-options", *words)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout.splitlines()


def options_of(page):
    with open(f"{SOURCE}/docs/{page}.in", encoding="utf-8") as file:
        text = re.sub(r"\\f.", "", file.read()).replace("\\-", "-")
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))


def verbs_of(text):
    """The verbs in the help of a command: lines with two spaces, their summaries with six."""
    return re.findall(r"(?m)^  ([a-z][a-z-]*)(?: [^\n]*)?\n      \S", text)


def walk(words=()):
    """Every verb, and every command with verbs of its own, as lists of words."""
    help_ = call(*words, "--help").stdout
    verbs = verbs_of(help_)
    yield list(words), help_, bool(verbs)
    for verb in verbs:
        yield from walk((*words, verb))


class Help(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.verbs = list(walk())

    def is_help(self, *words, text=None, **more):
        done = call(*words, **more)
        with self.subTest(words=" ".join(words)[:80]):
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertRegex(done.stdout, HELP)
            if text is not None:
                self.assertEqual(done.stdout, text)

    def is_refused(self, *words, status=2, **more):
        done = call(*words, **more)
        with self.subTest(words=" ".join(words)[:80]):
            self.assertEqual((done.returncode, done.stdout), (status, ""))
            self.assertRegex(done.stderr, r"\Avirt-tap[^\n]*: [^\n]+\n\Z")

    def test_all_verbs_are_walked(self):
        self.assertEqual({words[0] for words, _help, is_command in self.verbs if len(words) == 1 and is_command}, COMMANDS)
        self.assertGreater(len(self.verbs), 30)

    def test_every_verb_has_help(self):
        for words, text, is_command in self.verbs:
            self.assertRegex(text, HELP)
            self.assertTrue(text.startswith(" ".join(["Usage: virt-tap", *words])), text)
            page = PAGES.get(words[0] if words else "", "virt-tap.1").replace(".", "(") + ")"
            self.assertRegex(text.splitlines()[-1], rf"[Ss]ee .*\b{re.escape(page)}")
            for asking in (["--version"], ["--no-such-option", "--version"], ["--version", "x"]):
                self.assertEqual(call(*words, *asking).stdout, call("version").stdout, words)
            for asking in (["-h"], ["--help", "x"], ["--no-such-option", "--help"]):
                self.is_help(*words, *asking, text=text)
            if is_command:
                self.is_help(*words, "help", text=text)
                self.is_refused(*words, "help", "x")
            else:
                self.is_help("help", *words, text=text)
                for asking in (["help"], ["x", "--help"], ["x", "y", "-h"], ["--bridge", "--help"], ["--json", "--", "--help"][:1] + ["--help", "--"]):
                    self.is_help(*words, *asking, text=text)

    def test_on_a_terminal(self):
        """Of 80 columns: the same words, and what continues a line is below its text."""
        for words, text, _is_command in self.verbs:
            master, slave = pty.openpty()
            fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
            subprocess.run([CLI, *words, "--help"], stdin=slave, stdout=slave, stderr=slave, timeout=60, check=True)
            os.close(slave)
            shown = pseudoterminal.said(master)
            with self.subTest(words=" ".join(words)):
                self.assertEqual(shown.split(), text.split())
                self.assertLessEqual(max(map(len, shown.splitlines())), 80)
                begin = [line for line in shown.splitlines() if line and not line.startswith(" ")]
                self.assertEqual(begin, [line for line in begin if any(each.startswith(line) for each in text.splitlines())])

    def test_nothing_is_done(self):
        """As root, with words that would do something."""
        sandbox.make_bridge("br0")
        sandbox.run("ip", "tuntap", "add", "dev", "plain0", "mode", "tap")
        before = netcase.state()
        for words in ("tap create help", "bridge create help", "bridge create br9 --help",
                      "bridge delete br0 -h", "bridge add br0 plain0 --help", "tap delete plain0 --help",
                      "tap create plain1 --mode --help", "tap create vtap-a --bridge --help", "hooks enable --reload --help", "hooks disable -h",
                      "bridge persist br0 --format -h", "bridge persist --help br0", "gc --all --wait 0 --help", "gc --wait --help",
                      "check --fix --apply --help", "bridge guard br0 --help", "policy apply --revoke --help", "repair br0 --help"):
            self.is_help(*words.split())
        self.assertEqual(netcase.state(), before)
        self.assertFalse(os.path.exists("/etc/libvirt/hooks/qemu.d/virt-tap"))
        for name in ("br0", "plain0"):
            sandbox.run("ip", "link", "delete", name)

    def test_behind_two_dashes_it_is_a_word(self):
        for words in ("show -- --help", "bridge show -- -h", "bridge add -- -h --help"):
            self.is_refused(*words.split(), status=1)
        for words in ("list -- --help", "gc -- -h", "tap create -- --help -h", "hooks status -- --help"):
            self.is_refused(*words.split())

    def test_verbs_are_listed(self):
        for words, text, is_command in self.verbs:
            if is_command:
                self.assertEqual(listed(*words)[:-3], verbs_of(text), words)

    def test_options_are_in_the_help(self):
        self.assertGreater(len(self.options()), 20)
        for words, options in self.options():
            text = "\n\n".join(call(*words, "--help").stdout.split("\n\n")[2:])
            with self.subTest(words=words):
                self.assertEqual(re.findall(r"(?m)^  (?:-\w, )?(--[a-z-]+[^\s\[]*)", text), options)
                self.assertEqual(set(re.findall(r"(?<![\w`-])--[a-z-]+", text)) - {option.partition("=")[0] for option in options}, set())

    def options(self):
        """Of each verb, as --list-options tells them, without --help and --version."""
        return [(words, listed(*words)[:-2]) for words, _text, is_command in self.verbs if not is_command]

    def test_completion_offers_them(self):
        for words, _text, is_command in self.verbs:
            wanted = listed(*words) if is_command else [option.partition("=")[0] for option in listed(*words)]
            with self.subTest(words=words):
                self.assertEqual(self.complete(*words, "" if is_command else "-"), wanted)
                if is_command:
                    self.assertEqual(self.complete("help", *words, ""), wanted)
                if words in ([], ["tap", "create"]):
                    self.assertLessEqual({word for word in wanted if word.startswith("-")}, set(self.fish(*words, "-")))
        self.assertEqual(self.complete("bridge", "create", "br0", "--stp", ""), ["on", "off"])
        self.assertEqual(self.complete("bridge", "create", "br0", "--stp", "=", "of"), ["off"])

    def test_completion_of_files(self):
        """bash itself completes them, if the function of the completion says so, and no subshell of it."""
        for words, wanted in ((("xml", "rewrite", ""), ["-o", "default"]), (("policy", "check", ""), ["-o", "default"]), (("policy", "explain", ""), [])):
            self.assertEqual(self.complete(*words, before="compopt() { said=$*; }", output="$said"), wanted)

    def test_completion_offers_values(self):
        """Bridges, taps, users and formats; in bash, zsh and fish."""
        sandbox.make_bridge("br-values")
        sandbox.run(CLI, "tap", "create", "tap-values")
        for words, found in ((("show", "br-v"), "br-values"), (("policy", "explain", "--bridge", "br-v"), "br-values"),
                             (("policy", "explain", "-b", "br-v"), "br-values"), (("tap", "delete", "tap-v"), "tap-values"),
                             (("show", "--drops", "tap-v"), "tap-values"),
                             (("address", "tap-v"), "tap-values"), (("repair", "tap-v"), "tap-values"), (("repair", "br-v"), "br-values"),
                             (("policy", "explain", "--user", "vmus"), "vmuser"), (("bridge", "persist", "br0", "--format", "netp"), "netplan"),
                             (("bridge", "persist", "br0", "--format=netp"), "--format=netplan"), (("bri",), "bridge"),
                             (("help", "bri"), "bridge"), (("help", "tap", "cre"), "create"), (("bridge", "add", "br-values", "tap-v"), "tap-values"),
                             (("check", "--app"), "--apply"), (("setup", "vmus"), "vmuser"), (("tap", "create", "x", "--serve", "r"), "ra"),
                             (("xml", "map", "--output-dir", "/usr/sha"), "/usr/share/"), (("tap", "create", "x", "--pack"), "--packet-info")):
            with self.subTest(words=words):
                self.assertEqual(self.fish(*words), [found])
                self.assertEqual(self.zsh(*words), " ".join(("virt-tap", *words[:-1], found)))
                if "=" not in words[-1] and "--output-dir" not in words:
                    self.assertEqual(self.complete(*words), [found])
        for name in ("br-values", "tap-values"):
            sandbox.run("ip", "link", "delete", name)
        self.assertEqual((self.complete("xml", "restore", "--interface", ""), self.fish("xml", "restore", "--interface", "")), ([], []))
        self.assertEqual(self.complete("xml", "map", "--output-dir", "", before="compopt() { said=$*; }", output="$said"), ["-o", "dirnames"])

    def complete(self, *words, before="true", output="${COMPREPLY[@]}"):
        script = f"""PATH={os.path.dirname(CLI)}:$PATH; . {SOURCE}/data/completion/virt-tap; {before}
            COMP_WORDS=(virt-tap "$@"); COMP_CWORD=$#; _virt_tap; echo "{output}" """
        return sandbox.run("bash", "-c", script, "bash", *words).stdout.split()

    @staticmethod
    def fish(*words):
        script = f"set PATH {os.path.dirname(CLI)} $PATH; source {SOURCE}/data/completion/virt-tap.fish; complete -C 'virt-tap {' '.join(words)}'"
        env = {"HOME": sandbox.RUN, "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TERM": "dumb"}
        return [line.split("\t")[0] for line in sandbox.run("fish", "--no-config", "-c", script, env=env).stdout.splitlines()]

    @staticmethod
    def zsh(*words):
        """The line that a Tab makes of these words, in a shell of its own on a terminal."""
        pid, fd = pty.fork()
        if pid == 0:
            os.execvpe("zsh", ["zsh", "-f", "-i"], {"PATH": f"{os.path.dirname(CLI)}:{os.environ['PATH']}", "HOME": sandbox.RUN, "TERM": "dumb"})
        setup = (f"PS1=; fpath=({SOURCE}/data/completion $fpath); autoload -U compinit; compinit -C -d {sandbox.RUN}/zcompdump; "
                 "tell() { print -r -- \"<$BUFFER>\"; exit }; zle -N tell; bindkey '^X' tell; unsetopt beep; print rea''dy\n")
        out = b""

        def read(until):
            nonlocal out
            end = time.monotonic() + 30
            while until not in out and time.monotonic() < end and select.select([fd], [], [], 30)[0]:
                try:
                    out += os.read(fd, 4096)
                except OSError:
                    return

        os.write(fd, setup.encode())
        read(b"ready\r\n")
        os.write(fd, ("virt-tap " + " ".join(words) + "\t\x18").encode())
        read(b">\r\n")
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(fd)
        lines = re.findall(r"<(virt-tap [^>]*)>", out.decode(errors="replace"))
        return lines[-1].strip() if lines else out

    def test_man_pages_name_them(self):
        """Every option of a verb is on its page, and the page names no option that no verb has."""
        named = {}
        for words, options in self.options():
            page = PAGES.get(words[0], "virt-tap.1")
            names = {option.partition("=")[0] for option in options}
            named.setdefault(page, set()).update(names)
            with self.subTest(words=words, page=page):
                self.assertEqual(names - options_of(page), set(), "not on the page")
        for page, names in named.items():
            with self.subTest(page=page):
                self.assertEqual(options_of(page) - names - OF_OTHERS.get(page, set()), set(), "on the page, but there is no such option")

    def test_synopsis_names_them(self):
        """That of virt-tap(1), all options of its verbs, but those that are the same as another."""
        with open(f"{SOURCE}/docs/virt-tap.1.in", encoding="utf-8") as file:
            text = re.sub(r"\\f.", "", file.read().split(".SH DESCRIPTION")[0]).replace("\\-", "-")
        for words, options in self.options():
            forms = "".join(form for form in text.split("\n.br\n") if re.search(rf"(?m)^\.B virt-tap {' '.join(words)}\b", form))
            if words[0] not in PAGES:
                names = {"--verbose": "-v ", "--connect": "-c\n", "--owner": ""}
                missing = [name for name in (option.partition("=")[0] for option in options) if names.get(name, name) not in forms]
                self.assertEqual(missing, [], words)

    def test_wrong_words(self):
        for words, _text, is_command in self.verbs:
            if is_command:
                self.is_refused(*words)
                self.is_refused(*words, "nonsense")
                self.is_refused(*words, "nonsense", "--help")
                self.is_refused(*words, "")
                self.is_refused(*words, "--nonsense")
            else:
                self.is_refused(*words, "--nonsense")

    def test_mistakes(self):
        """A word that there is not gets the one that was meant, or all that there are."""
        for words, says in ((["lsit"], "there is no verb 'lsit'; did you mean 'list'? see virt-tap --help"),
                            (["help", "crate"], "there is no verb 'crate'; the verbs are check, setup, "),
                            (["tap", "list"], "there is no verb 'list'; the verbs are create, delete; see virt-tap tap --help"),
                            (["tap", "del"], "there is no verb 'del'; did you mean 'delete'? see virt-tap tap --help"),
                            (["bridge", "addif", "br0", "x"], "there is no verb 'addif'; did you mean 'add'? see virt-tap bridge --help"),
                            (["tap", "help", "craete"], "there is no verb 'craete'; did you mean 'create'? see virt-tap tap --help"),
                            (["--json", "list"], "'--json': options come after the verb, except --help and --version; see virt-tap --help"),
                            (["tap", "create", "vtap-a", "--brigde", "br0"], "there is no option '--brigde'; did you mean --bridge? see "),
                            (["tap", "create", "vtap-a", "--brigde=br0"], "there is no option '--brigde'; did you mean --bridge? see "),
                            (["tap", "create", "vtap-a", "--nonsense"], "there is no option '--nonsense'; see "),
                            (["policy", "explain", "-user", "vmuser"], "'-user': this option begins with two dashes: --user"),
                            (["policy", "explain", "-user=vmuser"], "'-user=vmuser': this option begins with two dashes: --user"),
                            (["tap", "create", "vtap-a", "\u2013\u2013bridge", "br0"],
                             "'\u2013\u2013bridge' begins with a typographic dash, as web pages have it; an option begins with two hyphens: --"),
                            (["tap", "create", "vtap-a"], "a tap whose name begins with vtap- is on a bridge: add --bridge=BRIDGE; `virt-tap show` lists them"),
                            (["tap", "create", "tap0", "--mac=zz"], "a MAC that a device may have"),
                            (["policy", "check", ""], "the name of the file is empty; name one, or none for the policy in force"),
                            (["policy", "explain", "--bridge=br0", "--mac=zz"], "as in 52:54:00:12:34:56"),
                            (["address", "--connect="], "--connect requires the URI of a libvirt, such as qemu:///system"),
                            (["check", "--bridge="], "--bridge='' is not a name for an interface: 1 to 15 characters without / : % or space")):
            self.is_refused(*words)
            self.assertIn(says, call(*words, env={**os.environ, "LC_ALL": "C.UTF-8"}).stderr)
        done = call("check", "--user=root", program=sandbox.install(CLI, caps=None), preexec_fn=lambda: bridgehelper.become(USER))
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("--user=root: only root can check for another user; type: sudo virt-tap check --user=USER", done.stderr)

    def test_odd_command_lines(self):
        many = ["x"] * 1000
        installed = sandbox.install(CLI, caps=None)  # the build may be in a home that others cannot enter
        for words, text, is_command in self.verbs:
            if words and words != ["xml", "show"] and words != ["domain", "show"]:
                done = call(*words, *many, program=installed, preexec_fn=lambda: bridgehelper.become(USER))
                self.assertIn(done.returncode, (0, 1, 2), words)
                self.assertLess(len(done.stderr), 400 if words[0] not in ("xml", "domain") else 1 << 20)
            if not is_command:
                self.is_help(*words, *many, "--help", text=text)
        self.is_refused(*many)
        for argv in ([], [b""], [b"x" * 5000], [b"virt-tap", b""]):
            pid = os.fork()
            if pid == 0:
                os.dup2(os.open("/dev/null", os.O_RDWR), 2)
                bridgehelper.LIBC.execve(CLI.encode(), (ctypes.c_char_p * (len(argv) + 1))(*argv, None), None)
                os._exit(99)
            self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 2, argv)

    def test_programs_that_it_starts(self):
        """From where they are installed, or beside it in a folder that is not everybody's; never from the current folder or $PATH."""
        for mode, own in ((0o755, True), (0o775, True), (0o1777, False), (0o777, False)):
            folder = f"{sandbox.RUN}/programs{mode:o}"
            os.mkdir(folder)
            os.chmod(folder, mode)
            shutil.copy(CLI, folder)
            for name in ("virt-tap-xml", "virt-tap-domain", "virt-tap-bridge"):
                sandbox.write(f"{folder}/{name}", '#!/bin/sh\necho "$0 $*"\n', 0o755)
            for verb in ("xml", "domain", "bridge", "show"):
                done = call(verb, "x", program=f"{folder}/virt-tap", cwd=f"{sandbox.RUN}/programs755", env={"PATH": f"{sandbox.RUN}/programs755"})
                self.assertEqual(done.stdout.startswith(folder), own, done)
                self.assertNotIn("programs", done.stdout if not own else "")
                if not own:
                    self.assertIn(f"; install the package virt-tap{'-hooks' if verb == 'domain' else ''}, or run `./dev install` in", done.stderr)
            shutil.rmtree(folder) if mode != 0o755 else self.addCleanup(shutil.rmtree, folder)
        for theirs in ("", "/virt-tap", "/virt-tap-xml"):  # who owns one of the three could not have replaced the others
            os.chown(f"{sandbox.RUN}/programs755{theirs}", USER, USER)
            done = call("xml", "x", program=f"{sandbox.RUN}/programs755/virt-tap")
            self.assertNotIn("programs", done.stdout)
            os.chown(f"{sandbox.RUN}/programs755{theirs}", 0, 0)

    def test_closed_descriptors(self):
        """What a verb opens does not become its standard output; writing there still fails."""
        for closed in ("<&- >&-", ">&- 2>&-", "<&- >&- 2>&-"):
            done = sandbox.run("sh", "-c", f"{CLI} list {closed}", check=False)
            self.assertEqual(done.returncode, 1, closed)

    def test_the_helper(self):
        for words in (["--help"], ["create", "--help"], ["--br=br0", "--help"], ["--bogus", "--help"], ["delete", "--name=vtap-a", "--help"], ["-h"],
                      ["help"], ["help", "create"], ["create", "-h"]):
            done = call(*words, program=netcase.HELPER)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertTrue(done.stdout.startswith("Usage: virt-tap-helper"))


if __name__ == "__main__":
    netcase.main()
