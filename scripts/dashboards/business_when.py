"""Business, by time: hours, weekdays and the basket's age."""

from grafana_foundation_sdk.builders import dashboard as build

from .figures import MONEY, counted, ratio
from .parts import GREEN, SHARE, SHORT, bars, by_hour, heat, section

WEEKDAYS = {"1": "Monday", "2": "Tuesday", "3": "Wednesday", "4": "Thursday", "5": "Friday", "6": "Saturday", "7": "Sunday"}
AGES = {
    "10s": "up to 10 s",
    "30s": "up to 30 s",
    "1m": "up to 1 min",
    "2m": "up to 2 min",
    "5m": "up to 5 min",
    "10m": "up to 10 min",
    "30m": "up to 30 min",
    "1h": "up to 1 h",
    "2h": "up to 2 h",
    "1d": "up to a day",
    "older": "older",
}


def when(made: build.Dashboard) -> None:
    section(made, "When (in the shop's time zone)")
    shown, accepted = "offerstream_offer_items_shown_by_hour_total", "offerstream_offer_items_accepted_by_hour_total"
    extra = "offerstream_extra_revenue_by_hour_total"
    money = MONEY.strip("{}")
    asked = "Accepted of shown items in the range chosen."
    made.with_panel(
        by_hour(
            "Acceptance by hour",
            f"At which hour of the day are offers taken? {asked}",
            ratio(counted(accepted, "hour"), counted(shown, "hour")),
            unit=SHARE,
            decimals=0,
        )
    )
    made.with_panel(
        by_hour(
            "Extra revenue by hour ($currency)",
            "At which hour do offers earn? In the range chosen, before refunds.",
            counted(extra + MONEY, "hour"),
            unit=SHORT,
        )
    )
    made.with_panel(
        bars(
            "Acceptance by weekday",
            f"On which day are offers taken? {asked} Nothing, too, where nothing was shown.",
            {
                name: ratio(*(counted(f'{metric}{{weekday="{day}"}}') for metric in (accepted, shown))) + " or vector(0)"
                for day, name in WEEKDAYS.items()
            },
            unit=SHARE,
            decimals=1,
        )
    )
    made.with_panel(
        heat(
            "Acceptance by placement and hour",
            f"Which placement works at which hour of the day? {asked} The fuller the colour, the more is taken; empty where nothing was shown.",
            ratio(counted(accepted, "placement, hour"), counted(shown, "placement, hour")),
            row="placement",
            size=(12, 8),
        )
    )
    made.with_panel(
        heat(
            "Acceptance by weekday and hour",
            f"Which hours of the week work? {asked} Empty where nothing was shown.",
            ratio(counted(accepted, "weekday, hour"), counted(shown, "weekday, hour")),
            row="weekday",
            row_names=WEEKDAYS,
            size=(12, 8),
        )
    )
    made.with_panel(
        bars(
            "Extra revenue by weekday ($currency)",
            "On which day do offers earn? In the range chosen, before refunds.",
            {name: counted(f'{extra}{{weekday="{day}",{money}}}') for day, name in WEEKDAYS.items()},
            decimals=1,
            size=(8, 9),
            colour=GREEN,
        )
    )
    ages(made)


def ages(made: build.Dashboard) -> None:
    aged = "offerstream_offer_items_{}_by_basket_age_total"
    extra = "offerstream_extra_revenue_by_basket_age_total"
    money = MONEY.strip("{}")
    made.with_panel(
        bars(
            "Acceptance by the basket's age",
            "How old was the basket when the offer was made, and how often was it taken? Accepted of shown items in the range chosen.",
            {
                name: ratio(*(counted(f'{aged.format(step)}{{age="{age}"}}') for step in ("accepted", "shown"))) + " or vector(0)"
                for age, name in AGES.items()
            },
            unit=SHARE,
            decimals=1,
            size=(8, 9),
        )
    )
    made.with_panel(
        bars(
            "Extra revenue by the basket's age ($currency)",
            "At which age of the basket do offers earn? In the range chosen, before refunds.",
            {name: counted(f'{extra}{{age="{age}",{money}}}') for age, name in AGES.items()},
            decimals=1,
            size=(8, 9),
            colour=GREEN,
        )
    )
