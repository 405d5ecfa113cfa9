"""The dependency audit finds what it is for, and never reads like more than it did."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts import check_dependencies as audit


class Environment:
    """An environment in a directory."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def install(self, name: str, version: str, *headers: str, url: str = "", record: bool = True) -> Path:
        """Puts a distribution with one module there; the module's path."""
        info = self.path / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        module = self.path / f"{name.replace('-', '_')}.py"
        module.write_text("x = 1\n")
        said = headers or ("License-Expression: MIT",)
        (info / "METADATA").write_text(
            "\n".join(["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}", *said]) + "\n"
        )
        digest = base64.urlsafe_b64encode(hashlib.sha256(module.read_bytes()).digest()).rstrip(b"=")
        if record:
            (info / "RECORD").write_text(f"{module.name},sha256={digest.decode()},6\n")
        if url:
            (info / "direct_url.json").write_text(json.dumps({"url": url}))
        return module

    def examine(self, *requirements: str, exact: bool = False) -> audit.Report:
        found = {canonicalize_name(each.name): each for each in metadata.distributions(path=[str(self.path)])}
        return audit.examine([Requirement(each) for each in requirements], found, exact=exact)


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return Environment(tmp_path)


def test_what_is_as_it_should_be_has_no_findings(environment: Environment) -> None:
    environment.install("a", "1.2", "License-Expression: MIT", "Requires-Dist: b>=1")
    environment.install("b", "1.0", "Classifier: License :: OSI Approved :: BSD License")
    report = environment.examine("a>=1,<2", exact=True)
    assert report.findings == []
    assert report.distributions == {"a": "1.2", "b": "1.0"}


@pytest.mark.parametrize(
    ("requirement", "finding"),
    [
        ("a>=2,<3", "a 1.2: pyproject.toml needs a<3,>=2"),
        ("c>=1,<2", "c: is not installed, and pyproject.toml needs c<2,>=1"),
        ("a>=1", "pyproject.toml: a>=1 has no lower and upper bound"),
        ("a", "pyproject.toml: a has no lower and upper bound"),
        ("a<2", "pyproject.toml: a<2 has no lower and upper bound"),
    ],
)
def test_versions_are_within_bounds_and_bounds_are_declared(
    environment: Environment, requirement: str, finding: str
) -> None:
    environment.install("a", "1.2")
    assert environment.examine(requirement).findings == [finding]


def test_what_others_need_is_looked_at_too(environment: Environment) -> None:
    environment.install(
        "a",
        "1.2",
        "License-Expression: MIT",
        "Requires-Dist: b>=2",
        'Requires-Dist: windows-only>=1; sys_platform == "win32"',
        'Requires-Dist: extra-only>=1; extra == "more"',
    )
    environment.install("b", "1.0")
    assert environment.examine("a>=1,<2").findings == ["b 1.0: a needs b>=2"]
    assert (
        "extra-only: is not installed, and a needs extra-only"
        in environment.examine("a[more]>=1,<2").findings[0]
    )


def test_what_nothing_needs_is_found_when_the_environment_must_be_exact(environment: Environment) -> None:
    environment.install("a", "1.2")
    environment.install("left-over", "0.1")
    environment.install("pip", "25.0")
    assert environment.examine("a>=1,<2").findings == []
    assert environment.examine("a>=1,<2", exact=True).findings == [
        "left-over 0.1: is installed, and nothing that is declared needs it"
    ]


def test_a_distribution_that_came_from_elsewhere_is_found(environment: Environment) -> None:
    environment.install("a", "1.2", url="https://somewhere.example/a.zip")
    assert environment.examine("a>=1,<2").findings == [
        "a 1.2: was installed from https://somewhere.example/a.zip, not from an index"
    ]


def test_a_file_that_was_changed_or_removed_is_found(environment: Environment) -> None:
    module = environment.install("a", "1.2")
    module.write_text("x = 2\n")
    assert environment.examine("a>=1,<2").findings == ["a 1.2: a.py is not the file that was installed"]
    module.unlink()
    assert environment.examine("a>=1,<2").findings == ["a 1.2: a.py is not the file that was installed"]


