"""What Prometheus answered as Grafana's frames: named series, or a table on which its transformations work."""

import math
import re


def series_of(target, result):
    """Name to points, in the order of names."""
    found = []
    for one in result:
        points = one.get("values") or [one["value"]]
        found.append((legend(target, one["metric"]), [(float(t), float(v)) for t, v in points if math.isfinite(float(v))]))
    # Prometheus gives instant answers in no order; by name they look the same at every drawing.
    return found if "sort" in target["expr"] else sorted(found)


def legend(target, labels):
    template = target.get("legendFormat", "__auto")
    if template == "__auto":
        return " ".join(value for key, value in sorted(labels.items()) if key != "__name__") or "Value"
    return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda match: labels.get(match[1], ""), template)


def table_of(panel, results):
    """Columns and rows, after the panel's transformations."""
    frames = []
    for target, result in results:
        name = "Value" if len(results) == 1 else f"Value #{target['refId']}"
        frames.append([{"Time": one["value"][0], **one["metric"], name: float(one["value"][1])} for one in result])
    rows = frames[0] if len(frames) == 1 else merged(frames)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    for step in panel.get("transformations", []):
        columns, rows = TRANSFORMATIONS[step["id"]](columns, rows, step["options"])
    return columns, rows


def merged(frames):
    """Rows of which all labels agree become one."""
    by_labels = {}
    for row in (row for frame in frames for row in frame):
        key = tuple(sorted((k, v) for k, v in row.items() if k != "Time" and not k.startswith("Value")))
        by_labels.setdefault(key, {}).update(row)
    return list(by_labels.values())


def organize(columns, rows, options):
    left = [column for column in columns if not options["excludeByName"].get(column)]
    left.sort(key=lambda column: options["indexByName"].get(column, len(columns)))
    names = {column: options["renameByName"].get(column, column) for column in left}
    return list(names.values()), [{names[c]: row.get(c) for c in left} for row in rows]


def sort_by(columns, rows, options):
    for rule in reversed(options["sort"]):
        rows = sorted(rows, key=lambda row: order(row.get(rule["field"])), reverse=rule.get("desc", False))
    return columns, rows


def order(value):
    """Nothing comes first, figures before words."""
    return (0, 0.0, "") if value is None else (1, float(value), "") if isinstance(value, float) else (2, 0.0, str(value))


def matrix(columns, rows, options):
    corner = f"{options['rowField']}\\{options['columnField']}"
    heads = list(dict.fromkeys(row[options["columnField"]] for row in rows))
    made = {}
    for row in rows:
        name = row[options["rowField"]]
        made.setdefault(name, {corner: name})[row[options["columnField"]]] = row[options["valueField"]]
    return [corner, *heads], list(made.values())


TRANSFORMATIONS = {"merge": lambda c, r, o: (c, r), "organize": organize, "sortBy": sort_by, "groupingToMatrix": matrix}


def settings(panel, name):
    """A field's settings: the defaults, then what overrides them for this name."""
    defaults = panel["fieldConfig"]["defaults"]
    made = {key: value for key, value in defaults.items() if key != "custom"}
    made.update({f"custom.{key}": value for key, value in defaults.get("custom", {}).items()})
    for override in panel["fieldConfig"].get("overrides", []):
        if override["matcher"] == {"id": "byName", "options": name}:
            made.update({prop["id"]: prop.get("value") for prop in override["properties"]})
    return made
