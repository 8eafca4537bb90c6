"""`python -m flows.cli` is `videopoet`."""

from flows.cli.main import main

main()
