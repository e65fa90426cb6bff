"""The published figures, one TOML file each, and their registry."""
