#!/bin/sh
# Installs the Debian packages that are missing for one purpose: run, check, test, peers (to measure beside), image or
# arm64 (to start an image for it).
# With root, or with sudo that does not ask, by apt; else one sentence names them.
set -eu

missing=""
want() { # want PACKAGE COMMAND...: the package is missing when the command fails
    package=$1
    shift
    "$@" >/dev/null 2>&1 || missing="$missing $package"
}

wished=""
wish() { # the same, of what is only good to have: where nobody may install it, all else works
    package=$1
    shift
    "$@" >/dev/null 2>&1 || wished="$wished $package"
}

purpose=${1:-run}
without="there is no sound; all else works"
want python3-venv python3 -c 'import ensurepip, venv'
case $purpose in
run) wish libportaudio2 sh -c '/sbin/ldconfig -p | grep -q libportaudio.so.2' ;;
check)
    want nodejs node --version
    want npm npm --version
    ;;
test)
    want nodejs node --version
    want npm npm --version
    want iproute2 ip -V
    want chromium chromium --version --no-sandbox
    want libatomic1 sh -c '/sbin/ldconfig -p | grep -q libatomic.so.1' # Playwright's own node needs it
    want fonts-dejavu-core test -e /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf
    want nginx-light test -x /usr/sbin/nginx
    want coturn test -x /usr/bin/turnserver
    want mariadb-server-core test -x /usr/sbin/mariadbd
    want mariadb-client mariadb-dump --version
    want uwsgi-core uwsgi-core --version
    want uwsgi-plugin-python3 test -e /usr/lib/uwsgi/plugins/python3_plugin.so
    want systemd systemd-analyze --version
    want libnss3-tools test -x /usr/bin/certutil
    want libportaudio2 sh -c '/sbin/ldconfig -p | grep -q libportaudio.so.2'
    want pulseaudio pulseaudio --version
    want libasound2-plugins sh -c 'ls /usr/lib/*/alsa-lib/libasound_module_pcm_pulse.so'
    want espeak-ng espeak-ng --version
    want gcc cc --version
    want linux-libc-dev test -e /usr/include/linux/gpio.h
    want debootstrap test -x /usr/sbin/debootstrap
    want mmdebstrap mmdebstrap --version
    want qemu-system-x86 qemu-system-x86_64 --version
    want systemd-container systemd-nspawn --version
    want python3-gi /usr/bin/python3 -c 'import gi'
    want gir1.2-gst-rtsp-server-1.0 /usr/bin/python3 -c 'import gi; gi.require_version("GstRtspServer", "1.0")'
    for plugins in base good bad ugly libav; do
        want "$([ $plugins = libav ] && echo gstreamer1.0-libav || echo gstreamer1.0-plugins-$plugins)" \
            dpkg -s "$([ $plugins = libav ] && echo gstreamer1.0-libav || echo gstreamer1.0-plugins-$plugins)"
    done
    ;;
peers)
    without="that sender is not measured; all others are"
    wish gcc cc --version
    wish libssl-dev test -e /usr/include/openssl/evp.h
    wish janus dpkg -s janus
    wish python3-gi /usr/bin/python3 -c 'import gi'
    wish gstreamer1.0-nice dpkg -s gstreamer1.0-nice
    for plugins in base good bad; do wish gstreamer1.0-plugins-$plugins dpkg -s gstreamer1.0-plugins-$plugins; done
    wish gir1.2-gst-plugins-bad-1.0 /usr/bin/python3 -c 'import gi; gi.require_version("GstWebRTC", "1.0")'
    wish debootstrap test -x /usr/sbin/debootstrap
    ;;
image)
    want mmdebstrap mmdebstrap --version
    want genimage genimage --version
    want squashfs-tools mksquashfs -version
    want dosfstools test -x /usr/sbin/mkfs.vfat
    want mtools mcopy --version
    want e2fsprogs test -x /usr/sbin/mke2fs
    want zstd zstd --version
    want fdisk test -x /usr/sbin/sfdisk
    want shellcheck shellcheck --version
    want qemu-system-x86 qemu-system-x86_64 --version
    want ovmf test -e /usr/share/OVMF/OVMF_CODE_4M.fd
    want seabios test -e /usr/share/seabios/bios-256k.bin
    ;;
arm64)
    want qemu-system-arm qemu-system-aarch64 --version
    want qemu-efi-aarch64 test -e /usr/share/AAVMF/AAVMF_CODE.fd
    ;;
*)
    echo "usage: $0 run|check|test|peers|image|arm64" >&2
    exit 2
    ;;
esac
[ -n "$missing$wished" ] || exit 0

if [ "$(id -u)" -eq 0 ]; then
    as_root=""
elif sudo -n true 2>/dev/null; then
    as_root="sudo"
elif [ -z "$missing" ]; then
    echo "Without$wished $without. Install with: sudo apt install$wished" >&2
    exit 0
else
    echo "These Debian packages are missing:$missing. Install them with: sudo apt install$missing" >&2
    exit 1
fi
echo "installing:$missing$wished"
export DEBIAN_FRONTEND=noninteractive
# Another apt may be at work (a fresh machine updates itself): wait for it.
# shellcheck disable=SC2086 # lists of names
if ! { $as_root apt-get -o DPkg::Lock::Timeout=300 update -qq &&
    $as_root apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends $missing $wished >/dev/null; }; then
    [ -z "$missing" ] || exit 1
    echo "Without$wished $without." >&2
fi
