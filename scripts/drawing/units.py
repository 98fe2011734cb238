"""Figures as Grafana would write them, for the units our dashboards use."""

import math

SHORT = ((1e12, " Tri"), (1e9, " Bil"), (1e6, " Mil"), (1e3, " K"))
TIMES = ((86_400, " days"), (3_600, " hours"), (60, " mins"), (1, " s"), (1e-3, " ms"))


def written(value, unit, decimals, now_s):
    """`now_s` is what 'from now' counts from."""
    if value is None or not math.isfinite(value):
        return "–"
    if unit == "percentunit":
        return number(100 * value, 1 if decimals is None else decimals) + "%"
    if unit == "s":
        return scaled(value, TIMES, decimals, least=True)
    if unit == "locale":
        return f"{value:,.{decimals or 0}f}"
    if unit == "dateTimeFromNow":
        return from_now(value / 1000 - now_s)
    return scaled(value, SHORT, decimals)


def scaled(value, scales, decimals, least=False):
    for size, name in scales:
        if abs(value) >= size or (least and (size, name) == scales[-1]):
            return number(value / size, few(value / size) if decimals is None else decimals) + name
    return number(value, few(value) if decimals is None else decimals)


def few(value):
    """Decimals for about three digits, none where there is nothing behind the point."""
    if value == round(value):
        return 0
    return max(0, 2 - int(math.floor(math.log10(abs(value))))) if abs(value) >= 0.001 else 4


def number(value, decimals):
    text = f"{value:.{int(decimals)}f}"
    return text[1:] if text.startswith("-") and not text.strip("-0.") else text


def from_now(seconds):
    size, name = next(
        ((size, name) for size, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")) if abs(seconds) >= size), (1, "second")
    )
    count = round(abs(seconds) / size)
    words = f"{count} {name}{'' if count == 1 else 's'}"
    return f"in {words}" if seconds >= 0 else f"{words} ago"
