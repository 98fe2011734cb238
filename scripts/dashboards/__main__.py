"""Writes the dashboards as JSON: `python -m dashboards FOLDER` (scripts/build_dashboards.sh does the rest)."""

import json
import pathlib
import sys

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from . import business, experiment, operations


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, made in (("business", business), ("experiment", experiment), ("operations", operations)):
        text = json.dumps(numbered(made.dashboard().build()), cls=JSONEncoder, indent=1, sort_keys=True, ensure_ascii=False)
        (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def numbered(made: Dashboard) -> Dashboard:
    """Links to a panel name its id: they are given in order."""
    for i, panel in enumerate(made.panels or [], start=1):
        panel.id_val = i
    return made


main()
