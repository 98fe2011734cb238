#!/usr/bin/env bash
# What the policy's rules cost: replays a log by turns with the default policy and with one that has every rule off and
# cross-sells alone, and prints the medians of the processor time of each, and their ratio. For a quiet machine.
#   scripts/rules_cost.sh EVENTS [CATALOGUE] [TURNS]
set -euo pipefail
cd "$(dirname "$0")/.."
events=$1 catalogue=${2:-} turns=${3:-7}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cargo build --release --quiet

cat > "$folder/off.toml" <<'TOML'
[rules]
companion_price_ratio_max = 0.0
session_max = 0
customer_day_max = 0
item_session_max = 0
repeat_shown = true
dismissals_max = 0
similar_max = 3
rebuy_share_min = 0.0
rebuy_gap_share = 0.0
exploration_ratio = 0.0
TOML
for placement in product_page cart checkout post_purchase abandoned_cart follow_up; do
    printf '[placements.%s]\nkinds = ["cross_sell"]\nsession_max = 0\ncustomer_day_max = 0\n' "$placement" >> "$folder/off.toml"
done
: > "$folder/on.toml"

replay() {
    TIMEFORMAT='%U'
    { time target/release/offerstream replay "$events" ${catalogue:+--catalogue "$catalogue"} --config "$folder/$1.toml" \
        --offers "$folder/offers.jsonl" > /dev/null 2>&1; } 2>> "$folder/$1.times"
}
for turn in $(seq "$turns"); do
    for which in on off; do replay "$which"; done
    echo "turn $turn: on $(tail -1 "$folder/on.times") s, off $(tail -1 "$folder/off.times") s" >&2
done
median() { sort -n "$1" | awk '{ all[NR] = $1 } END { print NR % 2 ? all[(NR + 1) / 2] : (all[NR / 2] + all[NR / 2 + 1]) / 2 }'; }
on=$(median "$folder/on.times") off=$(median "$folder/off.times")
awk -v on="$on" -v off="$off" 'BEGIN { printf "median of processor time: rules on %.2f s, off %.2f s, ratio %.3f\n", on, off, on / off }'
