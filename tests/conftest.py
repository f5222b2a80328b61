from pathlib import Path

import pytest

from handshape.console import Console

PHOTOGRAPHS = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture
def console() -> Console:
    return Console(quiet=True)


@pytest.fixture(scope="session")
def photographs() -> Path:
    """The folder of real photographs; tests on photographs are skipped on a machine without it."""
    if not PHOTOGRAPHS.is_dir():
        pytest.skip(f"real photographs are not at {PHOTOGRAPHS}")
    return PHOTOGRAPHS
