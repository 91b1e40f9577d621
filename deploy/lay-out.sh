#!/bin/sh
# Puts the files of the service, and of the nginx in front of it, where they belong: on this machine (ROOT is empty), or in
# the root of an image. What a person changed is left alone.
#
#   deploy/lay-out.sh [--wifi] [ROOT]     --wifi: the helper that manages the Wi-Fi, too
set -eu

wifi=no
if [ "${1:-}" = --wifi ]; then
    wifi=yes
    shift
fi

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

[ $wifi = yes ] || exit 0
FROM=$HERE/deploy/appliance/wifi
RULES=$ROOT/etc/polkit-1/rules.d
install -d -m 755 "$RULES"
install -m 644 "$FROM"/pi-cam-* "$UNITS"
install -m 644 "$FROM/hotspot-names.conf" "$OWN/hotspot-names.conf"
sed -e 's|@HTTP@|80|' "$FROM/front.conf" >"$OWN/hotspot-front.conf"
[ -e "$OWN/wifi" ] || install -m 644 "$FROM/environment" "$OWN/wifi"
install -m 644 "$FROM/polkit.rules" "$RULES/50-pi-cam-netd.rules"
