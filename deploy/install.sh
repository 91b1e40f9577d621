#!/bin/sh
# Installs the camera as a service on a Debian or Raspberry Pi OS that runs already, or puts this version in place of the
# one that is there (which comes back if this one does not serve).
#
#   sudo deploy/install.sh [--no-start]
#   sudo deploy/install.sh --uninstall [--purge]     --purge: what the camera remembers, too
set -eu

HERE=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
PROGRAM=/opt/pi-cam
DATA=/var/lib/pi-cam
OWN=/etc/pi-cam
UNITS=/etc/systemd/system
SERVICES="pi-cam.service pi-cam-front.service pi-cam-front-certificate.path pi-cam-tunnel.socket"
UPDATES="pi-cam-update.service pi-cam-update.path"
UPDATE_STATE=/var/lib/pi-cam-update
WIFI_SERVICES="pi-cam-netd.service pi-cam-hotspot-names.path pi-cam-country.path pi-cam-country.service"
POLKIT=/etc/polkit-1/rules.d/50-pi-cam-netd.rules
COMMAND=/usr/local/bin/pi-cam
PAUSE=$UNITS/pi-cam.service.d/pi-cam-pause.conf
USERS=/etc/sysusers.d/pi-cam.conf

say() { printf '%s\n' "$*"; }
fail() {
    printf 'install.sh: %s\n' "$*" >&2
    exit 1
}

main() {
    start=yes action=install purge=no
    for word in "$@"; do
        case $word in
        --no-start) start=no ;;
        --uninstall) action=uninstall ;;
        --purge) purge=yes ;;
        *)
            say "usage: $0 [--no-start] | --uninstall [--purge]" >&2
            exit 2
            ;;
        esac
    done
    [ "$(id -u)" -eq 0 ] || fail "this needs root: sudo $0 $*"
    command -v apt-get >/dev/null && command -v systemctl >/dev/null || fail "this needs Debian or Raspberry Pi OS, with systemd"
    [ -d /run/systemd/system ] || start=no
    if [ $action = uninstall ]; then uninstall; else install_camera; fi
}

install_camera() {
    look_for_ports
    install_packages
    end_updates
    before=$(readlink $PROGRAM/current || true)
    install -d -m 755 $OWN $PROGRAM $UPDATE_STATE "$(dirname $USERS)"
    install -m 644 "$HERE/deploy/appliance/pi-cam.sysusers" $USERS
    systemd-sysusers $USERS
    install_program
    install_files
    if [ $start = no ]; then
        say "pi-cam is installed, and starts with the machine."
        return
    fi
    systemctl daemon-reload
    if ! serves; then
        if [ -n "$before" ]; then
            point_to "$before"
            serves || true
            rm -rf "$new"
        fi
        allow_updates
        fail "this version does not serve${before:+; the one before is back}. journalctl -u pi-cam says more"
    fi
    forget_old_versions
    allow_updates
    # shellcheck disable=SC2086 # a list of names
    ! manages_wifi || systemctl restart $WIFI_SERVICES || say "The Wi-Fi helper does not start: journalctl -u pi-cam-netd says more."
    tell_how_to_go_on
}

# One at a time changes the versions. One that is on trial has not proved itself: the one before it runs again.
end_updates() {
    # shellcheck disable=SC2086 # a list of names
    [ $start = no ] || systemctl stop $UPDATES 2>/dev/null || true
    [ ! -L $PROGRAM/steady ] || point_to "$(readlink $PROGRAM/steady)"
    rm -f $PROGRAM/update.json $PROGRAM/steady $UPDATE_STATE/package $UPDATE_STATE/begun.json
}

allow_updates() { [ $start = no ] || systemctl start pi-cam-update.path 2>/dev/null || true; }

# Somebody else's web server is not ours to end.
look_for_ports() {
    command -v ss >/dev/null || return 0
    systemctl --quiet is-active pi-cam-front.service 2>/dev/null && return 0
    for port in 80 443; do
        taken=$(ss -ltnpH "sport = :$port" | sed -n 's/.*users:(("\([^"]*\)".*/\1/p' | head -n 1)
        [ -z "$taken" ] || fail "port $port is taken by $taken. The camera needs 80 and 443: stop that, or use deploy/nginx beside it"
    done
}

has_own_camera() { grep -q '^Raspberry Pi' /proc/device-tree/model 2>/dev/null; }

# Somebody who has set up the network otherwise keeps it so.
manages_wifi() { [ -x /usr/sbin/NetworkManager ]; }

install_packages() {
    packages="python3-venv nginx-light libportaudio2 avahi-daemon"
    if has_own_camera; then packages="$packages python3-picamera2"; fi
    if manages_wifi; then packages="$packages dnsmasq-base polkitd iw"; fi
    missing=""
    for package in $packages; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    say "installing:$missing"
    # Debian starts a web server as soon as it is there; on these ports it would only stand in the way.
    [ -x /usr/sbin/nginx ] || ln -sf /dev/null $UNITS/nginx.service
    export DEBIAN_FRONTEND=noninteractive
    apt-get -o DPkg::Lock::Timeout=300 update -qq
    # shellcheck disable=SC2086 # a list of names
    apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends $missing >/dev/null
    if [ "$(readlink $UNITS/nginx.service || true)" = /dev/null ]; then
        rm $UNITS/nginx.service
        systemctl disable --quiet nginx.service
    fi
}

