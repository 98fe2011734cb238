"""The panels our dashboards use, each drawn into its box."""

import math
from dataclasses import dataclass

from .canvas import DIM, GRID, LINE, PALETTE, PANEL, TEXT, colour, cut, mixed, width_of
from .frames import series_of, settings, table_of
from .lines import draw_lines
from .units import written

ROW_HEIGHT = 27


@dataclass
class Box:
    x: float
    y: float
    w: float
    h: float


@dataclass
class Context:
    """What a panel needs besides its data."""

    canvas: object
    start_s: float
    end_s: float


def draw_panel(context, panel, results, box, title):
    context.canvas.rect(box.x, box.y, box.w, box.h, PANEL, stroke=LINE, radius=3)
    context.canvas.text(box.x + 10, box.y + 21, cut(title, 14, box.w - 16), 14, TEXT, bold=True)
    inner = Box(box.x + 10, box.y + 32, box.w - 20, box.h - 40)
    DRAWN[panel["type"]](context, panel, results, inner)


def draw_nothing(context, box, words):
    context.canvas.text(box.x + box.w / 2, box.y + box.h / 2 + 8, words, min(24, 1.6 * box.w / max(len(words), 1)), DIM, anchor="middle")


def last_values(results):
    """Name to its last figure."""
    return [(name, points[-1][1], points) for target, result in results for name, points in series_of(target, result) if points]


def looks(context, field, value):
    """The words for a figure, and their colour."""
    for mapping in field.get("mappings", []):
        match = mapping["options"].get(f"{value:g}") if mapping["type"] == "value" else None
        if match:
            return match["text"], colour(match.get("color", "text"))
    words = written(value, field.get("unit"), field.get("decimals"), context.end_s)
    shade = field.get("color", {})
    if shade.get("mode") == "fixed":
        return words, colour(shade["fixedColor"])
    reached = [step for step in field.get("thresholds", {}).get("steps", []) if step["value"] is None or value >= step["value"]]
    return words, colour(reached[-1]["color"]) if reached else TEXT


