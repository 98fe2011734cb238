#!/usr/bin/env python3
"""Holds the memory of a real `offerstream replay` against what its settings promise, over a shop that keeps growing.

    scripts/memory.py budget PROGRAM GENERATOR [--mib 256] [--events 8000000] [--quick]
        items, customers and sessions grow tenfold, with short ids and with long ones; fails where the process ever takes more
        than the budget and a fifth, or in the end less than four fifths of it
    scripts/memory.py flat PROGRAM GENERATOR [--events 100000000] [--pages 9]
        with limits so small that a tenth of the events meets all of them: memory from there on is compared with what it was
        there; fails where it ever is 5 % more. Nine of ten events are pages opened again, without an offer: they are cheap

GENERATOR is `target/release/examples/growing_shop`.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time

PAGE = 1 << 20
# Everything that can grow does: offers are remembered by customer, and shoppers by the experiment.
COMMON = """
[attribution]
trigger = "emitted"
[experiment]
holdout_ratio = 0.1
"""
FREE = "items = 100000000\npairs = 1000000000\ncustomers = 100000000\ncustomer_offers = 100000000\nsessions = 100000000\n" \
       "experiment_shoppers = 100000000\ncategories = 100000000\n"
SMALL = "items = 20000\npairs = 15000\ncustomers = 30000\ncustomer_offers = 20000\nsessions = 10000\ncategories = 300\n" \
        "experiment_shoppers = 30000\ncombinations = 200\n[placements.product_page]\nenabled = false\n"


def resident_bytes(pid):
    try:
        with open(f"/proc/{pid}/status") as status:
            found = re.search(r"^VmRSS:\s*(\d+) kB", status.read(), re.M)
            return int(found[1]) * 1024 if found else None
    except OSError:
        return None


def play(program, generator, arguments, settings, every, seen):
    """Pipes the generator into a replay; `seen(events, bytes)` after each `every` events. Returns its metrics."""
    with tempfile.TemporaryDirectory() as folder:
        config, metrics = os.path.join(folder, "memory.toml"), os.path.join(folder, "metrics.txt")
        with open(config, "w") as out:
            out.write(COMMON + "[limits]\n" + settings)
        source = subprocess.Popen([generator] + [str(one) for one in arguments], stdout=subprocess.PIPE, bufsize=0)
        replay = subprocess.Popen([program, "replay", "-", "--config", config, "--metrics", metrics],
                                  stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, bufsize=0)
        lines = due = 0
        while chunk := source.stdout.read(1 << 16):
            replay.stdin.write(chunk)
            lines += chunk.count(b"\n")
            if lines >= due + every:
                due = lines - lines % every
                bytes_now = resident_bytes(replay.pid)
                if bytes_now:
                    seen(lines, bytes_now)
        last = resident_bytes(replay.pid)
        if last:
            seen(lines, last)
        replay.stdin.close()
        if replay.wait() != 0 or source.wait() != 0:
            sys.exit("the replay or the generator failed")
        with open(metrics) as text:
            return text.read()


def table(metrics):
    rows = {}
    for name in ("entries", "bytes", "evictions_total"):
        for state, value in re.findall(rf'^offerstream_state_{name}\{{state="(\w+)"\}} (\d+)', metrics, re.M):
            rows.setdefault(state, {})[name] = int(value)
    print(f"  {'state':26}{'entries':>10}{'MiB':>8}{'evicted':>12}")
    for state, row in sorted(rows.items()):
        print(f"  {state:26}{row.get('entries', 0):>10}{row.get('bytes', 0) / PAGE:>8.1f}{row.get('evictions_total', 0):>12}")
    print(f"  {'all, by the model':36}{sum(row.get('bytes', 0) for row in rows.values()) / PAGE:>8.1f}")


def budget(options):
    mib, events = (64, 200_000) if options.quick else (options.mib, options.events)
    failed = False
    for name, length, part in (("short ids", 10, 1.0), ("ids of 36", 36, 0.7), ("ids of 120", 120, 0.5)):
        begun, samples = time.monotonic(), []
        items = max(1_000, mib * 120)
        arguments = (int(events * part), items, 10, length)
        text = play(options.program, options.generator, arguments, f'memory = "{mib}MiB"\n{FREE}', 20_000,
                    lambda lines, now: samples.append(now))
        peak, end = max(samples) / PAGE, samples[-1] / PAGE
        good = peak <= mib * 1.2 and end >= mib * 0.8
        failed |= not good
        print(f"{name}: {arguments[0]} events, {items} items growing tenfold, budget {mib} MiB: peak {peak:.1f} MiB "
              f"({100 * peak / mib:.0f} %), at the end {end:.1f} MiB ({100 * end / mib:.0f} %): {'kept' if good else 'NOT KEPT'} "
              f"({time.monotonic() - begun:.0f} s)")
        table(text)
    return failed


def flat(options):
    begun, samples = time.monotonic(), []

    def seen(lines, now):
        samples.append((lines, now))
        print(f"{lines:>12} events: {now / PAGE:8.1f} MiB  ({lines / (time.monotonic() - begun):.0f} a second)", flush=True)

    arguments = (options.events, options.events // 1_000, 10, 12, options.pages)
    text = play(options.program, options.generator, arguments, SMALL, options.every or options.events // 100, seen)
    table(text)
    begin, first = next(sample for sample in samples if sample[0] >= options.events // 10)
    later = [now for lines, now in samples if lines >= begin]
    grown = max(later) / first - 1
    print(f"from {begin} to {samples[-1][0]} events: {first / PAGE:.1f} MiB, at most {max(later) / PAGE:.1f} ({100 * grown:+.1f} %), "
          f"at least {min(later) / PAGE:.1f}, at the end {later[-1] / PAGE:.1f}")
    return grown > 0.05


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["budget", "flat"])
    parser.add_argument("program")
    parser.add_argument("generator")
    parser.add_argument("--mib", type=int, default=256)
    parser.add_argument("--events", type=int)
    parser.add_argument("--every", type=int)
    parser.add_argument("--pages", type=int, default=9)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    options.events = options.events or (8_000_000 if options.what == "budget" else 100_000_000)
    sys.exit(1 if (budget if options.what == "budget" else flat)(options) else 0)


if __name__ == "__main__":
    main()