def test_a_distribution_without_a_list_of_files_is_found(environment: Environment) -> None:
    environment.install("a", "1.2", record=False)
    assert environment.examine("a>=1,<2").findings == ["a 1.2: has no list of its files"]


@pytest.mark.parametrize(
    ("headers", "finding"),
    [
        (("License-Expression: GPL-3.0-only",), "its licence, GPL-3.0-only, is not on the list"),
        (
            ("License-Expression: MIT AND GPL-3.0-only",),
            "its licence, MIT AND GPL-3.0-only, is not on the list",
        ),
        (
            ("Classifier: License :: OSI Approved :: GNU General Public License v3 (GPLv3)",),
            "its licence, GNU General Public License v3 (GPLv3), is not on the list",
        ),
        (("Summary: nothing",), "does not say its licence; read it, and add it to LICENCES_READ"),
    ],
)
def test_licences_that_are_not_on_the_list_are_found(
    environment: Environment, headers: tuple[str, ...], finding: str
) -> None:
    environment.install("a", "1.2", *headers)
    assert environment.examine("a>=1,<2").findings == [f"a 1.2: {finding}"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("MIT", True),
        ("Apache-2.0 OR GPL-2.0-only", True),
        ("Apache-2.0 AND GPL-2.0-only", False),
        ("(GPL-2.0-only OR MIT) AND BSD-3-Clause", True),
        ("MIT AND (GPL-2.0-only OR LGPL-3.0-only)", False),
        ("GPL-2.0-only AND MIT OR ISC", True),
        ("(MIT", False),
        ("MIT)", False),
        ("", False),
    ],
)
def test_licence_expressions_are_read(expression: str, expected: bool) -> None:
    assert audit.is_allowed(expression) is expected


# --- advisories -----------------------------------------------------------------------------------------


@contextmanager
def service(answer: object) -> Iterator[tuple[str, list[Any]]]:
    """An advisory service on this machine; its address, and what it was asked."""
    asked: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_known_vulnerabilities_are_findings() -> None:
    report = audit.Report({"a": "1.2", "b": "1.0"})
    with service({"results": [{}, {"vulns": [{"id": "GHSA-1"}, {"id": "CVE-2"}]}]}) as (url, asked):
        audit.ask(report, url)
    assert report.audited
    assert report.findings == ["b 1.0: known vulnerabilities GHSA-1, CVE-2"]
    assert asked[0]["queries"][0] == {"package": {"name": "a", "ecosystem": "PyPI"}, "version": "1.2"}


@pytest.mark.parametrize("answer", [{"results": []}, {}, [], "nonsense", {"results": [None]}])
def test_an_answer_that_is_none_is_not_taken_for_one(answer: object) -> None:
    report = audit.Report({"a": "1.2"})
    with service(answer) as (url, _):
        audit.ask(report, url)
    assert not report.audited
    assert report.advisories.startswith("the advisory service could not be asked (")


def test_a_service_that_cannot_be_reached_is_said_and_never_reads_like_an_audit(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = audit.main(["--advisories", "http://127.0.0.1:1/"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith(
        "known vulnerabilities: NOT LOOKED UP; the advisory service could not be asked"
    )
    assert code == any(line.startswith("FOUND") for line in lines)


def test_what_this_tree_needs_is_declared_within_bounds_and_installed_whole() -> None:
    installed = {canonicalize_name(each.name): each for each in metadata.distributions() if each.name}
    report = audit.examine(audit.declared(audit.ROOT / "pyproject.toml"), installed)
    assert report.findings == []
    assert len(report.distributions) > 20


def test_the_document_says_whether_it_was_audited(capsys: pytest.CaptureFixture[str]) -> None:
    audit.main(["--offline", "--json"])
    document = json.loads(capsys.readouterr().out)
    assert (document["audited"], document["advisories"]) == (False, "not asked for (--offline)")
