#!/usr/bin/env python3
"""Draws the dashboards' pictures from what a real Prometheus answers. It is not Grafana, but its grid and its figures.

    scripts/draw_dashboards.py target/release/offerstream                     plays a simulated shop for ten minutes, then draws
    scripts/draw_dashboards.py --prometheus http://127.0.0.1:9090 --range 24h  draws what is there

Writes docs/dashboards/*.svg; with --png pictures in their place, for which it needs chromium (Debian: apt-get install
chromium). Else it needs `prometheus` to play a shop, and Python's standard library.
"""

import argparse
import contextlib
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

from drawing.canvas import DIM, TEXT, Canvas
from drawing.panels import Box, Context, draw_panel
from live_prometheus import DASHBOARDS, ROOT, Failed, dashboards_in, panels_of, run, shop, substitute, variables_of

COLUMN, ROW, GAP, MARGIN, HEAD = 60, 38, 8, 12, 58
SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
# Shoppers are through after an hour of shop time (half a minute of ours), so that the comparison has something to say.
PLAYED = {
    "OFFERSTREAM_EXPERIMENT__HOLDOUT_RATIO": "0.2",
    "OFFERSTREAM_EXPERIMENT__WINDOW": "1h",
    "OFFERSTREAM_EXPERIMENT__DETECTABLE_RATIO": "1",
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", nargs="?", help="the program; its demo is played")
    parser.add_argument("--prometheus", metavar="URL", help="draw what is there already")
    parser.add_argument("--range", default="10m", help="how much to play, or to look back (default 10m)")
    parser.add_argument("--end", type=float, help="look back from this unix time (default: now)")
    parser.add_argument("--demo", default="", help="more arguments of the demo, in one word: '--seed 3'")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a variable of the dashboards: placement=cart")
    parser.add_argument("--setting", action="append", default=[], metavar="OFFERSTREAM_…=VALUE", help="a setting of the demo")
    parser.add_argument("--png", action="store_true", help="let chromium make a picture of each")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "docs" / "dashboards")
    args = parser.parse_args()
    if bool(args.binary) == bool(args.prometheus):
        parser.error("give either the program's path or --prometheus URL")
    try:
        seconds = int(args.range[:-1]) * SECONDS[args.range[-1]]
        with source(args, seconds) as api:
            draw_all(api, args, seconds)
    except (OSError, ValueError, KeyError, Failed) as error:
        sys.exit(f"draw_dashboards: {error}")


@contextlib.contextmanager
def source(args, seconds):
    """Where to ask: the Prometheus that is there, or one that has watched a simulated shop."""
    if args.prometheus:
        yield args.prometheus.rstrip("/") + "/api/v1/"
        return
    with tempfile.TemporaryDirectory(prefix="offerstream-draw-") as folder:
        demo = [args.binary, "demo", "--seconds", str(seconds + 120), *args.demo.split()]
        settings = {**PLAYED, **dict(pair.split("=", 1) for pair in args.setting)}
        with shop("demo", pathlib.Path(folder) / "demo", demo=demo, settings=settings, interval_s=max(1, seconds // 300)) as played:
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                played.must_run()
                time.sleep(1)
            yield played.api


def draw_all(api, args, seconds):
    args.out.mkdir(parents=True, exist_ok=True)
    end = args.end or time.time()
    given = dict(pair.split("=", 1) for pair in args.set)
    for file, dashboard in dashboards_in([DASHBOARDS]).items():
        drawn = draw(dashboard, api, end, seconds, given)
        path = args.out / f"{file.stem}.svg"
        path.write_text(drawn.svg(), encoding="utf-8")
        print(f"draw_dashboards: {as_png(path, drawn) if args.png else path}")


def draw(dashboard, api, end, seconds, given):
    step = max(1, seconds // 150)
    # As in Grafana: four scrapes at least.
    intervals = {"__range": f"{seconds}s", "__range_s": str(seconds), "__interval": f"{step}s", "__rate_interval": f"{max(4 * step, 20)}s"}
    variables, faults = variables_of(dashboard, api, {**intervals, **given})
    for fault in faults:
        print(f"draw_dashboards: {dashboard['title']}: {fault}", file=sys.stderr)
    bottom = max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in dashboard["panels"])
    canvas = Canvas(24 * COLUMN + 2 * MARGIN - GAP, HEAD + bottom * ROW + MARGIN)
    context = Context(canvas, end - seconds, end)
    head(canvas, dashboard, variables, context)
    for panel in dashboard["panels"]:
        box = box_of(panel["gridPos"])
        if panel["type"] == "row":
            canvas.text(box.x + 4, box.y + 22, titled(panel, variables), 19, TEXT, bold=True)
    for panel in panels_of(dashboard):
        wide = bars_step(panel, seconds, step)
        here = {**variables, "__interval": f"{wide}s"}
        results = [(target, answer(api, target, here, end, seconds, wide)) for target in panel["targets"]]
        draw_panel(context, panel, results, box_of(panel["gridPos"]), titled(panel, variables))
    return canvas


def bars_step(panel, seconds, step):
    """What a panel sets as its shortest step; less where that leaves hardly a bar in so short a range."""
    least = panel.get("interval")
    return max(step, min(int(least[:-1]) * SECONDS[least[-1]], seconds // 20)) if least else step


def answer(api, target, variables, end, seconds, step):
    try:
        return run(api, target, substitute(target["expr"], variables), end, seconds, step)
    except Failed as error:
        print(f"draw_dashboards: {error}: {target['expr']}", file=sys.stderr)
        return []


def head(canvas, dashboard, variables, context):
    shown = time.strftime("%-d %B %Y, %H:%M", time.gmtime(context.start_s)) + time.strftime(
        " to %-d %B, %H:%M UTC", time.gmtime(context.end_s)
    )
    chosen = [
        variables[name]
        for name in ("currency", "placement")
        if name in variables and any(v["name"] == name for v in dashboard["templating"]["list"])
    ]
    canvas.text(MARGIN + 4, 37, dashboard["title"], 26, TEXT, bold=True)
    canvas.text(
        canvas.width - MARGIN,
        36,
        " · ".join([*chosen, shown, "a simulated shop, drawn by scripts/draw_dashboards.py"]),
        14,
        DIM,
        anchor="end",
    )


def box_of(place):
    return Box(MARGIN + place["x"] * COLUMN, HEAD + place["y"] * ROW, place["w"] * COLUMN - GAP, place["h"] * ROW - GAP)


def titled(panel, variables):
    return re.sub(r"\$(\w+)", lambda match: variables.get(match[1], match[0]), panel["title"])


def as_png(path, canvas):
    """Chromium's picture, in the place of the file."""
    browser = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
    if not browser:
        raise Failed("no chromium here for --png; try: apt-get install chromium")
    picture = path.with_suffix(".png")
    size = f"--window-size={canvas.width},{canvas.height}"
    quiet = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--force-device-scale-factor=1"]
    subprocess.run(
        [browser, *quiet, size, f"--screenshot={picture}", path.resolve().as_uri()], check=True, capture_output=True, timeout=120
    )
    path.unlink()
    return picture


if __name__ == "__main__":
    main()
