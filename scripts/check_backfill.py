#!/usr/bin/env python3
"""A merchant's own sums, read off the dashboard: replayed logs, back-filled into a real Prometheus.

    scripts/check_backfill.py target/release/offerstream

Thirty days of ten orders, each with an offered case for 50,000 so'm, have to be 15,000,000 of extra revenue; a phone
for 200,000 with an offered case for 50,000 and an offered cover for 30,000 has to be 280,000, of which 80,000 is extra.
The logs are made here, replayed once to learn the offers' ids, and again with what shoppers did with them. Needs
`prometheus` and `promtool` (Debian: apt-get install prometheus) and nothing else but Python's standard library.
"""

import argparse
import contextlib
import datetime
import json
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.error

from live_prometheus import Failed, ask, free_port, panels_of, started, substitute, tail

ROOT = pathlib.Path(__file__).resolve().parent.parent
PANEL = "Extra revenue"
CURRENCY = "UZS"
SETTINGS = """
currency = "UZS"
time_zone = "Asia/Tashkent"
[experiment]
holdout_ratio = 0.0
[optimiser]
exploration_ratio = 0.0
[rules]
exploration_ratio = 0.0
"""
PRICES = {"phone": 200_000, "case": 50_000, "cover": 30_000}
# A day before the first that counts: on it the shop only learns what goes together.
LESSON = datetime.datetime(2026, 3, 1, 4, tzinfo=datetime.timezone.utc)
LESSONS = 20
DAY = datetime.timedelta(days=1)
MINUTE = datetime.timedelta(minutes=1)
SECOND = datetime.timedelta(seconds=1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", help="the program")
    parser.add_argument("--dashboard", type=pathlib.Path, default=ROOT / "dashboards" / "business.json")
    args = parser.parse_args()
    try:
        query = query_of(args.dashboard)
        month = [(LESSON + DAY * (1 + n // 10) + MINUTE * 61 * (n % 10), ["case"]) for n in range(300)]
        check(args.binary, query, "thirty days of ten orders", month, 30, {"extra": 15_000_000, "orders": 75_000_000})
        one = [(LESSON + DAY, ["case", "cover"])]
        check(args.binary, query, "a phone, a case and a cover", one, 1, {"extra": 80_000, "orders": 280_000})
    except (OSError, ValueError, Failed) as error:
        sys.exit(f"check_backfill: {error}")


def check(binary, query, name, orders, days, expected):
    with tempfile.TemporaryDirectory(prefix="offerstream-backfill-") as folder:
        folder = pathlib.Path(folder)
        (folder / "settings.toml").write_text(SETTINGS, encoding="utf-8")
        replay(binary, folder, [*lessons(), *visits(orders, {})], "--offers", "offers.jsonl")
        cart_offers = offers_of(folder / "offers.jsonl")
        replay(binary, folder, [*lessons(), *visits(orders, cart_offers)], "--openmetrics", "metrics.txt")
        backfill(folder)
        # The hour after the last order's: there the last samples are.
        end = int(orders[-1][0].timestamp()) // 3600 * 3600 + 3600
        revenue = "max(last_over_time({0}[$__range])) - max(min_over_time({0}[$__range]))"
        asked = {"extra": query, "orders": revenue.format("offerstream_shop_order_revenue{currency='$currency'}")}
        variables = {"currency": CURRENCY, "__range": f"{days}d"}
        found = ask_prometheus(folder, {key: substitute(text, variables) for key, text in asked.items()}, end)
    if found != expected:
        raise Failed(f"{name}: {found}, but by hand it is {expected}")
    print(f"check_backfill: {name}: {found['extra']:,} {CURRENCY} extra of {found['orders']:,}, as by hand")


def query_of(dashboard):
    """What the panel asks: a figure of the whole range."""
    panels = panels_of(json.loads(dashboard.read_text(encoding="utf-8")))
    found = [panel for panel in panels if panel["title"] in (PANEL, f"{PANEL} ($currency)")]
    if len(found) != 1 or len(found[0]["targets"]) != 1:
        raise Failed(f"{dashboard} needs one panel '{PANEL}' with one query")
    return found[0]["targets"][0]["expr"]


def lessons():
    """Orders at the counter, of which nothing was offered."""
    for n in range(LESSONS):
        session = f"lesson-{n}"
        yield event("purchase", LESSON + MINUTE * n, session, order_id=session, items=lines(["phone", "case", "cover"]), channel="store")


def visits(orders, offers):
    """A phone goes into the basket; where its offer is known, it is shown, and what it is to sell is taken."""
    for n, (at, extras) in enumerate(orders):
        session = f"visit-{n}"
        yield event("cart_add", at, session, event_id=f"{session}-phone", item_id="phone", price=PRICES["phone"], channel="web")
        if session in offers:
            offer_id, offered = offers[session]
            if not set(extras) <= set(offered):
                raise Failed(f"{session} was offered {offered}, without {extras}")
            yield event("offer_shown", at + SECOND, session, offer_id=offer_id)
        bought = ["phone"]
        for item in extras:
            bought.append(item)
            yield event("cart_add", at + SECOND * 10 * len(bought), session, event_id=f"{session}-{item}", item_id=item,
                        price=PRICES[item], channel="web")
        yield event("purchase", at + MINUTE, session, order_id=session, items=lines(bought), channel="web")


def event(kind, at, session, **fields):
    return {"type": kind, "ts": at.isoformat().replace("+00:00", "Z"), "session_id": session, **fields}


def lines(items):
    return [{"item_id": item, "price": PRICES[item]} for item in items]


def offers_of(path):
    """The first offer of each visit: the one for the phone."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        offer = json.loads(line)
        if offer["placement"] == "cart":
            items = [item["item_id"] for item in offer["items"]]
            found.setdefault(offer["session_id"], (offer["offer_id"], items))
    return found


def replay(binary, folder, events, output, name):
    (folder / "log.jsonl").write_text("".join(json.dumps(one) + "\n" for one in events), encoding="utf-8")
    command = [binary, "replay", str(folder / "log.jsonl"), "--config", str(folder / "settings.toml"), output, str(folder / name),
               "--rejected", str(folder / "rejected.jsonl")]
    run(command)
    rejected = (folder / "rejected.jsonl").read_text(encoding="utf-8")
    if rejected:
        raise Failed(f"the log made here has lines that can't be used:\n{rejected}")


def backfill(folder):
    run(["promtool", "tsdb", "create-blocks-from", "openmetrics", str(folder / "metrics.txt"), str(folder / "tsdb")])


def run(command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise Failed(f"cannot start '{command[0]}': {error.strerror}") from error
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")


def ask_prometheus(folder, queries, at):
    """The figure of each query at a time, by a Prometheus that has the blocks and scrapes nothing."""
    (folder / "prometheus.yml").write_text("{}", encoding="utf-8")
    port = free_port()
    command = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
               f"--web.listen-address=127.0.0.1:{port}", "--storage.tsdb.retention.time=100y"]
    with contextlib.ExitStack() as stack:
        process, log = stack.enter_context(started(command, folder / "prometheus.log"))
        api = f"http://127.0.0.1:{port}/api/v1/"
        wait_until_ready(api, process, log)
        return {key: figure(ask(api, "query", {"query": query, "time": at})["result"], query) for key, query in queries.items()}


def wait_until_ready(api, process, log):
    deadline = time.monotonic() + 60
    while True:
        if process.poll() is not None or time.monotonic() > deadline:
            raise Failed(f"Prometheus does not start; its last lines:\n{tail(log)}")
        try:
            ask(api, "query", {"query": "1"})
            return
        except (urllib.error.URLError, Failed, ValueError):
            time.sleep(0.2)


def figure(result, query):
    if len(result) != 1:
        raise Failed(f"{len(result)} series where one figure is asked for: {query}")
    value = float(result[0]["value"][1])
    return int(value) if value.is_integer() else value


if __name__ == "__main__":
    main()
