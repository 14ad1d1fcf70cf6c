"""`python -m mcpreg`."""

from mcpreg.cli.main import main

main()
