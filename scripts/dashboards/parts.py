"""Panels as this project makes them: readable from across a room, with a description, without a data source's id."""

from collections.abc import Mapping, Sequence

from grafana_foundation_sdk.builders import barchart, bargauge, common, prometheus, stat, table, timeseries
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import common as shared
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

SOURCE = model.DataSourceRef(type_val="prometheus", uid="${datasource}")
NOTHING = "–"
# SHORT turns 12,345 into 12.3 K; COUNT leaves it as it is.
SHARE, SHORT, SECONDS, COUNT = "percentunit", "short", "s", "locale"
AUTO_LEGEND = "__auto"
GREEN, YELLOW, RED, BLUE, GREY = "green", "yellow", "red", "blue", "text"
Step = tuple[float | None, str]
Properties = dict[str, object]
Queries = Mapping[str, str]


def target(ref: str, expr: str, legend: str = AUTO_LEGEND) -> prometheus.Dataquery:
    """A query over time."""
    return prometheus.Dataquery().ref_id(ref).datasource(SOURCE).expr(expr).legend_format(legend).range()


def now(ref: str, expr: str, legend: str = AUTO_LEGEND) -> prometheus.Dataquery:
    """A query for one figure, at the end of the range."""
    return prometheus.Dataquery().ref_id(ref).datasource(SOURCE).expr(expr).legend_format(legend).instant()


def rows(ref: str, expr: str) -> prometheus.Dataquery:
    """A query whose labels become columns."""
    return now(ref, expr).format(PromQueryFormat.TABLE)


def letters(queries: Queries) -> list[tuple[str, str, str]]:
    """Legend to expression, with Grafana's letters before them."""
    return [(chr(ord("A") + i), legend, expr) for i, (legend, expr) in enumerate(queries.items())]


def steps(*pairs: Step) -> build.ThresholdsConfig:
    """Colours from a value on; the first begins at minus infinity."""
    return build.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps([model.Threshold(value, colour) for value, colour in pairs])


def colour_mode(mode: model.FieldColorModeId, fixed: str | None = None) -> build.FieldColor:
    made = build.FieldColor().mode(mode)
    return made.fixed_color(fixed) if fixed else made


def words(options: Mapping[str, tuple[str, str]]) -> list[model.ValueMapping]:
    """Figures as words with a colour."""
    results = {
        value: model.ValueMappingResult(text=text, color=colour, index=i) for i, (value, (text, colour)) in enumerate(options.items())
    }
    return [model.ValueMap(options=results)]


def properties(values: Properties) -> list[model.DynamicConfigValue]:
    return [model.DynamicConfigValue(name, value) for name, value in values.items()]


def last_value() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False)


def big(
    title: str,
    description: str,
    queries: str | Queries,
    *,
    unit: str = SHORT,
    decimals: int | None = None,
    size: tuple[int, int] = (6, 6),
    colours: Sequence[Step] = ((None, GREEN),),
    mappings: Mapping[str, tuple[str, str]] | None = None,
    nothing: str = NOTHING,
    filled: bool = False,
    over_time: bool = False,
    by_name: Mapping[str, Properties] | None = None,
) -> stat.Panel:
    """One figure, or a few beside each other, as large as the panel lets them be."""
    named = {AUTO_LEGEND: queries} if isinstance(queries, str) else queries
    panel = stat.Panel().title(title).description(description).datasource(SOURCE).span(size[0]).height(size[1]).unit(unit).no_value(nothing)
    for ref, legend, expr in letters(named):
        panel.with_target(target(ref, expr, legend) if over_time else now(ref, expr, legend))
    panel.thresholds(steps(*colours)).color_scheme(colour_mode(model.FieldColorModeId.THRESHOLDS)).reduce_options(last_value())
    panel.graph_mode(shared.BigValueGraphMode.AREA if over_time else shared.BigValueGraphMode.NONE)
    panel.color_mode(shared.BigValueColorMode.BACKGROUND if filled else shared.BigValueColorMode.VALUE)
    panel.text_mode(shared.BigValueTextMode.AUTO if isinstance(queries, str) else shared.BigValueTextMode.VALUE_AND_NAME)
    if decimals is not None:
        panel.decimals(decimals)
    if mappings:
        panel.mappings(words(mappings))
    for name, values in (by_name or {}).items():
        panel.override_by_name(name, properties(values))
    return panel


