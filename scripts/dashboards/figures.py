"""PromQL that more than one panel asks.

A `*_total` is one process's share since it started: `increase` over the range, summed over instances. An
`offerstream_shop_*` is the whole shop's durable figure, the same on every instance: first `max` over instances, then
`sum`. What of it falls into the range is its last value less that at the range's start, which is exact however rarely
it was scraped (by the hour, for a log that was filled in later), as it never falls. Where nothing is known of the start,
it is the least in the range; not always that, for a process that restores its state begins again at nothing.
"""

MONEY = '{currency="$currency"}'
EXTRA = "offerstream_shop_extra_revenue"
EXTRA_REFUNDED = "offerstream_shop_extra_revenue_refunded"
ITEMS = "offerstream_shop_offer_items_"
REVENUE = "offerstream_shop_order_revenue"
REVENUE_REFUNDED = "offerstream_shop_order_revenue_refunded"
REVENUE_WITH = "offerstream_shop_order_revenue_with_offer"
ORDERS = "offerstream_shop_orders"
ORDERS_WITH = "offerstream_shop_orders_with_offer"
PLACEMENT_KIND = "placement, kind"
PLACEMENT_KIND_CHANNEL = "placement, kind, channel"


def aggregate(name: str, by: str) -> str:
    """`sum by (placement)`, or `sum` where nothing is kept."""
    return f"{name} by ({by}) " if by else f"{name} "


def in_range(metric: str, labels: str = "", by: str = "") -> str:
    """How much a durable figure grew in the range; `labels` are all of the series', `by` those to keep."""
    return _grown(metric, labels, by, "$__range", before="1h")


def in_step(metric: str, labels: str, by: str) -> str:
    """How much it grew between a point and the one before."""
    return _grown(metric, labels, by, "$__interval", before="$__interval")


def _grown(metric: str, labels: str, by: str, time: str, before: str) -> str:
    """`before` says how old what was known at the start may be."""
    last = _whole_shop(f"last_over_time({metric}[{time}])", labels)
    start = _whole_shop(f"last_over_time({metric}[{before}] offset {time})", labels)
    least = _whole_shop(f"min_over_time({metric}[{time}])", labels)
    return f"{_total(last, labels, by)} - {_total(f'{start} or {least}', labels, by)}"


def _whole_shop(figure: str, labels: str) -> str:
    return f"{aggregate('max', labels)}({figure})"


def _total(figure: str, labels: str, by: str) -> str:
    return f"{aggregate('sum', by)}({figure})" if labels else f"({figure})"


def net(gross: str, refunded: str) -> str:
    """Less what went back, which may be nothing anywhere."""
    return f"({gross}) - (({refunded}) or 0 * ({gross}))"


def extra_net(by: str = "") -> str:
    """Extra revenue of the range, less what of it went back."""
    return net(in_range(EXTRA + MONEY, PLACEMENT_KIND, by), in_range(EXTRA_REFUNDED + MONEY, PLACEMENT_KIND, by))


def extra_so_far() -> str:
    """Extra revenue since the shop's first event, less what of it went back."""
    gross, refunded = (f"sum(max by ({PLACEMENT_KIND}) ({m}{MONEY}))" for m in (EXTRA, EXTRA_REFUNDED))
    return net(gross, refunded)


def items(step: str, by: str = "") -> str:
    """Offered items of the range that came to a step."""
    return in_range(ITEMS + step, PLACEMENT_KIND_CHANNEL, by)


def ratio(part: str, whole: str) -> str:
    """A share, absent where there is nothing to share."""
    return f"({part}) / (({whole}) > 0)"


def accepted_of(step: str, by: str = "") -> str:
    """Accepted items for each that came to a step."""
    return ratio(items("accepted", by), items(step, by))


def counted(metric: str, by: str = "") -> str:
    """What a counter of this process counted in the range."""
    return f"{aggregate('sum', by)}(increase({metric}[$__range]))"


def rate(metric: str, by: str = "") -> str:
    """A counter, a second."""
    return f"{aggregate('sum', by)}(rate({metric}[$__rate_interval]))"


def quantile(q: float, metric: str) -> str:
    """A quantile of a histogram of seconds."""
    return f"histogram_quantile({q}, sum by (le) (rate({metric}_bucket[$__rate_interval])))"
