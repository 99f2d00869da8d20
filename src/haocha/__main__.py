"""`python -m haocha`: the same command line where no script was installed."""

from haocha.cli import main

main()