def bars(
    title: str,
    description: str,
    queries: str | Queries,
    *,
    legend: str = AUTO_LEGEND,
    unit: str = SHORT,
    decimals: int | None = None,
    size: tuple[int, int] = (8, 8),
    colour: str = BLUE,
) -> bargauge.Panel:
    """One horizontal bar a figure, all on one scale that begins at nothing; those of one query from the longest on."""
    panel = (
        bargauge.Panel().title(title).description(description).datasource(SOURCE).span(size[0]).height(size[1]).unit(unit).no_value(NOTHING)
    )
    for ref, name, expr in letters({legend: f"sort_desc({queries})"} if isinstance(queries, str) else queries):
        panel.with_target(now(ref, expr, name))
    panel.orientation(shared.VizOrientation.HORIZONTAL).display_mode(shared.BarGaugeDisplayMode.BASIC).show_unfilled(True)
    panel.value_mode(shared.BarGaugeValueMode.TEXT).name_placement(shared.BarGaugeNamePlacement.LEFT).reduce_options(last_value())
    panel.min(0).thresholds(steps((None, colour))).color_scheme(colour_mode(model.FieldColorModeId.FIXED, colour))
    return panel if decimals is None else panel.decimals(decimals)


def over_time(
    title: str,
    description: str,
    queries: str | Queries,
    *,
    legend: str = AUTO_LEGEND,
    unit: str = SHORT,
    size: tuple[int, int] = (8, 8),
    stacked: bool = False,
    bars_of: str | None = None,
    by_name: Mapping[str, Properties] | None = None,
) -> timeseries.Panel:
    """Lines over time; or bars, each for so much time as `bars_of` says, at least."""
    panel = timeseries.Panel().title(title).description(description).datasource(SOURCE).span(size[0]).height(size[1]).unit(unit)
    for ref, name, expr in letters({legend: queries} if isinstance(queries, str) else queries):
        panel.with_target(target(ref, expr, name))
    panel.line_width(2).fill_opacity(40 if stacked else 8).show_points(shared.VisibilityMode.AUTO)
    if bars_of:
        panel.interval(bars_of).draw_style(shared.GraphDrawStyle.BARS).fill_opacity(85).line_width(0).bar_alignment(
            shared.BarAlignment.BEFORE
        )
    panel.stacking(common.StackingConfig().mode(shared.StackingMode.NORMAL if stacked else shared.StackingMode.NONE).group("A"))
    panel.color_scheme(colour_mode(model.FieldColorModeId.PALETTE_CLASSIC))
    shown = common.VizLegendOptions().display_mode(shared.LegendDisplayMode.LIST).placement(shared.LegendPlacement.BOTTOM)
    panel.legend(shown.show_legend(True).calcs([]))
    panel.tooltip(common.VizTooltipOptions().mode(shared.TooltipDisplayMode.MULTI).sort(shared.SortOrder.DESCENDING))
    for name, values in (by_name or {}).items():
        panel.override_by_name(name, properties(values))
    return panel


def band(lower: str, middle: str, upper: str, colour: str) -> dict[str, Properties]:
    """Draws three lines as one with a shaded band around it."""
    edge: Properties = {"color": {"mode": "fixed", "fixedColor": colour}, "custom.lineWidth": 1, "custom.fillOpacity": 0}
    return {
        lower: edge,
        middle: {"color": {"mode": "fixed", "fixedColor": colour}, "custom.lineWidth": 3, "custom.fillOpacity": 0},
        upper: {**edge, "custom.fillBelowTo": lower, "custom.fillOpacity": 25},
    }


def transform(name: str, options: Properties) -> model.DataTransformerConfig:
    return model.DataTransformerConfig(id_val=name, options=options)


def listing(
    title: str,
    description: str,
    keys: Mapping[str, str],
    columns: Sequence[tuple[str, str, Properties]],
    *,
    sort: tuple[str, bool],
    size: tuple[int, int] = (12, 10),
) -> table.Panel:
    """A table: `keys` are labels and their headings, `columns` are heading, query and how to show it."""
    panel = table.Panel().title(title).description(description).datasource(SOURCE).span(size[0]).height(size[1]).no_value(NOTHING)
    refs = [chr(ord("A") + i) for i in range(len(columns))]
    for ref, (_, expr, _) in zip(refs, columns, strict=True):
        panel.with_target(rows(ref, expr))
    # With one query the column is called `Value`, with several `Value #A`.
    values = ["Value"] if len(refs) == 1 else [f"Value #{ref}" for ref in refs]
    names = {**keys, **{value: heading for value, (heading, _, _) in zip(values, columns, strict=True)}}
    order = {name: i for i, name in enumerate(names)}
    panel.with_transformation(transform("merge", {}))
    panel.with_transformation(transform("organize", {"excludeByName": {"Time": True}, "indexByName": order, "renameByName": names}))
    for heading, _, shown in columns:
        panel.override_by_name(heading, properties(shown))
    panel.sort_by([common.TableSortByFieldState().display_name(sort[0]).desc(sort[1])])
    return panel.cell_height(shared.TableCellHeight.SM).show_header(True)


