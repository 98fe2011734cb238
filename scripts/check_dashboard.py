#!/usr/bin/env python3
"""Asks a real Prometheus every question the Grafana dashboards ask, about the running program.

    scripts/check_dashboard.py target/release/offerstream              starts demos, scrapes them, checks dashboards/
    scripts/check_dashboard.py --target 127.0.0.1:9464                 checks a program that already runs
    scripts/check_dashboard.py target/release/offerstream FILE...      these dashboards, or folders of them

A query fails if Prometheus refuses it, if a metric it names is not there, or if it has no figure to show. The comparison
with held-out shoppers is either still collecting or ready, and each state has figures that the other has not: so there
are two demos, each with a Prometheus of its own, and one of them has to answer. Needs `prometheus` (Debian: apt-get
install prometheus) and nothing else but Python's standard library.
"""

import argparse
import contextlib
import json
import pathlib
import re
import sys
import tempfile
import time

from live_prometheus import DASHBOARDS, Failed, ask, dashboards_in, has_a_figure, panels_of, run, shop, substitute, variables_of

DATA_SOURCE = "${datasource}"
# A demo's state is in memory, so there is nothing of snapshots there: Prometheus has to understand such a query, no more.
NOT_IN_A_DEMO = "offerstream_snapshot"
# What Grafana would put in, for a dashboard that looks at the last minute.
RANGE_S, STEP = 60, "5s"
INTERVALS = {"__rate_interval": "20s", "__interval": "5s", "__range": "60s", "__range_s": "60", "__interval_ms": "5000"}
# What a person would choose: the basket, where most offers are made; Grafana begins with the first by name.
CHOSEN = {"placement": "cart"}
# Shoppers are through in minutes of shop time. `ready`: any effect would do. `collecting`: none so small is seen yet; a day
# of shop time takes half a minute, for only after a day of shoppers who are through is a date named.
SHORT_DAYS = {"OFFERSTREAM_EXPERIMENT__HOLDOUT_RATIO": "0.4", "OFFERSTREAM_EXPERIMENT__WINDOW": "10m"}
DEMOS = {
    "ready": ([], {**SHORT_DAYS, "OFFERSTREAM_EXPERIMENT__DETECTABLE_RATIO": "100"}),
    "collecting": (
        ["--speed", "3000", "--shoppers-per-hour", "120"],
        {**SHORT_DAYS, "OFFERSTREAM_EXPERIMENT__DETECTABLE_RATIO": "0.05"},
    ),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", nargs="?", help="the program; its demo is started")
    parser.add_argument("dashboards", nargs="*", type=pathlib.Path, default=[DASHBOARDS], help="files or folders (default: dashboards/)")
    parser.add_argument("--target", metavar="HOST:PORT", help="check a program that already serves /metrics there")
    parser.add_argument("--seconds", type=int, default=90, help="give up after so long (default 90)")
    args = parser.parse_args()
    if bool(args.binary) == bool(args.target):
        parser.error("give either the program's path or --target HOST:PORT")
    try:
        dashboards = dashboards_in(args.dashboards)
        for file, dashboard in dashboards.items():
            problems = faults_of_the_file(dashboard)
            if problems:
                raise Failed(f"{file}:\n  " + "\n  ".join(problems))
        queries = check(dashboards.values(), args)
    except (OSError, ValueError, Failed) as error:
        sys.exit(f"check_dashboard: {error}")
    panels = sum(len(panels_of(dashboard)) for dashboard in dashboards.values())
    print(f"check_dashboard: all {queries} queries of {panels} panels on {len(dashboards)} dashboards were answered by Prometheus")


def check(dashboards, args):
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="offerstream-dashboard-")))
        if args.target:
            shops = [stack.enter_context(shop("target", folder / "target", target=args.target))]
        else:
            # Longer than the check, so that it cannot end under it.
            demo = [args.binary, "demo", "--seconds", str(args.seconds + 30)]
            shops = [
                stack.enter_context(shop(name, folder / name, demo=[*demo, *arguments], settings=settings))
                for name, (arguments, settings) in DEMOS.items()
            ]
        return ask_until_answered(dashboards, shops, args.seconds)


