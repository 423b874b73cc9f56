#!/usr/bin/env bash
# Build or update $VENV with everything that constraints.txt pins. Called by the Makefile.
#
#   VENV          the environment's folder
#   PYTHON        the interpreter; by default the first of at least 3.11
#   TORCH         "cpu": PyTorch without CUDA, from PyTorch's own index
#   SYSTEM_TORCH  not empty: keep the torch that PYTHON already has
#
# An environment that works is updated in place, so that it still works if that fails, for example
# without a network. Only an environment that does not run is removed and built again.
set -euo pipefail

fail() {
    echo "error: $1" >&2
    exit 2
}

fits() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
version_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }

parent=$(dirname "$VENV")
python="$VENV/bin/python"
[ -n "${PYTHON:-}" ] || ! fits "$python" || PYTHON=$python  # an environment keeps its Python
if [ -z "${PYTHON:-}" ]; then
    for candidate in python3 python3.13 python3.12 python3.11; do
        if command -v "$candidate" >/dev/null && fits "$candidate"; then
            PYTHON=$candidate
            break
        fi
    done
    [ -n "${PYTHON:-}" ] || fail "no Python of at least 3.11 found; install one, or name it: make PYTHON=…"
fi
command -v "$PYTHON" >/dev/null || fail "PYTHON=$PYTHON: no such program"
fits "$PYTHON" || fail "PYTHON=$PYTHON: expected Python 3.11 or newer, but got ${PYTHON} $(version_of "$PYTHON")"

# pip and uv warn about, or stop at, folders of packages that do not exist.
existing() {
    local kept=() place
    for place in ${1:-}; do
        case $place in
            *://*) kept+=("$place") ;;
            *) [ -e "$place" ] && kept+=("$place") ;;
        esac
    done
    echo "${kept[@]:-}"
}
if [ -n "${PIP_FIND_LINKS:-}" ]; then
    PIP_FIND_LINKS=$(existing "$PIP_FIND_LINKS")
    UV_FIND_LINKS=$(existing "$(tr , " " <<<"${UV_FIND_LINKS:-}")" | tr ' ' ',')
    [ -n "$PIP_FIND_LINKS" ] || unset PIP_FIND_LINKS UV_FIND_LINKS
fi

if [ -e "$VENV" ] && ! version_of "$python" >/dev/null; then
    [ -f "$VENV/pyvenv.cfg" ] || fail "$VENV is not a virtual environment; choose another folder: make VENV=…"
    echo "$VENV does not run: building it again"
    rm -rf "$VENV"
fi
if [ ! -e "$VENV" ]; then
    { mkdir -p "$parent" && [ -w "$parent" ]; } 2>/dev/null ||
        fail "cannot write to $(cd "$parent" 2>/dev/null && pwd || echo "$parent"); choose another folder: make VENV=…"
    if ! "$PYTHON" -m venv "$VENV" 2>/dev/null; then
        rm -rf "$VENV"
        if command -v uv >/dev/null; then
            uv venv --quiet --seed --python "$PYTHON" "$VENV"
        elif "$PYTHON" -m virtualenv --version >/dev/null 2>&1; then
            "$PYTHON" -m virtualenv --quiet "$VENV"
        else
            fail "$PYTHON cannot make a virtual environment; install its venv package (Debian, Ubuntu: apt install python3-venv), or uv"
        fi
    fi
elif [ "$(version_of "$python")" != "$(version_of "$PYTHON")" ]; then
    fail "$VENV has Python $(version_of "$python"), but $PYTHON is $(version_of "$PYTHON"); use another folder: make VENV=.venv-$(version_of "$PYTHON") …, or remove this one: make clean"
elif [ ! -w "$VENV" ]; then
    fail "cannot write to $VENV; use another folder: make VENV=…"
fi

# Work on a copy of the pins, from which a torch that is already there is left out.
constraints=$(mktemp)
trap 'rm -f "$constraints"' EXIT
cp constraints.txt "$constraints"
quiet=yes
[ ! -t 2 ] || quiet=""  # in a terminal, pip and uv show their progress
pip=("$python" -m pip install ${quiet:+-qq} --root-user-action ignore --disable-pip-version-check
    -c "$constraints")

echo "$VENV: Python $(version_of "$python"), nascope and its development tools"
if "$python" -c 'import torch' 2>/dev/null; then
    echo "PyTorch is there already; the rest is at most 0.3 GB to download"
elif [ -n "${SYSTEM_TORCH:-}" ]; then
    echo "PyTorch is that of $PYTHON; the rest is about 0.3 GB to download"
elif [ "${TORCH:-}" = cpu ]; then
    echo "PyTorch without CUDA: about 0.5 GB to download in total, 2.2 GB on disk"
elif [ "$(uname -s)" = Linux ] && [ -z "${PIP_FIND_LINKS:-}" ]; then
    echo "PyTorch with CUDA: about 3 GB to download in total, 5.6 GB on disk; without a GPU, stop" \
        "and run make TORCH=cpu, which downloads 0.5 GB"
fi

if [ -n "${SYSTEM_TORCH:-}" ]; then
    # The folder that holds PYTHON's torch joins the environment's path, behind its own packages.
    if ! where=$("$PYTHON" -c 'import torch, pathlib; print(pathlib.Path(torch.__file__).parents[1])'); then
        fail "SYSTEM_TORCH is set, but $PYTHON has no torch that can be imported"
    fi
    site=$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    echo "$where" >"$site/system_torch.pth"
    # Its torch decides what it needs; only pip sees packages along such a path.
    grep -vE '^(torch|numpy|sympy|mpmath|filelock|fsspec|networkx|typing_extensions)==' \
        constraints.txt >"$constraints"
    "${pip[@]}" -e '.[dev]'
else
    if [ "${TORCH:-}" = cpu ]; then
        "${pip[@]}" --index-url https://download.pytorch.org/whl/cpu torch
    fi
    # Compiled at once: imports are twice as slow where Python may not write its own bytecode.
    if ! { "${pip[@]}" uv && "$VENV/bin/uv" pip install ${quiet:+--quiet} --python "$python" \
        --compile-bytecode -c "$constraints" -e '.[dev]'; }; then
        "${pip[@]}" -e '.[dev]' || fail "the installation into $VENV failed; fix what pip reports above and run make again"
    fi
fi
"$python" -c 'import torch; print("torch", torch.__version__, "CUDA" if torch.cuda.is_available() else "CPU")'
echo "ready: source $VENV/bin/activate, or run $VENV/bin/nascope"
