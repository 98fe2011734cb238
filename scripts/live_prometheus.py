"""A running program and a real Prometheus that scrapes it; what scripts here ask of a dashboard's JSON.

Not a command. Needs `prometheus` (Debian: apt-get install prometheus) and Python's standard library.
"""

import contextlib
import json
import math
import os
import pathlib
import re
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
DASHBOARDS = ROOT / "dashboards"
SCRAPE_INTERVAL_S = 1


class Failed(Exception):
    """What is wrong, in one line for the person who runs the script."""


def dashboards_in(paths):
    """Path to dashboard, of files and of folders of them."""
    files = [file for path in paths for file in (sorted(path.glob("*.json")) if path.is_dir() else [path])]
    if not files:
        raise Failed(f"no dashboard in {', '.join(map(str, paths))}")
    return {file: json.loads(file.read_text(encoding="utf-8")) for file in files}


def panels_of(dashboard):
    """Panels with queries, also those folded away in a row."""
    found = []
    for panel in dashboard["panels"]:
        found.extend([panel, *panel.get("panels", [])])
    return [panel for panel in found if panel["type"] not in ("row", "text")]


class Shop:
    """A program and the Prometheus that scrapes it."""

    def __init__(self, name, api, processes):
        self.name, self.api, self._processes = name, api, processes

    def must_run(self):
        for process, log in self._processes:
            if process.poll() is not None:
                raise Failed(f"'{process.args[0]}' ({self.name}) ended with {process.returncode}; its last lines:\n{tail(log)}")


@contextlib.contextmanager
def shop(name, folder, *, target=None, demo=None, settings=None, interval_s=SCRAPE_INTERVAL_S):
    """Scrapes `target`; without one, starts the command `demo` on a port of its own, with `settings` in its environment."""
    folder.mkdir()
    with contextlib.ExitStack() as stack:
        processes = []
        if not target:
            port = free_port()
            target = f"127.0.0.1:{port}"
            processes.append(stack.enter_context(started([*demo, "--port", str(port)], folder / "demo.log", settings)))
        port = free_port()
        processes.append(stack.enter_context(started(prometheus_command(folder, port, target, interval_s), folder / "prometheus.log")))
        yield Shop(name, f"http://127.0.0.1:{port}/api/v1/", processes)


def prometheus_command(folder, port, target, interval_s):
    config = {
        "global": {"scrape_interval": f"{interval_s}s"},
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
def started(command, log, settings=None):
    with log.open("wb") as output:
        environment = {**os.environ, **(settings or {})}
        try:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environment)
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


def variables_of(dashboard, api, given):
    """What Grafana would put in, by name; `given` overrules. A variable without a value is left out and named."""
    values, faults = dict(given), []
    for variable in dashboard["templating"]["list"]:
        name = variable["name"]
        if variable["type"] == "query" and name not in given:
            try:
                values[name] = first_label_value(api, variable["query"]["query"])
            except Failed as error:
                faults.append(f"variable '{name}': {error}")
    return values, faults


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
        with urllib.request.urlopen(api + path + "?" + urllib.parse.urlencode(parameters), timeout=30) as response:
            return json.load(response)["data"]
    except urllib.error.HTTPError as error:
        # Prometheus says what it could not parse; while it starts it says 503.
        text = error.read().decode(errors="replace")
        raise Failed(f"Prometheus: {json.loads(text)['error'] if text.startswith('{') else text.strip()}") from error
    except urllib.error.URLError as error:
        raise Failed(f"Prometheus does not answer: {error.reason}") from error


def run(api, target, expression, end, seconds, step):
    """The series a panel's query gives: a figure each, or many over time."""
    if target.get("instant"):
        return ask(api, "query", {"query": expression, "time": end})["result"]
    return ask(api, "query_range", {"query": expression, "start": end - seconds, "end": end, "step": step})["result"]


def substitute(expression, variables):
    def value(match):
        name = match[1] or match[2]
        if name not in variables:
            raise Failed(f"variable ${name} has no value")
        return variables[name]

    # `$1` is no variable but a group of label_replace.
    return re.sub(r"\$(?:\{(\w+)\}|([A-Za-z_]\w*))", value, expression)


def has_a_figure(result):
    samples = (value for series in result for _, value in series.get("values", [series.get("value")]))
    return any(math.isfinite(float(value)) for value in samples)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def tail(log):
    return "\n".join(log.read_text(errors="replace").splitlines()[-20:])
