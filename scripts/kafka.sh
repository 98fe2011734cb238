#!/usr/bin/env bash
# A real Apache Kafka for the tests: one process, broker and controller in one (KRaft), no Docker.
#
#   scripts/kafka.sh start [DIR] [PORT]   get the jars, format once, start, wait until it answers
#   scripts/kafka.sh stop  [DIR]          stop it; its data stays, so `start` goes on where it was
#   scripts/kafka.sh wipe  [DIR]          stop it and forget its data (the jars stay)
#   scripts/kafka.sh tool  DIR CLASS …    one of Kafka's own tools, e.g. org.apache.kafka.tools.TopicCommand
#
# Where replication matters, several brokers on one machine; everything is there three times, two must have it:
#
#   scripts/kafka.sh cluster DIR PORT [N]  N brokers (3), each in a folder of its own, DIR/1, DIR/2 …
#   scripts/kafka.sh stop|wipe DIR         stop, or forget, all of them
#   scripts/kafka.sh stop|start DIR/2      stop one, start it again; `launch` is `start` that does not wait
#   scripts/kafka.sh kill DIR/2            kill -9
#   scripts/kafka.sh pause|resume DIR/2    SIGSTOP and SIGCONT
#
# DIR is ${TMPDIR:-/tmp}/offerstream-kafka unless told, PORT 19092; the controller takes PORT + 1.
# Brokers of a cluster are ten ports apart: DIR/2 is at PORT + 10. Each listens besides at its port + 2, and says there
# that it is at its port + 3: a proxy that a test puts there stays in the way of all that a client sends.
# Needs Java 17 or newer and Maven.
#
# For scripts that start another kind of broker by this one: KAFKA_PROPERTIES names a file of properties that come last,
# and so overrule those here; KAFKA_FORMAT one of options for the format, one a line.
set -euo pipefail

version=4.1.0
# Any 16 bytes do as a cluster id; these are "Offerstream-test" in base64.
cluster_id=T2ZmZXJzdHJlYW0tdGVzdA
start_timeout_s=90
stop_timeout_s=30
heap=(-Xms256m -Xmx1g)
# The broker's number, and how many there are.
node=1
nodes=1

fail() { echo "kafka.sh: $*" >&2; exit 1; }
usage() { sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2; }

# A process id alone may have been given to another program since: the command line must be ours.
running() {
    local pid
    pid=$(cat "$dir/pid" 2>/dev/null) || return 1
    { tr "\0" " " <"/proc/$pid/cmdline"; } 2>/dev/null | grep -qF " kafka.Kafka $dir/server.properties"
}

tool() { java -Xmx256m -Dorg.slf4j.simpleLogger.defaultLogLevel=error -cp "$dir/libs/*" "$@"; }

get_jars() {
    [ -e "$dir/libs/.complete-$version" ] && return
    command -v mvn >/dev/null || fail "mvn not found: install Maven (Debian: apt-get install maven)"
    echo "kafka.sh: getting Kafka $version from Maven Central"
    rm -rf "$dir/libs"
    mkdir -p "$dir/maven"
    cat >"$dir/maven/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>offerstream</groupId>
  <artifactId>test-broker</artifactId>
  <version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$version</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>$version</version></dependency>
    <!-- Kafka's jars name no logger; this one writes to a file by a property, without a file of its own. -->
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
POM
    mvn -q -B -f "$dir/maven/pom.xml" dependency:copy-dependencies -DincludeScope=runtime \
        -DoutputDirectory="$dir/libs" >"$dir/maven/log" 2>&1 \
        || { tail -n 20 "$dir/maven/log" >&2; fail "Maven could not get Kafka's jars; its whole log: $dir/maven/log"; }
    touch "$dir/libs/.complete-$version"
}

