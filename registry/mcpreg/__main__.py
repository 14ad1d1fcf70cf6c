"""`python -m mcpreg`."""

from mcpreg.cli.entry import main

main()
