"""SVG, and the colours."""

from html import escape

FONT = "Inter, 'DejaVu Sans', Helvetica, Arial, sans-serif"
PAGE, PANEL, LINE, GRID, TEXT, DIM = "#0f1014", "#181b1f", "#2c3036", "#2a2d33", "#e6e7ee", "#9a9ca8"
NAMED = {
    "green": "#73bf69",
    "yellow": "#fade2a",
    "red": "#f2495c",
    "blue": "#5794f2",
    "orange": "#ff9830",
    "text": TEXT,
    "dark-blue": "#1f60c4",
    "panel": PANEL,
}
PALETTE = (
    "#73bf69",
    "#f2cc0c",
    "#8ab8ff",
    "#ff780a",
    "#f2495c",
    "#5794f2",
    "#b877d9",
    "#37872d",
    "#fade2a",
    "#447ebc",
    "#c15c17",
    "#e0b400",
    "#a352cc",
    "#96d98d",
)


def colour(name):
    return NAMED.get(name, name)


def mixed(low, high, share):
    """Between two colours."""
    ends = [[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in (low, high)]
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in zip(*ends))


def width_of(text, size, bold=False):
    """Roughly, and rather too wide: fonts differ."""
    wide = sum(0.38 if letter in "il.,:;'|!() jtfr" else 0.98 if letter in "mwMW%" else 0.64 for letter in text) * size
    return 1.1 * wide if bold else wide


def cut(text, size, room):
    if width_of(text, size) <= room:
        return text
    while text and width_of(text + "…", size) > room:
        text = text[:-1]
    return text + "…"


def path_of(points):
    """Without the points in the middle of what is level."""
    at = [(f"{x:.0f}", f"{y:.1f}") for x, y in points]
    kept = [b for a, b, c in zip(at, at[1:], at[2:]) if not a[1] == b[1] == c[1]]
    return " ".join(f"{x},{y}" for x, y in [at[0], *kept, at[-1]])


class Canvas:
    """Collects elements."""

    def __init__(self, width, height):
        self.width, self.height, self.parts = width, height, []

    def rect(self, x, y, w, h, fill, *, stroke=None, radius=0, opacity=1):
        edge = f' stroke="{stroke}"' if stroke else ""
        self.parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(w, 0):.1f}" height="{max(h, 0):.1f}" rx="{radius}" fill="{fill}" fill-opacity="{opacity}"{edge}/>'
        )

    def text(self, x, y, text, size, fill=TEXT, *, anchor="start", bold=False):
        weight = ' font-weight="600"' if bold else ""
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:.1f}" fill="{fill}" text-anchor="{anchor}"{weight}>{escape(text)}</text>'
        )

    def line(self, points, stroke, width=2.0, opacity=1.0):
        path = path_of(points)
        self.parts.append(
            f'<polyline points="{path}" fill="none" stroke="{stroke}" stroke-width="{width}" stroke-opacity="{opacity}" stroke-linejoin="round"/>'
        )

    def area(self, points, fill, opacity):
        path = path_of(points)
        self.parts.append(f'<polygon points="{path}" fill="{fill}" fill-opacity="{opacity}"/>')

    def svg(self):
        head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" height="{self.height}" viewBox="0 0 {self.width} {self.height}" font-family="{FONT}">'
        return head + f'<rect width="100%" height="100%" fill="{PAGE}"/>' + "\n".join(self.parts) + "</svg>\n"
