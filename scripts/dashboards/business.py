"""Business: what the offers bring, for who decides about them."""

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import table

from . import experiment_state as state
from .business_when import when
from .figures import (
    EXTRA,
    EXTRA_REFUNDED,
    MONEY,
    ORDERS,
    ORDERS_WITH,
    PLACEMENT_KIND,
    REVENUE,
    REVENUE_REFUNDED,
    REVENUE_WITH,
    accepted_of,
    counted,
    extra_net,
    extra_so_far,
    in_range,
    in_step,
    items,
    net,
    ratio,
)
from .parts import (
    COUNT,
    GREEN,
    GREY,
    RED,
    SHARE,
    SHORT,
    Properties,
    bars,
    big,
    listing,
    over_time,
    page,
    section,
    with_currency,
)

STEPS = {"emitted": "offered", "shown": "shown", "clicked": "clicked", "accepted": "accepted", "paid": "paid"}
NOT_A_CAUSE = "A description, not a cause: whoever takes an offer may be one who buys more anyway."
BEST, WORST = 'rank=~"top-.*"', 'rank=~"bottom-.*"'
PAIR = "anchor, companion"
COUNTED: Properties = {"unit": COUNT, "custom.width": 100}
PERCENT: Properties = {"unit": SHARE, "decimals": 1, "custom.width": 150}
AMOUNT: Properties = {"unit": SHORT, "custom.width": 120}


def dashboard() -> build.Dashboard:
    made = with_currency(page("offerstream-business", "Offerstream: business", "What the offers bring.", "now-24h"))
    first_row(made)
    cause(made)
    acceptance(made)
    where(made)
    when(made)
    combinations(made)
    going_wrong(made)
    return made


def first_row(made: build.Dashboard) -> None:
    with_, without = revenue_an_order()
    made.with_panel(
        big(
            "Extra revenue ($currency)",
            "What bought offers added in the range chosen: net of discount, tax and shipping, less what was refunded. Attributed to the offers, which is"
            " not to say that they caused it: see below.",
            extra_net(),
            decimals=1,
            size=(6, 7),
        )
    )
    made.with_panel(
        big(
            "Accepted of shown",
            "Of 100 offered items that shoppers saw, how many went into the basket? In the range chosen.",
            accepted_of("shown"),
            unit=SHARE,
            decimals=1,
            size=(4, 7),
        )
    )
    made.with_panel(
        big(
            "Orders with an accepted offer",
            "How many orders hold something that was offered first, and which share of all orders is that? In the range chosen.",
            {"orders": in_range(ORDERS_WITH), "of all": ratio(in_range(ORDERS_WITH), in_range(ORDERS))},
            size=(5, 7),
            by_name={"of all": {"unit": SHARE, "decimals": 0}, "orders": {"unit": COUNT, "decimals": 0}},
        )
    )
    made.with_panel(
        big(
            "Revenue an order ($currency)",
            f"How much is an order with an accepted offer, how much is one without, and by how much do they differ? In the range chosen. {NOT_A_CAUSE}",
            {"with an offer": with_, "without": without, "difference": f"{with_} / ({without}) - 1"},
            decimals=2,
            size=(9, 7),
            by_name={"difference": {"unit": SHARE, "decimals": 0}, "without": {"color": {"mode": "fixed", "fixedColor": GREY}}},
        )
    )


def revenue_an_order() -> tuple[str, str]:
    """Of orders with and without an accepted offer, in the range."""
    all_revenue, with_revenue = (in_range(metric + MONEY, "currency", "") for metric in (REVENUE, REVENUE_WITH))
    orders, with_orders = in_range(ORDERS), in_range(ORDERS_WITH)
    return ratio(with_revenue, with_orders), ratio(f"({all_revenue}) - ({with_revenue})", f"({orders}) - ({with_orders})")


def cause(made: build.Dashboard) -> None:
    section(made, "Did the offers cause it?")
    caused = 'max by (bound) (offerstream_shop_incremental_revenue{{bound="{}",{}}})'
    money = MONEY.strip("{}")
    made.with_panel(
        big(
            "Attributed and caused ($currency)",
            "Attributed is what bought offers added. Caused is what shoppers with offers spent beyond those without any (a share is held out for that):"
            " with 95 % certainty between 'at least' and 'at most'. Both since the first event; caused only of shoppers whose days are over."
            " While there is too little to tell, there is no figure, and the panels beside this one say why.",
            {
                "attributed": extra_so_far(),
                "caused, at least": caused.format("lower", money),
                "caused, estimate": caused.format("estimate", money),
                "caused, at most": caused.format("upper", money),
            },
            decimals=1,
            size=(12, 5),
            colours=((None, RED), (0, GREEN)),
            by_name={"attributed": {"color": {"mode": "fixed", "fixedColor": GREY}}},
        )
    )
    for panel in (state.in_words(size=(5, 5)), state.detectable(size=(3, 5)), state.ready_at(size=(4, 5))):
        made.with_panel(panel)


