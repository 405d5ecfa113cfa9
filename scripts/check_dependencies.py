"""Examines what is installed beside Ayni: is it what pyproject.toml declares, whole, licensed, safe?

Decides five things of every distribution that Ayni needs, directly or not: its version is within the bounds
of whoever needs it, it came from an index (no URL, no checkout), its files are those that were installed,
its licence is on the list below, and, if the advisory service can be reached, no advisory is known. When it
cannot be reached that is said in words: a run without advisories never reads like one with. Installs nothing.

    python scripts/check_dependencies.py [--exact] [--offline] [--json]

`--exact`: nothing else may be installed either (as in the environment that scripts/ make).
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import sys
import tomllib
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
ADVISORIES = "https://api.osv.dev/v1/querybatch"
ADVISORIES_SECONDS = 15
TOOLS = {"pip", "setuptools", "wheel"}
"""What an environment holds of its own."""

LICENCES = {
    "MIT",
    "MIT-0",
    "0BSD",
    "BSD",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "Apache-2.0",
    "ISC",
    "PSF-2.0",
    "Python-2.0",
    "MPL-2.0",
    "Unlicense",
}
"""What may be used, by SPDX identifier (and "BSD", as many say it)."""
WORDS = {
    "mit license": "MIT",
    "mit no attribution license (mit-0)": "MIT-0",
    "bsd license": "BSD",
    "bsd": "BSD",
    "3-clause bsd license": "BSD-3-Clause",
    "apache software license": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "isc license (iscl)": "ISC",
    "python software foundation license": "PSF-2.0",
    "psf": "PSF-2.0",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "the unlicense (unlicense)": "Unlicense",
}
"""How distributions without an SPDX expression say it."""
LICENCES_READ = {
    "plyvel": "BSD-3-Clause",  # its LICENSE.rst
}
"""Distributions that do not say their licence in a form that can be read, and what a person read."""


@dataclass
class Report:
    """What was found."""

    distributions: dict[str, str] = field(default_factory=dict)
    """Name to version of all that Ayni needs."""
    findings: list[str] = field(default_factory=list)
    advisories: str = ""
    """"checked", or why not."""

    @property
    def audited(self) -> bool:
        """Whether known vulnerabilities were looked up."""
        return self.advisories == "checked"


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 nothing found, 1 something."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--exact", action="store_true", help="nothing else may be installed")
    parser.add_argument("--offline", action="store_true", help="ask no advisory service")
    parser.add_argument("--advisories", default=ADVISORIES, help="the service (OSV's querybatch)")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args(arguments)
    installed = {canonicalize_name(each.name): each for each in metadata.distributions() if each.name}
    report = examine(declared(ROOT / "pyproject.toml"), installed, exact=options.exact)
    if options.offline:
        report.advisories = "not asked for (--offline)"
    else:
        ask(report, options.advisories)
    print(json.dumps(_document(report), indent=2) if options.json else "\n".join(_lines(report)))
    return 1 if report.findings else 0


def declared(pyproject: Path) -> list[Requirement]:
    """What pyproject.toml asks for, to run and to develop."""
    project = tomllib.loads(pyproject.read_text())["project"]
    texts = [*project["dependencies"]]
    for extra in project.get("optional-dependencies", {}).values():
        texts += extra
    return [Requirement(text) for text in texts]


def examine(
    requirements: Iterable[Requirement],
    installed: Mapping[str, metadata.Distribution],
    *,
    exact: bool = False,
) -> Report:
    """Everything that can be known without asking anybody."""
    report = Report()
    requirements = list(requirements)
    report.findings += [
        f"pyproject.toml: {each} has no lower and upper bound"
        for each in requirements
        if not _is_bounded(each)
    ]
    needed = _closure(requirements, installed, report)
    for name in sorted(needed):
        distribution = installed[name]
        report.distributions[name] = distribution.version
        report.findings += _origin(name, distribution)
        report.findings += _licence(name, distribution)
        report.findings += _files(name, distribution)
    if exact:
        strangers = sorted(set(installed) - needed - TOOLS - {"ayni"})
        report.findings += [
            f"{name} {installed[name].version}: is installed, and nothing that is declared needs it"
            for name in strangers
        ]
    return report


def _is_bounded(requirement: Requirement) -> bool:
    operators = {specifier.operator for specifier in requirement.specifier}
    return bool(operators & {"==", "~="}) or (">=" in operators and bool(operators & {"<", "<="}))


def _closure(
    requirements: Iterable[Requirement], installed: Mapping[str, metadata.Distribution], report: Report
) -> set[str]:
    """The names of all that is needed; what is missing or out of bounds is a finding."""
    needed: set[str] = set()
    wanted = [("pyproject.toml", each, "") for each in requirements]
    seen: set[tuple[str, str, str]] = set()
    while wanted:
        by, requirement, extra = wanted.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        distribution = installed.get(name)
        if distribution is None:
            report.findings.append(f"{name}: is not installed, and {by} needs {requirement}")
            continue
        if not requirement.specifier.contains(distribution.version, prereleases=True):
            report.findings.append(f"{name} {distribution.version}: {by} needs {requirement}")
        needed.add(name)
        for asked in ("", *sorted(requirement.extras)):
            for text in distribution.requires or ():
                if (name, asked, text) not in seen:
                    seen.add((name, asked, text))
                    wanted.append((name, Requirement(text), asked))
    return needed


def _origin(name: str, distribution: metadata.Distribution) -> list[str]:
    text = distribution.read_text("direct_url.json")
    if not text:
        return []
    url = str(json.loads(text).get("url", ""))
    return [f"{name} {distribution.version}: was installed from {url[:200]}, not from an index"]


def _licence(name: str, distribution: metadata.Distribution) -> list[str]:
    said = LICENCES_READ.get(name) or licence_of(distribution)
    if not said:
        return [
            f"{name} {distribution.version}: does not say its licence; read it, and add it to LICENCES_READ"
        ]
    if is_allowed(said):
        return []
    return [f"{name} {distribution.version}: its licence, {said[:100]}, is not on the list"]


def licence_of(distribution: metadata.Distribution) -> str:
    """The licence as an SPDX expression, or as near as the distribution says it; "" when it does not."""
    said: Any = distribution.metadata
    if expression := said.get("License-Expression"):
        return str(expression)
    classified = [
        each.rpartition(" :: ")[2]
        for each in said.get_all("Classifier") or ()
        if each.startswith("License ::")
    ]
    texts = [each for each in classified if "approved" not in each.lower()] or [said.get("License") or ""]
    known = [WORDS.get(text.strip().lower(), text.strip()) for text in texts]
    return " OR ".join(known) if len(known[0]) < 100 else ""


def is_allowed(expression: str) -> bool:
    """Whether an SPDX expression can be met with licences on the list. Brackets bind, then AND, then OR."""
    tokens = re.findall(r"\(|\)|[^\s()]+", expression)

    def alternatives() -> bool:
        value = together()
        while tokens and tokens[0].upper() == "OR":
            tokens.pop(0)
            value = together() or value
        return value

    def together() -> bool:
        value = one()
        while tokens and tokens[0].upper() == "AND":
            tokens.pop(0)
            value = one() and value
        return value

    def one() -> bool:
        token = tokens.pop(0) if tokens else ""
        if token != "(":
            return token in LICENCES
        value = alternatives()
        return value if tokens and tokens.pop(0) == ")" else False

    value = alternatives()
    return value and not tokens


def _files(name: str, distribution: metadata.Distribution) -> list[str]:
    """Files that are no more what was installed, by the hashes in the distribution's RECORD."""
    if not distribution.files:
        return [f"{name} {distribution.version}: has no list of its files"]
    changed = []
    for each in distribution.files:
        if each.hash is None:
            continue
        try:
            content = Path(str(each.locate())).read_bytes()
        except OSError:
            changed.append(str(each))
            continue
        digest = base64.urlsafe_b64encode(hashlib.new(each.hash.mode, content).digest()).rstrip(b"=")
        if digest.decode() != each.hash.value:
            changed.append(str(each))
    return [
        f"{name} {distribution.version}: {path} is not the file that was installed" for path in changed[:3]
    ]


