#!/bin/sh
# A curl process a row, sixteen at a time; the answers go to stdout, as in curl_parallel.sh.
set -eu
export URL="$2/phone-numbers/trunks/assign" TOKEN="$3"
tr -d '\r' <"$1" | tail -n +2 | tr , ' ' | xargs -P 16 -n 3 sh -c '
    curl -s --retry 5 -X PUT "$URL" -H "Authorization: Bearer $TOKEN" \
        -H "Accept: application/json" -H "Content-Type: application/json" \
        -d "{\"phone_number\":\"$0\",\"channel\":\"$1\",\"agent_uuid\":\"$2\"}"' >"$1.answers"
