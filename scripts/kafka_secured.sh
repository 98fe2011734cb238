#!/usr/bin/env bash
# A real Apache Kafka as a shop has it: TLS, SASL, access control lists, nothing allowed unless it is listed.
#
#   scripts/kafka_secured.sh start [DIR] [PORT]   make certificates and users once, start, wait until it answers
#   scripts/kafka_secured.sh stop  [DIR]          stop it; its data stays
#   scripts/kafka_secured.sh wipe  [DIR]          stop it and forget its data
#   scripts/kafka_secured.sh acls  DIR ARGS …     kafka-acls.sh, as the administrator
#
# DIR is ${TMPDIR:-/tmp}/offerstream-kafka-secured unless told, PORT 19096. On 127.0.0.1:
#   PORT      plain, whoever connects is the administrator: for tests, to make topics and to look at them
#   PORT + 1  the controller
#   PORT + 2  SASL_SSL with PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512; the certificate's authority is DIR/tls/ca.pem
#   PORT + 3  SASL_SSL with a certificate of an authority that nobody has heard of
# Users are admin, offerstream, storefront, shop, and user-0 to user-39; the password of each is its name with -secret.
# Needs openssl, and what kafka.sh needs.
set -euo pipefail
here=$(dirname "$(realpath "$0")")

fail() { echo "kafka_secured.sh: $*" >&2; exit 1; }
usage() { sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2; }

users() { printf '%s\n' admin offerstream storefront shop; seq -f 'user-%g' 0 39; }

# An authority NAME, and a certificate that it signs for this machine, with its key, in NAME-server.pem.
make_certificates() {
    local name=$1
    [ -e "$dir/tls/$name-server.pem" ] && return
    command -v openssl >/dev/null || fail "openssl not found: install it (Debian: apt-get install openssl)"
    (
        umask 077
        mkdir -p "$dir/tls"
        cd "$dir/tls"
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj "/CN=$name" \
            -keyout "$name.key" -out "$name.pem" 2>openssl.log
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=localhost" \
            -addext "subjectAltName=IP:127.0.0.1,DNS:localhost" -keyout server.key -out server.csr 2>>openssl.log
        openssl x509 -req -in server.csr -CA "$name.pem" -CAkey "$name.key" -CAcreateserial -days 30 -copy_extensions copy \
            -out server.crt 2>>openssl.log
        cat server.key server.crt "$name.pem" >"$name-server.pem"
        rm server.key server.csr server.crt
    ) || fail "certificates can't be made; what openssl said: $dir/tls/openssl.log"
}

listener() {
    local prefix=listener.name.$1 tls=$2 user jaas="org.apache.kafka.common.security.plain.PlainLoginModule required"
    for user in $(users); do jaas+=" user_$user=\"$user-secret\""; done
    echo "$prefix.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512"
    echo "$prefix.plain.sasl.jaas.config=$jaas;"
    echo "$prefix.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;"
    echo "$prefix.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;"
    echo "$prefix.ssl.keystore.type=PEM"
    echo "$prefix.ssl.keystore.location=$dir/tls/$tls-server.pem"
}

# What differs from the plain broker.
configure() {
    local plain="PLAINTEXT://127.0.0.1:$port" secured="SECURED://127.0.0.1:$((port + 2)),UNKNOWN://127.0.0.1:$((port + 3))"
    {
        echo "listeners=$plain,CONTROLLER://127.0.0.1:$((port + 1)),$secured"
        echo "advertised.listeners=$plain,$secured"
        echo "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURED:SASL_SSL,UNKNOWN:SASL_SSL"
        echo "inter.broker.listener.name=PLAINTEXT"
        listener secured ca
        listener unknown unknown
        echo "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer"
        echo "allow.everyone.if.no.acl.found=false"
        echo "super.users=User:ANONYMOUS;User:admin"
    } >"$dir/secured.properties"
    for user in offerstream storefront; do
        for mechanism in SCRAM-SHA-256 SCRAM-SHA-512; do
            printf '%s\n' --add-scram "$mechanism=[name=$user,password=$user-secret]"
        done
    done >"$dir/secured.format"
}

[ $# -ge 1 ] || usage
verb=$1
dir=$(realpath -m "${2:-${TMPDIR:-/tmp}/offerstream-kafka-secured}")
case $verb in
    start)
        port=${3:-19096}
        [[ $port =~ ^[0-9]{4,5}$ ]] || fail "PORT is '$port': give a number from 1024 to 65532"
        make_certificates ca
        make_certificates unknown
        mkdir -p "$dir"
        configure
        KAFKA_PROPERTIES=$dir/secured.properties KAFKA_FORMAT=$dir/secured.format "$here/kafka.sh" start "$dir" "$port"
        echo "kafka_secured.sh: SASL_SSL at 127.0.0.1:$((port + 2)), its authority in $dir/tls/ca.pem"
        ;;
    stop) "$here/kafka.sh" stop "$dir" ;;
    # The folder of certificates goes too: they last for 30 days.
    wipe) "$here/kafka.sh" wipe "$dir" && rm -rf "$dir/tls" ;;
    acls)
        shift 2
        "$here/kafka.sh" tool "$dir" org.apache.kafka.tools.AclCommand --bootstrap-server "127.0.0.1:$(cat "$dir/port")" "$@"
        ;;
    *) usage ;;
esac
