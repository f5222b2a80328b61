"""What is kept to save time."""

from __future__ import annotations

TYPE_CHECKING = False  # as typing's, whose import would take longer than all the rest
if TYPE_CHECKING:
    from handshape.api.cached import CacheContents


def cached() -> CacheContents:
    """What Handshape keeps so that nothing is computed or fetched twice, to look at and to clear.

    ``handshape.cached().clear("features", older_days=30)``

    Raises:
        SettingsError: ``HANDSHAPE_CACHE_GB`` is no number above 0.
    """
    from handshape.api.cached import CacheContents

    return CacheContents.now()
