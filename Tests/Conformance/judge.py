"""Judges the reports of the Autobahn suite, which itself ends with 0 whatever it found.

Passed is a run in which every case that was asked for was run, and every case has a verdict of PASSED both on what
happened (`behavior`) and on how the connection ended (`behaviorClose`). UNIMPLEMENTED is a failure: it is what a server
without compression gets for all cases of compression.

The suite gives many cases half a second. A case that failed may be run again, alone, and then counts as it went the
second time; the result says which ones that were.
"""

import argparse
import json
import pathlib
import re
import sys

PASSED = ("OK", "NON-STRICT", "INFORMATIONAL")
DIRECTIONS = ("server", "client")


def read_cases(folder):
    """Case id -> (behavior, behaviorClose), empty when there is no report."""
    index = folder / "reports" / "index.json"
    try:
        agents = json.loads(index.read_text())
    except (OSError, ValueError):
        return {}
    cases = agents.get("tickgate", {})
    return {case: (entry["behavior"], entry["behaviorClose"]) for case, entry in cases.items()}


def has_passed(verdicts):
    return all(verdict in PASSED for verdict in verdicts)


def judge(work, expected):
    """Returns what every case came to, by direction, a line per failure, and the cases that were run again."""
    results = {direction: {} for direction in DIRECTIONS}
    problems = []
    repeated = []
    for direction in DIRECTIONS:
        for name, count in expected:
            cases = read_cases(work / f"{direction}-{name}")
            if len(cases) != count:
                problems.append(f"{direction}, {name}: {len(cases)} cases in the report, {count} expected")
            results[direction].update(cases)
        for case, verdicts in read_cases(work / f"{direction}-again").items():
            first = results[direction][case]
            repeated.append(f"{direction}, case {case}: run twice, {first[0]}, close {first[1]} the first time")
            results[direction][case] = verdicts
        for case, verdicts in results[direction].items():
            if not has_passed(verdicts):
                problems.append(f"{direction}, case {case}: {verdicts[0]}, close {verdicts[1]}")
    return results, problems, repeated


def table(results):
    """Markdown: a row per group and direction."""
    lines = [
        "| group | side | cases | OK | non-strict | informational | failed | close: OK | informational | failed |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    groups = sorted({int(case.split(".")[0]) for cases in results.values() for case in cases})
    for group in groups:
        for direction in DIRECTIONS:
            cases = [v for case, v in results[direction].items() if int(case.split(".")[0]) == group]
            behavior, close = [v[0] for v in cases], [v[1] for v in cases]
            counts = [len(cases)] + [behavior.count(verdict) for verdict in PASSED]
            counts.append(sum(verdict not in PASSED for verdict in behavior))
            counts += [close.count("OK"), close.count("INFORMATIONAL")]
            counts.append(sum(verdict not in PASSED for verdict in close))
            lines.append(f"| {group} | {direction} | " + " | ".join(map(str, counts)) + " |")
    return "\n".join(lines)


def remarkable(results):
    """The cases that passed, but not with OK."""
    lines = []
    for direction in DIRECTIONS:
        for verdict in PASSED[1:]:
            cases = [case for case, v in results[direction].items() if v[0] == verdict]
            if cases:
                cases.sort(key=lambda case: [int(part) for part in case.split(".")])
                lines.append(f"{direction}, {verdict.lower()}: {', '.join(cases)}")
    return lines


def write_section(path, backend, text):
    """Replaces what stands between the markers of a backend."""
    start, end = f"<!-- {backend} -->", f"<!-- end of {backend} -->"
    document = path.read_text()
    pattern = re.compile(re.escape(start) + ".*" + re.escape(end), re.DOTALL)
    if not pattern.search(document):
        sys.exit(f"error: {path} has no section for {backend}")
    path.write_text(pattern.sub(lambda _: f"{start}\n{text}\n{end}", document))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", required=True)
    parser.add_argument("--suite", required=True)
    parser.add_argument("--failed", action="store_true", help="only print the failed cases of each direction")
    parser.add_argument("--xunit", type=pathlib.Path)
    parser.add_argument("--write", type=pathlib.Path)
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("expected", nargs="+", help="job=count")
    arguments = parser.parse_args()
    expected = [(name, int(count)) for name, count in (word.split("=") for word in arguments.expected)]

    results, problems, repeated = judge(arguments.work, expected)
    if arguments.failed:
        for direction in DIRECTIONS:
            failed = [case for case, verdicts in results[direction].items() if not has_passed(verdicts)]
            if failed:
                print(direction, *failed)
        return 0
    total = sum(len(cases) for cases in results.values())
    remarks = remarkable(results) + repeated
    print(table(results))
    print("\n".join(remarks + problems))
    print(f"conformance ({arguments.backend}): {total} cases, {len(problems)} problems")
    if arguments.xunit:
        arguments.xunit.write_text(
            f'<testsuite tests="{max(total, len(problems))}" skipped="0" failures="{len(problems)}" errors="0"/>\n'
        )
    if arguments.write and not problems:
        heading = f"autobahntestsuite {arguments.suite}, {total} cases, none failed.\n"
        items = "".join(f"\n* {remark}" for remark in remarks)
        write_section(arguments.write, arguments.backend, "\n".join(["", heading, table(results), items]).rstrip() + "\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