configure() {
    local replicas=1 in_sync=1 voters='' number listeners advertised protocols='' first=$((port - 10 * (node - 1)))
    if [ "$nodes" -gt 1 ]; then
        replicas=$((nodes < 3 ? nodes : 3))
        in_sync=2
    fi
    for number in $(seq "$nodes"); do
        voters+=${voters:+,}$number@127.0.0.1:$((first + 10 * (number - 1) + 1))
    done
    listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$((port + 1))
    advertised=PLAINTEXT://127.0.0.1:$port
    if [ "$nodes" -gt 1 ]; then
        listeners+=,PROXIED://127.0.0.1:$((port + 2))
        advertised+=,PROXIED://127.0.0.1:$((port + 3))
        protocols=,PROXIED:PLAINTEXT
    fi
    cat >"$dir/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=$node
controller.quorum.voters=$voters
listeners=$listeners
advertised.listeners=$advertised
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT$protocols
log.dirs=$dir/data

default.replication.factor=$replicas
min.insync.replicas=$in_sync
offsets.topic.replication.factor=$replicas
transaction.state.log.replication.factor=$replicas
transaction.state.log.min.isr=$in_sync
share.coordinator.state.topic.replication.factor=$replicas
share.coordinator.state.topic.min.isr=$in_sync
# 50 partitions each would only make the first commit slow.
offsets.topic.num.partitions=4
transaction.state.log.num.partitions=4

# A consumer that starts alone need not wait for others.
group.initial.rebalance.delay.ms=0
# A misspelt topic shall fail, not appear.
auto.create.topics.enable=false
# Recorded events carry the time they had: retention by age would delete them as they arrive.
log.retention.ms=-1
# Records of 6 MB reach a topic whose max.message.bytes allows them; the broker-wide default stays, as on a real one.
socket.request.max.bytes=104857600
replica.fetch.max.bytes=16777216
PROPERTIES
    [ "$nodes" -eq 1 ] || cat >>"$dir/server.properties" <<PROPERTIES

# A broker that is gone is given up within 3 s instead of 9 (30 for a replica that lags): tests wait for it again and
# again. When the broker ends timed-out transactions stays as it is, every 10 s: that is part of what is measured.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
replica.lag.time.max.ms=3000
controller.quorum.election.timeout.ms=700
controller.quorum.fetch.timeout.ms=1500
controller.quorum.election.backoff.max.ms=500
# Whoever led before leads again soon, so that a broker that came back has something to lose.
leader.imbalance.check.interval.seconds=5
leader.imbalance.per.broker.percentage=1
controlled.shutdown.retry.backoff.ms=500
num.network.threads=2
num.io.threads=4
PROPERTIES
    [ -z "${KAFKA_PROPERTIES:-}" ] || cat "$KAFKA_PROPERTIES" >>"$dir/server.properties"
}

# Bounded, and without the lock: a broker that dies meanwhile would keep the tool trying for a minute.
answers() {
    timeout 15 java -Xmx256m -cp "$dir/libs/*" org.apache.kafka.tools.ClusterTool cluster-id \
        --bootstrap-server "127.0.0.1:$port" >/dev/null 2>&1 9>&-
}

port_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# A broker that was just killed may hold its port for a moment more.
await_free() {
    for _ in {1..25}; do
        port_open "$1" || return 0
        sleep 0.2
    done
    fail "port $1 is taken by another program: give another PORT, or end that one"
}

fail_with_log() {
    tail -n 30 "$dir/kafka.log" >&2 || true
    fail "$1; the whole log: $dir/kafka.log"
}

# Starts the process, unless it is running; does not wait for it to answer.
launch() {
    command -v java >/dev/null || fail "java not found: install Java 17 or newer (Debian: apt-get install openjdk-17-jre-headless)"
    mkdir -p "$dir"
    # Two starts at once (tests, a person) shall end in one broker.
    exec 9>"$dir/lock"
    flock 9
    if running; then
        [ "$(cat "$dir/port")" = "$port" ] \
            || fail "$dir is already running on port $(cat "$dir/port"), not $port: stop it first, or give another DIR"
        return
    fi
    await_free "$port"
    await_free "$((port + 1))"
    get_jars
    configure
    if [ ! -e "$dir/data/meta.properties" ]; then
        local options=()
        [ -z "${KAFKA_FORMAT:-}" ] || mapfile -t options <"$KAFKA_FORMAT"
        tool kafka.tools.StorageTool format -t "$cluster_id" -c "$dir/server.properties" "${options[@]}" >"$dir/kafka.log" 2>&1 \
            || fail_with_log "could not format $dir/data"
    fi
    echo "$port" >"$dir/port"
    : >"$dir/kafka.log"
    # In a session of its own, so that Ctrl-C in the terminal that started it does not end it.
    setsid nohup java "${heap[@]}" -XX:+ExitOnOutOfMemoryError \
        -Dorg.slf4j.simpleLogger.logFile="$dir/kafka.log" \
        -Dorg.slf4j.simpleLogger.showDateTime=true \
        -Dorg.slf4j.simpleLogger.dateTimeFormat="yyyy-MM-dd'T'HH:mm:ss.SSSX" \
        -cp "$dir/libs/*" kafka.Kafka "$dir/server.properties" \
        </dev/null >>"$dir/stdout.log" 2>&1 9>&- &
    echo $! >"$dir/pid"
}

