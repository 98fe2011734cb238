"""What the held-out control says while it has no figure: panels of both Business and Experiment."""

from grafana_foundation_sdk.builders import stat

from .parts import BLUE, GREEN, GREY, RED, SHARE, YELLOW, big

STATES = {
    "0": ("off", GREY),
    "1": ("collecting: too little to tell", YELLOW),
    "2": ("enough to tell", GREEN),
    "3": ("turned off: the two groups are not of the planned sizes", RED),
    "4": ("nobody tells what shoppers saw of offers", GREY),
}


def in_words(size: tuple[int, int]) -> stat.Panel:
    one = 'max(offerstream_shop_experiment_state{{state="{}"}})'
    return big(
        "The comparison",
        "Can what offers caused be told yet? Collecting: not enough shoppers are through. Turned off: the groups' sizes differ from the plan by more than"
        " chance explains, so something (bots, lost events, a second shop) tells them apart that is not the offers, and no figure can be trusted.",
        f"{one.format('collecting')} + 2 * {one.format('ready')} + 3 * {one.format('sample_ratio')}"
        f" + 4 * {one.format('no_feedback')}",
        size=size,
        mappings=STATES,
        colours=((None, GREY),),
    )


def detectable(size: tuple[int, int]) -> stat.Panel:
    return big(
        "Effect visible",
        "How large would an effect have to be, as a share of a shopper's revenue, to be seen with today's data? It shrinks as shoppers come through.",
        "max(offerstream_shop_experiment_detectable_ratio)",
        unit=SHARE,
        decimals=0,
        size=size,
        colours=((None, BLUE),),
        nothing="unknown yet",
    )


def ready_at(size: tuple[int, int]) -> stat.Panel:
    return big(
        "Figure ready",
        "When, at the present rate of shoppers, could an effect of the size asked for (experiment.detectable_ratio) be seen? No date once it can, or while the"
        " rate is unknown.",
        "1000 * max(offerstream_shop_experiment_ready_at_seconds)",
        unit="dateTimeFromNow",
        size=size,
        colours=((None, BLUE),),
        nothing="no date",
    )