def draw_stat(context, panel, results, box):
    values = last_values(results)
    missing = panel["fieldConfig"]["defaults"].get("noValue", "–")
    if not values:
        return draw_nothing(context, box, missing)
    across = 3 if len(values) > 4 else len(values)
    down = math.ceil(len(values) / across)
    w, h = box.w / across, box.h / down
    named = panel["options"]["textMode"] == "value_and_name" or len(values) > 1
    shown = [(name, *looks(context, settings(panel, name), value), points) for name, value, points in values]
    # One size for all of a panel: figures beside each other are compared.
    size = min(0.48 * h, 84, *(0.9 * w / max(width_of(words, 1, bold=True), 0.1) for _, words, _, _ in shown))
    for i, (name, words, shade, points) in enumerate(shown):
        x, y = box.x + (i % across) * w, box.y + (i // across) * h
        if panel["options"]["colorMode"] == "background":
            context.canvas.rect(x + 2, y + 2, w - 4, h - 4, shade, radius=3, opacity=0.85)
            shade = "#111217"
        elif panel["options"]["graphMode"] == "area":
            spark(context, points, Box(x, y + 0.55 * h, w, 0.45 * h), shade)
        small = min(17, 0.2 * h) if named else 0
        top = y + (h - size - 1.4 * small) / 2
        if named:
            context.canvas.text(
                x + w / 2, top + small, cut(name, small, w - 8), small, shade if shade == "#111217" else DIM, anchor="middle"
            )
        context.canvas.text(x + w / 2, top + 1.4 * small + 0.85 * size, words, size, shade, anchor="middle", bold=True)


def spark(context, points, box, shade):
    if len(points) < 2:
        return
    top = max(v for _, v in points) or 1
    low = min(0, min(v for _, v in points))
    at = [
        (box.x + box.w * (t - context.start_s) / (context.end_s - context.start_s), box.y + box.h * (1 - (v - low) / ((top - low) or 1)))
        for t, v in points
    ]
    context.canvas.area([(at[0][0], box.y + box.h), *at, (at[-1][0], box.y + box.h)], shade, 0.18)
    context.canvas.line(at, shade, 1.5, 0.7)


def draw_bars(context, panel, results, box):
    values = last_values(results)
    if not values:
        return draw_nothing(context, box, "–")
    top = panel["fieldConfig"]["defaults"].get("max") or max(value for _, value, _ in values) or 1
    height = min(box.h / len(values), 54)
    size = min(17, 0.62 * height)
    shown = [(name, value, *looks(context, settings(panel, name), value)) for name, value, _ in values]
    left = min(0.42 * box.w, max(width_of(name, size) for name, *_ in shown) + 10)
    right = max(width_of(words, size, bold=True) for _, _, words, _ in shown) + 8
    for i, (name, value, words, shade) in enumerate(shown):
        y, length = box.y + i * height, box.w - left - right
        context.canvas.text(box.x, y + 0.5 * height + 0.35 * size, cut(name, size, left - 6), size, TEXT)
        context.canvas.rect(box.x + left, y + 3, length, height - 6, GRID, radius=2)
        context.canvas.rect(box.x + left, y + 3, length * min(max(value / top, 0), 1), height - 6, shade, radius=2, opacity=0.85)
        context.canvas.text(box.x + box.w, y + 0.5 * height + 0.35 * size, words, size, shade, anchor="end", bold=True)


def draw_columns(context, panel, results, box):
    columns, rows = table_of(panel, results)
    if not rows:
        return draw_nothing(context, box, "–")
    field = settings(panel, columns[1])
    top = max(row[columns[1]] or 0 for row in rows) or 1
    left, bottom = 50, 22
    w, h = (box.w - left) / len(rows), box.h - bottom
    for share in (0, 0.5, 1):
        y = box.y + h * (1 - share) + (8 if share == 1 else 0)
        context.canvas.text(
            box.x + left - 6, y + 4, written(share * top, field.get("unit"), field.get("decimals"), 0), 12, DIM, anchor="end"
        )
        context.canvas.rect(box.x + left, box.y + h * (1 - share), box.w - left, 1, GRID)
    for i, row in enumerate(rows):
        tall = h * (row[columns[1]] or 0) / top
        context.canvas.rect(
            box.x + left + i * w + 2, box.y + h - tall, w - 4, tall, looks(context, field, row[columns[1]])[1], opacity=0.85
        )
        if w >= 22 or i % 2 == 0:
            context.canvas.text(box.x + left + (i + 0.5) * w, box.y + box.h - 4, row[columns[0]], 12, DIM, anchor="middle")


def draw_table(context, panel, results, box):
    columns, rows = table_of(panel, results)
    if not rows:
        return draw_nothing(context, box, "–")
    for rule in panel["options"].get("sortBy", []):
        rows = sorted(rows, key=lambda row: row.get(rule["displayName"]) or 0, reverse=rule.get("desc", False))
    fields = {column: settings(panel, column) for column in columns}
    widths = column_widths(columns, fields, rows, box.w)
    fits = int((box.h - ROW_HEIGHT) // ROW_HEIGHT)
    x = box.x
    scale = [row[c] for row in rows for c in columns if isinstance(row.get(c), float)]
    for column in columns:
        field, w = fields[column], widths[column]
        figures = any(isinstance(row.get(column), float) for row in rows)
        centred = field.get("custom.align") == "center"
        anchor, at = ("middle", x + w / 2) if centred else ("end", x + w - 8) if figures else ("start", x + 4)
        context.canvas.text(at, box.y + 16, cut(field.get("displayName", column), 13, w - 4), 13, "#6e9fff", anchor=anchor, bold=True)
        for i, row in enumerate(rows[:fits]):
            draw_cell(context, field, row.get(column), Box(x, box.y + (i + 1) * ROW_HEIGHT, w, ROW_HEIGHT), anchor, at, scale)
        x += w
    if len(rows) > fits:
        context.canvas.text(box.x + box.w, box.y - 11, f"{fits} of {len(rows)} rows", 12, DIM, anchor="end")


def column_widths(columns, fields, rows, room):
    """Those with a width of their own have it, the others share what is left, by their longest words."""
    fixed = {c: fields[c]["custom.width"] for c in columns if fields[c].get("custom.width")}
    loose = [c for c in columns if c not in fixed]
    left = max(room - sum(fixed.values()), 0)
    heat = fields[columns[-1]].get("custom.cellOptions", {}).get("type") == "color-background"
    wants = {
        c: 1 if heat else max(len(c), *(len(str(row.get(c) or "")) if not isinstance(row.get(c), float) else 8 for row in rows))
        for c in loose
    }
    return {c: fixed.get(c) or left * wants[c] / sum(wants.values()) for c in columns}


def draw_cell(context, field, value, box, anchor, at, scale):
    kind = field.get("custom.cellOptions", {}).get("type", "auto")
    context.canvas.rect(box.x, box.y, box.w, 1, GRID)
    if value is None:
        return
    words, shade = looks(context, field, value) if isinstance(value, float) else (named(field, value), TEXT)
    if kind == "color-background":
        share = (value - min(scale)) / ((max(scale) - min(scale)) or 1)
        context.canvas.rect(box.x + 1, box.y + 1, box.w - 2, box.h - 2, mixed(PANEL, colour("dark-blue"), share))
    elif kind == "gauge":
        context.canvas.rect(box.x + 8, box.y + 6, box.w - 74, box.h - 12, GRID)
        context.canvas.rect(box.x + 8, box.y + 6, (box.w - 74) * min(value / field.get("max", 1), 1), box.h - 12, shade, opacity=0.85)
    size = 12 if kind == "color-background" else 14
    plain = TEXT if kind in ("auto", "color-background", None) else shade
    context.canvas.text(at, box.y + 19, cut(words, size, box.w if anchor == "middle" else box.w - 8), size, plain, anchor=anchor)


def named(field, value):
    for mapping in field.get("mappings", []):
        value = mapping["options"].get(value, {}).get("text", value)
    return value


def draw_time_series(context, panel, results, box):
    series = [one for target, result in results for one in series_of(target, result) if one[1]]
    if not series:
        return draw_nothing(context, box, panel["fieldConfig"]["defaults"].get("noValue", "no data"))
    fields = [settings(panel, name) for name, _ in series]
    shades = [
        colour(f["color"]["fixedColor"]) if f["color"].get("mode") == "fixed" else PALETTE[i % len(PALETTE)] for i, f in enumerate(fields)
    ]
    draw_lines(context, box, series, fields, shades)


DRAWN = {"stat": draw_stat, "bargauge": draw_bars, "barchart": draw_columns, "table": draw_table, "timeseries": draw_time_series}
