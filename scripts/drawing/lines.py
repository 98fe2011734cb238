"""Lines over time: plain, stacked, or with a band between two of them."""

import math
import time

from .canvas import DIM, GRID, cut, width_of
from .units import written

LEGEND_SIZE = 12


def draw_lines(context, box, series, fields, shades):
    names = [name for name, _ in series]
    legend_rows = legend(context, box, names, shades)
    left, bottom = 58, 20 + legend_rows * 17
    stacked = fields[0].get("custom.stacking", {}).get("mode") == "normal"
    lows, series = stack(series) if stacked else ([None] * len(series), series)
    top, least = limits([v for _, points in series for _, v in points], stacked)
    plot = (box.x + left, box.y + 4, box.w - left, box.h - bottom - 4)

    def place(t, v):
        share = (v - least) / (top - least)
        return plot[0] + plot[2] * (t - context.start_s) / (context.end_s - context.start_s), plot[1] + plot[3] * (1 - share)

    axes(context, plot, least, top, fields[0])
    if fields[0].get("custom.drawStyle") == "bars":
        return upright(context, plot, place, series, lows, shades)
    by_name = dict(series)
    for (_, points), low, field, shade in zip(series, lows, fields, shades):
        at = [place(t, v) for t, v in points]
        under = (
            by_name.get(field.get("custom.fillBelowTo"))
            or low
            or ([(t, max(least, 0)) for t, _ in points] if stacked or field.get("custom.fillOpacity") else None)
        )
        if under and len(at) > 1 and field.get("custom.fillOpacity"):
            context.canvas.area([*at, *reversed([place(t, v) for t, v in under])], shade, field["custom.fillOpacity"] / 100)
        if len(at) == 1:
            at.append((at[0][0] + 2, at[0][1]))
        context.canvas.line(at, shade, field.get("custom.lineWidth", 1))


def upright(context, plot, place, series, lows, shades):
    """Bars that end where their points are, as each tells of the time before."""
    times = sorted({t for _, points in series for t, _ in points})
    step = min((b - a for a, b in zip(times, times[1:])), default=context.end_s - context.start_s)
    wide = plot[2] * step / (context.end_s - context.start_s)
    for (_, points), low, shade in zip(series, lows, shades):
        for (t, v), (_, under) in zip(points, low or [(t, 0.0) for t, _ in points]):
            (x, top), (_, bottom) = place(t, v), place(t, under)
            left = max(x - wide + 1, plot[0])
            context.canvas.rect(left, min(top, bottom), x - left, abs(bottom - top), shade, opacity=0.85)


def stack(series):
    """Each on the sum of those before it, with what it stands on."""
    lows, highs, sums = [], [], {}
    for name, points in series:
        lows.append([(t, sums.get(t, 0.0)) for t, _ in points])
        for t, v in points:
            sums[t] = sums.get(t, 0.0) + v
        highs.append((name, [(t, sums[t]) for t, _ in points]))
    return lows, highs


def limits(values, stacked):
    top, least = max(values), min(values)
    if stacked or least >= 0 and least < 0.6 * top:
        least = min(0, least)
    pad = 0.05 * ((top - least) or abs(top) or 20)
    return top + pad, least - (0 if least == 0 else pad)


def axes(context, plot, least, top, field):
    x, y, w, h = plot
    step = 10 ** math.floor(math.log10((top - least) / 2))
    step *= next(m for m in (1, 2, 5, 10) if (top - least) / (m * step) <= 5)
    value = math.ceil(least / step) * step
    while value <= top:
        at = y + h * (1 - (value - least) / (top - least))
        context.canvas.rect(x, at, w, 1, GRID)
        value = 0.0 if abs(value) < step / 1e6 else value
        context.canvas.text(x - 6, at + 4, written(value, field.get("unit"), None, 0), 12, DIM, anchor="end")
        value += step
    span = context.end_s - context.start_s
    count = max(2, int(w // 130))
    for i in range(count):
        t = context.start_s + span * (i + 0.5) / count
        words = time.strftime("%d %b" if span > 3 * 86_400 else "%H:%M" if span > 900 else "%H:%M:%S", time.gmtime(t))
        context.canvas.text(x + w * (i + 0.5) / count, y + h + 16, words, 12, DIM, anchor="middle")


def legend(context, box, names, shades):
    """Under the plot, in as many rows as it takes (three at most)."""
    rows, row, used = [], [], 0.0
    for name, shade in zip(names, shades):
        wide = width_of(name, LEGEND_SIZE) + 32
        if used + wide > box.w and row:
            rows.append(row)
            row, used = [], 0.0
        row.append((name, shade, used))
        used += wide
    rows = [*rows, row][:3]
    for i, row in enumerate(rows):
        y = box.y + box.h - (len(rows) - 1 - i) * 17
        for name, shade, at in row:
            context.canvas.rect(box.x + at, y - 5, 14, 3, shade)
            context.canvas.text(box.x + at + 19, y, cut(name, LEGEND_SIZE, box.w), LEGEND_SIZE, DIM)
    return len(rows)
