"""Operations: how the stream runs, for who is called when it does not."""

from grafana_foundation_sdk.builders import dashboard as build

from .figures import quantile, rate
from .parts import BLUE, COUNT, GREEN, RED, SECONDS, SHARE, YELLOW, Properties, bars, big, listing, over_time, page, section

QUANTILES = {"half within": 0.5, "95 % within": 0.95, "99 % within": 0.99}
COUNTED: Properties = {"unit": COUNT}


def dashboard() -> build.Dashboard:
    made = page("offerstream-operations", "Offerstream: operations", "How the stream runs.", "now-1h")
    first_row(made)
    stream(made)
    time_taken(made)
    left_out(made)
    room(made)
    snapshots(made)
    return made


def first_row(made: build.Dashboard) -> None:
    lag = "sum(max by (topic, partition) (offerstream_consumer_lag_records))"
    late = ((None, GREEN), (0.5, YELLOW), (1.0, RED))
    for panel in (
        big(
            "Events a second",
            "How busy is the shop? Events used, of all types, on all instances.",
            rate("offerstream_events_total"),
            unit=COUNT,
            decimals=0,
            size=(5, 5),
            over_time=True,
        ),
        big(
            "Offers a minute",
            "How many triggers ended in an offer? Held-out shoppers are not among them.",
            '60 * sum(rate(offerstream_offer_triggers_total{outcome="offered"}[$__rate_interval]))',
            unit=COUNT,
            decimals=0,
            size=(5, 5),
            over_time=True,
        ),
        big(
            "Event to offer, 99 % within",
            "How long do shoppers wait? 99 of 100 offers left no later than this after their event was read.",
            quantile(0.99, "offerstream_event_to_offer_seconds"),
            unit=SECONDS,
            size=(5, 5),
            colours=late,
            over_time=True,
        ),
        big(
            "Behind by",
            "Records not yet processed, over all partitions. Rising for minutes: too few instances, or a broker in trouble.",
            lag,
            unit=COUNT,
            decimals=0,
            size=(5, 5),
            over_time=True,
        ),
        big(
            "Running",
            "How many instances run which version? Two versions for long: a roll-out that stopped half way.",
            "count by (version, revision) (offerstream_build_info)",
            size=(4, 5),
            colours=((None, BLUE),),
        ),
    ):
        made.with_panel(panel)


def stream(made: build.Dashboard) -> None:
    section(made, "The stream")
    made.with_panel(
        over_time(
            "Events a second, by type",
            "What does the shop send? A type that stops: a storefront that was changed.",
            rate("offerstream_events_total", "type"),
            legend="{{type}}",
        )
    )
    made.with_panel(
        over_time(
            "Triggers a second, by outcome",
            "Every trigger ends as exactly one of: offered, withheld (a held-out shopper), or without an offer for the reason named.",
            rate("offerstream_offer_triggers_total", "outcome") + " > 0",
            legend="{{outcome}}",
        )
    )
    made.with_panel(
        over_time(
            "Orders a minute",
            "Orders counted; those of whose basket nothing was known; bought lines without a known price. The last two rising: ids or prices are missing in events.",
            {
                "orders": "60 * " + rate("offerstream_orders_total"),
                "of unknown baskets": "60 * " + rate("offerstream_orders_unmatched_total"),
                "lines without a price": "60 * " + rate("offerstream_lines_unpriced_total"),
            },
        )
    )


