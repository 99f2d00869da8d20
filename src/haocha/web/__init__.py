"""The HTTP interface: machines post ratings, people look at scores."""