def heat(
    title: str,
    description: str,
    expr: str,
    *,
    row: str,
    row_names: Mapping[str, str] | None = None,
    unit: str = SHARE,
    decimals: int = 0,
    size: tuple[int, int] = (12, 9),
) -> table.Panel:
    """A heat map of `row` by hour: a table whose cells are coloured from the least to the most."""
    panel = table.Panel().title(title).description(description).datasource(SOURCE).span(size[0]).height(size[1])
    panel.with_target(rows("A", two_digit_hours(expr))).unit(unit).decimals(decimals).no_value(" ")
    corner = f"{row}\\hour"
    by_letters: Properties = {"fields": {}, "sort": [{"field": "hour"}]}
    matrix: Properties = {"columnField": "hour", "rowField": row, "valueField": "Value", "emptyValue": "null"}
    panel.with_transformation(transform("sortBy", by_letters)).with_transformation(transform("groupingToMatrix", matrix))
    panel.with_transformation(transform("sortBy", {"fields": {}, "sort": [{"field": corner}]}))
    panel.color_scheme(colour_mode(model.FieldColorModeId.CONTINUOUS_BLUES)).align(shared.FieldTextAlignment.CENTER)
    panel.cell_options(shared.TableColoredBackgroundCellOptions(mode=shared.TableCellBackgroundDisplayMode.BASIC)).min_width(36)
    first: Properties = {"displayName": row, "custom.cellOptions": {"type": "auto"}, "custom.align": "left", "custom.width": 120}
    if row_names:
        first["mappings"] = [{"type": "value", "options": {key: {"text": name} for key, name in row_names.items()}}]
    panel.override_by_name(corner, properties(first))
    return panel.cell_height(shared.TableCellHeight.SM).show_header(True)


def by_hour(
    title: str, description: str, expr: str, *, unit: str, decimals: int | None = None, size: tuple[int, int] = (8, 8)
) -> barchart.Panel:
    """Upright bars, one for each hour of the day."""
    panel = (
        barchart.Panel().title(title).description(description).datasource(SOURCE).span(size[0]).height(size[1]).unit(unit).no_value(NOTHING)
    )
    panel.with_target(rows("A", two_digit_hours(expr)))
    panel.with_transformation(
        transform("organize", {"excludeByName": {"Time": True}, "indexByName": {"hour": 0, "Value": 1}, "renameByName": {}})
    )
    panel.with_transformation(transform("sortBy", {"fields": {}, "sort": [{"field": "hour"}]}))
    panel.x_field("hour").show_value(shared.VisibilityMode.NEVER).fill_opacity(80).min(0)
    panel.legend(
        common.VizLegendOptions()
        .display_mode(shared.LegendDisplayMode.LIST)
        .placement(shared.LegendPlacement.BOTTOM)
        .show_legend(False)
        .calcs([])
    )
    panel.color_scheme(colour_mode(model.FieldColorModeId.FIXED, BLUE))
    return panel if decimals is None else panel.decimals(decimals)


def two_digit_hours(expr: str) -> str:
    """`7` o'clock becomes `07`, so that the order of letters is that of hours."""
    return f'label_replace({expr}, "hour", "0$1", "hour", "(.)")'


def page(uid: str, title: str, description: str, since: str) -> build.Dashboard:
    """An empty dashboard with the variables and links that all of ours have."""
    made = build.Dashboard(title).uid(uid).description(description).tags(["offerstream"]).editable()
    made.refresh("10s").time(since, "now").timezone("browser").tooltip(model.DashboardCursorSync.CROSSHAIR)
    others = build.DashboardLink("Offerstream").type(model.DashboardLinkType.DASHBOARDS).tags(["offerstream"])
    made.links([others.keep_time(True).include_vars(True).as_dropdown(False).target_blank(False)])
    made.with_variable(build.DatasourceVariable("datasource").label("Data source").type("prometheus"))
    return made


def with_currency(made: build.Dashboard) -> build.Dashboard:
    """Lets the reader choose a currency."""
    return with_labels(
        made, "currency", "Currency", "Money of different currencies is never added up: choose one.", "offerstream_shop_order_revenue"
    )


def with_labels(made: build.Dashboard, label: str, title: str, description: str, metric: str) -> build.Dashboard:
    """Lets the reader choose one of a metric's labels."""
    query: dict[str, object] = {"query": f"label_values({metric}, {label})", "refId": label}
    variable = build.QueryVariable(label).label(title).description(description).datasource(SOURCE).query(query)
    return made.with_variable(variable.refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(model.VariableSort.ALPHABETICAL_ASC))


def section(made: build.Dashboard, title: str) -> build.Dashboard:
    return made.with_row(build.Row(title))
