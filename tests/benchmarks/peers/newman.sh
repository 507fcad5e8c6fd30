#!/bin/sh
# A Postman collection of one request, an iteration a row; a delay between them where the rate is known.
set -eu
folder=$(dirname "$0")
delay=
[ $# -lt 4 ] || delay="--delay-request $((1000 / $4))"
# shellcheck disable=SC2086  # nothing or two words
exec newman run "$folder/newman.json" --iteration-data "$1" --env-var "url=$2" --env-var "token=$3" \
    $delay --silent --suppress-exit-code
