"""The commands of the `haocha` program: one file per noun, registered by name in haocha.cli."""
