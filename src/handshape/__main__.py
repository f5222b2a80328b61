"""``python -m handshape``."""

from handshape.cli import main

raise SystemExit(main())
