#!/usr/bin/env bash
# Installs the peer frameworks into a virtual environment of their own, about 6 GB.
set -euo pipefail
venv="${NEEDLETAIL_PEERS:-$HOME/.cache/needletail-peers}"
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --upgrade pip
"$venv/bin/pip" install --quiet numpy torch "jax[cpu]" optax tinygrad
echo "peers ready in $venv"
