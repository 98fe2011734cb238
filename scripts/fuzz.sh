#!/usr/bin/env bash
# Hostile bytes for every decoder: `scripts/fuzz.sh SECONDS [TARGET...]` runs each fuzz target of fuzz/ for that long, one
# after the other, from the seeds in fuzz/corpus. What was found to be new is kept in fuzz/found, crashes in
# fuzz/artifacts; neither is committed. Needs a nightly compiler and cargo-fuzz.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds="${1:?usage: scripts/fuzz.sh SECONDS [TARGET...]}"
shift
cargo +nightly fuzz --version >/dev/null || { echo "cargo-fuzz is missing: cargo install --locked cargo-fuzz; rustup toolchain install nightly" >&2; exit 1; }
mapfile -t targets < <(if (($#)); then printf '%s\n' "$@"; else cargo +nightly fuzz list; fi)

# No sanitizer: all of our code is safe Rust, so what is looked for is panics, sums that run over, and time.
failed=()
for target in "${targets[@]}"; do
    mkdir -p "fuzz/found/$target"
    echo "== $target: $seconds s"
    nice -n 19 cargo +nightly fuzz run -s none "$target" "fuzz/found/$target" "fuzz/corpus/$target" -- \
        -max_total_time="$seconds" -timeout=20 -rss_limit_mb=4096 -max_len=65536 -print_final_stats=1 -verbosity=0 || failed+=("$target")
done
((${#failed[@]} == 0)) || { echo "failed: ${failed[*]}" >&2; exit 1; }
