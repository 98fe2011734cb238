#!/usr/bin/env bash
# Builds dashboards/*.json from scripts/dashboards, whose types mypy checks first.
#
#   scripts/build_dashboards.sh            writes them
#   scripts/build_dashboards.sh --check    fails where what is there is not what the code makes
#
# Needs python3 with venv (Debian: apt-get install python3-venv); what else it needs goes under target/, from PyPI.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=target/dashboards-venv
wanted=scripts/dashboards/requirements.txt
if ! cmp -s "$wanted" "$venv/installed.txt"; then
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$wanted"
    cp "$wanted" "$venv/installed.txt"
fi
export PYTHONPATH=scripts PYTHONDONTWRITEBYTECODE=1
"$venv/bin/mypy" --strict --no-error-summary --cache-dir target/mypy -p dashboards

case "${1:-}" in
    "") "$venv/bin/python" -m dashboards dashboards ;;
    --check)
        made=$(mktemp -d)
        trap 'rm -r "$made"' EXIT
        "$venv/bin/python" -m dashboards "$made"
        for file in "$made"/*.json; do
            if ! diff -u "dashboards/$(basename "$file")" "$file"; then
                echo "build_dashboards: dashboards/$(basename "$file") is not what the code makes: run scripts/build_dashboards.sh" >&2
                exit 1
            fi
        done
        ;;
    *)
        sed -n '2,7s/^# \?//p' "$0" >&2
        exit 2
        ;;
esac
