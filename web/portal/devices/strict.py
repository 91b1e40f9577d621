"""What all that devices say has in common: a word too many refuses the whole."""

from __future__ import annotations

from marshmallow import RAISE, Schema


class Strict(Schema):
    """Knows all its fields."""

    class Meta:
        """For marshmallow."""

        unknown = RAISE
