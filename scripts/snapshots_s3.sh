#!/usr/bin/env bash
# Tries snapshots in an S3-compatible store: moto's server (PyPI), which goes under target/ and is started on a free port of
# this machine. With OFFERSTREAM_TEST_BROKERS set, `run` is tried with it, too.
#
# Needs python3 with venv (Debian: apt-get install python3-venv) and curl.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=target/moto-venv
wanted='moto[s3,server]==5.1.*'
if [ "$(cat "$venv/installed.txt" 2>/dev/null)" != "$wanted" ]; then
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "$wanted"
    printf '%s' "$wanted" >"$venv/installed.txt"
fi

port=$("$venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$venv/bin/moto_server" -H 127.0.0.1 -p "$port" >target/moto.log 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true' EXIT

bucket=offerstream-snapshots
for _ in $(seq 100); do
    if curl --silent --fail --output /dev/null --request PUT "http://127.0.0.1:$port/$bucket"; then break; fi
    if ! kill -0 "$server" 2>/dev/null; then cat target/moto.log >&2; exit 1; fi
    sleep 0.2
done

export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=a-secret-that-no-log-shows AWS_REGION=us-east-1
export AWS_ENDPOINT_URL=http://127.0.0.1:$port AWS_ALLOW_HTTP=true
OFFERSTREAM_TEST_S3=s3://$bucket/some/prefix cargo test --test snapshots_s3 -- --nocapture "$@"