await_answer() {
    local deadline=$((SECONDS + start_timeout_s))
    until port_open "$port" && answers; do
        running || fail_with_log "the broker ended while starting"
        [ "$SECONDS" -lt "$deadline" ] || fail_with_log "no answer on port $port after $start_timeout_s s"
        sleep 0.3
    done
    echo "kafka.sh: Kafka $version answers at 127.0.0.1:$port (process $(cat "$dir/pid"), files in $dir)"
}

# What a broker of a cluster has to know of it, from the folder it is in; nothing for one that stands alone.
recall() {
    [ -e "$dir/../brokers" ] || return 0
    nodes=$(cat "$dir/../brokers")
    node=$(basename "$dir")
    heap=(-Xms128m -Xmx384m)
}

# Brokers of a cluster, first to last; a single broker is one of one.
each() {
    local whole=$dir number
    if [ ! -e "$whole/brokers" ]; then
        "$@"
        return
    fi
    for number in $(seq "$(cat "$whole/brokers")"); do
        dir=$whole/$number
        "$@"
    done
    dir=$whole
}

cluster() {
    local whole=$dir first=$port count=$1 number
    mkdir -p "$whole"
    [ ! -e "$whole/brokers" ] || [ "$(cat "$whole/brokers")" = "$count" ] \
        || fail "$whole has $(cat "$whole/brokers") brokers, not $count: wipe it first, or give another DIR"
    get_jars
    echo "$count" >"$whole/brokers"
    for number in $(seq "$count"); do
        dir=$whole/$number
        port=$((first + 10 * (number - 1)))
        mkdir -p "$dir"
        ln -sfn ../libs "$dir/libs"
        recall
        # The lock is let go of at once: the next broker has its own.
        (launch)
    done
    # None answers before two of three are there.
    for number in $(seq "$count"); do
        dir=$whole/$number
        port=$((first + 10 * (number - 1)))
        await_answer
    done
}

# The process gets this signal, which it can't refuse.
signal() {
    running || fail "not running in $dir"
    kill "-$1" "$(cat "$dir/pid")"
    echo "kafka.sh: SIG$1 sent to the broker in $dir"
}

stop() {
    if ! running; then
        echo "kafka.sh: not running in $dir"
        return
    fi
    local pid deadline=$((SECONDS + stop_timeout_s))
    pid=$(cat "$dir/pid")
    kill "$pid" 2>/dev/null || true
    # One that was paused hears it only now.
    kill -CONT "$pid" 2>/dev/null || true
    while running; do
        if [ "$SECONDS" -ge "$deadline" ]; then
            echo "kafka.sh: still there after $stop_timeout_s s, killing process $pid" >&2
            kill -9 "$pid" 2>/dev/null || true
        fi
        sleep 0.2
    done
    rm -f "$dir/pid"
    echo "kafka.sh: stopped"
}

[ $# -ge 1 ] || usage
verb=$1
dir=${2:-${TMPDIR:-/tmp}/offerstream-kafka}
dir=$(realpath -m "$dir")
# The port told, else the one it had, else the usual one.
port_of() {
    port=${1:-$(cat "$dir/port" 2>/dev/null || echo 19092)}
    { [[ $port =~ ^[0-9]{4,5}$ ]] && [ "$port" -ge 1024 ] && [ "$port" -le 65400 ]; } \
        || fail "PORT is '$port': give a number from 1024 to 65400"
}
forget() { rm -rf "$dir/data"; }
case $verb in
    start | launch)
        [ ! -e "$dir/brokers" ] || fail "$dir holds a cluster: 'kafka.sh cluster DIR PORT' starts it"
        if [ -e "$dir/../brokers" ]; then port_of "${3:-}"; else port_of "${3:-19092}"; fi
        recall
        launch
        [ "$verb" = launch ] || await_answer
        ;;
    cluster)
        port_of "${3:-}"
        [[ ${4:-3} =~ ^[1-9]$ ]] || fail "N is '$4': give a number from 1 to 9"
        cluster "${4:-3}"
        ;;
    stop) each stop ;;
    wipe) each stop; each forget; rm -f "$dir/brokers" ;;
    kill) signal KILL ;;
    pause) signal STOP ;;
    resume) signal CONT ;;
    tool)
        [ -d "$dir/libs" ] || fail "no Kafka in $dir: 'kafka.sh start' first, or give its DIR"
        tool "${@:3}"
        ;;
    *) usage ;;
esac