def acceptance(made: build.Dashboard) -> None:
    section(made, "From offer to payment")
    made.with_panel(
        bars(
            "Accepted, of whom or what?",
            "The same acceptances by three measures: of all items offered, of those that were seen, and of the shoppers who got an offer, those who took one."
            " The first two in the range chosen, shoppers likewise.",
            {
                "of offered items": accepted_of("emitted"),
                "of shown items": accepted_of("shown"),
                "of shoppers": ratio(
                    in_range("offerstream_shop_shoppers_accepted_anywhere"), in_range("offerstream_shop_shoppers_offered_anywhere")
                ),
            },
            unit=SHARE,
            decimals=1,
        )
    )
    made.with_panel(
        bars(
            "From offer to payment",
            "How many offered items came how far, in the range chosen? A step that loses most is the one to work on; an item may be accepted without a click. Without feedback from the storefront,"
            " shown and clicked stay at nothing.",
            {name: items(step) for step, name in STEPS.items()},
            unit=COUNT,
            decimals=0,
            colour=GREEN,
        )
    )
    made.with_panel(
        over_time(
            "Extra revenue over time ($currency)",
            "What did each placement add, hour by hour (longer steps where the range is long), less what was refunded meanwhile?",
            net(in_step(EXTRA + MONEY, PLACEMENT_KIND, "placement"), in_step(EXTRA_REFUNDED + MONEY, PLACEMENT_KIND, "placement")),
            legend="{{placement}}",
            stacked=True,
            bars_of="1h",
        )
    )


def where(made: build.Dashboard) -> None:
    section(made, "Where")
    for label, question in (
        ("placement", "Where are offers taken?"),
        ("kind", "Which kind of offer is taken?"),
        ("channel", "On which channel are offers taken?"),
    ):
        made.with_panel(
            bars(
                f"Acceptance by {label}",
                f"{question} Accepted of shown items in the range chosen.",
                accepted_of("shown", label),
                legend=f"{{{{{label}}}}}",
                unit=SHARE,
                decimals=1,
                size=(8, 7),
            )
        )
    for label in ("placement", "kind"):
        made.with_panel(
            bars(
                f"Extra revenue by {label} ($currency)",
                f"Which {label} adds most? Less what was refunded, in the range chosen.",
                extra_net(label),
                legend=f"{{{{{label}}}}}",
                decimals=1,
                size=(8, 7),
                colour=GREEN,
            )
        )
    made.with_panel(
        bars(
            "Extra revenue by channel ($currency)",
            "Which channel adds most? Before refunds, in the range chosen.",
            counted("offerstream_extra_revenue_by_channel_total" + MONEY, "channel"),
            legend="{{channel}}",
            decimals=1,
            size=(8, 7),
            colour=GREEN,
        )
    )


def combinations(made: build.Dashboard) -> None:
    section(made, "Best and worst combinations (since the first event)")
    ratio_, money = "offerstream_shop_combination_acceptance_ratio", MONEY.strip("{}")
    revenue = "offerstream_shop_combination_revenue"
    careful = "Acceptance is drawn towards the average where little was shown, so that 1 of 1 does not lead."
    made.with_panel(
        pairs(
            "Best by extra revenue ($currency)",
            "Which offered item, with what in the basket, earned most? Less what was refunded.",
            ("Extra revenue", f"max by ({PAIR}) ({revenue}{{{BEST},{money}}})", AMOUNT),
        )
    )
    made.with_panel(
        pairs(
            "Best by acceptance",
            f"Which offered item, with what in the basket, is taken most often once shown? {careful}",
            ("Accepted of shown", f"max by ({PAIR}) ({ratio_}{{{BEST}}})", PERCENT),
        )
    )
    made.with_panel(
        pairs(
            "Those that work worst ($currency)",
            f"Which were shown ten times or more and hardly ever taken, and what did they earn? Candidates for an exclusion in the catalogue. {careful}",
            ("Accepted of shown", f"max by ({PAIR}) ({ratio_}{{{WORST}}})", PERCENT),
            ("Extra revenue", f"max by ({PAIR}) ({revenue}{{{WORST},{money}}})", AMOUNT),
            best=False,
            size=(24, 10),
        )
    )


def pairs(
    title: str, description: str, *figures: tuple[str, str, Properties], best: bool = True, size: tuple[int, int] = (12, 10)
) -> table.Panel:
    """Combinations by the first of the figures, with how often each was shown and accepted."""
    heading, expr, _ = figures[0]
    counts = [
        (step.capitalize(), f"max by ({PAIR}) (offerstream_shop_combination_{step}) and on ({PAIR}) ({expr})", COUNTED)
        for step in ("shown", "accepted")
    ]
    return listing(
        title,
        description,
        {"anchor": "In the basket", "companion": "Offered with it"},
        [*figures, *counts],
        sort=(heading, best),
        size=size,
    )


def going_wrong(made: build.Dashboard) -> None:
    section(made, "What goes wrong")
    refunded = in_range(EXTRA_REFUNDED + MONEY, PLACEMENT_KIND)
    made.with_panel(
        big(
            "Refunded ($currency)",
            "How much went back in the range chosen: of all orders, and of what offers had added? The last is the share of extra revenue that went back.",
            {
                "of all orders": in_range(REVENUE_REFUNDED + MONEY, "currency"),
                "of extra revenue": refunded,
                "share of it": ratio(refunded, in_range(EXTRA + MONEY, PLACEMENT_KIND)),
            },
            decimals=1,
            size=(8, 7),
            colours=((None, GREY),),
            by_name={"share of it": {"unit": SHARE, "decimals": 1}},
        )
    )
    made.with_panel(
        bars(
            "Sent away, of shown",
            "Where do offers annoy? Items the shopper dismissed, of those shown, in the range chosen. A placement above its limit is throttled.",
            ratio(items("dismissed", "placement"), items("shown", "placement")),
            legend="{{placement}}",
            unit=SHARE,
            decimals=1,
            size=(8, 7),
            colour="orange",
        )
    )
    made.with_panel(
        big(
            "Throttled placements",
            "Which placements hold back by themselves, since shoppers send their offers away or they lose money? The experiment's page says which of the two.",
            "max by (placement) (offerstream_shop_placement_throttled)",
            size=(8, 7),
            colours=((None, GREEN), (1, RED)),
            mappings={"0": ("runs", GREEN), "1": ("throttled", RED)},
            filled=True,
        )
    )
