#!/usr/bin/env bash
# Gradescope runs this once, when the autograder's image is built. The checker lies beside it, as a clone or an archive.
set -euo pipefail
apt-get update && apt-get install -y python3 python3-venv
python3 -m venv /autograder/venv
/autograder/venv/bin/pip install /autograder/source/backprop
