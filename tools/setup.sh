#!/usr/bin/env bash
# Builds $VENV with everything that constraints.txt pins. Called by the Makefile.
#
#   VENV          the environment's folder
#   PYTHON        the interpreter; by default the first of at least 3.11
#   SYSTEM_TORCH  not empty: keep the torch that PYTHON already has
set -euo pipefail

fits() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

if [ -z "${PYTHON:-}" ]; then
    for candidate in python3 python3.13 python3.12 python3.11; do
        if command -v "$candidate" >/dev/null && fits "$candidate"; then
            PYTHON=$candidate
            break
        fi
    done
fi
if [ -z "${PYTHON:-}" ] || ! fits "$PYTHON"; then
    echo "error: no Python of at least 3.11 found; install one, or name it: make PYTHON=… " >&2
    exit 2
fi

rm -rf "$VENV"
if ! "$PYTHON" -m venv "$VENV" 2>/dev/null; then
    rm -rf "$VENV"
    if command -v uv >/dev/null; then
        uv venv --quiet --seed --python "$PYTHON" "$VENV"
    elif "$PYTHON" -m virtualenv --version >/dev/null 2>&1; then
        "$PYTHON" -m virtualenv --quiet "$VENV"
    else
        echo "error: $PYTHON cannot make a virtual environment; install its venv package" \
            "(Debian, Ubuntu: apt install python3-venv), or uv" >&2
        exit 2
    fi
fi
python="$VENV/bin/python"

constraints=$(mktemp)
trap 'rm -f "$constraints"' EXIT
cp constraints.txt "$constraints"

if [ -n "${SYSTEM_TORCH:-}" ]; then
    # The folder that holds PYTHON's torch joins the environment's path, behind its own packages.
    if ! where=$("$PYTHON" -c 'import torch, pathlib; print(pathlib.Path(torch.__file__).parents[1])'); then
        echo "error: SYSTEM_TORCH is set, but $PYTHON has no torch that can be imported" >&2
        exit 2
    fi
    site=$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    echo "$where" >"$site/system_torch.pth"
    # Its torch decides what it needs; only pip sees packages along such a path.
    grep -vE '^(torch|numpy|sympy|mpmath|filelock|fsspec|networkx|typing_extensions)==' \
        constraints.txt >"$constraints"
    "$python" -m pip install --quiet --disable-pip-version-check \
        -c "$constraints" -e '.[dev]'
elif "$python" -m pip install --quiet --disable-pip-version-check -c "$constraints" uv; then
    # Compiled at once: imports are twice as slow where Python may not write its own bytecode.
    "$VENV/bin/uv" pip install --quiet --python "$python" --compile-bytecode \
        -c "$constraints" -e '.[dev]' ||
        "$python" -m pip install --quiet --disable-pip-version-check \
            -c "$constraints" -e '.[dev]'
else
    "$python" -m pip install --quiet --disable-pip-version-check \
        -c "$constraints" -e '.[dev]'
fi
"$python" -c 'import torch; print("torch", torch.__version__, "CUDA" if torch.cuda.is_available() else "CPU")'
