#!/bin/sh
# certbot runs this when it has a new certificate (--deploy-hook): nginx gets it, and reads it.
set -eu
: "${RENEWED_LINEAGE:?is set by certbot}"
target=${PORTAL_TLS:-/etc/camera-portal/tls}
umask 077
mkdir -p "$target"
for file in fullchain.pem privkey.pem; do
    install -m 600 "$RENEWED_LINEAGE/$file" "$target/$file.new"
done
for file in fullchain.pem privkey.pem; do
    mv "$target/$file.new" "$target/$file"
done
systemctl reload nginx.service
