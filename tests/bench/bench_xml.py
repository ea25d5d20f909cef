#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""The benchmark of the rewriter, against xsltproc doing an identity transform and virt-xml, in one run.

With --json FILE, for programs:

  one           one domain of 38 kB, the whole process, all in turn, in ms: ours, xsltproc and virt_xml {runs, min, p50, p95},
                ratio_xsltproc and ratio_virt_xml of the medians
  many          files (copies of every domain of tests/data) in one run on one core: files, seconds, per_second (medians of
                5), and peak memory in kB with a tenth of the files and with all

It judges nothing: it fails only if something could not be run.
"""
import argparse
import glob
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../data/domains")
LARGE = DATA + "/virt-install-many-devices-0.xml"
BROKEN = {"testdriver-13.xml", "virt-xml-edit-simple-metadata-0.xml"}
IDENTITY = """<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
<xsl:template match="@*|node()"><xsl:copy><xsl:apply-templates select="@*|node()"/></xsl:copy></xsl:template>
</xsl:stylesheet>
"""


def run(command, cwd=None):
    """Returns seconds and the peak memory in kB of one process."""
    before = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=cwd)
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.monotonic() - before
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"bench: exit {process.returncode}: {' '.join(command[:6])}")
    return seconds, used.ru_maxrss


def summary(seconds):
    ordered = sorted(value * 1000 for value in seconds)
    return {"runs": len(ordered), "min": round(ordered[0], 3), "p50": round(statistics.median(ordered), 3),
            "p95": round(ordered[max(0, -(-len(ordered) * 95 // 100) - 1)], 3)}


def one_domain(cli, folder, runs):
    sheet = folder + "/identity.xsl"
    with open(sheet, "w", encoding="ascii") as file:
        file.write(IDENTITY)
    domain = folder + "/domain.xml"
    shutil.copyfile(LARGE, domain)
    edit = f"virt-xml --connect test:///default --edit 9 --network model=e1000 --print-xml < {domain}"
    commands = {"ours": ([cli, "xml", "rewrite", domain], runs), "xsltproc": (["xsltproc", sheet, domain], runs),
                "virt_xml": (["sh", "-c", edit], max(1, runs // 20))}
    figures = {name: [] for name in commands}
    for number in range(runs):
        for name, (command, wanted) in commands.items():
            if number < wanted:
                figures[name].append(run(command)[0])
    result = {name: summary(values) for name, values in figures.items()}
    for name in ("xsltproc", "virt_xml"):
        result["ratio_" + name] = round(result["ours"]["p50"] / result[name]["p50"], 4)
    return result


def many_domains(cli, folder, count):
    paths = sorted(path for path in glob.glob(DATA + "/*.xml") if os.path.basename(path) not in BROKEN)
    for name in ("in", "out"):
        os.mkdir(f"{folder}/{name}")
    names = [f"{number}.xml" for number in range(count)]
    for number, name in enumerate(names):
        shutil.copyfile(paths[number % len(paths)], f"{folder}/in/{name}")
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    command = [cli, "xml", "rewrite", "--bridge", "br0", "--output-dir", "../out"]
    few = run([*command, *names[:count // 10]], f"{folder}/in")
    all_runs = [run([*command, *names], f"{folder}/in") for _ in range(5)]
    seconds = statistics.median(one[0] for one in all_runs)
    return {"files": count, "seconds": round(seconds, 4), "per_second": round(count / seconds),
            "memory_kb_tenth": few[1], "memory_kb": max(one[1] for one in all_runs)}


def main():
    parser = argparse.ArgumentParser(description="Measure virt-tap xml against xsltproc and virt-xml.")
    parser.add_argument("--cli", required=True, help="virt-tap, as built")
    parser.add_argument("--runs", type=int, default=200, help="of each program (default: %(default)s)")
    parser.add_argument("--files", type=int, default=1000, help="in one run (default: %(default)s)")
    parser.add_argument("--json", help="where to write the figures")
    chosen = parser.parse_args()
    chosen.cli = os.path.realpath(chosen.cli)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        result = {"one": one_domain(chosen.cli, folder, chosen.runs), "many": many_domains(chosen.cli, folder, chosen.files)}
    one, many = result["one"], result["many"]
    print(f"\n{'one domain of 38 kB, ms':<30}{'virt-tap':>12}{'xsltproc':>12}{'virt-xml':>12}")
    for p in ("p50", "p95"):
        print(f"{p:<30}{one['ours'][p]:>12.2f}{one['xsltproc'][p]:>12.2f}{one['virt_xml'][p]:>12.2f}")
    print(f"{'ratio of p50':<42}{one['ratio_xsltproc']:>12.2f}{one['ratio_virt_xml']:>12.3f}")
    print(f"{many['files']} domains in one run on one core: {many['per_second']:,} a second; peak memory {many['memory_kb']:,} kB, "
          f"with a tenth of them {many['memory_kb_tenth']:,} kB")
    if chosen.json:
        with open(chosen.json, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=2)
            file.write("\n")


main()
