"""haocha (好差评): every rating a receipt, every bad rating a ticket, every score a figure anybody can recompute."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("haocha")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0+unknown"
