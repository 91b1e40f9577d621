"""The device's own key, without which it does not start."""

from __future__ import annotations

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pi_cam.control.findings import Finding, Place
from pi_cam.trust.device_key import FILE


def device_key(place: Place) -> list[Finding]:
    """That it can be read, and did not go after certificates were made under its name."""
    path = place.folder / FILE
    if path.exists():
        return [_read(path.read_bytes())]
    if (place.folder / "tls").exists():
        text = "The device's key (device.key) is gone."
        remedy = "Restore device.key from a backup before pi-cam starts again: else this becomes another device."
        return [Finding("key", "missing", text, remedy)]
    return [Finding("key", "ok", "There is no device key yet: the first start makes it.")]


def _read(pem: bytes) -> Finding:
    try:
        key = serialization.load_pem_private_key(pem, None)
    except (ValueError, TypeError):
        key = None
    if isinstance(key, Ed25519PrivateKey):
        return Finding("key", "ok", "The device's key can be read.")
    text = "The device's key (device.key) is damaged, and pi-cam does not start."
    remedy = "Restore device.key from a backup, or move it away: then this becomes another device."
    return Finding("key", "missing", text, remedy)
