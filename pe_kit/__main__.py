"""``python -m pe_kit`` is ``pe-kit``: where the command is not on the path."""

from __future__ import annotations

from pe_kit.cli.main import main

if __name__ == "__main__":
    main()