def ask_until_answered(dashboards, shops, seconds):
    """Everything starts empty (no orders yet, no rate without two scrapes), so a failure counts only at the end."""
    deadline = time.monotonic() + seconds
    while True:
        for each in shops:
            each.must_run()
        # By dashboard and query: what each shop has against it, nothing where it answered.
        answers = [ask_all(dashboards, each) for each in shops]
        failures = [query for query in answers[0] if all(answer[query] for answer in answers)]
        if not failures:
            return len(answers[0])
        if time.monotonic() > deadline:
            told = [
                f"{query}\n" + "\n".join(f"      {each.name}: {answer[query]}" for each, answer in zip(shops, answers))
                for query in failures
            ]
            raise Failed(f"{len(failures)} of {len(answers[0])} queries failed for {seconds} s:\n  " + "\n  ".join(told))
        time.sleep(2)


def ask_all(dashboards, each):
    answers = {}
    for dashboard in dashboards:
        where = dashboard["title"]
        variables, faults = variables_of(dashboard, each.api, {**INTERVALS, **CHOSEN})
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                answers[f"{where}, variable '{variable['name']}'"] = "; ".join(f for f in faults if f"'{variable['name']}'" in f)
        for panel in panels_of(dashboard):
            for target in panel["targets"]:
                query = f"{where}, panel {panel['id']} '{panel['title']}', query {target['refId']}: {target['expr']}"
                answers[query] = fault_of(each.api, target, variables)
    return answers


def fault_of(api, target, variables):
    """Why a query is not answered; nothing if it is."""
    try:
        expression = substitute(target["expr"], variables)
        # An expression may hide a metric that is not there (`or`, a filter): each is looked up by itself.
        metrics = metrics_in(expression)
        missing = [name for name in metrics if not ask(api, "series", {"match[]": name})]
        if missing and all(name.startswith(NOT_IN_A_DEMO) for name in metrics):
            run(api, target, expression, time.time(), RANGE_S, STEP)
            return ""
        if missing:
            return f"no such series: {', '.join(missing)}"
        return "" if has_a_figure(run(api, target, expression, time.time(), RANGE_S, STEP)) else "no figure"
    except Failed as error:
        return str(error)


def metrics_in(expression):
    return sorted(set(re.findall(r"\bofferstream_\w+", expression)))


def faults_of_the_file(dashboard):
    faults = []
    if dashboard.get("id") is not None:
        faults.append("it has an 'id': set it to null, Grafana gives its own")
    if "__inputs" in dashboard:
        faults.append("it has '__inputs': it was exported for sharing; provisioning cannot fill them")
    if not any(v["type"] == "datasource" and v["name"] == "datasource" for v in dashboard["templating"]["list"]):
        faults.append("it has no template variable 'datasource' of type datasource")
    faults.extend(baked_in_data_sources(dashboard, "dashboard"))
    panels = panels_of(dashboard)
    ids = [panel["id"] for panel in panels]
    faults.extend(f"panel id {i} is there twice" for i in sorted(set(ids)) if ids.count(i) > 1)
    for panel in panels:
        name = f"panel '{panel.get('title')}'"
        for key in ("title", "description", "targets"):
            if not panel.get(key):
                faults.append(f"{name} (id {panel['id']}) has no {key}")
        if panel.get("datasource", {}).get("uid") != DATA_SOURCE:
            faults.append(f"{name} does not take its data source from the variable {DATA_SOURCE}")
    return faults


def baked_in_data_sources(node, where):
    if isinstance(node, list):
        return [fault for i, part in enumerate(node) for fault in baked_in_data_sources(part, f"{where}[{i}]")]
    if not isinstance(node, dict):
        return []
    faults = []
    for key, part in node.items():
        if key == "datasource" and not (isinstance(part, dict) and part.get("uid") == DATA_SOURCE):
            faults.append(f"{where}.datasource is {json.dumps(part)}: only {DATA_SOURCE} works on every Grafana")
        faults.extend(baked_in_data_sources(part, f"{where}.{key}"))
    return faults


if __name__ == "__main__":
    main()
