"""Experiment: what the offers cause, and which variant of a placement does best."""

from grafana_foundation_sdk.builders import dashboard as build

from . import experiment_state as state
from .figures import MONEY, ratio
from .parts import (
    BLUE,
    COUNT,
    GREEN,
    GREY,
    RED,
    SHARE,
    SHORT,
    YELLOW,
    Properties,
    band,
    bars,
    big,
    listing,
    over_time,
    page,
    section,
    with_currency,
    with_labels,
)

SHOP = "offerstream_shop_"
BOUNDS = {"lower": "at least", "estimate": "estimate", "upper": "at most"}
ARMS = {"treatment": "with offers", "holdout": "held out"}
CERTAIN = "The band holds the truth with 95 % certainty however often you look."


def dashboard() -> build.Dashboard:
    made = page("offerstream-experiment", "Offerstream: experiment", "What the offers cause, by shoppers who get none.", "now-7d")
    with_currency(made)
    with_labels(made, "placement", "Placement", "Whose variants are shown.", "offerstream_shop_variant_probability")
    answer(made)
    groups(made)
    over_the_days(made)
    variants(made)
    return made


def money(labels: str) -> str:
    """A selector of labels and the currency."""
    return MONEY.replace("{", "{" + labels + ",")


def bounds(metric: str, selector: str) -> dict[str, str]:
    """A figure's lower bound, estimate and upper bound."""
    return {name: f"max({SHOP}{metric}" + selector.replace("BOUND", f'bound="{bound}"') + ")" for bound, name in BOUNDS.items()}


def answer(made: build.Dashboard) -> None:
    sign = ((None, RED), (0.0, GREEN))
    made.with_panel(state.in_words(size=(6, 6)))
    made.with_panel(
        big(
            "Caused, a shopper ($currency)",
            f"How much more does a shopper with offers spend than one without? {CERTAIN} While 'at least' is below nothing, the offers may do nothing or harm.",
            bounds("incremental_revenue_per_shopper", money("BOUND")),
            decimals=2,
            size=(6, 6),
            colours=sign,
            nothing="too little to tell",
        )
    )
    made.with_panel(
        big(
            "Caused, in per cent",
            f"The same as a share of what a shopper without offers spends. {CERTAIN}",
            bounds("incremental_revenue_lift_ratio", money("BOUND")),
            unit=SHARE,
            decimals=1,
            size=(6, 6),
            colours=sign,
            nothing="too little to tell",
        )
    )
    made.with_panel(state.detectable(size=(3, 6)))
    made.with_panel(state.ready_at(size=(3, 6)))


def groups(made: build.Dashboard) -> None:
    section(made, "The two groups")
    made.with_panel(
        big(
            "Shoppers who are through",
            "Shoppers whose days since the first offer are over: they alone are compared.",
            {name: f'max({SHOP}experiment_shoppers{{arm="{arm}"}})' for arm, name in ARMS.items()},
            unit=COUNT,
            size=(5, 5),
            colours=((None, BLUE),),
        )
    )
    made.with_panel(
        big(
            "Shoppers still counting",
            "Shoppers whose days are not over yet.",
            {name: f'max({SHOP}experiment_open_shoppers{{arm="{arm}"}})' for arm, name in ARMS.items()},
            unit=COUNT,
            size=(5, 5),
            colours=((None, BLUE),),
        )
    )
    made.with_panel(
        big(
            "Share held out",
            "Which share of shoppers gets no offers, as planned and as it came? They may differ by chance only.",
            {of: f'max({SHOP}experiment_holdout_ratio{{of="{of}"}})' for of in ("planned", "seen")},
            unit=SHARE,
            decimals=2,
            size=(5, 5),
            colours=((None, BLUE),),
        )
    )
    made.with_panel(
        big(
            "Such by chance",
            "How likely are groups of these sizes if all is well? Below 1 in 1000, all figures of the comparison are turned off: something other than the"
            " offers tells the groups apart.",
            f"max({SHOP}experiment_sample_ratio_p_value)",
            decimals=3,
            size=(3, 5),
            colours=((None, RED), (0.001, YELLOW), (0.05, GREEN)),
        )
    )
    made.with_panel(
        big(
            "Changed groups",
            "Shoppers who turned out, at a login, to belong to the other group. They stay where they were first; many of them thin the difference out.",
            f"max({SHOP}experiment_crossovers)",
            unit=COUNT,
            size=(3, 5),
            colours=((None, GREY),),
        )
    )
    made.with_panel(
        big(
            "Cap ($currency)",
            "The most that one shopper counts for, so that a single huge order decides nothing.",
            f"max({SHOP}experiment_revenue_cap{MONEY})",
            size=(3, 5),
            colours=((None, GREY),),
        )
    )


