#!/usr/bin/env python3
"""Asks a real Prometheus every question the Grafana dashboard asks, about the running program.

    scripts/check_dashboard.py target/release/offerstream        starts the demo, scrapes it, checks
    scripts/check_dashboard.py --target 127.0.0.1:9464           checks a program that already runs

A query fails if Prometheus refuses it or if it has no figure to show. Needs `prometheus` (Debian: apt-get install
prometheus) and nothing else but Python's standard library.
"""

import argparse
import contextlib
import json
import math
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
DATA_SOURCE = "${datasource}"
SCRAPE_INTERVAL_S = 1
# What Grafana would put in, for a dashboard that looks at the last minute.
INTERVALS = {"__rate_interval": "20s", "__interval": "5s", "__range": "60s", "__range_s": "60", "__interval_ms": "5000"}


class Failed(Exception):
    """What is wrong, in one line for the person who runs the check."""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", nargs="?", help="the program; its demo is started")
    parser.add_argument("--target", metavar="HOST:PORT", help="check a program that already serves /metrics there")
    parser.add_argument("--dashboard", type=pathlib.Path, default=ROOT / "dashboards" / "offerstream.json")
    parser.add_argument("--seconds", type=int, default=90, help="give up after so long (default 90)")
    args = parser.parse_args()
    if bool(args.binary) == bool(args.target):
        parser.error("give either the program's path or --target HOST:PORT")
    try:
        dashboard = json.loads(args.dashboard.read_text(encoding="utf-8"))
        problems = faults_of_the_file(dashboard)
        if problems:
            raise Failed(f"{args.dashboard}:\n  " + "\n  ".join(problems))
        queries = check(dashboard, args)
    except (OSError, ValueError, Failed) as error:
        sys.exit(f"check_dashboard: {error}")
    print(f"check_dashboard: all {queries} queries of {len(panels_of(dashboard))} panels were answered by Prometheus")


def check(dashboard, args):
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="offerstream-dashboard-")))
        target, processes = args.target, []
        if args.binary:
            port = free_port()
            target = f"127.0.0.1:{port}"
            # Longer than the check, so that it cannot end under it.
            demo = [args.binary, "demo", "--seconds", str(args.seconds + 30), "--port", str(port)]
            processes.append(stack.enter_context(started(demo, folder / "demo.log")))
        prometheus_port = free_port()
        command = prometheus_command(folder, prometheus_port, target)
        processes.append(stack.enter_context(started(command, folder / "prometheus.log")))
        api = f"http://127.0.0.1:{prometheus_port}/api/v1/"
        return ask_until_answered(dashboard, api, processes, args.seconds)


def ask_until_answered(dashboard, api, processes, seconds):
    """Everything starts empty (no orders yet, no rate without two scrapes), so a failure counts only at the end."""
    deadline = time.monotonic() + seconds
    while True:
        for process, log in processes:
            if process.poll() is not None:
                raise Failed(f"'{process.args[0]}' ended with {process.returncode}; its last lines:\n{tail(log)}")
        try:
            failures, count = ask_all(dashboard, api)
        except urllib.error.URLError as error:
            failures, count = [f"Prometheus does not answer: {error}"], 0
        if not failures:
            return count
        if time.monotonic() > deadline:
            raise Failed(f"{len(failures)} of {count} queries failed for {seconds} s:\n  " + "\n  ".join(failures))
        time.sleep(2)


def ask_all(dashboard, api):
    failures, count, variables = [], 0, dict(INTERVALS)
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            count += 1
            try:
                variables[variable["name"]] = first_label_value(api, variable["query"]["query"])
            except Failed as error:
                failures.append(f"variable '{variable['name']}': {error}")
    for panel in panels_of(dashboard):
        for target in panel["targets"]:
            count += 1
            try:
                expression = substitute(target["expr"], variables)
                # An expression may hide a metric that is not there (`or`, a filter): each is looked up by itself.
                missing = [name for name in metrics_in(expression) if not ask(api, "series", {"match[]": name})]
                if missing:
                    raise Failed(f"no such series: {', '.join(missing)}")
                if not has_a_figure(run(api, target, expression)):
                    raise Failed("no figure")
            except Failed as error:
                failures.append(f"panel '{panel['title']}', query {target['refId']}: {error}: {target['expr']}")
    return failures, count


def run(api, target, expression):
    if target.get("instant"):
        return ask(api, "query", {"query": expression})["result"]
    now = time.time()
    return ask(api, "query_range", {"query": expression, "start": now - 60, "end": now, "step": "5s"})["result"]


def has_a_figure(result):
    samples = (value for series in result for _, value in series.get("values", [series.get("value")]))
    return any(math.isfinite(float(value)) for value in samples)


def first_label_value(api, query):
    parts = re.fullmatch(r"label_values\((\w+),\s*(\w+)\)", query)
    if not parts:
        raise Failed(f"only label_values(METRIC, LABEL) is understood here: {query}")
    values = ask(api, f"label/{parts[2]}/values", {"match[]": parts[1]})
    if not values:
        raise Failed(f"no value: {query}")
    return values[0]


def ask(api, path, parameters):
    try:
        with urllib.request.urlopen(api + path + "?" + urllib.parse.urlencode(parameters), timeout=10) as response:
            return json.load(response)["data"]
    except urllib.error.HTTPError as error:
        # Prometheus says what it could not parse; while it starts it says 503.
        text = error.read().decode(errors="replace")
        raise Failed(f"Prometheus: {json.loads(text)['error'] if text.startswith('{') else text.strip()}") from error


def substitute(expression, variables):
    def value(match):
        name = match[1] or match[2]
        if name not in variables:
            raise Failed(f"variable ${name} has no value")
        return variables[name]

    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", value, expression)


def metrics_in(expression):
    return sorted(set(re.findall(r"\bofferstream_\w+", expression)))


def panels_of(dashboard):
    """Panels with queries, also those folded away in a row."""
    found = []
    for panel in dashboard["panels"]:
        found.extend([panel, *panel.get("panels", [])])
    return [panel for panel in found if panel["type"] not in ("row", "text")]


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


def prometheus_command(folder, port, target):
    config = {
        "global": {"scrape_interval": f"{SCRAPE_INTERVAL_S}s"},
        "scrape_configs": [{"job_name": "offerstream", "static_configs": [{"targets": [target]}]}],
    }
    # JSON is YAML.
    (folder / "prometheus.yml").write_text(json.dumps(config), encoding="utf-8")
    return [
        "prometheus",
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/tsdb",
        f"--web.listen-address=127.0.0.1:{port}",
    ]


@contextlib.contextmanager
def started(command, log):
    with log.open("wb") as output:
        try:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        except OSError as error:
            remedy = "apt-get install prometheus" if command[0] == "prometheus" else "cargo build --release"
            raise Failed(f"cannot start '{command[0]}' ({error.strerror}); try: {remedy}") from error
    try:
        yield process, log
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def tail(log):
    return "\n".join(log.read_text(errors="replace").splitlines()[-20:])


if __name__ == "__main__":
    main()
