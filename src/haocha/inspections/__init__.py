"""Inspections (监督查评): findings and the tree of indicators, as tables that inspectors fill in."""
