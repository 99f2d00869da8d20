"""What runs beside the web process: projections, handlers and timers."""
