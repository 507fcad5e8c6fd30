#!/bin/sh
# One curl with a config file of a request a row, sixteen at a time; its --retry heeds Retry-After.
# The answers go to stdout: a retry cannot truncate /dev/null, and with `output` so set, curl 7.88 gives up instead.
set -eu
tr -d '\r' <"$1" | tail -n +2 | awk -F, -v url="$2" -v token="$3" '
    NR > 1 { print "next" }
    {
        printf "url = \"%s/phone-numbers/trunks/assign\"\nrequest = PUT\nretry = 5\n", url
        printf "header = \"Authorization: Bearer %s\"\n", token
        print "header = \"Accept: application/json\"\nheader = \"Content-Type: application/json\""
        printf "data = \"{\\\"phone_number\\\":\\\"%s\\\",\\\"channel\\\":\\\"%s\\\",\\\"agent_uuid\\\":\\\"%s\\\"}\"\n", $1, $2, $3
    }' >"$1.curl"
exec curl --silent --parallel --parallel-max 16 --config "$1.curl" >"$1.answers"
