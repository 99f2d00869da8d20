"""Event handlers (process managers), one file each: a pure function from an event and loaded state to effects."""
