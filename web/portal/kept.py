"""What is given away and comes back: signed values, and secrets of which only a hash is kept."""

from __future__ import annotations

import hashlib

from itsdangerous import TimestampSigner, URLSafeTimedSerializer

from web.portal.services import services


def hashed(secret: str) -> str:
    """What is stored of a random secret of 256 bits. One round of SHA-256 is enough: nobody can guess them."""
    return hashlib.sha256(secret.encode()).hexdigest()


def serializer(key: str, purpose: str) -> URLSafeTimedSerializer:
    """Signs values with a time, by the clock of the application. `key`: of `Settings.key`; what was made for one `purpose`
    is nothing for another."""
    return URLSafeTimedSerializer(services().settings.key(key), salt=purpose, signer=_Signer)


class _Signer(TimestampSigner):
    def get_timestamp(self) -> int:
        """Seconds since 1970."""
        return int(services().clock().timestamp())