def ask(report: Report, service: str) -> None:
    """Looks every distribution up in the advisory service; says so when it cannot be reached."""
    queries = [
        {"package": {"name": name, "ecosystem": "PyPI"}, "version": version}
        for name, version in sorted(report.distributions.items())
    ]
    request = urllib.request.Request(
        service, json.dumps({"queries": queries}).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=ADVISORIES_SECONDS) as answer:
            results = json.load(answer)["results"]
        found = [[str(one["id"]) for one in result.get("vulns", ())] for result in results]
        if len(found) != len(queries):
            raise ValueError(f"{len(found)} answers to {len(queries)} questions")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = getattr(error, "reason", None) or error
        report.advisories = f"the advisory service could not be asked ({str(reason)[:200]})"
        return
    report.advisories = "checked"
    for (name, version), ids in zip(sorted(report.distributions.items()), found, strict=True):
        if ids:
            report.findings.append(f"{name} {version}: known vulnerabilities {', '.join(ids[:10])}")


def _lines(report: Report) -> list[str]:
    lines = [f"FOUND {finding}" for finding in report.findings]
    lines.append(
        f"{len(report.distributions)} distributions examined: versions, origin, files, licences; "
        f"{len(report.findings)} findings"
    )
    if report.audited:
        lines.append("known vulnerabilities: looked up")
    else:
        lines.append(f"known vulnerabilities: NOT LOOKED UP; {report.advisories}")
    return lines


def _document(report: Report) -> dict[str, object]:
    return {
        "distributions": report.distributions,
        "findings": report.findings,
        "advisories": report.advisories,
        "audited": report.audited,
    }


if __name__ == "__main__":
    sys.exit(main())
