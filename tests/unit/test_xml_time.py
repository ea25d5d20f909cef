#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""virt-tap xml: time in proportion to the size of what is read, whatever that is made of.

Every document is built at a size and at twice that size. The process's own CPU time counts, less what an empty domain takes.
"""
import os
import re
import resource
import subprocess
import unittest

from xmlcase import CLI, read, SCHEMA

UUID = "11111111-1111-4111-8111-000000000001"
SIZE = 950_000  # bytes
SANITIZED = b"__asan_init" in read(CLI)
SLOW, FAST = 30.0 if SANITIZED else 3.0, 0.12  # seconds: too much in any case; too little for the clock to tell anything
RUNS = 6


def domain(inside="", name="web", uuid=UUID, root="", before=""):
    return f"{before}<domain type='qemu'{root}><name>{name}</name><uuid>{uuid}</uuid>{inside}</domain>\n"


def nics(count, filling="", kind="bridge", **more):
    one = "<interface type='{0}'><mac address='52:54:00:00:{1:02x}:{2:02x}'/><source {0}='br0'/>{3}</interface>"
    return domain("<devices>" + "".join(one.format(kind, i >> 8, i & 255, filling) for i in range(count)) + "</devices>", **more)


def repeat(piece, size):
    return piece * (size // len(piece))


def attributes(size, form=" a{}=''"):
    return "".join(form.format(i) for i in range(size // 13))


# Of a size in bytes. What has to be said of each: it is read, or it is refused; both must be quick.
DOCUMENTS = {
    "attributes of the root": lambda n: domain("<devices/>" * (n // 60), root=attributes(n * 9 // 10)),
    "attributes of a child": lambda n: domain(f"<a{attributes(n)}/>"),
    "attributes of an interface": lambda n: nics(1, kind="network").replace("<interface", f"<interface{attributes(n)}"),
    "one attribute in many": lambda n: domain(repeat("<a b='c' d='e'/>", n)[:16 * 60000]),
    "long attributes": lambda n: domain(f"<a b='{'x' * n}'/>"),
    "references in an attribute": lambda n: domain(f"<a b='{repeat('&amp;&#10;', n)}'/>"),
    "the same attribute": lambda n: domain(f"<a{repeat(' b=''', n)}/>"),
    "namespaces": lambda n: domain("<x:a/>" * (n // 60), root=attributes(n * 8 // 10, " xmlns:a{}='u'")),
    "namespaces within each other": lambda n: domain("".join(f"<a xmlns:p{i}='u{'x' * (n // 900)}'>" for i in range(240)) + repeat("<q:a/>", n // 2)[:6 * 60000]
                                                     + "</a>" * 240),
    "long prefixes": lambda n: domain("".join(f"<{'p' * (n // 520)}{i}:a/>" for i in range(240)),
                                      root="".join(f" xmlns:{'p' * (n // 520)}{i}='u'" for i in range(240))),
    "lists of taps": lambda n: domain("<metadata>" + repeat("<x:taps/>", n)[:9 * 60000] + "</metadata>"),
    "depth": lambda n: domain("<a>" * 250 + "x" * n + "</a>" * 250),
    "many that are deep": lambda n: domain(repeat("<a>" * 50 + "</a>" * 50, n)[:350 * 1200]),
    "siblings": lambda n: domain(repeat("<devices/>", n)[:10 * 60000]),
    "a comment": lambda n: domain(f"<!--{'x' * n}-->"),
    "a comment with -- in it": lambda n: domain(f"<!--{repeat('-- ', n)}-->"),
    "an original with -- in a comment": lambda n: domain(
        "<metadata><vt:taps xmlns:vt='urn:virt-tap' version='1'><vt:tap dev='vtap-a' bridge='br0'>&lt;interface type='bridge'>&lt;!--"
        + repeat("-- ", n) + "-->&lt;/interface></vt:tap></vt:taps></metadata><devices><interface type='ethernet'>"
        "<target dev='vtap-a' managed='no'/></interface></devices>"),
    "prefixes without a namespace": lambda n: domain(f"""<{'x' * 40000}{attributes(11000, " p:a{}=''")}/>""" * (n // 50000)),
    "comments": lambda n: domain(repeat("<!---->", n)),
    "instructions": lambda n: domain(repeat("<?a b?>", n)),
    "marked sections": lambda n: domain("<a>" + repeat("<![CDATA[]]>", n) + "</a>"),
    "lines": lambda n: domain("<a>" + "\n" * n + "</a>"),
    "carriage returns": lambda n: domain("<a>" + "\r" * n + "</a>"),
    "a name": lambda n: nics(1000, name="x" * n),
    "a uuid": lambda n: nics(1000, uuid="1" * n),
    "a uuid as long as may be": lambda n: nics(1000, uuid="1" * (128 * 1024)),
    "white space before the name": lambda n: nics(1000).replace("<name>", " " * n + "<name>"),
    "a MAC": lambda n: nics(2).replace("52:54:00:00:00:00", "x" * n),
    "interfaces in one line": lambda n: nics(1000, "<model type='virtio'/>" + " " * (n // 1000)),
    "interfaces in many lines": lambda n: nics(1000, "\n" * (n // 1000)),
    "interfaces that are left, far back": lambda n: nics(1000, kind="user", uuid=UUID + f"</uuid><!--{'x' * n}--><uuid>"),
    "interfaces of many parts": lambda n: nics(1000, repeat("<a/>", n // 1000)[:4 * 55]),
    "entities": lambda n: "<!DOCTYPE a [" + "".join(f"<!ENTITY e{i} 'x'>" for i in range(n // 20)) + "]>" + domain("&e1;"),
    "not ended": lambda n: "<domain><a b='" + "x" * n,
    "half a tag": lambda n: "<domain" + " " * n,
}


def cpu(words, text):
    """The CPU time of a run, and its exit status."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([CLI, "xml", *words], input=text, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.returncode


