# Sourced by the scripts beside it: makes .venv with Python 3.11 or 3.12 and installs this tree into it.
#
# It decides: which Python, whether the environment that is there works, and whether what is installed still
# fits pyproject.toml (a stamp of its hash, so that the second run starts at once). It never touches anything
# outside .venv, nor removes what it has not made.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
VENV="${AYNI_VENV:-$ROOT/.venv}"
[ "${VENV#/}" != "$VENV" ] || VENV="$PWD/$VENV" # of where the caller is, whatever directory a script goes to
OURS="$VENV/.ayni" # whoever made the environment: these scripts

fail() {
    echo "$(basename "$0"): $*" >&2
    exit 1
}

# Prints the first Python on this machine that is 3.11 or 3.12, runs, and can make a virtual environment. The
# distribution's own comes first: it is built with optimisation, as one built by hand often is not
# (bench/README.md says what that makes).
find_python() {
    local candidate
    for candidate in ${AYNI_PYTHON:-} /usr/bin/python3.11 /usr/bin/python3.12 python3.11 python3.12 python3 python; do
        command -v "$candidate" >/dev/null 2>&1 || continue
        if runs_and_has ensurepip "$candidate"; then
            echo "$candidate"
            return 0
        fi
    done
    return 1
}

# runs_and_has MODULE PYTHON: whether it runs, is 3.11 or 3.12, and has the module.
runs_and_has() {
    "$2" -c "import $1, sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))" >/dev/null 2>&1
}

# Whether the environment was made where it is: moved or copied, its commands run the Python of where it was.
# Of one that somebody else made, that is not asked.
is_in_its_place() {
    [ ! -e "$OURS" ] || [ "$(sed -n 's/^command = .* -m venv \(--[^ ]* \)*//p' "$VENV/pyvenv.cfg" 2>/dev/null)" -ef "$VENV" ]
}

make_environment() {
    local python
    if [ -e "$VENV" ] && [ ! -e "$OURS" ] && [ -n "$(ls -A "$VENV")" ]; then
        fail "$VENV is no virtual environment that works, and these scripts have not made it." \
            "Move it away, or name another place for one in AYNI_VENV."
    fi
    python="$(find_python)" || fail "Python 3.11 or 3.12 is needed and was not found on PATH." \
        "Install it (Debian: apt install python3.11 python3.11-venv), or name it in AYNI_PYTHON."
    echo "Making a virtual environment in ${VENV#"$ROOT"/} with $(command -v "$python"), $("$python" --version 2>&1) …" >&2
    rm -rf "$VENV" # what is left of one that does not work
    mkdir -p "$VENV"
    touch "$OURS"
    "$python" -m venv "$VENV" || {
        rm -rf "$VENV"
        fail "$python could not make a virtual environment (Debian: apt install python3-venv)."
    }
}

# ensure_environment LEVEL: "run" for what the demo needs, "dev" for the tests and checks as well.
ensure_environment() {
    local level="$1" what="." stamp
    [ "$level" = dev ] && what=".[dev]"
    stamp="$VENV/.ayni-$level-$(hash_of "$ROOT/pyproject.toml")"
    if [ -e "$stamp" ] && [ -x "$VENV/bin/python" ] && is_in_its_place; then
        return 0
    fi
    if ! { runs_and_has pip "$VENV/bin/python" && is_in_its_place; }; then
        make_environment
    fi
    echo "Installing Ayni and what it needs ($what) …" >&2
    (cd "$ROOT" && "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check -e "$what") >&2 ||
        fail "the installation failed; what pip said is above. Correct that and run the same command again."
    rm -f "$VENV"/.ayni-"$level"-*
    touch "$stamp"
    # What is enough for the tests is enough for the demo.
    if [ "$level" = dev ]; then
        rm -f "$VENV"/.ayni-run-*
        touch "$VENV/.ayni-run-$(hash_of "$ROOT/pyproject.toml")"
    fi
}

hash_of() {
    if command -v sha256sum >/dev/null 2>&1; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -c1-16
}
