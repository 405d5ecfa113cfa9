"""House rules that a program can see: the tree, the floors, the style, and that nothing is half added.

Spec: docs/architecture.md ("Adding a transaction type") and the import contract in pyproject.toml.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import io
import re
import shlex
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES: list[str] = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
WRITTEN = [name for name in PACKAGES if name != "ayni"]  # ayni/v1 is generated
FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 90
PURE = ("ledger", "consensus")


def python_files(*rooms: str) -> list[Path]:
    return sorted(path for room in rooms for path in (ROOT / room).rglob("*.py"))


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def nodes(path: Path) -> Iterator[ast.AST]:
    yield from ast.walk(ast.parse(path.read_text(), filename=str(path)))


def located(path: Path, node: ast.AST) -> str:
    return f"{relative(path)}:{getattr(node, 'lineno', 1)}"


# --- the tree -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("package", PACKAGES)
def test_each_top_level_package_is_imported_from_this_tree(package: str) -> None:
    module = importlib.import_module(package)
    assert module.__file__ is not None, f"{package} has no __init__.py"
    assert Path(module.__file__).resolve() == ROOT / package / "__init__.py"


def test_every_top_level_package_is_listed_in_pyproject() -> None:
    found = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "bench", "scripts"}
    assert found == set(PACKAGES)


def test_proto_holds_no_python() -> None:
    assert [relative(path) for path in (ROOT / "proto").rglob("*.py*")] == []


def test_only_the_store_imports_plyvel() -> None:
    importers = {relative(path) for path in python_files(*WRITTEN) if "plyvel" in imported(path)}
    assert importers <= {"node/store.py"}


def imported(path: Path) -> set[str]:
    """Top-level names of what a file imports."""
    names: set[str] = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


# --- adding a transaction type touches four places ------------------------------------------------------


def payloads() -> list[str]:
    from ayni.v1 import transaction_pb2

    return [field.name for field in transaction_pb2.Body.DESCRIPTOR.oneofs_by_name["payload"].fields]


@pytest.mark.parametrize("payload", payloads())
def test_every_transaction_type_has_a_rule(payload: str) -> None:
    from ledger.apply import RULES

    assert payload in RULES, f"{payload} has no row in ledger/apply.py RULES"


def test_every_rule_is_of_a_transaction_type_in_the_contract() -> None:
    from ledger.apply import RULES

    assert sorted(RULES) == sorted(payloads())


@pytest.mark.parametrize("payload", payloads())
def test_every_transaction_type_has_a_case_file(payload: str) -> None:
    cases = [path for path in (ROOT / "tests" / "ledger" / "cases").glob(f"{payload}*") if path.is_file()]
    assert cases, f"{payload} has no case file in tests/ledger/cases/ (named {payload}*)"


def builders() -> dict[str, str]:
    """Payload to the function of client/transactions.py that builds it."""
    from ayni.v1 import transaction_pb2

    fields = transaction_pb2.Body.DESCRIPTOR.oneofs_by_name["payload"].fields
    payload_of = {field.message_type.name: field.name for field in fields if field.message_type}
    found = {}
    tree = ast.parse((ROOT / "client" / "transactions.py").read_text())
    for function in tree.body:
        if isinstance(function, ast.FunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                    payload = payload_of.get(node.func.attr)
                    if payload:
                        found[payload] = function.name
    return found


def built_by_commands() -> set[str]:
    """Names of the builders that commands call, themselves or through a module of the client."""
    called = set()
    helpers = (ROOT / "client").glob("*.py")
    for path in [*python_files("client/cli"), *(path for path in helpers if path.name != "transactions.py")]:
        imports = {
            alias.asname or alias.name
            for node in nodes(path)
            if isinstance(node, ast.ImportFrom) and node.module == "client.transactions"
            for alias in node.names
        }
        for node in nodes(path):
            match node:
                case ast.Call(func=ast.Name(id=name)) if name in imports:
                    called.add(name)
                case ast.Call(func=ast.Attribute(value=ast.Name(id="transactions"), attr=name)):
                    called.add(name)
    return called


@pytest.mark.parametrize("payload", payloads())
def test_every_transaction_type_has_a_command(payload: str) -> None:
    builder = builders().get(payload)
    assert builder, f"{payload} has no builder in client/transactions.py"
    assert builder in built_by_commands(), f"no command in client/cli/ calls transactions.{builder}"


# --- style ----------------------------------------------------------------------------------------------


def test_every_file_opens_by_saying_what_it_is_for() -> None:
    silent = [
        relative(path)
        for path in python_files(*WRITTEN, "bench", "scripts")
        if path.stat().st_size and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def test_no_file_is_longer_than_the_house_allows() -> None:
    long = {
        relative(path): lines
        for path in python_files(*WRITTEN, "bench", "scripts", "tests")
        if (lines := len(path.read_text().splitlines())) > FILE_LINES_MAX
    }
    assert long == {}


def test_no_function_is_longer_than_the_house_allows() -> None:
    long = {
        f"{located(path, node)} {node.name}": lines
        for path in python_files(*WRITTEN, "bench", "scripts")
        for node in nodes(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES_MAX
    }
    assert long == {}


def test_assert_is_for_tests_only() -> None:
    found = [
        located(path, node)
        for path in python_files(*WRITTEN, "bench", "scripts")
        for node in nodes(path)
        if isinstance(node, ast.Assert)
    ]
    assert found == []


def test_the_pure_floors_know_no_float() -> None:
    found = [
        located(path, node)
        for path in python_files(*PURE)
        for node in nodes(path)
        if (isinstance(node, ast.Constant) and isinstance(node.value, float | complex))
        or (isinstance(node, ast.Name) and node.id == "float")
        or (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div))
    ]
    assert found == []


def test_the_pure_floors_have_no_clock_chance_network_or_disk() -> None:
    forbidden = {"asyncio", "datetime", "grpc", "os", "pathlib", "plyvel", "random"}
    forbidden |= {"secrets", "socket", "threading", "time"}
    found = {
        relative(path): sorted(names)
        for path in python_files(*PURE, "proofs")
        if (names := imported(path) & forbidden)
    }
    assert found == {}


def test_no_exception_is_swallowed_unnamed() -> None:
    found = [
        located(path, node)
        for path in python_files(*WRITTEN, "bench", "scripts")
        for node in nodes(path)
        if isinstance(node, ast.ExceptHandler) and node.type is None
    ]
    assert found == []


def test_nothing_is_left_to_do() -> None:
    unfinished = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b")
    found = [
        f"{relative(path)}:{number}"
        for path in python_files(*WRITTEN, "bench", "scripts")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if unfinished.search(line)
    ]
    assert found == []


def test_an_ignored_finding_names_its_code_and_its_reason() -> None:
    """`# type: ignore[code]  # why`, `# noqa: CODE  # why`."""
    bare = []
    for path in python_files(*WRITTEN, "bench", "scripts"):
        for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
            if token.type != tokenize.COMMENT:
                continue
            text = token.string
            if ("type: ignore" in text or "noqa" in text) and not re.search(
                r"(type: ignore\[[\w, -]+\]|noqa: [A-Z]+[0-9]+(, ?[A-Z]+[0-9]+)*)\s+(#|--|:)?\s*\w+", text
            ):
                bare.append(f"{relative(path)}:{token.start[0]} {text}")
    assert bare == []


def test_tests_do_not_sleep_or_mock() -> None:
    found = [
        located(path, node)
        for path in python_files("tests")
        for node in nodes(path)
        if (isinstance(node, ast.Attribute) and node.attr == "sleep" and isinstance(node.value, ast.Name))
        or (isinstance(node, ast.ImportFrom) and (node.module or "").startswith("unittest"))
        or (isinstance(node, ast.Import) and any(alias.name.startswith("unittest") for alias in node.names))
    ]
    assert found == []


def test_no_property_is_refuted_by_a_busy_machine() -> None:
    """tests/conftest.py says so once, for all of them."""
    assert settings.default is not None
    assert settings.default.deadline is None
    assert HealthCheck.too_slow in settings.default.suppress_health_check
    said_again = [relative(path) for path in python_files("tests") if "deadline=None" in path.read_text()]
    assert said_again == ["tests/conftest.py", "tests/test_house.py"]


SCRIPTS = ("demo", "test", "bench", "simulate", "explore", "torture", "fuzz")


@pytest.mark.parametrize("script", [*(f"scripts/{name}" for name in SCRIPTS), ".ci/run"])
def test_the_commands_of_the_readme_can_be_run(script: str) -> None:
    path = ROOT / script
    assert path.stat().st_mode & 0o111, f"{script} is not executable"


def checks_of_ci() -> list[list[str]]:
    """Every line of .ci/run that runs a script, in words."""
    lines = [line.strip() for line in (ROOT / ".ci" / "run").read_text().splitlines()]
    found = [shlex.split(line) for line in lines if line.startswith(("check ", "./scripts/"))]
    return [words[2:] if words[0] == "check" else words for words in found]


def test_ci_runs_scripts_that_are_there() -> None:
    named = {words[0] for words in checks_of_ci() if words[0].startswith("./")}
    assert named == {f"./scripts/{name}" for name in SCRIPTS if name != "bench"}


MODULES = {"simulate": "sim", "explore": "explorer", "torture": "torture", "fuzz": "fuzz"}


@pytest.mark.parametrize("script", MODULES)
def test_ci_gives_scripts_options_that_they_have(
    script: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = [words[1:] for words in checks_of_ci() if words[0] == f"./scripts/{script}"]
    assert given
    monkeypatch.setattr("sys.argv", [script, "--help"])
    with pytest.raises(SystemExit):
        importlib.import_module(f"tests.{MODULES[script]}.__main__").main()
    text = capsys.readouterr().out
    options = {word for words in given for word in words if word.startswith("--")}
    assert [option for option in sorted(options) if option not in text] == []


def test_ci_sweeps_every_byte_with_an_option_that_there_is() -> None:
    assert ["./scripts/test", "tests/audit", "--exhaustive"] in checks_of_ci()
    assert '"--exhaustive"' in (ROOT / "tests" / "audit" / "conftest.py").read_text()