def is_proportional(times):
    """What takes too little for the clock is; and too little counts as something."""
    base, once, twice = times
    return twice < FAST or twice - base < 3 * max(once - base, FAST / 2)


class Time(unittest.TestCase):
    def check(self, name, *words):
        """Twice the size takes three times the time at most: the least of some runs, for a busy machine makes any run slow."""
        texts = [text.encode() for text in (domain(), DOCUMENTS[name](SIZE), DOCUMENTS[name](2 * SIZE))]
        with self.subTest(f"{' '.join(words)}: {name}"):
            if SANITIZED:  # which look at memory: the clock would tell nothing
                self.assertIn(cpu(words, texts[1])[1], (0, 1))
                return
            least = [SLOW] * len(texts)
            for _turn in range(RUNS):
                runs = [cpu(words, text) for text in texts]
                self.assertLessEqual({status for _took, status in runs}, {0, 1})
                least = [min(pair) for pair in zip(least, (took for took, _status in runs))]
                if least[2] < SLOW and is_proportional(least):
                    return
            self.fail(f"an empty domain, the size, twice the size: {least}")

    def test_read_and_rewritten(self):
        for name in DOCUMENTS:
            self.check(name, "show")
            if re.search("interface|MAC|uuid|name|root", name):
                self.check(name, "rewrite", "--diff")
            if "original" in name:
                self.check(name, "restore")

    def test_restored(self):
        for name in ("interfaces in one line", "interfaces in many lines", "white space before the name"):
            text = subprocess.run([CLI, "xml", "rewrite"], input=DOCUMENTS[name](SIZE // 4).encode(), stdout=subprocess.PIPE, check=True).stdout
            for words in (("restore",), ("restore", "--diff")):
                took, status = cpu(words, text)
                self.assertEqual(status, 0)
                self.assertLess(took, SLOW)

    @unittest.skipUnless(os.path.exists(SCHEMA), "libvirt's grammar is not here")
    def test_judged_by_the_grammar(self):
        for name in ("attributes of the root", "attributes of an interface", "namespaces", "depth", "lists of taps", "interfaces in one line"):
            with self.subTest(name):
                self.assertLess(cpu(("rewrite", "--validate"), DOCUMENTS[name](2 * SIZE).encode())[0], 3 * SLOW)

    def test_as_many_attributes_as_may_be(self):
        """3.6 MB of them, which libxml2 compares with each other, and 60,000 elements in as many namespaces as may be."""
        many = "<a " + " ".join(f"a{i}=''" for i in range(1000)) + "/>"
        spaces = " ".join(f"xmlns:n{i}='u{i}'" for i in range(256))
        for text in (domain(many * 440), domain("<n0:b/>" * 60000, root=" " + spaces), domain(f"<a {spaces}>" + "<n0:b/>" * 60000 + "</a>")):
            runs = [cpu(("show",), text.encode()) for _turn in range(3)]
            self.assertEqual({status for _took, status in runs}, {0})
            self.assertLess(min(runs)[0], SLOW / 3)

    def test_no_work_after_an_error(self):
        """The parser would go on with elements of many attributes and namespaces, unbounded by what is read."""
        spaces = [" ".join(f"xmlns:n{i}x{j}='u'" for j in range(300)) for i in range(200)]
        nested = "".join(f"<a {some}>" for some in spaces)
        for error in ("<1>", "&;", "<?", "\1", "<!--\1", "<a></b>", "<!x"):
            took, status = cpu(("show",), f"<domain>{error}{nested}{'<x:a/>' * 400000}".encode())
            self.assertEqual(status, 1, error)
            self.assertLess(took, SLOW / 6, error)


if __name__ == "__main__":
    unittest.main()
