"""`python -m mcpreg_site`."""

from mcpreg_site.cli.main import main

main()
