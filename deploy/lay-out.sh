#!/bin/sh
# Puts the files of the service, and of the nginx in front of it, where they belong: on this machine (ROOT is empty), or in
# the root of an image. What a person changed is left alone.
#
#   deploy/lay-out.sh [ROOT]
set -eu

HERE=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
ROOT=${1:-}
OWN=$ROOT/etc/pi-cam
UNITS=$ROOT/etc/systemd/system

install -d -m 755 "$OWN" "$UNITS" "$ROOT/usr/local/bin"
install -m 644 "$HERE/deploy/appliance/front.conf" "$HERE/deploy/appliance/tunnel-resolv.conf" "$OWN"
sed -e "s|@DATA@/tls|/run/credentials/pi-cam-front.service|" -e 's|@HTTP@|80|; s|@HTTPS@|443|; s|@PORT@|8080|' \
    "$HERE/deploy/nginx/pi-cam.conf" >"$OWN/site.conf"
[ -e "$OWN/environment" ] || install -m 600 "$HERE/deploy/appliance/environment" "$OWN/environment"
install -m 755 "$HERE/deploy/appliance/command" "$ROOT/usr/local/bin/pi-cam"
install -m 644 "$HERE/pi-cam.service" "$HERE"/deploy/appliance/pi-cam-* "$UNITS"