def over_the_days(made: build.Dashboard) -> None:
    section(made, "Over time")
    arms = {
        f"{name}, {bound_name}": f"max({SHOP}experiment_revenue_per_shopper" + money(f'arm="{arm}",bound="{bound}"') + ")"
        for arm, name in ARMS.items()
        for bound, bound_name in BOUNDS.items()
    }
    shaded = {
        **band(*(f"{ARMS['treatment']}, {name}" for name in BOUNDS.values()), GREEN),
        **band(*(f"{ARMS['holdout']}, {name}" for name in BOUNDS.values()), YELLOW),
    }
    made.with_panel(
        over_time(
            "Revenue a shopper ($currency)",
            f"What do shoppers with and without offers spend? {CERTAIN} Bands apart: a difference.",
            arms,
            size=(12, 9),
            by_name=shaded,
        )
    )
    caused = band(*BOUNDS.values(), BLUE)
    made.with_panel(
        over_time(
            "Caused, a shopper ($currency)",
            f"The difference between the two groups. {CERTAIN} A band wholly above nothing: the offers bring more than they replace.",
            bounds("incremental_revenue_per_shopper", money("BOUND")),
            size=(12, 9),
            by_name=caused,
        )
    )
    made.with_panel(
        over_time(
            "Caused, in per cent",
            f"The difference as a share of what those without offers spend. {CERTAIN}",
            bounds("incremental_revenue_lift_ratio", money("BOUND")),
            unit=SHARE,
            by_name=caused,
        )
    )
    made.with_panel(
        over_time(
            "Share held out",
            "Planned and seen. They close up as shoppers come; a gap that stays is a fault, and the comparison turns itself off.",
            {of: f'max({SHOP}experiment_holdout_ratio{{of="{of}"}})' for of in ("planned", "seen")},
            unit=SHARE,
        )
    )
    made.with_panel(
        over_time(
            "Shoppers who are through",
            "How fast do shoppers come through, in both groups?",
            {name: f'max({SHOP}experiment_shoppers{{arm="{arm}"}})' for arm, name in ARMS.items()},
        )
    )
    made.with_panel(
        big(
            "Revenue counted ($currency)",
            "What the shoppers who are through spent, each up to the cap.",
            {name: f"max({SHOP}experiment_revenue" + money(f'arm="{arm}"') + ")" for arm, name in ARMS.items()},
            decimals=1,
            size=(8, 5),
            colours=((None, BLUE),),
        )
    )
    made.with_panel(
        big(
            "Caused so far ($currency)",
            f"The difference, times the shoppers with offers who are through. {CERTAIN}",
            bounds("incremental_revenue", money("BOUND")),
            decimals=1,
            size=(16, 5),
            colours=((None, RED), (0, GREEN)),
            nothing="too little to tell",
        )
    )


def variants(made: build.Dashboard) -> None:
    section(made, "Variants of a placement: $placement")
    of = '{placement="$placement"}'
    shown, accepted = (f"max by (variant) ({SHOP}variant_offers_{step}{of})" for step in ("shown", "accepted"))
    earned = f"max by (variant) ({SHOP}variant_extra_revenue" + money('placement="$placement"') + ")"
    made.with_panel(
        over_time(
            "How often each is chosen",
            "The probability of each variant. The one that does best takes over; none falls below the share kept for exploring.",
            f"max by (variant) ({SHOP}variant_probability{of})",
            legend="{{variant}}",
            unit=SHARE,
            size=(8, 9),
            stacked=True,
        )
    )
    share: Properties = {"unit": SHARE, "decimals": 1, "custom.width": 110}
    count: Properties = {"unit": COUNT, "custom.width": 85}
    made.with_panel(
        listing(
            "What each brings ($currency)",
            "Of what a variant showed: how much was accepted, and what a shown item added. Compare by the last two columns; little shown is little known.",
            {"variant": "Variant"},
            [
                ("Chosen", f"max by (variant) ({SHOP}variant_probability{of})", {**share, "custom.width": 85}),
                ("Shown", shown, count),
                ("Accepted", accepted, count),
                ("Acceptance", ratio(accepted, shown), share),
                ("Extra per item", ratio(earned, shown), {"unit": SHORT, "decimals": 2, "custom.width": 130}),
            ],
            sort=("Extra per item", True),
            size=(10, 9),
        )
    )
    throttled = f"max by (placement, reason) ({SHOP}placement_throttled)"
    made.with_panel(
        listing(
            "Throttled",
            "Which placement holds back by itself, and why: shoppers send its offers away, or its offers lose money. It goes on with a few of its triggers, so as"
            " to see when that is over.",
            {"placement": "Placement", "reason": "Why"},
            [
                (
                    "Now",
                    throttled,
                    {
                        "mappings": [{"type": "value", "options": {"0": {"text": "no"}, "1": {"text": "throttled", "color": RED}}}],
                        "custom.cellOptions": {"type": "color-text"},
                    },
                )
            ],
            sort=("Now", True),
            size=(6, 9),
        )
    )
    made.with_panel(
        bars(
            "Held back by throttling",
            "Of a placement's triggers in the range chosen, the share that stayed without an offer as the placement is throttled.",
            'sum by (placement) (increase(offerstream_offer_triggers_total{outcome="throttled"}[$__range]))'
            " / (sum by (placement) (increase(offerstream_offer_triggers_total[$__range])) > 0)",
            legend="{{placement}}",
            unit=SHARE,
            decimals=1,
            size=(12, 7),
            colour="orange",
        )
    )
    made.with_panel(
        over_time(
            "Acceptance by variant",
            "Of what each variant showed since the first event, the share that was accepted: which draws ahead?",
            ratio(accepted, shown),
            legend="{{variant}}",
            unit=SHARE,
            size=(12, 7),
        )
    )