def time_taken(made: build.Dashboard) -> None:
    section(made, "Time and commits")
    for title, description, metric in (
        ("Event to offer", "From reading an event to having its offer out.", "offerstream_event_to_offer_seconds"),
        (
            "Commit time",
            "One commit: offers, dead letters, changed sessions, facts and offsets in one transaction.",
            "offerstream_commit_seconds",
        ),
    ):
        made.with_panel(over_time(title, description, {name: quantile(q, metric) for name, q in QUANTILES.items()}, unit=SECONDS))
    made.with_panel(
        over_time(
            "Behind, by topic",
            "Records up to the last stable offset that are not yet processed.",
            "sum by (topic) (max by (topic, partition) (offerstream_consumer_lag_records))",
            legend="{{topic}}",
        )
    )
    made.with_panel(
        over_time(
            "Commits a minute, by instance",
            "Does every instance commit? None for minutes while events come: nothing gets out.",
            "60 * sum by (instance) (rate(offerstream_commit_seconds_count[$__rate_interval]))",
            legend="{{instance}}",
            size=(12, 7),
        )
    )
    made.with_panel(
        big(
            "Restores",
            "How many restores of state were there in the range chosen, and how long did they take together? Each is a start, or a partition that changed hands.",
            {
                "in the range": "sum(increase(offerstream_restore_seconds_count[$__range]))",
                "together": "sum(increase(offerstream_restore_seconds_sum[$__range]))",
            },
            decimals=0,
            size=(12, 7),
            colours=((None, BLUE),),
            by_name={"together": {"unit": SECONDS, "decimals": 1}},
        )
    )


def left_out(made: build.Dashboard) -> None:
    section(made, "What could not be used")
    for title, description, metric in (
        (
            "Rejected events",
            "Records a minute that went to the dead-letter topic, by reason. Each holds its reason in the header.",
            "offerstream_events_rejected_total",
        ),
        (
            "Rejected catalogue rows",
            "Rows a minute that can't be used, by reason; what was known of their items stays.",
            "offerstream_catalogue_records_rejected_total",
        ),
        (
            "Ignored feedback",
            "Feedback a minute that says nothing of any offer, by reason: an offer nobody knows, one too old, an item that was not in it.",
            "offerstream_feedback_ignored_total",
        ),
        (
            "Ignored amounts",
            "Amounts a minute that are left out of the figures, by reason: a refund beyond its order, another currency.",
            "offerstream_amounts_ignored_total",
        ),
    ):
        made.with_panel(over_time(title, description, "60 * " + rate(metric, "reason"), legend="{{reason}}", size=(12, 7)))


def room(made: build.Dashboard) -> None:
    section(made, "Room")
    full = "max by (state) (offerstream_state_entries / on (instance, job, state) offerstream_state_limit)"
    made.with_panel(
        listing(
            "State against its limits",
            "How full is the fullest instance? At a limit the least useful entries go: raise the limit, or accept figures of 'at least'.",
            {"state": "State"},
            [
                ("Entries", "max by (state) (offerstream_state_entries)", COUNTED),
                ("Limit", "max by (state) (offerstream_state_limit)", COUNTED),
                (
                    "Full",
                    full,
                    {"unit": SHARE, "decimals": 1, "min": 0, "max": 1, "custom.cellOptions": {"type": "gauge", "mode": "basic"}},
                ),
                ("Evicted", "sum by (state) (offerstream_state_evictions_total)", COUNTED),
            ],
            sort=("Full", True),
        )
    )
    made.with_panel(
        bars(
            "Fullest state", "The same as bars: which limit is met first?", full, legend="{{state}}", unit=SHARE, decimals=1, size=(6, 10)
        ).max(1)
    )
    made.with_panel(
        over_time(
            "Evictions a minute",
            "What had to go for want of room, by kind of state. Raise its limit.",
            "60 * " + rate("offerstream_state_evictions_total", "state"),
            legend="{{state}}",
            size=(6, 10),
        )
    )


def snapshots(made: build.Dashboard) -> None:
    section(made, "Snapshots of the shop")
    made.with_panel(
        over_time(
            "Age of the newest snapshot",
            "How much of the log would a start have to read? Three intervals and more: none gets written; the log of each instance says why. Nothing: state.snapshot_url is not set.",
            {
                "newest": "min(time() - offerstream_snapshot_timestamp_seconds)",
                "interval": "max(offerstream_snapshot_interval_seconds)",
            },
            unit=SECONDS,
            size=(12, 7),
        )
    )
    made.with_panel(
        over_time(
            "Snapshots an hour, by how they ended",
            "Skipped: another instance had written one. Unchanged: nothing had come since. Passed over: it could not be used at a start.",
            "3600 * " + rate("offerstream_snapshots_total", "outcome"),
            legend="{{outcome}}",
            size=(12, 7),
        )
    )