# Beside the version that runs, which is not touched; `current` then leads to this one.
install_program() {
    new=$PROGRAM/$(date -u +%Y%m%d-%H%M%S)
    work=$(mktemp -d)
    trap 'rm -rf "$new" "$work"; allow_updates' EXIT
    trap 'exit 1' INT TERM
    site=""
    if /usr/bin/python3 -c 'import libcamera' 2>/dev/null; then site=--system-site-packages; fi
    # shellcheck disable=SC2086 # no word, or one
    /usr/bin/python3 -m venv $site "$new"
    say "installing the program; on a small Raspberry Pi this takes some minutes"
    # From a copy: building leaves things behind, and the folder may be somebody's own.
    tar -C "$HERE" --exclude=node_modules --exclude=__pycache__ -cf - \
        setup.py pyproject.toml cloudflared.yml README.md LICENSE THIRD_PARTY_NOTICES.md pi_cam web | tar -C "$work" -xf -
    "$new/bin/pip" install --quiet --disable-pip-version-check "$work"
    "$new/bin/pi-cam" --version
    install -d "$new/share/doc/pi-cam"
    install -m 644 "$HERE/README.md" "$HERE/LICENSE" "$HERE/THIRD_PARTY_NOTICES.md" "$new/share/doc/pi-cam"
    point_to "$new"
    rm -rf "$work"
    trap - EXIT INT TERM
}

point_to() {
    ln -sfn "$1" $PROGRAM/current.new
    mv -T $PROGRAM/current.new $PROGRAM/current
}

install_files() {
    fresh=no
    [ -e $OWN/environment ] || fresh=yes
    if manages_wifi; then "$HERE/deploy/lay-out.sh" --wifi; else "$HERE/deploy/lay-out.sh"; fi
    if knows_no_steps; then pause_between_starts; else forget_pauses; fi
    if [ $fresh = yes ] && ! has_own_camera; then say "PI_CAM_SOURCE=auto:" >>$OWN/environment; fi
    # shellcheck disable=SC2086 # a list of names
    systemctl enable --quiet $SERVICES $UPDATES
    # shellcheck disable=SC2086 # a list of names
    if manages_wifi; then systemctl enable --quiet $WIFI_SERVICES; fi
}

# RestartSteps= of pi-cam.service is of systemd 254.
knows_no_steps() { [ "$(systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')" -lt 254 ]; }

pause_between_starts() {
    install -m 755 "$HERE/deploy/appliance/restart-pause" $OWN/restart-pause
    install -d -m 755 "$(dirname $PAUSE)"
    printf '[Service]\nExecStartPre=-%s/restart-pause\n' $OWN >$PAUSE
}

forget_pauses() {
    rm -f $PAUSE $OWN/restart-pause
    rmdir "$(dirname $PAUSE)" 2>/dev/null || true # a person may have something of their own there
}

# Whether the camera, and the front, answer.
serves() {
    systemctl restart pi-cam.service || return 1
    systemctl restart pi-cam-front.service pi-cam-front-certificate.path pi-cam-tunnel.socket || return 1
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        if "$PROGRAM/current/bin/python" - <<'EOF'; then return 0; fi
import ssl, sys, urllib.request
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
try:
    urllib.request.urlopen("https://127.0.0.1/healthz", timeout=5, context=context)
except OSError:
    sys.exit(1)
EOF
        sleep 1
    done
    return 1
}

# This version stays, and the one before, whoever put it there: this script, or an update (FolderSlots).
forget_old_versions() {
    for old in "$PROGRAM"/*/; do
        old=${old%/}
        [ -L "$old" ] || [ "$old" = "$new" ] || [ "$old" = "$before" ] || rm -rf "$old"
    done
}

tell_how_to_go_on() {
    this_start=$(systemctl show -P InvocationID pi-cam.service)
    code=$(journalctl "_SYSTEMD_INVOCATION_ID=$this_start" -o cat | sed -n 's/^setup-code //p' | tail -n 1)
    name=$(runuser -u pi-cam -- timeout 5 head -c 64 /run/pi-cam/name 2>/dev/null | grep -xE 'pi-cam-[a-z2-7]{6}\.local' || echo "$(hostname).local")
    say "The camera serves at https://$name/${code:+setup#code=$code}"
    say "(the browser's first warning is explained there, under /certificate)."
    [ -z "$code" ] || say "This code makes you the owner. sudo pi-cam owner set --name NAME does so, too."
}

uninstall() {
    now=""
    [ ! -d /run/systemd/system ] || now=--now
    for unit in $SERVICES $UPDATES $WIFI_SERVICES; do
        # shellcheck disable=SC2086 # no word, or one
        [ ! -e "$UNITS/$unit" ] || systemctl disable --quiet $now "$unit"
    done
    forget_pauses
    for unit in "$HERE/pi-cam.service" "$HERE"/deploy/appliance/pi-cam-* "$HERE"/deploy/appliance/wifi/pi-cam-*; do rm -f "$UNITS/$(basename "$unit")"; done
    [ ! -d /run/systemd/system ] || systemctl daemon-reload
    rm -rf $PROGRAM $UPDATE_STATE $COMMAND $USERS $OWN/front.conf $OWN/site.conf $OWN/tunnel-resolv.conf
    rm -rf $OWN/hotspot-front.conf $OWN/hotspot-names.conf $POLKIT /etc/NetworkManager/dnsmasq-shared.d/pi-cam-hotspot.conf
    if [ $purge = yes ]; then
        rm -rf $DATA $OWN /var/lib/pi-cam-country
        for user in pi-cam pi-cam-netd; do if id $user >/dev/null 2>&1; then userdel $user; fi; done
        if getent group pi-cam-hotspot >/dev/null; then groupdel pi-cam-hotspot; fi
        say "The camera is gone, with all that it remembered."
    else
        say "The camera is gone. What it remembers is still in $DATA and $OWN (--purge removes that, too)."
    fi
}

main "$@"
